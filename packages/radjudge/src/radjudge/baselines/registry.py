"""Comparison metrics by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from radjudge.baselines import external
from radjudge.baselines.bleu import bleu
from radjudge.baselines.keyword import keyword_f1
from radjudge.baselines.meteor import meteor
from radjudge.baselines.rouge import rouge_l


class MetricFunction(Protocol):
    """One value per pair."""

    def __call__(self, *, references: Sequence[str], candidates: Sequence[str]) -> Sequence[float]: ...


@dataclass(frozen=True)
class Metric:
    """A named metric and the direction of its values."""

    name: str
    compute: MetricFunction
    higher_is_better: bool = True

    def __call__(self, *, references: Sequence[str], candidates: Sequence[str]) -> list[float]:
        return [float(value) for value in self.compute(references=references, candidates=candidates)]


_IN_HOUSE: dict[str, MetricFunction] = {
    **{f"bleu-{order}": partial(bleu, order=order) for order in (1, 2, 3, 4)},
    "rouge-l": rouge_l,
    "meteor": meteor,
    "keyword-f1": keyword_f1,
}
_EXTERNAL: dict[str, Callable[[], MetricFunction]] = {
    "bertscore": external.bertscore,
    "radgraph": external.radgraph,
    "ratescore": external.ratescore,
}
NAMES = (*_IN_HOUSE, *_EXTERNAL)


def load(name: str) -> Metric:
    """The metric called ``name`` (see ``NAMES``).

    Raises:
        ValueError: unknown name.
        ImportError: the peer's package is not installed; the message names the ``pip install`` line.
    """
    if name in _IN_HOUSE:
        return Metric(name, _IN_HOUSE[name])
    if name in _EXTERNAL:
        return Metric(name, _EXTERNAL[name]())
    raise ValueError(f"unknown metric {name!r}; known: {', '.join(NAMES)}")
