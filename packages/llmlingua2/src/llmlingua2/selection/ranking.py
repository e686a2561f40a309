"""The order in which words are kept: by score over the whole prompt, or in shares per chunk or document."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["order", "shares"]


def order(priority: NDArray[np.float64], first: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices by falling priority. Ties go to those marked `first` (bool [n]), then by position."""
    return np.lexsort((~first, -priority))


def shares(
    priority: NDArray[np.float64],
    group: NDArray[np.int64],
    length: NDArray[np.int64],
    weight: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Priorities under which every group keeps the same share of itself, best words first.

    A word's new priority is minus the share of its group that is kept by the time its turn comes, divided by the
    group's weight. Keeping all words above a level t then keeps the share min(1, -t * weight) of each group: what
    LongLLMLingua's ratios by document do (Jiang et al. 2024), but with an exact total.

    Args:
        priority: within the group, float64 [n].
        group: index of each word's group, int64 [n].
        length: size of each word, at least 1, int64 [n].
        weight: of each group, above 0, float64 [groups]; equal by default.

    Returns:
        float64 [n], all below 0.
    """
    if not len(priority):
        return priority
    by_group = np.lexsort((-priority, group))
    ordered = group[by_group]
    opens = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    taken = np.cumsum(length[by_group])
    before = np.concatenate([[0], taken])[opens]
    sizes = np.diff(np.append(before, taken[-1]))
    members = np.diff(np.append(opens, len(ordered)))
    share = (taken - np.repeat(before, members)) / np.repeat(sizes, members)
    if weight is not None:
        share = share / weight[ordered]
    result = np.empty(len(priority))
    result[by_group] = -share
    return result
