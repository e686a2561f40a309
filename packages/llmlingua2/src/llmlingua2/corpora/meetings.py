"""Meetings with human answers: the QMSum transcripts (Zhong et al., NAACL 2021) as plain Python objects.

A query is a question about a meeting, a human answer, and the turns on which the answer rests. That last part is what
makes the corpus useful here without any language model: a word of those turns that the answer also uses was worth
keeping, and a compressor can be judged by how many such words survive.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tenfold_core.datasets import read_jsonl

__all__ = ["Meeting", "Query", "load_meetings"]


@dataclass(frozen=True)
class Query:
    """A question about part of a meeting.

    Attributes:
        question: what is asked; for a topic, the topic's name.
        answer: the human answer; empty for a topic.
        spans: inclusive ranges of turns, ``(first, last)``, counted from 0.
    """

    question: str
    answer: str
    spans: tuple[tuple[int, int], ...]

    def turns(self) -> list[int]:
        """Every turn in the spans, ascending and without repetition."""
        return sorted({turn for first, last in self.spans for turn in range(first, last + 1)})


@dataclass(frozen=True)
class Meeting:
    """One transcript: ``turns`` are (speaker, text) pairs; ``domain`` is academic, committee or product."""

    id: str
    domain: str
    turns: tuple[tuple[str, str], ...]
    topics: tuple[Query, ...]
    queries: tuple[Query, ...]
    summaries: tuple[str, ...] = ()

    def text(self, turns: Sequence[int] | None = None) -> str:
        """The given turns (all by default) as ``speaker: text`` lines."""
        chosen = range(len(self.turns)) if turns is None else turns
        return "\n".join(f"{self.turns[turn][0]}: {self.turns[turn][1]}" for turn in chosen)


def load_meetings(path: str | Path, *, strict: bool = True) -> list[Meeting]:
    """Read meetings from JSON lines (gzip allowed) in the layout of QMSum.

    Args:
        path: a file whose rows hold ``id``, ``domain``, ``turns``, ``topics``, ``general_queries`` and
            ``specific_queries``.
        strict: refuse a span that lies outside its meeting; otherwise it is cut to the meeting.

    Raises:
        ValueError: a row lacks a key, or (``strict``) a span points outside the meeting; the message names the row.
    """
    return list(_meetings(path, strict))


def _meetings(path: str | Path, strict: bool) -> Iterator[Meeting]:
    for number, row in enumerate(read_jsonl(path), 1):
        try:
            turns = tuple((str(speaker), str(text)) for speaker, text in row["turns"])
            yield Meeting(
                id=str(row["id"]),
                domain=str(row["domain"]),
                turns=turns,
                topics=tuple(_query(item, "topic", len(turns), strict) for item in row["topics"]),
                queries=tuple(_query(item, "query", len(turns), strict) for item in row["specific_queries"]),
                summaries=tuple(str(item["answer"]) for item in row["general_queries"]),
            )
        except KeyError as error:
            raise ValueError(f"{path}: meeting {number} has no {error.args[0]!r}") from error
        except ValueError as error:
            raise ValueError(f"{path}: meeting {number}: {error}") from error


def _query(item: Mapping[str, object], name: str, turns: int, strict: bool) -> Query:
    spans = []
    for first, last in item["relevant_text_span"]:  # type: ignore[attr-defined]
        first, last = int(first), int(last)
        if strict and not 0 <= first <= last < turns:
            raise ValueError(f"span [{first}, {last}] lies outside turns 0 to {turns - 1}")
        first, last = max(first, 0), min(last, turns - 1)
        if first <= last:
            spans.append((first, last))
    return Query(str(item[name]), str(item.get("answer", "")), tuple(spans))
