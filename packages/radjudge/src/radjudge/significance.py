"""How much an error matters clinically: four levels with weights, from a table that users may replace.

Levels and weights follow CRIMSON: urgent 1.0, actionable 0.5, not actionable 0.25, benign 0.0; the first two are
"clinically significant". Degree and patient context may shift the level of a finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from radjudge.lexicon import Lexicon
from radjudge.lexicon_files import ASSETS, Level, read_yaml
from radjudge.records import Context, Finding, Significance

RANK: dict[str, int] = {"benign": 0, "not_actionable": 1, "actionable": 2, "urgent": 3}
_BY_RANK: tuple[Significance, ...] = ("benign", "not_actionable", "actionable", "urgent")


class ContextRule(BaseModel):
    """A level that applies when every stated condition holds. Ages in years; ``indication``: any of these words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entities: list[str] = Field(min_length=1)
    level: Level
    age_under: float | None = Field(default=None, ge=0, le=130)
    age_over: float | None = Field(default=None, ge=0, le=130)
    indication: list[str] = []

    def holds(self, context: Context) -> bool:
        """Whether the rule applies to this patient."""
        if self.age_under is not None and (context.age is None or context.age >= self.age_under):
            return False
        if self.age_over is not None and (context.age is None or context.age <= self.age_over):
            return False
        indication = f" {context.indication.lower()} "
        return not self.indication or any(word in indication for word in self.indication)


class SignificanceTable(BaseModel):
    """Content of ``significance.yaml``; every key has a default, so a user's table may be short."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: dict[Level, float] = {"urgent": 1.0, "actionable": 0.5, "not_actionable": 0.25, "benign": 0.0}
    levels: dict[str, Level] = {}
    minor_degree: float = 0.0
    minor_entities: tuple[str, ...] = ()
    major_degree: float = 3.0
    harmless: tuple[str, ...] = ()
    context: tuple[ContextRule, ...] = ()

    @classmethod
    def load(cls, source: str | Path | Mapping[str, Any]) -> SignificanceTable:
        """Read a table from a YAML file or a mapping.

        Raises:
            FileNotFoundError: no such file.
            ValueError: an unknown key, level or number out of range.
        """
        content = source if isinstance(source, Mapping) else read_yaml(Path(source))
        try:
            table = cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"significance table: {place}: {first['msg']}") from None
        missing = set(RANK) - set(table.weights)
        if missing or any(not 0.0 <= weight <= 1.0 for weight in table.weights.values()):
            raise ValueError(
                f"significance table: weights must give all four levels a number in [0, 1]; missing {missing}"
            )
        return table


@cache
def default_table() -> SignificanceTable:
    """The shipped table."""
    return SignificanceTable.load(ASSETS / "significance.yaml")


class Significances:
    """Levels of findings and errors under one table and one lexicon."""

    def __init__(self, lexicon: Lexicon, table: SignificanceTable) -> None:
        self.table = table
        self.weights: dict[str, float] = {str(level): weight for level, weight in table.weights.items()}
        self._levels: dict[str, str] = {name: entity.level for name, entity in lexicon.entities.items()}
        self._levels.update(table.levels)
        self._unknown = table.levels.get("unmatched_text", "not_actionable")

    def level(self, finding: Finding, context: Context | None = None) -> Significance:
        """Level of missing or inventing a finding."""
        if finding.kind == "history":
            return "not_actionable"
        entity = finding.entity
        if context is not None:
            for rule in self.table.context:
                if entity in rule.entities and rule.holds(context):
                    return rule.level
        level = self._levels.get(entity, self._unknown)
        degree = finding.degree
        if degree is not None:
            table = self.table
            if degree <= table.minor_degree and entity in table.minor_entities:
                return "not_actionable" if RANK[level] > 1 else level  # type: ignore[return-value]
            if degree >= table.major_degree and RANK[level] < 2 and entity not in table.harmless:
                return "actionable"
        return level  # type: ignore[return-value]

    def weight(self, level: str) -> float:
        """Weight of a level, in [0, 1]."""
        return self.weights[level]


def at_most(level: Significance, ceiling: Significance) -> Significance:
    """The lower of two levels."""
    return _BY_RANK[min(RANK[level], RANK[ceiling])]


def at_least(level: Significance, floor: Significance) -> Significance:
    """The higher of two levels."""
    return _BY_RANK[max(RANK[level], RANK[floor])]
