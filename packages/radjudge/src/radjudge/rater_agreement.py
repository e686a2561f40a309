"""Agreement of a metric with radiologists, beside the agreement of the radiologists with each other.

Kendall's tau-b = (P - Q) / sqrt((P + Q + X0) (P + Q + Y0)), where P and Q count concordant and discordant pairs of
items and X0, Y0 pairs tied in one of the two (Kendall, 1945). Several candidates share a study, so intervals resample
studies: resampling pairs would make them too narrow.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tenfold_core.metrics import Interval, bootstrap_ci, kendall_tau_b, spearman

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """Mean, smallest and largest of one value per rater or per pair of raters."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        array = np.asarray(values, dtype=float)
        return cls(float(array.mean()), float(array.min()), float(array.max()))


@dataclass(frozen=True)
class Ceiling:
    """How well raters agree among themselves: what a metric can reach.

    Attributes:
        inter_rater: tau-b of every two raters.
        leave_one_out: tau-b of each rater with the mean of the others.
        absolute_error: mean absolute difference of each rater from the mean of the others.
    """

    raters: int
    inter_rater: Spread
    leave_one_out: Spread
    absolute_error: Spread


@dataclass(frozen=True)
class Agreement:
    """Agreement of one metric with the mean rating. Every coefficient is oriented so that higher is better agreement.

    Attributes:
        within_tau, preference_accuracy: over pairs of candidates of one study; None when no study has two candidates.
        ceiling: None with a single rater.
    """

    pairs: int
    studies: int
    tau: Interval
    spearman: Interval
    pearson: Interval
    within_tau: Interval | None
    preference_accuracy: Interval | None
    ceiling: Ceiling | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; an interval is ``[estimate, low, high]``."""

        def plain(value: Any) -> Any:
            if isinstance(value, Interval):
                return [value.estimate, value.low, value.high]
            if isinstance(value, Spread):
                return {"mean": value.mean, "low": value.low, "high": value.high}
            if isinstance(value, Ceiling):
                return {name: plain(item) for name, item in vars(value).items()}
            return value

        return {name: plain(value) for name, value in vars(self).items()}


def _vector(name: str, values: ArrayLike) -> Array:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or array.size < 2:
        raise ValueError(f"{name} must be one-dimensional with at least two values, got shape {array.shape}")
    return array


def _finite(name: str, array: Array) -> Array:
    if not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(f"{name} must be finite; the value at {place} is not (leave failed items out)")
    return array


def _matrix(ratings: ArrayLike, pairs: int) -> Array:
    array = np.asarray(ratings, dtype=float)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or len(array) != pairs:
        raise ValueError(f"ratings must have shape ({pairs},) or ({pairs}, raters), got {np.shape(ratings)}")
    return _finite("ratings", array)


def _pearson(x: Array, y: Array) -> float:
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale > 0 else 0.0


def _defined(function: Callable[[Array, Array], float]) -> Callable[[Array], float]:
    """A statistic of rows ``(score, rating)``; 0 where a resample holds one distinct value and nothing is ranked."""

    def statistic(rows: Array) -> float:
        x, y = rows[:, 0], rows[:, 1]
        if np.ptp(x) == 0 or np.ptp(y) == 0:
            return 0.0
        return float(function(x, y))

    return statistic


def _study_counts(scores: Array, ratings: Array, groups: Sequence[Hashable]) -> Array:
    """Per study: P - Q, P + Q + ties in the rating only, P + Q + ties in the score only, preferences right, rated."""
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    rows = []
    for indices in members.values():
        if len(indices) < 2:
            continue
        first, second = np.asarray(list(combinations(indices, 2))).T
        x, y = np.sign(scores[first] - scores[second]), np.sign(ratings[first] - ratings[second])
        rated = y != 0
        right = ((x == y) + 0.5 * (x == 0))[rated].sum()
        rows.append((float((x * y).sum()), float((x != 0).sum()), float(rated.sum()), float(right)))
    return np.asarray(rows, dtype=float).reshape(-1, 4)


def _blocked_tau(rows: Array) -> float:
    agreed, in_score, in_rating, _ = rows.sum(axis=0)
    scale = float(np.sqrt(in_score * in_rating))
    return float(agreed) / scale if scale > 0 else 0.0


def _preference(rows: Array) -> float:
    rated = rows[:, 2].sum()
    return float(rows[:, 3].sum() / rated) if rated > 0 else 0.5


def ceiling(ratings: ArrayLike) -> Ceiling | None:
    """Agreement among raters; ``ratings`` has shape (pairs, raters). None for one rater.

    Raises:
        ValueError: wrong shape, or a value that is not finite.
    """
    array = np.asarray(ratings, dtype=float)
    array = _matrix(array, len(array))
    raters = array.shape[1]
    if raters < 2:
        return None
    tau = _defined(kendall_tau_b)
    others = [np.delete(array, rater, axis=1).mean(axis=1) for rater in range(raters)]
    return Ceiling(
        raters=raters,
        inter_rater=Spread.of([tau(array[:, pair]) for pair in combinations(range(raters), 2)]),
        leave_one_out=Spread.of([tau(np.column_stack((array[:, i], others[i]))) for i in range(raters)]),
        absolute_error=Spread.of([float(np.abs(array[:, i] - others[i]).mean()) for i in range(raters)]),
    )


def agreement(
    scores: ArrayLike,
    ratings: ArrayLike,
    *,
    groups: Sequence[Hashable] | None = None,
    higher_is_better: bool = True,
    ratings_higher_is_better: bool = False,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Agreement:
    """Agreement of a metric with radiologists.

    Args:
        scores: shape (pairs,), one metric value per pair.
        ratings: shape (pairs,) or (pairs, raters), error counts by default.
        groups: study of each pair; each pair its own study when None.
        higher_is_better: direction of ``scores``.
        ratings_higher_is_better: True for quality ratings (1 to 5), False for error counts.
        draws, level, seed: of the bootstrap over studies.

    Raises:
        ValueError: shapes that do not fit, or values that are not finite.
    """
    values = _finite("scores", _vector("scores", scores))
    matrix = _matrix(ratings, len(values))
    studies: Sequence[Hashable] = list(range(len(values))) if groups is None else list(groups)
    if len(studies) != len(values):
        raise ValueError(f"groups must name a study for each of the {len(values)} pairs, got {len(studies)}")
    values = values if higher_is_better else -values
    mean = matrix.mean(axis=1) if ratings_higher_is_better else -matrix.mean(axis=1)
    rows = np.column_stack((values, mean))
    labels = [str(study) for study in studies]

    def interval(function: Callable[[Array, Array], float]) -> Interval:
        return bootstrap_ci(rows, _defined(function), groups=labels, draws=draws, level=level, seed=seed)

    per_study = _study_counts(values, mean, studies)
    blocked = len(per_study) > 1  # one study cannot be resampled
    return Agreement(
        pairs=len(values),
        studies=len(set(labels)),
        tau=interval(kendall_tau_b),
        spearman=interval(spearman),
        pearson=interval(_pearson),
        within_tau=bootstrap_ci(per_study, _blocked_tau, draws=draws, level=level, seed=seed) if blocked else None,
        preference_accuracy=(
            bootstrap_ci(per_study, _preference, draws=draws, level=level, seed=seed) if blocked else None
        ),
        ceiling=ceiling(matrix),
    )


def tau_difference(
    first: ArrayLike,
    second: ArrayLike,
    ratings: ArrayLike,
    *,
    groups: Sequence[Hashable] | None = None,
    first_higher_is_better: bool = True,
    second_higher_is_better: bool = True,
    ratings_higher_is_better: bool = False,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Tau of the first metric minus tau of the second, with a paired bootstrap over studies.

    Raises:
        ValueError: as :func:`agreement`.
    """
    a, b = _finite("first", _vector("first", first)), _finite("second", _vector("second", second))
    mean = _matrix(ratings, len(a)).mean(axis=1)
    if len(a) != len(b):
        raise ValueError(f"both metrics must rate the same pairs: {len(a)} and {len(b)} values")
    rows = np.column_stack(
        (
            a if first_higher_is_better else -a,
            b if second_higher_is_better else -b,
            mean if ratings_higher_is_better else -mean,
        )
    )
    tau = _defined(kendall_tau_b)
    labels = [str(study) for study in (range(len(a)) if groups is None else groups)]
    return bootstrap_ci(
        rows, lambda x: tau(x[:, [0, 2]]) - tau(x[:, [1, 2]]), groups=labels, draws=draws, level=level, seed=seed
    )


def absolute_errors(
    counts: Mapping[str, ArrayLike],
    ratings: Mapping[str, ArrayLike],
    *,
    groups: Sequence[Hashable] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Mean absolute error of counted errors against the mean radiologist count, per category (lower is better).

    Args:
        counts: per category, shape (pairs,).
        ratings: per category, shape (pairs,) or (pairs, raters); must hold every category of ``counts``.

    Raises:
        ValueError: a category without ratings, or shapes that do not fit.
    """
    missing = sorted(set(counts) - set(ratings))
    if missing:
        raise ValueError(f"no ratings for {', '.join(missing)}; ratings hold {', '.join(sorted(ratings))}")
    labels = None if groups is None else [str(study) for study in groups]
    result = {}
    for category, values in counts.items():
        array = _finite(category, _vector(category, values))
        difference = np.abs(array - _matrix(ratings[category], len(array)).mean(axis=1))
        result[category] = bootstrap_ci(difference, groups=labels, draws=draws, seed=seed)
    return result
