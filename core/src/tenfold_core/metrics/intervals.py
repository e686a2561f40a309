"""How sure a number is: bootstrap intervals and a randomisation test, both able to keep groups whole."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_BLOCK = 1 << 21  # numbers drawn at a time; bounds the memory, and draws do not depend on it

Statistic = Callable[[npt.NDArray[Any]], Any]
Groups = Sequence[Hashable] | npt.NDArray[Any]


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval.

    Prints as `0.812 [0.790, 0.833]`: with the decimals that give the interval's width two significant digits.

    Attributes:
        estimate: the statistic of the data themselves.
        low, high: the ends of the interval.
        level: the confidence level, such as 0.95.
    """

    estimate: float
    low: float
    high: float
    level: float

    def __str__(self) -> str:
        width = self.high - self.low
        decimals = min(9, max(0, 1 - math.floor(math.log10(width)))) if 0 < width < math.inf else 3
        return f"{self.estimate:.{decimals}f} [{self.low:.{decimals}f}, {self.high:.{decimals}f}]"


def bootstrap_ci(
    values: npt.ArrayLike,
    statistic: Statistic = np.mean,
    *,
    groups: Groups | None = None,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """A percentile bootstrap interval (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 13.3).

    Items are drawn with replacement, as many as there are; with `groups`, whole groups are, as many as there are
    groups (the cluster bootstrap: Davison and Hinkley 1997, section 3.8), so that items of one patient or document do
    not pose as independent.  Intervals from fewer than about 20 items or groups are too narrow.

    Args:
        values: (n,) numbers, or (n, ...) rows that stay together, such as columns of labels and scores.
        statistic: maps such an array, of any length, to one number.  The mean is computed for many draws at once.
        groups: n group names; the order of the groups' first items does not change the interval's meaning.
        draws: number of bootstrap samples, at least 1.
        level: confidence level, in (0, 1).
        seed: same seed, same interval.

    Raises:
        ValueError: fewer than two items or groups, unequal lengths, a value that is NaN, `draws` or `level` out of
            range, or a statistic that is NaN for some sample.

    Example:
        >>> print(bootstrap_ci([3.1, 2.9, 3.4, 2.8, 3.3, 3.0]))
        3.08 [2.92, 3.27]
    """
    data = _numbers("values", values)
    members = _members(groups, len(data))
    _check_draws(draws)
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), got {level!r}")
    rng = np.random.default_rng(seed)
    if statistic is np.mean and data.ndim == 1:
        samples = _bootstrap_means(data, members, draws, rng)
    else:
        samples = _bootstrap_statistics(data, statistic, members, draws, rng)
    estimate = float(statistic(data))
    undefined = int(np.isnan(samples).sum())
    if undefined or np.isnan(estimate):
        raise ValueError(
            f"statistic is NaN for {undefined} of {draws} bootstrap samples"
            f"{' and for the values themselves' if np.isnan(estimate) else ''}: too few or too uniform values"
        )
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), level)


