"""From a head's record to the keys of each row block (brief section "columns and offsets to kernel work").

`row_tasks` is the one statement of what is attended to. A task covers query rows ``[row_start, row_end)`` of one row
block; its keys are contiguous ``ranges`` ``[start, end)`` plus single ``columns``, together without repeats, in
ascending order within each list. Inside them only the causal mask applies, and for `WINDOW` heads the window itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from minference_kernels.heads import BLOCK, EMPTY, KEY_TILE, ROW_TILE, SLASH, WINDOW, HeadIndex


@dataclass(frozen=True, eq=False)
class RowTask:
    """Work of one row block: rows, key ranges int64 [R, 2], single columns int32 [C] (all below the block's first row).

    ``window`` is ``(sink, local)`` where keys of the ranges are also subject to ``j < sink or i - j < local``.
    """

    row_start: int
    row_end: int
    ranges: np.ndarray
    columns: np.ndarray
    window: tuple[int, int] | None = None

    def keys(self) -> np.ndarray:
        """All keys in ascending order (int64)."""
        spans = [np.arange(start, end) for start, end in self.ranges]
        merged = np.concatenate([*spans, self.columns.astype(np.int64)])
        return np.sort(merged) if len(self.columns) else merged

    def visible(self, positions: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Bool [rows, keys]: the mask inside the task for query `positions` and `keys`."""
        behind = positions[:, None] - keys[None, :]
        mask = behind >= 0
        if self.window is not None:
            sink, local = self.window
            mask &= (keys[None, :] < sink) | (behind < local)
        return mask


def row_tasks(head: HeadIndex) -> Iterator[RowTask]:
    """The tasks of `head` in row order; a block that `dense_from` cuts gives two."""
    for block in range(head.num_row_blocks):
        start, stop = block * ROW_TILE, min((block + 1) * ROW_TILE, head.num_queries)
        cut = min(max(head.dense_from, start), stop)
        if start < cut:
            yield _sparse_task(head, block, start, cut)
        if cut < stop:
            yield RowTask(cut, stop, np.array([[0, head.shift + stop]], np.int64), EMPTY)


def _sparse_task(head: HeadIndex, block: int, start: int, stop: int) -> RowTask:
    last = head.shift + stop  # one past the position of the last row: no key from here on is causal
    if head.kind == WINDOW:
        sink = min(head.sink, last)
        first = max(sink, head.shift + start - head.local + 1)
        ranges = np.array([[0, sink], [first, last]], np.int64)
        return RowTask(start, stop, _clip(ranges, last), EMPTY, (head.sink, head.local))
    if head.kind == BLOCK:
        ids = head.blocks[head.block_ptr[block] : head.block_ptr[block + 1]].astype(np.int64)
        return RowTask(start, stop, _clip(_join(ids) * KEY_TILE, last), EMPTY)
    assert head.kind == SLASH
    end = head.shift + (block + 1) * ROW_TILE
    ranges = _clip(end - head.runs[::-1, ::-1].astype(np.int64), last)
    below = head.columns[: np.searchsorted(head.columns, head.shift + start)]
    return RowTask(start, stop, ranges, below[~covered(head.runs, end - 1 - below)])


def covered(runs: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Bool: which `reach` values lie in one of the sorted disjoint `runs`."""
    slot = np.searchsorted(runs[:, 0], reach, side="right") - 1
    return (slot >= 0) & (reach < runs[np.maximum(slot, 0), 1])


def _join(ids: np.ndarray) -> np.ndarray:
    """Sorted block ids to maximal half-open runs of blocks."""
    if ids.size == 0:
        return np.zeros((0, 2), np.int64)
    opens = np.flatnonzero(np.diff(ids, prepend=ids[0] - 2) > 1)
    return np.stack([ids[opens], ids[np.append(opens[1:], len(ids)) - 1] + 1], axis=1)


def _clip(ranges: np.ndarray, last: int) -> np.ndarray:
    """Clip to ``[0, last)`` and drop what is empty."""
    ranges = np.clip(ranges, 0, last)
    return ranges[ranges[:, 0] < ranges[:, 1]]
