"""Hand-written pairs with the number of errors that the counting rules give them."""

import json
from importlib.resources import files
from typing import NamedTuple

from radjudge.records import CATEGORIES, Category


class Sample(NamedTuple):
    """A pair and its expected number of errors per category."""

    id: str
    reference: str
    candidate: str
    expected: dict[Category, int]


def load_samples() -> list[Sample]:
    """The sample pairs shipped with the package (``assets/samples.jsonl``), in order."""
    text = files("radjudge").joinpath("assets/samples.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    return [
        Sample(row["id"], row["reference"], row["candidate"], {c: row["expected"].get(c, 0) for c in CATEGORIES})
        for row in rows
    ]