def paired_difference(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    groups: Groups | None = None,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """A percentile bootstrap interval for mean(a - b) of results on the same items.

    Pairing removes what the items have in common; an interval that leaves out 0 shows a difference at 1 - `level`.

    Args:
        a, b: (n,) numbers, the same item at the same place.
        groups, draws, level, seed: as in `bootstrap_ci`.

    Raises:
        ValueError: a and b differ in length; as `bootstrap_ci` otherwise.

    Example:
        >>> print(paired_difference([0.9, 0.8, 0.7, 0.9], [0.7, 0.7, 0.6, 0.8]))
        0.125 [0.100, 0.175]
    """
    return bootstrap_ci(_differences(a, b), groups=groups, draws=draws, level=level, seed=seed)


def approximate_randomisation(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    draws: int = 10000,
    groups: Groups | None = None,
    seed: int = 0,
) -> float:
    """The two-sided p value of the paired approximate randomisation test on ``|mean(a) - mean(b)|``.

    Under the null hypothesis the two results of an item may change places.  With r of `draws` random swaps at least as
    extreme as the data, p = (r + 1) / (draws + 1) (Noreen 1989, "Computer-Intensive Methods for Testing Hypotheses",
    chapter 2), which is never 0 and keeps the test valid.  With `groups`, the items of a group swap together.

    Args:
        a, b: (n,) numbers, the same item at the same place.
        groups: n group names, or None to swap each item by itself.
        draws: number of random swaps, at least 1; 1 / (draws + 1) is the smallest p value.
        seed: same seed, same p value.

    Raises:
        ValueError: unequal lengths, fewer than two items or groups, a NaN, or draws < 1.

    Example:
        >>> approximate_randomisation([1, 1, 0, 1], [1, 1, 0, 1])
        1.0
    """
    differences = _differences(a, b)
    members = _members(groups, len(differences))
    _check_draws(draws)
    sums = np.array([differences[items].sum() for items in members]) if members is not None else differences
    rng = np.random.default_rng(seed)
    # A swap that changes nothing must count as equally extreme, whatever the order of its additions.
    threshold = abs(float(sums.sum())) - 1e-12 * float(np.abs(sums).sum())
    extreme = 0
    for size in _blocks(draws, len(sums)):
        signs = rng.integers(0, 2, size=(size, len(sums)), dtype=np.int8) * 2.0 - 1.0
        extreme += int((np.abs(signs @ sums) >= threshold).sum())
    return (extreme + 1) / (draws + 1)


def _numbers(name: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    data = np.asarray(values)
    if data.dtype.kind == "b":
        data = data.astype(np.float64)
    if data.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be numbers, got dtype {data.dtype}")
    if data.ndim == 0 or len(data) < 2:
        raise ValueError(f"{name} must hold at least 2 items, got the shape {data.shape}")
    if np.isnan(data).any():
        raise ValueError(f"{name} must not hold NaN, got one at {np.argwhere(np.isnan(data))[0].tolist()}")
    return data


def _differences(a: npt.ArrayLike, b: npt.ArrayLike) -> npt.NDArray[np.float64]:
    first = _numbers("a", a).astype(np.float64)
    second = _numbers("b", b).astype(np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"a and b must be one-dimensional and of equal length, got {first.shape} and {second.shape}")
    return first - second


def _members(groups: Groups | None, count: int) -> list[npt.NDArray[np.int64]] | None:
    """The items of each group, groups in order of their first item; None if each item stands for itself."""
    if groups is None:
        return None
    if len(groups) != count:
        raise ValueError(f"groups must name one group for each of the {count} items, got {len(groups)}")
    items: dict[Hashable, list[int]] = {}
    # As plain values: two tensors that hold the same number are not equal as keys.
    names = (group.item() if hasattr(group, "item") else group for group in groups)
    for index, group in enumerate(names):
        if group is None or group != group:
            raise ValueError(f"groups[{index}] is {group!r}, which names no group")
        items.setdefault(group, []).append(index)
    if len(items) < 2:
        raise ValueError(f"groups must hold at least 2 different groups, got only {next(iter(items))!r}")
    return [np.array(indices) for indices in items.values()]


def _check_draws(draws: int) -> None:
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")


def _blocks(draws: int, width: int) -> list[int]:
    """How many draws to make at a time, so that a block of `width` numbers each stays small."""
    step = max(1, _BLOCK // width)
    return [min(step, draws - start) for start in range(0, draws, step)]


def _bootstrap_means(
    data: npt.NDArray[Any], members: list[npt.NDArray[np.int64]] | None, draws: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    if members is None:
        sums, sizes = data.astype(np.float64), np.ones(len(data))
    else:
        sums = np.array([data[items].sum(dtype=np.float64) for items in members])
        sizes = np.array([len(items) for items in members], dtype=np.float64)
    samples = []
    for size in _blocks(draws, len(sums)):
        chosen = rng.integers(0, len(sums), size=(size, len(sums)))
        samples.append(sums[chosen].sum(axis=1) / sizes[chosen].sum(axis=1))
    return np.concatenate(samples)


def _bootstrap_statistics(
    data: npt.NDArray[Any],
    statistic: Statistic,
    members: list[npt.NDArray[np.int64]] | None,
    draws: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    samples = np.empty(draws)
    for draw in range(draws):
        if members is None:
            chosen = rng.integers(0, len(data), size=len(data))
        else:
            chosen = np.concatenate([members[group] for group in rng.integers(0, len(members), size=len(members))])
        samples[draw] = float(statistic(data[chosen]))
    return samples
