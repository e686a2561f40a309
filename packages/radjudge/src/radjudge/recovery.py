"""How well a judge or a metric recovers injected errors: per-type F1, tau with the truth, chains, triplets."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from radjudge.baselines.registry import MetricFunction
from radjudge.corruption import Corruption, LabelledPair, Triplet
from radjudge.records import CATEGORIES, Category, Judgement
from tenfold_core.metrics import kendall_tau_b


@dataclass(frozen=True)
class F1:
    """Precision, recall and their harmonic mean; 1 when nothing is expected or said. ``support``: errors injected."""

    precision: float
    recall: float
    f1: float
    support: int

    @classmethod
    def of(cls, matched: float, said: float, injected: float) -> "F1":
        precision = matched / said if said else 1.0
        recall = matched / injected if injected else 1.0
        total = precision + recall
        return cls(precision, recall, 2 * precision * recall / total if total else 0.0, int(injected))


def per_type_f1(truth: Sequence[Corruption], judgements: Sequence[Judgement]) -> dict[Category, F1]:
    """F1 per category; of a pair with t injected and j found errors of a category, min(t, j) are matched.

    Failed judgements have found nothing.

    Raises:
        ValueError: unequal lengths.
    """
    if len(truth) != len(judgements):
        raise ValueError(f"{len(truth)} corruptions but {len(judgements)} judgements")
    result = {}
    for category in CATEGORIES:
        matched = said = injected = 0.0
        for made, judged in zip(truth, judgements, strict=True):
            expected, found = made.counts[category], judged.counts.get(category, 0.0)
            matched += min(expected, found)
            said += found
            injected += expected
        result[category] = F1.of(matched, said, injected)
    return result


def tau_with_truth(values: ArrayLike, truth: Sequence[int], *, higher_is_better: bool = True) -> float:
    """Tau-b between a metric and the number of injected errors; 1 is perfect, a constant metric gets 0."""
    array = np.asarray(values, dtype=float)
    if np.ptp(array) == 0 or len(set(truth)) < 2:
        return 0.0
    sign = -1.0 if higher_is_better else 1.0
    return float(kendall_tau_b(sign * array, np.asarray(truth, dtype=float)))


def monotone_share(chains: Sequence[Sequence[float]], *, higher_is_better: bool) -> float:
    """Share of neighbours in graded chains that the metric orders strictly as the truth does."""
    steps = [
        (later < earlier) if higher_is_better else (later > earlier)
        for chain in chains
        for earlier, later in itertools.pairwise(chain)
    ]
    return float(np.mean(steps)) if steps else float("nan")


def triplets_right(triplets: Sequence[Triplet], metric: MetricFunction, *, higher_is_better: bool = True) -> list[bool]:
    """Per triplet: does the metric strictly prefer the rewrite to the candidate with one wrong word?"""
    references = [item.reference for item in triplets]
    wrong = metric(references=references, candidates=[item.wrong for item in triplets])
    rewritten = metric(references=references, candidates=[item.rewritten for item in triplets])
    sign = 1 if higher_is_better else -1
    return [sign * right > sign * bad for right, bad in zip(rewritten, wrong, strict=True)]


def truth_of(pairs: Sequence[LabelledPair]) -> list[int]:
    """Number of injected errors of each pair."""
    return [pair.total_errors for pair in pairs]


def rejection_rate(corruptions: Sequence[Corruption]) -> Mapping[str, float]:
    """Edits tried and refused over a set of corruptions, and their ratio."""
    draws, rejected = sum(item.draws for item in corruptions), sum(item.rejected for item in corruptions)
    return {"draws": draws, "rejected": rejected, "rate": rejected / draws if draws else 0.0}
