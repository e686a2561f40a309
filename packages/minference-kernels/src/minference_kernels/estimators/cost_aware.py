"""Selection by attention mass per kernel cost, on the residual.

A column costs one key per row. A diagonal costs a whole 64-key tile per row block, because the tile slides by 64 from
block to block; but the tile also covers, for some rows, every other offset less than 64 away. Summed over the rows of
a block, reach u receives the mass of offsets ``u - 63 .. u`` divided by 64, so the gain of any stretch of reach is
additive and comes from one running mean. Rows that come before a column or an offset pay nothing for it: costs are
keys per row, averaged over the triangle, as in `SparseIndex.computed_area`. Two corrections keep the kinds apart:

* Residual scoring: what is taken is removed from the probe before the rest is scored, so a column does not smear into
  the 64 offsets it crosses, nor a diagonal into the 64 columns it crosses.
* Support: a diagonal shows in each of its columns for a few neighbouring probe rows only. A column's score is its mass
  less nine tenths of what its best group of rows contributes. Columns of single questions (one row each) keep a
  tenth of their score, which is still above everything but real diagonals.

Selection goes in rounds: whichever kind holds the best density gives all its candidates within a factor of two, then
the residual is updated. The order does not depend on the budget, so a larger budget selects a superset.
"""

from __future__ import annotations

import numpy as np

from minference_kernels.estimators.probe import Probe, stripes
from minference_kernels.heads import KEY_TILE, ROW_TILE
from minference_kernels.patterns import VerticalSlash

_WORTH = 0.05  # stop when a key would add less than this share of what it has under uniform attention
_UNSUPPORTED = 0.9
_NONE = np.zeros(0, np.int64)


def select_by_cost(probe: Probe, pattern: VerticalSlash) -> tuple[np.ndarray, np.ndarray]:
    """Sorted columns int64 [C] and reach runs int32 [R, 2] whose cost per row is at most the pattern's budget.

    The budget is ``max(vertical_size, sink) + max(slash_size, local)`` keys per row, averaged over the rows; forced
    columns and offsets are charged by their number, everything else by the keys it adds.
    """
    local = max(pattern.local, 1)
    budget = max(pattern.vertical_size, pattern.sink) + max(pattern.slash_size, local)
    if budget >= probe.num_keys:
        return np.zeros(0, np.int64), np.array([[0, probe.num_keys + ROW_TILE - 1]], np.int32)
    residual = _Residual(probe)
    residual.take(np.arange(pattern.sink), np.array([0]), local + ROW_TILE - 1)
    left = float(budget - pattern.sink - local)
    goal = 1.0 if pattern.mass is None else pattern.mass
    while residual.taken < goal:
        column_score, tile_score = residual.column_scores(), residual.tile_scores()
        best = max(column_score.max(), tile_score.max())
        if best < _WORTH / probe.num_keys:
            break
        tiles = tile_score.max() == best
        if tiles:
            picks = _apart(tile_score, best / 2)
            gain, cost = residual.tile_mass(picks), residual.tile_cost(picks)
        else:
            picks = np.flatnonzero(column_score >= best / 2)
            picks = picks[np.argsort(-column_score[picks], kind="stable")]
            gain, cost = residual.columns[picks], residual.column_cost(picks)
        affordable = int(np.searchsorted(np.cumsum(cost), left, side="right"))
        wanted = 1 + int(np.searchsorted(np.cumsum(gain), goal - residual.taken))
        taken = min(affordable, wanted, len(picks))
        if tiles:
            residual.take(_NONE, picks[:taken], KEY_TILE)
        else:
            residual.take(picks[:taken], _NONE, KEY_TILE)
        if taken < len(picks):
            break
        left -= float(cost.sum())
    return np.flatnonzero(residual.chosen), _runs(residual.reach)


