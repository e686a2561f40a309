"""One head's record of what it attends to.

Coordinates
-----------
Queries are the last ``num_queries`` of ``num_keys`` positions, so query row ``r`` sits at position ``P + r`` with
``P = num_keys - num_queries``. Rows are worked on in blocks of `ROW_TILE` = 64: block ``m`` holds rows
``[64 m, min(64 m + 64, num_queries))`` and its *nominal end* is ``E = P + 64 (m + 1)``, also for a short last block.
The *reach* of key ``j`` from block ``m`` is ``u = E - 1 - j``: how far the key lies behind the block's last row.
A diagonal at offset ``o`` (query position - key position) touches reaches ``[o, o + 64)`` in *every* block, which is
why one list of reach runs serves all blocks: O(offsets) numbers per head, not O(offsets x blocks).

The three kinds of head
-----------------------
`SLASH`   ``runs`` int32 [R, 2]: sorted, disjoint, non-touching half-open reach runs ``[lo, hi)``, the first of which
          always covers ``[0, 64)`` (the diagonal); ``columns`` int32 [C]: sorted unique key positions.
          Block ``m`` attends to keys ``[E - hi, E - lo)`` of every run, clipped to ``[0, P + row_end)``, and to every
          column below ``P + 64 m`` whose reach lies in no run. Each key once; causal mask ``j <= i`` inside.
`WINDOW`  ``sink``, ``local``: key ``j`` is visible to position ``i`` iff ``j <= i and (j < sink or i - j < local)``.
          Dense heads are windows with ``local >= num_keys``.
`BLOCK`   ``block_ptr`` int64 [M + 1] and ``blocks`` int32: sorted ids of 64-key blocks (keys ``[64 b, 64 b + 64)``)
          of each row block; causal mask ``j <= i`` inside.

In addition rows ``r >= dense_from`` of any head are fully causal (Tri-shape); ``dense_from == num_queries`` means none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROW_TILE = 64
KEY_TILE = 64
SLASH, WINDOW, BLOCK = 0, 1, 2
KIND_NAMES = ("slash", "window", "block")


@dataclass(frozen=True, eq=False)
class HeadIndex:
    """The record of one (batch, head), as NumPy views on the host. Fields as in the module's description."""

    kind: int
    num_queries: int
    num_keys: int
    runs: np.ndarray
    columns: np.ndarray
    block_ptr: np.ndarray
    blocks: np.ndarray
    sink: int = 0
    local: int = 0
    dense_from: int = 0

    @property
    def shift(self) -> int:
        """Position of query row 0."""
        return self.num_keys - self.num_queries

    @property
    def num_row_blocks(self) -> int:
        return -(-self.num_queries // ROW_TILE)

    @property
    def is_dense(self) -> bool:
        """Whether every causal key is visible to every row."""
        if self.dense_from == 0 or (self.kind == WINDOW and self.local >= self.num_keys):
            return True
        return self.kind == SLASH and len(self.runs) > 0 and self.runs[0, 1] >= self.num_keys + ROW_TILE - 1


EMPTY = np.zeros(0, np.int32)
NO_RUNS = np.zeros((0, 2), np.int32)
NO_PTR = np.zeros(0, np.int64)


def dilate(offsets: np.ndarray) -> np.ndarray:
    """Sorted unique `offsets` to reach runs: the union of ``[o, o + 64)``, touching runs merged (int32 [R, 2])."""
    offsets = np.asarray(offsets, np.int64)
    if offsets.size == 0:
        return NO_RUNS
    opens = np.flatnonzero(np.diff(offsets, prepend=offsets[0] - ROW_TILE - 1) > ROW_TILE)
    closes = np.append(opens[1:], len(offsets)) - 1
    return np.stack([offsets[opens], offsets[closes] + ROW_TILE], axis=1).astype(np.int32)


def slash_head(columns: np.ndarray, runs: np.ndarray, num_queries: int, num_keys: int) -> HeadIndex:
    """A `SLASH` head from sorted unique `columns` and reach `runs` (as `dilate` makes them)."""
    return HeadIndex(
        SLASH,
        num_queries,
        num_keys,
        np.ascontiguousarray(runs, np.int32),
        np.ascontiguousarray(columns, np.int32),
        NO_PTR,
        EMPTY,
        dense_from=num_queries,
    )


def window_head(sink: int, local: int, num_queries: int, num_keys: int, last_rows: int = 0) -> HeadIndex:
    """A `WINDOW` head (A-shape; Tri-shape with ``last_rows`` dense rows at the end)."""
    return HeadIndex(
        WINDOW,
        num_queries,
        num_keys,
        NO_RUNS,
        EMPTY,
        NO_PTR,
        EMPTY,
        sink=min(sink, num_keys),
        local=min(local, num_keys),
        dense_from=max(0, num_queries - last_rows),
    )


def block_head(block_ptr: np.ndarray, blocks: np.ndarray, num_queries: int, num_keys: int) -> HeadIndex:
    """A `BLOCK` head from a CSR list of key blocks per row block."""
    return HeadIndex(
        BLOCK,
        num_queries,
        num_keys,
        NO_RUNS,
        EMPTY,
        np.ascontiguousarray(block_ptr, np.int64),
        np.ascontiguousarray(blocks, np.int32),
        dense_from=num_queries,
    )


def causal_cells(num_queries: int, num_keys: int) -> int:
    """Cells of the causal (bottom-right aligned) trapezoid."""
    return num_queries * (num_keys - num_queries) + num_queries * (num_queries + 1) // 2


def check_sizes(num_queries: int, num_keys: int) -> None:
    """Raise ValueError unless ``1 <= num_queries <= num_keys``."""
    if not 1 <= num_queries <= num_keys:
        raise ValueError(f"need 1 <= num_queries <= num_keys (causal, queries last), got {num_queries} and {num_keys}")
