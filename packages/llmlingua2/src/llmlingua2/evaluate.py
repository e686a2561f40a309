"""Compare compressors on tasks: every method through the same words and the same budgets, with bootstrap intervals.

>>> results = evaluate([answer_task(meetings)], {"model": [from_compressor(compressor)],
...                     "random": [from_scorer(baseline("random", statistics))]}, rates=(0.2, 0.1))
>>> results.interval("answers", "model", 0.1, "answer_recall")
0.72 [0.69, 0.75]
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from llmlingua2.baselines import Scorer
from llmlingua2.evaluation.tasks import Item, Task
from llmlingua2.scores import Scores
from llmlingua2.text.counters import resolve_counter
from llmlingua2.text.words import words
from tenfold_core.logging import progress
from tenfold_core.metrics import Interval, bootstrap_ci, paired_difference

if TYPE_CHECKING:
    from llmlingua2.compressor import Compressor

__all__ = ["RATES", "Method", "Results", "evaluate", "from_compressor", "from_scorer"]

RATES = (0.5, 0.33, 0.2, 0.1, 0.05)


@dataclass(frozen=True)
class Method:
    """One way to score a text, and the options that its scores are compressed with."""

    score: Callable[[str], Scores]
    options: Mapping[str, Any] = field(default_factory=dict)


def from_compressor(compressor: "Compressor", *, keep_negation: bool = True) -> Method:
    """A compressor as it is used: with its negation rule, budgets counted in words."""

    def score(text: str) -> Scores:
        scored = compressor.score(text)
        return Scores(scored.scored, resolve_counter("words"), single=True)

    return Method(score, {"keep_negation": keep_negation})


def from_scorer(scorer: Scorer) -> Method:
    """A baseline as it is published: its own ranking and nothing else."""

    def score(text: str) -> Scores:
        spans = words(text)
        return Scores.from_words(text, spans, scorer(text, spans), counter="words")

    return Method(score, {"keep_negation": False})


@dataclass
class Results:
    """Items of every task, method and rate; the same items in the same order for every method.

    Attributes:
        items: task -> method -> rate -> items, averaged over the draws of a method.
        measures: task -> names, the leading one first.
    """

    items: dict[str, dict[str, dict[float, list[Item]]]] = field(default_factory=dict)
    measures: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def values(self, task: str, method: str, rate: float, measure: str) -> np.ndarray:
        """[items] float, NaN where an item has nothing to measure."""
        return np.array([item.values.get(measure, math.nan) for item in self.items[task][method][rate]])

    def mean(self, task: str, method: str, rate: float, measure: str, *, part: str | None = None) -> float:
        """The mean, over one part (domain) if named."""
        values = self.values(task, method, rate, measure)
        if part is not None:
            values = values[[item.part == part for item in self.items[task][method][rate]]]
        values = values[~np.isnan(values)]
        return float(values.mean()) if len(values) else math.nan

    def interval(self, task: str, method: str, rate: float, measure: str, *, seed: int = 0) -> Interval:
        """Mean and 95 % bootstrap interval over groups (meetings, articles)."""
        values = self.values(task, method, rate, measure)
        there = ~np.isnan(values)
        return bootstrap_ci(values[there], groups=self._groups(task, method, rate, there), seed=seed)

    def difference(self, task: str, method: str, other: str, rate: float, measure: str, *, seed: int = 0) -> Interval:
        """Paired difference ``method - other`` on the items that both define, with its interval over groups."""
        mine, theirs = (self.values(task, name, rate, measure) for name in (method, other))
        there = ~(np.isnan(mine) | np.isnan(theirs))
        groups = self._groups(task, method, rate, there)
        return paired_difference(mine[there], theirs[there], groups=groups, seed=seed)

    def best_of(self, task: str, methods: Sequence[str], rate: float, measure: str) -> str:
        """The method with the highest mean; the first of equals."""
        return max(methods, key=lambda name: self.mean(task, name, rate, measure))

    def parts(self, task: str) -> list[str]:
        """The parts of a task, sorted."""
        first = next(iter(next(iter(self.items[task].values())).values()))
        return sorted({item.part for item in first})

    def to_dict(self) -> dict[str, Any]:
        """task -> method -> rate -> measure -> estimate, low, high, parts: what a results file holds."""
        return {
            task: {
                method: {
                    f"{rate:g}": {measure: self._entry(task, method, rate, measure) for measure in self.measures[task]}
                    for rate in rates
                }
                for method, rates in methods.items()
            }
            for task, methods in self.items.items()
        }

    def _entry(self, task: str, method: str, rate: float, measure: str) -> dict[str, Any]:
        values = self.values(task, method, rate, measure)
        count = int((~np.isnan(values)).sum())
        entry: dict[str, Any] = {"items": count}
        if not count:
            return entry
        entry["estimate"] = round(self.mean(task, method, rate, measure), 4)
        groups = {
            item.group for item, value in zip(self.items[task][method][rate], values, strict=True) if value == value
        }
        if len(groups) > 1:
            interval = self.interval(task, method, rate, measure)
            entry |= {"low": round(interval.low, 4), "high": round(interval.high, 4)}
        if len(self.parts(task)) > 1:
            means = {part: self.mean(task, method, rate, measure, part=part) for part in self.parts(task)}
            entry["parts"] = {part: round(mean, 4) for part, mean in means.items() if mean == mean}
        return entry

    def _groups(self, task: str, method: str, rate: float, there: np.ndarray) -> list[str]:
        return [item.group for item, defined in zip(self.items[task][method][rate], there, strict=True) if defined]


def evaluate(
    tasks: Sequence[Task], methods: Mapping[str, Sequence[Method]], *, rates: Sequence[float] = RATES
) -> Results:
    """Compress every text of every task by every method at every rate, and judge.

    Args:
        tasks: see ``evaluation.tasks``.
        methods: name -> draws: a method with random ties is given several times with different seeds, and each item's
            values are averaged over them.
        rates: share of the words to keep, each in (0, 1].

    Raises:
        ValueError: no task, no method, or a rate out of range.
    """
    if not tasks or not methods:
        raise ValueError("evaluate: give at least one task and one method")
    for rate in rates:
        if not 0 < rate <= 1:
            raise ValueError(f"evaluate: each rate must lie in (0, 1], not {rate}")
    results = Results()
    with progress("evaluating", total=sum(len(task.texts) for task in tasks) * len(methods)) as advance:
        for task in tasks:
            results.measures[task.name] = task.measures
            results.items[task.name] = {}
            for name, draws in methods.items():
                runs: list[dict[float, list[Item]]] = [{rate: [] for rate in rates} for _ in draws]
                for number, text in enumerate(task.texts):
                    for method, run in zip(draws, runs, strict=True):
                        _judge(task, number, method.score(text), method.options, run)
                    advance()
                results.items[task.name][name] = {
                    rate: [_averaged(same) for same in zip(*(run[rate] for run in runs), strict=True)] for rate in rates
                }
    return results


def _judge(task: Task, number: int, scores: Scores, options: Mapping[str, Any], run: dict[float, list[Item]]) -> None:
    for rate, items in run.items():
        result = scores.compress(rate=rate, on_overflow="keep", **options)
        items += task.judge(number, result.words, result.kept)


def _averaged(draws: Sequence[Item]) -> Item:
    first = draws[0]
    if len(draws) == 1:
        return first
    values = {}
    for name in first.values:
        known = [item.values[name] for item in draws if not math.isnan(item.values[name])]
        values[name] = sum(known) / len(known) if known else math.nan
    return Item(first.group, first.part, values)
