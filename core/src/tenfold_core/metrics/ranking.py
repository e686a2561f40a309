"""Agreement of two rankings."""

import math

import numpy as np
import numpy.typing as npt


def kendall_tau_b(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Kendall's rank correlation, corrected for ties.

    tau_b = (P - Q) / sqrt((n0 - n1)(n0 - n2)) with P and Q the concordant and discordant pairs, n0 = n(n - 1)/2, and
    n1, n2 the pairs tied in x and in y (Kendall 1945, "The treatment of ties in ranking problems", Biometrika 33).
    Q is counted in O(n log n) as Knight (1966) does, bit by bit over the ranks instead of by a merge sort.

    Args:
        x, y: n >= 2 numbers each; infinities are ranks like any other.

    Returns:
        A value in [-1, 1]; nan if x or y is constant, where the correlation is not defined.

    Raises:
        ValueError: unequal lengths, fewer than two values, or a NaN.

    Example:
        >>> kendall_tau_b([1, 2, 3], [1, 3, 2])
        0.3333333333333333
    """
    first, second = _pair(x, y)
    order = np.lexsort((second, first))
    ranks_x = _dense_ranks(first[order])
    ranks_y = _dense_ranks(second[order])
    pairs = len(order) * (len(order) - 1) // 2
    tied_x, tied_y = _tied_pairs(ranks_x), _tied_pairs(ranks_y)
    if pairs in (tied_x, tied_y):
        return math.nan
    tied_both = _tied_pairs(ranks_x * (int(ranks_y.max()) + 1) + ranks_y)
    # Sorted by x and then y, a pair is discordant exactly when its y values stand in the wrong order.
    concordant_minus_discordant = pairs - tied_x - tied_y + tied_both - 2 * _inversions(ranks_y)
    tau = concordant_minus_discordant / math.sqrt((pairs - tied_x) * (pairs - tied_y))
    return max(-1.0, min(1.0, tau))


def spearman(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Spearman's rank correlation: Pearson's correlation of the average ranks (Spearman 1904; ties as Kendall 1945).

    Args:
        x, y: n >= 2 numbers each; infinities are ranks like any other.

    Returns:
        A value in [-1, 1]; nan if x or y is constant, where the correlation is not defined.

    Raises:
        ValueError: unequal lengths, fewer than two values, or a NaN.

    Example:
        >>> spearman([1, 2, 3], [1, 3, 2])
        0.5
    """
    first, second = _pair(x, y)
    centre = (len(first) + 1) / 2
    a, b = average_ranks(first) - centre, average_ranks(second) - centre
    scale = math.sqrt(float(a @ a) * float(b @ b))
    if scale == 0:
        return math.nan
    return max(-1.0, min(1.0, float(a @ b) / scale))


def average_ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Ranks from 1, equal values sharing the mean of the ranks they take up."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: npt.NDArray[np.float64] = (last - (counts - 1) / 2)[inverse]
    return ranks


def _pair(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"x and y must be one-dimensional and of equal length, got {first.shape} and {second.shape}")
    if len(first) < 2:
        raise ValueError(f"a ranking needs at least 2 values, got {len(first)}")
    for name, values in (("x", first), ("y", second)):
        if np.isnan(values).any():
            raise ValueError(f"{name}[{int(np.isnan(values).argmax())}] is NaN, which has no rank")
    return first, second


def _dense_ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _tied_pairs(keys: npt.NDArray[np.int64]) -> int:
    counts = np.unique(keys, return_counts=True)[1].astype(np.int64)
    return int((counts * (counts - 1) // 2).sum())


def _inversions(ranks: npt.NDArray[np.int64]) -> int:
    """Pairs i < j with ranks[i] > ranks[j].

    Two different ranks first differ at one bit, read from the top; the pair is inverted if the earlier one has a 1
    there.  So at each bit, among ranks equal above it, count for every 0 the 1s before it, then sort stably by the
    bit: ranks equal above the next bit then stand together, in their old order.
    """
    total = 0
    places = np.arange(len(ranks))
    for bit in reversed(range(int(ranks.max()).bit_length())):
        prefix = ranks >> (bit + 1)
        starts = np.flatnonzero(np.r_[True, prefix[1:] != prefix[:-1]])
        sizes = np.diff(np.r_[starts, len(ranks)])
        ones = (ranks >> bit) & 1
        ones_before = np.cumsum(ones) - ones
        ones_before -= np.repeat(ones_before[starts], sizes)
        total += int(ones_before[ones == 0].sum())
        start = np.repeat(starts, sizes)
        zeros = np.repeat(np.add.reduceat(1 - ones, starts), sizes)
        target = np.where(ones == 1, start + zeros + ones_before, places - ones_before)
        ordered = np.empty_like(ranks)
        ordered[target] = ranks
        ranks = ordered
    return total
