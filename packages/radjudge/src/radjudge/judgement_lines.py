"""Judgements as JSON lines: written one by one while a run goes on, read back to resume it.

A line holds spans and names, never report text.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from radjudge.records import CATEGORIES, Error, Judgement, Match
from radjudge.tables import read_jsonl_rows
from tenfold_core.datasets import write_jsonl


def _spans(value: Any) -> tuple[tuple[int, int], ...]:
    return tuple((int(start), int(end)) for start, end in value or ())


def _error(row: Mapping[str, Any]) -> Error:
    return Error(
        category=row["category"],
        finding=row["finding"],
        entity=row["entity"],
        reference_spans=_spans(row["reference_spans"]),
        candidate_spans=_spans(row["candidate_spans"]),
        significance=row["significance"],
        attribute=row["attribute"],
        explanation=row["explanation"],
        conflict=row["conflict"],
        counted=row["counted"],
        source=row["source"],
    )


def _match(row: Mapping[str, Any]) -> Match:
    return Match(
        finding=row["finding"],
        entity=row["entity"],
        reference_spans=_spans(row["reference_spans"]),
        candidate_spans=_spans(row["candidate_spans"]),
        weight=row["weight"],
        attribute_weight=row["attribute_weight"],
    )


def from_dict(row: Mapping[str, Any]) -> Judgement:
    """The inverse of ``Judgement.to_dict``.

    Raises:
        ValueError: a field is missing or not of the expected form.
    """
    try:
        if row["status"] not in ("ok", "failed") or not isinstance(row["id"], str):
            raise ValueError("status must be ok or failed, id a string")
        if row["status"] == "ok" and not set(CATEGORIES) <= set(row["counts"]):
            raise ValueError("counts lack a category")
        return Judgement(
            id=row["id"],
            status=row["status"],
            score=row["score"],
            total_errors=row["total_errors"],
            significant_errors=row["significant_errors"],
            counts=dict(row["counts"]),
            errors=tuple(_error(item) for item in row["errors"]),
            matched=tuple(_match(item) for item in row["matched"]),
            green_like=row["green_like"],
            crimson_like=row["crimson_like"],
            exp_count=row["exp_count"],
            flags=tuple(row["flags"]),
            error=row["error"],
            judge=row["judge"],
            version=row["version"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a judgement line: {type(error).__name__} at {error}") from None


def read_judgements(path: str | Path) -> list[Judgement]:
    """Judgements of a file that ``radjudge score --output`` wrote.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a line that is not a judgement (with its number), or an id that repeats.
    """
    judgements: dict[str, Judgement] = {}
    for number, row in enumerate(read_jsonl_rows(path), start=1):
        try:
            judgement = from_dict(row)
        except ValueError as error:
            raise ValueError(f"{Path(path).name}, line {number}: {error}") from None
        if judgement.id in judgements:
            raise ValueError(f"{Path(path).name}, line {number}: an id repeats")
        judgements[judgement.id] = judgement
    return list(judgements.values())


def write_judgements(path: str | Path, judgements: Iterable[Judgement]) -> int:
    """Write all lines in order, atomically; returns how many."""
    return write_jsonl(Path(path), (item.to_dict() for item in judgements))
