"""From a teacher's answers to labelled words: align, measure, select, and merge answers about the same chunk.

A label row stores the text, the character offsets of its words and one label per word, so nothing has to be split again
later: a new version of a word splitter cannot shift labels onto other words.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from llmlingua2 import align
from llmlingua2.quality import Rates, Selection, rates, select
from llmlingua2.rows import answer_rows, label_rows
from llmlingua2.text.lemmas import lemmatiser
from llmlingua2.text.words import words
from tenfold_core.datasets import write_jsonl
from tenfold_core.logging import track

__all__ = ["filter_file", "label", "label_file", "merge"]


def label(
    row: Mapping[str, Any],
    *,
    method: Literal["dp", "greedy"] = "dp",
    lemma: Callable[[str], str] | None = None,
) -> dict[str, Any]:
    """The label row of one distilled row.

    Args:
        row: as ``distill`` writes it, with a ``compressed`` text.
        method: the aligner.
        lemma: word -> lemma; default: the stemmer.

    Returns:
        id, chunk, teacher, source, group, text, ``words`` (list of [start, end]), ``labels`` (list of 0 and 1), and the
        rates ``vr``, ``mr``, ``hr``, ``ag``.

    Raises:
        ValueError: an unknown method, or a text without words.
    """
    if method not in ("dp", "greedy"):
        raise ValueError(f"label: method must be 'dp' or 'greedy', not {method!r}")
    lemma = lemma or lemmatiser()
    spans = words(row["text"])
    original = [row["text"][start:end] for start, end in spans]
    if not original:
        raise ValueError(f"label: the text of {row['id']!r} holds no word")
    compressed = [row["compressed"][start:end] for start, end in words(row["compressed"])]
    kept = getattr(align, method)(original, compressed, lemma=lemma)
    return {
        **{key: row[key] for key in ("id", "chunk", "teacher", "source", "group", "text")},
        "words": spans.tolist(),
        "labels": [int(keep) for keep in kept],
        **asdict(rates(original, compressed, kept, lemma=lemma)),
    }


def label_file(
    source: str | Path,
    destination: str | Path,
    *,
    method: Literal["dp", "greedy"] = "dp",
    lemmas: Literal["stem", "spacy"] = "stem",
) -> int:
    """Label every answered row of ``source``; returns how many there were.

    Where a chunk was asked twice of one teacher (after a failure), the last answer counts.

    Raises:
        ValueError: ``source`` holds no usable answer, or something else than answers (see ``rows``).
    """
    rows = {row["id"]: row for row in answer_rows(source) if row.get("compressed") is not None}
    if not rows:
        raise ValueError(f"{source} holds no answer to label")
    lemma = lemmatiser(lemmas)
    return write_jsonl(
        destination, (label(row, method=method, lemma=lemma) for row in track(rows.values(), "aligning"))
    )


def filter_file(
    source: str | Path,
    destination: str | Path,
    *,
    vr: float = 5.0,
    ag: float = 10.0,
    by: Literal["percentile", "value"] = "percentile",
) -> Selection:
    """Write the label rows that pass ``quality.select``.

    Answers of different teachers (or rates) are selected among their own kind: a short answer has another gap than a
    long one, and one limit for both would throw out a whole kind.

    Raises:
        ValueError: no rows, something else than label rows (see ``rows``), or limits that leave none.
    """
    rows = list(label_rows(source, rates=True))
    if not rows:
        raise ValueError(f"{source} holds no labels to filter")
    kept = np.zeros(len(rows), dtype=bool)
    vr_limit = ag_limit = float("-inf")
    for teacher in dict.fromkeys(row["teacher"] for row in rows):
        index = [number for number, row in enumerate(rows) if row["teacher"] == teacher]
        measured = [Rates(*(rows[number][name] for name in ("vr", "mr", "hr", "ag"))) for number in index]
        chosen = select(measured, vr=vr, ag=ag, by=by)
        kept[index] = chosen.kept
        vr_limit, ag_limit = max(vr_limit, chosen.vr_limit), max(ag_limit, chosen.ag_limit)
    if not kept.any():
        raise ValueError(f"filter: no chunk of {source} passes vr={vr}, ag={ag} by {by}")
    write_jsonl(destination, (row for row, keep in zip(rows, kept, strict=True) if keep))
    return Selection(kept, vr_limit, ag_limit)


def merge(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """One row per chunk: the label of a word is the mean over the chunk's answers.

    With one teacher this changes nothing. With one teacher at several rates the mean is a grade: a word kept even in
    the shortest answer has 1, one that only the longest keeps has little.

    Raises:
        ValueError: rows of a chunk disagree about its words.
    """
    chunks: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        chunks.setdefault(row["chunk"], []).append(row)
    for name, answers in chunks.items():
        first = answers[0]
        if any(answer["words"] != first["words"] for answer in answers):
            raise ValueError(f"chunk {name}: its label rows disagree about where the words are")
        grades = np.mean([answer["labels"] for answer in answers], axis=0)
        yield {key: first[key] for key in ("chunk", "source", "group", "text", "words")} | {"labels": grades.tolist()}