class _Residual:
    """The probe's attention mass that is not visible yet, per row (the whole probe is 1)."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.chosen = np.zeros(probe.num_keys, bool)
        self.reach = np.zeros(probe.num_keys + ROW_TILE - 1, bool)
        self.columns = probe.column_mass.astype(np.float64) / probe.rows
        self._stripe = probe.stripe_max.astype(np.float64) / probe.rows
        self._offsets = probe.offset_mass.astype(np.float64) / probe.rows
        self._ends = probe.row_ends()
        # share of the query rows that reach u keys back
        self._share = np.clip((probe.num_keys - np.arange(len(self.reach))) / probe.num_queries, 0.0, 1.0)

    @property
    def taken(self) -> float:
        return 1.0 - float(self.columns.sum())

    def column_scores(self) -> np.ndarray:
        return np.where(self.chosen, 0.0, self.columns - _UNSUPPORTED * self._stripe)

    def tile_scores(self) -> np.ndarray:
        """Mass per key of the tile of reach ``[s, s + 64)`` for each s [Nk]; also sets what `tile_mass` reads."""
        total = np.concatenate([[0.0], np.cumsum(self._offsets), np.full(ROW_TILE - 1, self._offsets.sum())])
        gain = total[1:].copy()
        gain[ROW_TILE:] -= total[1:-ROW_TILE]
        gain[self.reach] = 0.0
        self._gained = np.concatenate([[0.0], np.cumsum(np.maximum(gain, 0.0) / ROW_TILE), np.zeros(1)])
        self._gained[-1] = self._gained[-2]
        return (self._gained[KEY_TILE:] - self._gained[:-KEY_TILE])[: self.probe.num_keys] / KEY_TILE

    def tile_mass(self, starts: np.ndarray) -> np.ndarray:
        return self._gained[starts + KEY_TILE] - self._gained[starts]

    def tile_cost(self, starts: np.ndarray) -> np.ndarray:
        """Keys each tile adds to a row, on average over the rows."""
        total = np.concatenate([[0.0], np.cumsum(np.where(self.reach, 0.0, self._share))])
        return total[np.minimum(starts + KEY_TILE, len(total) - 1)] - total[starts]

    def column_cost(self, columns: np.ndarray) -> np.ndarray:
        """Share of the rows that lie after each column."""
        return self._share[columns]

    def take(self, columns: np.ndarray, starts: np.ndarray, width: int) -> None:
        """Make `columns` and the reach ``[s, s + width)`` of each start visible, and update what is left."""
        chosen, reach = self.chosen.copy(), self.reach.copy()
        chosen[columns] = True
        for start in starts:
            reach[start : start + width] = True
        fresh = np.flatnonzero(reach & ~self.reach)
        keys = (np.unique(self._ends)[:, None] - 1 - fresh[None, :]).ravel()
        keys = np.unique(np.concatenate([keys[(keys >= 0) & (keys < len(chosen))], np.asarray(columns, np.int64)]))
        keys = keys[keys < len(chosen)]
        cells = self.probe.cells(keys).astype(np.float64) / self.probe.rows
        behind = np.clip(self._ends[:, None] - 1 - keys[None, :], 0, len(reach) - 1)  # future keys have no mass anyway
        before = self.chosen[keys] | self.reach[behind]
        after = chosen[keys] | reach[behind]
        left = np.where(after, 0.0, cells)
        self.columns[keys] = left.sum(0)
        self._stripe[keys] = np.max([left[group].sum(0) for group in stripes(self.probe.rows)], axis=0)
        rows, slots = np.nonzero(after & ~before & (cells > 0))
        offsets = self.probe.positions[rows] - keys[slots]
        self._offsets -= np.bincount(offsets, cells[rows, slots], minlength=len(self._offsets))
        self.chosen, self.reach = chosen, reach


def _apart(score: np.ndarray, bar: float) -> np.ndarray:
    """Starts with a score of at least `bar`, best first (ties: lowest), none closer than a tile to a better one."""
    candidates = np.flatnonzero(score >= bar)
    taken = np.zeros(len(score) + KEY_TILE, bool)
    picked = []
    for start in candidates[np.argsort(-score[candidates], kind="stable")]:
        if not (taken[start] or taken[start + KEY_TILE - 1]):
            taken[start : start + KEY_TILE] = True
            picked.append(start)
    return np.array(picked, np.int64)


def _runs(reach: np.ndarray) -> np.ndarray:
    edges = np.flatnonzero(np.diff(reach.astype(np.int8), prepend=0, append=0))
    return edges.reshape(-1, 2).astype(np.int32)
