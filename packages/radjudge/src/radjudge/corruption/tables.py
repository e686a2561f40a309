"""The word tables of the corruption engine, read once from ``assets``."""

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import yaml

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")


class Insertion(NamedTuple):
    """A sentence template that asserts one finding."""

    entity: str
    template: str


class Rule(NamedTuple):
    """One meaning-preserving rewrite: what it replaces, and by what."""

    pattern: re.Pattern[str]
    replacements: tuple[str, ...]
    keep_number: bool


def _load(name: str) -> Any:
    return yaml.safe_load(files("radjudge").joinpath(f"assets/{name}").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def words() -> Mapping[str, Any]:
    """``corruption.yaml``: opposites, degrees, trajectories, denials, statements of normality."""
    return _load("corruption.yaml")


@lru_cache(maxsize=1)
def _insertions() -> Mapping[str, tuple[Insertion, ...]]:
    table = _load("insertions.yaml")
    return {split: tuple(Insertion(row["entity"], row["text"]) for row in table[split]) for split in SPLITS}


def insertions(split: Split) -> tuple[Insertion, ...]:
    """The sentences that may be inserted; the two splits share none."""
    return _insertions()[split]


def _rule(row: Mapping[str, Any]) -> Rule:
    pattern = rf"\b(?:{row['from']})\b" if not row["from"].endswith((")", " ")) else rf"\b(?:{row['from']})"
    if row.get("drop_rest"):
        pattern = rf"\b(?:{row['from']})(?: is seen| is identified)?"
    if "only_after" in row:
        pattern = rf"(?<={row['only_after']})(?:{row['from']})\b"
    if "only_before" in row:
        pattern += rf"(?={row['only_before']})"
    if "not_before" in row:
        pattern += rf"(?!{row['not_before']})"
    return Rule(re.compile(pattern, re.IGNORECASE), tuple(row["to"]), bool(row.get("keep_number")))


@lru_cache(maxsize=1)
def _rules() -> Mapping[str, tuple[Rule, ...]]:
    table = _load("rewrites.yaml")
    return {split: tuple(_rule(row) for row in table[split]) for split in SPLITS}


def rewrite_rules(split: Split) -> tuple[Rule, ...]:
    """The rewrite rules of a split; no replacement of one split occurs in the other."""
    if split not in SPLITS:
        raise ValueError(f"rewrites must be 'train' or 'test', not {split!r}")
    return _rules()[split]


@lru_cache(maxsize=1)
def abbreviations() -> tuple[tuple[str, str], ...]:
    """(long form, abbreviation)."""
    return tuple((long, short) for long, short in _load("rewrites.yaml")["abbreviations"])
