"""What compressors are compared on: texts, and what must survive in each (no language model needed).

A task holds texts and turns (text number, word offsets, kept words) into items: values by measure, with the group that
intervals are drawn over and the slice (domain, language) that results are broken down by.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from llmlingua2.corpora.meetings import Meeting
from llmlingua2.evaluation.measures import (
    answer_bigram_recall,
    answer_recall,
    number_recall,
    polarity_loss,
    span_survival,
)
from llmlingua2.selection.bm25 import bm25, reciprocal_rank
from llmlingua2.text.function_words import is_content
from llmlingua2.text.lemmas import stem
from llmlingua2.text.words import words

__all__ = ["Item", "Task", "answer_task", "number_task", "retrieval_task", "span_task"]

Embed = Callable[[list[str]], np.ndarray]


@dataclass(frozen=True)
class Item:
    """One measured thing: ``values`` by measure (NaN where there was nothing to measure)."""

    group: str
    part: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Task:
    """Texts to compress and the function that judges the result.

    Attributes:
        name: of the results.
        texts: each is compressed on its own.
        judge: (text number, word offsets [n, 2], kept [n] bool) -> items.
        measures: names of the values, the leading one first.
    """

    name: str
    texts: Sequence[str]
    judge: Callable[[int, np.ndarray, np.ndarray], list[Item]]
    measures: tuple[str, ...] = field(default=())


def answer_task(meetings: Iterable[Meeting], *, embed: Embed | None = None) -> Task:
    """One text per query: the turns its answer rests on. Measures: answer recall, answer bigram recall, polarity loss,
    and with ``embed`` (texts -> unit vectors [n, d]) the cosine of compressed text and answer."""
    cases = [
        ("\n".join(meeting.turns[turn][1] for turn in query.turns()), query.answer, meeting)
        for meeting in meetings
        for query in meeting.queries
        if query.turns()
    ]

    def judge(number: int, spans: np.ndarray, kept: np.ndarray) -> list[Item]:
        text, answer, meeting = cases[number]
        items, wanted = _cut(text, spans), _split(answer)
        values = {
            "answer_recall": answer_recall(wanted, items, kept),
            "answer_bigram_recall": answer_bigram_recall(wanted, items, kept),
            "polarity_loss": polarity_loss(items, kept),
        }
        if embed is not None:
            left = " ".join(item for item, keep in zip(items, kept, strict=True) if keep)
            pair = embed([left, answer])
            values["embedding_similarity"] = float(pair[0] @ pair[1])
        return [Item(meeting.id, meeting.domain, values)]

    measures = ("answer_recall", "answer_bigram_recall", "polarity_loss")
    return Task("answers", [case[0] for case in cases], judge, measures + (("embedding_similarity",) if embed else ()))


def retrieval_task(meetings: Iterable[Meeting], *, turns: int = 10) -> Task:
    """One text per meeting; its compressed words are cut into windows of ``turns`` turns, and BM25 looks for the
    windows that each query's answer rests on. Measure: mean reciprocal rank of the best relevant window."""
    chosen = [meeting for meeting in meetings if meeting.queries and len(meeting.turns) > turns]

    def text_of(meeting: Meeting) -> str:
        return "\n".join(text for _, text in meeting.turns)

    def judge(number: int, spans: np.ndarray, kept: np.ndarray) -> list[Item]:
        meeting = chosen[number]
        text = text_of(meeting)
        ends = np.cumsum([len(line) + 1 for _, line in meeting.turns])
        window = np.searchsorted(ends, spans[:, 0], side="right") // turns
        passages: list[list[str]] = [[] for _ in range(-(-len(meeting.turns) // turns))]
        for index in np.flatnonzero(kept):
            start, end = spans[index]
            if is_content(text[start:end]):
                passages[window[index]].append(stem(text[start:end]))
        items = []
        for query in meeting.queries:
            relevant = sorted({turn // turns for turn in query.turns()})
            terms = [stem(word) for word in _split(query.question) if is_content(word)]
            if relevant and terms:
                rank = reciprocal_rank(bm25(terms, passages), relevant)
                items.append(Item(meeting.id, meeting.domain, {"reciprocal_rank": rank}))
        return items

    return Task("retrieval", [text_of(meeting) for meeting in chosen], judge, ("reciprocal_rank",))


def span_task(rows: Iterable[Mapping[str, Any]], *, language: str) -> Task:
    """One text per XQuAD paragraph of a language; each question's answer survives if all its words are kept."""
    chosen = [row for row in rows if row["lang"] == language]
    if not chosen:
        raise ValueError(f"span_task: no paragraph in language {language!r}")

    def judge(number: int, spans: np.ndarray, kept: np.ndarray) -> list[Item]:
        row = chosen[number]
        return [
            Item(row["title"], language, {"span_survival": span_survival(spans, kept, start, start + len(answer))})
            for start, answer in ((item["start"], item["answer"]) for item in row["qas"])
        ]

    return Task(f"xquad-{language}", [row["context"] for row in chosen], judge, ("span_survival",))


def number_task(rows: Sequence[Mapping[str, str]]) -> Task:
    """One text per GSM8K problem (question and worked answer): share of the numbers kept."""
    texts = [f"{row['question']}\n{row['answer']}" for row in rows]

    def judge(number: int, spans: np.ndarray, kept: np.ndarray) -> list[Item]:
        value = number_recall(_cut(texts[number], spans), kept)
        return [Item(f"problem-{number}", "gsm8k", {"number_recall": value})]

    return Task("numbers", texts, judge, ("number_recall",))


def _cut(text: str, spans: np.ndarray) -> list[str]:
    return [text[start:end] for start, end in spans]


def _split(text: str) -> list[str]:
    return _cut(text, words(text))
