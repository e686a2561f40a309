"""Scores from a list of errors: formulas, higher is better unless it is a count, never a reciprocal.

Let w_i be the weights of the counted errors, m the number and M the summed weights of matched reference findings, s the
number of significant errors, N the summed weights of all reference findings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from radjudge.records import CATEGORIES, Error, Match

EPSILON = 0.25
SCORES = ("score", "total_errors", "significant_errors", "green_like", "crimson_like", "exp_count")
"""Scores of a judgement, in the order of the tables."""
HIGHER_IS_BETTER = {
    "score": True,
    "total_errors": False,
    "significant_errors": False,
    "green_like": True,
    "crimson_like": True,
    "exp_count": True,
}
"""Direction of every score; no output leaves it out."""


def weighted_score(matched: Sequence[float], errors: Sequence[float], *, epsilon: float = EPSILON) -> float:
    """Headline score ``(M + eps) / (M + W + eps)`` in (0, 1], higher is better; 1 without errors, normal or not.

    Args:
        matched: weights of the matched reference findings, each in [0, 1].
        errors: weights of the counted errors, each in [0, 1].
        epsilon: positive; keeps a pair without findings at 1.

    Raises:
        ValueError: ``epsilon`` is not positive.
    """
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, not {epsilon}")
    total = sum(matched)
    return (total + epsilon) / (total + sum(errors) + epsilon)


def green_like(matched: int, significant: float) -> float:
    """``m / (m + s)`` in [0, 1], higher is better; 1 when both are 0 (GREEN's own code gives 0 there)."""
    return matched / (matched + significant) if matched + significant else 1.0


def crimson_like(matches: Sequence[tuple[float, float]], missed: Sequence[float], false: Sequence[float]) -> float:
    """CRIMSON's form, in (-1, 1], higher is better.

    ``N`` is the summed weight of all reference findings, ``C`` the sum of ``w * w / (w + attribute weights)`` over
    matched ones, ``E`` the weight of false findings, ``S = (C - E) / N``. The score is ``S`` where that is not
    negative, else ``-(E - C) / (1 + E - C)``. Without weight in the reference (N = 0) it is 1 when E = 0.

    Args:
        matches: (weight, summed weights of its attribute errors) per matched reference finding.
        missed: weights of omitted reference findings.
        false: weights of false findings.
    """
    total = sum(weight for weight, _ in matches) + sum(missed)
    correct = sum(weight * weight / (weight + differing) for weight, differing in matches if weight)
    excess = sum(false) - correct
    if excess > 0:
        return -excess / (1.0 + excess)
    if total:
        return abs(excess) / total
    return 1.0


def exp_count(total_errors: float) -> float:
    """``exp(-total / 3)`` in (0, 1], higher is better (chest2err's form)."""
    return math.exp(-max(0.0, total_errors) / 3.0)


def count_errors(errors: Sequence[Error]) -> dict[str, float]:
    """Counted errors per category, all six keys present."""
    counts = dict.fromkeys(CATEGORIES, 0.0)
    for error in errors:
        if error.counted:
            counts[error.category] += 1.0
    return counts  # type: ignore[return-value]


def all_scores(errors: Sequence[Error], matches: Sequence[Match], weights: dict[str, float]) -> dict[str, float]:
    """Every score of one pair, by the names of :data:`radjudge.scoring.SCORES`."""
    counted = [error for error in errors if error.counted]
    significant = sum(1.0 for error in counted if error.significant)
    missed = [weights[error.significance] for error in counted if error.category == "omission"]
    false = [weights[error.significance] for error in counted if error.category == "false_finding"]
    return {
        "score": weighted_score([item.weight for item in matches], [weights[error.significance] for error in counted]),
        "total_errors": float(len(counted)),
        "significant_errors": significant,
        "green_like": green_like(len(matches), significant),
        "crimson_like": crimson_like([(item.weight, item.attribute_weight) for item in matches], missed, false),
        "exp_count": exp_count(len(counted)),
    }
