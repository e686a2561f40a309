"""Counting cells without building a mask: what is visible, and what the kernel computes.

Both count what `rows.row_tasks` describes. Vertical-Slash heads are counted in closed form over many row blocks at
once, so that a million-token head costs O(blocks x runs + columns x runs) steps, not O(queries x keys).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minference_kernels.heads import KEY_TILE, ROW_TILE, SLASH, WINDOW, HeadIndex, causal_cells
from minference_kernels.rows import row_tasks

_CELLS_AT_ONCE = 1 << 20  # intermediate arrays stay below a few megabytes


def visible_cells(head: HeadIndex) -> int:
    """Cells (query, key) the head attends to: the number of ones in its mask."""
    if head.kind == WINDOW:
        positions = head.shift + np.arange(head.dense_from, dtype=np.int64)
        near = np.minimum(positions + 1, head.local)
        far = np.minimum(positions + 1 - near, head.sink)
        dense = causal_cells(head.num_queries, head.num_keys) - int((positions + 1).sum())
        return dense + int((near + far).sum())
    return sum(
        int(_causal_part(ranges, first, rows).sum()) + int((columns * rows).sum())
        for first, rows, ranges, columns in _row_blocks(head)
    )


def computed_cells(head: HeadIndex) -> int:
    """Cells of the 64 x 64 tiles the kernel touches: each range, and the columns together, take whole tiles."""
    tiles = 0
    for _, _, ranges, columns in _row_blocks(head):
        tiles += int((-(-(ranges[..., 1] - ranges[..., 0]) // KEY_TILE)).sum()) + int((-(-columns // KEY_TILE)).sum())
    return tiles * ROW_TILE * KEY_TILE


def _causal_part(ranges: np.ndarray, first: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Causal cells of key ranges [..., R, 2] for rows at positions ``first .. first + rows - 1`` ([...])."""
    start, end = ranges[..., 0], ranges[..., 1]
    skipped = np.clip(start - first[..., None], 0, rows[..., None])  # rows before the range begins see none of it
    growing = np.clip(end - 1 - first[..., None], 0, rows[..., None])  # rows that do not yet see the whole range
    growing = np.maximum(growing, skipped)
    reached = first[..., None] + 1 - start  # keys seen by row 0, if not negative
    partial = growing - skipped
    triangle = partial * reached + (growing * (growing - 1) - skipped * (skipped - 1)) // 2
    return triangle + (rows[..., None] - growing) * (end - start)


def _row_blocks(head: HeadIndex) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Batches of tasks: first position [T], rows [T], key ranges [T, R, 2] (empty ones have no length), columns [T]."""
    if head.kind != SLASH or head.dense_from < head.num_queries:
        for task in row_tasks(head):
            yield (
                np.array([head.shift + task.row_start]),
                np.array([task.row_end - task.row_start]),
                task.ranges[None],
                np.array([len(task.columns)]),
            )
        return
    columns = single_columns(head)
    runs = head.runs.astype(np.int64)
    step = max(1, _CELLS_AT_ONCE // max(1, len(runs)))
    for low in range(0, head.num_row_blocks, step):
        block = np.arange(low, min(low + step, head.num_row_blocks), dtype=np.int64)
        first = head.shift + block * ROW_TILE
        rows = np.minimum(ROW_TILE, head.num_queries - block * ROW_TILE)
        end = first + ROW_TILE
        ranges = np.clip(end[:, None, None] - runs[None, :, ::-1], 0, (first + rows)[:, None, None])
        yield first, rows, ranges, columns[block]


def single_columns(head: HeadIndex) -> np.ndarray:
    """How many columns each row block gathers singly (int64 [row blocks]) for a `SLASH` head."""
    count = np.zeros(head.num_row_blocks + 1, np.int64)
    runs = head.runs.astype(np.int64)
    step = max(1, _CELLS_AT_ONCE // max(1, len(runs)))
    for low in range(0, len(head.columns), step):
        column = head.columns[low : low + step].astype(np.int64)
        opens = np.clip((column - head.shift) // ROW_TILE + 1, 0, head.num_row_blocks)  # first block wholly after it
        np.add.at(count, opens, 1)
        # block m reaches the column at shift + 64 (m + 1) - 1 - column, inside [lo, hi) for a stretch of blocks
        edge = -(-(runs[None] + 1 + (column - head.shift)[:, None, None]) // ROW_TILE) - 1
        edge = np.clip(edge, opens[:, None, None], head.num_row_blocks)
        np.add.at(count, edge[..., 0], -1)
        np.add.at(count, edge[..., 1], 1)
    return np.cumsum(count)[:-1]
