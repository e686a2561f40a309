"""The index in other formats: dense mask, FlexAttention, the `sparse_attn_func` of vLLM and SGLang, FlashInfer BSR.

Functions take the head records of a call as ``heads[batch][head]``.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from minference_kernels.heads import KEY_TILE, ROW_TILE, HeadIndex
from minference_kernels.rows import RowTask, covered, row_tasks

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask

HeadTable = list[list[HeadIndex]]


def head_mask(head: HeadIndex) -> np.ndarray:
    """Bool [num_queries, num_keys] of one head."""
    mask = np.zeros((head.num_queries, head.num_keys), bool)
    for task in row_tasks(head):
        rows = np.arange(task.row_start, task.row_end)
        keys = task.keys()
        mask[task.row_start : task.row_end, keys] = task.visible(head.shift + rows, keys)
    return mask


def to_mask(heads: HeadTable, device: torch.device) -> torch.Tensor:
    """Bool [batch, heads, num_queries, num_keys]."""
    return torch.from_numpy(np.stack([[head_mask(head) for head in row] for row in heads])).to(device)


def to_block_mask(heads: HeadTable, device: torch.device) -> BlockMask:
    """A `BlockMask` whose ``mask_mod`` looks the token-exact mask up in a packed bit table.

    The table takes ``num_queries * num_keys / 8`` bytes per head: FlexAttention has no other way to be exact about
    unaligned runs, which is why the kernels here do not go through it.
    """
    from torch.nn.attention.flex_attention import create_block_mask

    first = heads[0][0]
    bits = np.stack([[np.packbits(head_mask(head), axis=1, bitorder="little") for head in row] for row in heads])
    table = torch.from_numpy(bits).to(device)

    def mask_mod(b: torch.Tensor, h: torch.Tensor, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return (table[b, h, q, k >> 3].to(torch.int32) >> (k & 7).to(torch.int32)) & 1 == 1

    return create_block_mask(
        mask_mod, len(heads), len(heads[0]), first.num_queries, first.num_keys, device=str(device),
        BLOCK_SIZE=(ROW_TILE, KEY_TILE),
    )  # fmt: skip


def to_official(
    heads: HeadTable, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """``(block_count, block_offset, column_count, column_index)``, int32.

    Shapes: counts [B, H, row blocks], lists [B, H, row blocks, longest], zero-padded. ``block_offset`` are first keys
    of whole 64-key tiles in ascending order. That format has no partial tiles, so the last tile of a range may cover up
    to 63 keys more than the index does (never a key twice: a range that such a tile runs into is continued from its
    end, and columns it covers are dropped); every key of the index is in it. Keys past the diagonal are masked by the
    receiving kernel.
    """
    tables = [[[_official_row(task) for task in _whole_blocks(head)] for head in row] for row in heads]
    blocks = [[[tiles for tiles, _ in head] for head in row] for row in tables]
    columns = [[[single for _, single in head] for head in row] for row in tables]
    block_count, block_offset = _padded(blocks, device)
    column_count, column_index = _padded(columns, device)
    return block_count, block_offset, column_count, column_index


def _whole_blocks(head: HeadIndex) -> list[RowTask]:
    """One task per row block; a block with any fully causal row becomes fully causal, the format being per block."""
    tasks = {task.row_start // ROW_TILE: task for task in row_tasks(head)}  # the dense part of a cut block comes last
    return [tasks[block] for block in range(head.num_row_blocks)]


def _official_row(task: RowTask) -> tuple[list[int], list[int]]:
    tiles: list[int] = []
    reached = 0
    for start, end in task.ranges.tolist():
        start = max(start, reached)
        tiles += range(start, end, KEY_TILE)
        reached = max(reached, tiles[-1] + KEY_TILE if tiles else 0)
    spans = np.array([[tile, tile + KEY_TILE] for tile in tiles], np.int64).reshape(-1, 2)
    return tiles, task.columns[~covered(spans, task.columns)].tolist() if tiles else task.columns.tolist()


def _padded(lists: list[list[list[list[int]]]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    count = torch.tensor([[[len(items) for items in head] for head in row] for row in lists], dtype=torch.int32)
    longest = max(1, int(count.max()))
    padded = [[[items + [0] * (longest - len(items)) for items in head] for head in row] for row in lists]
    return count.to(device), torch.tensor(padded, dtype=torch.int32).to(device)


def to_bsr(heads: HeadTable, device: torch.device) -> dict[str, Any]:
    """Plan arguments for FlashInfer's ``BlockSparseAttentionWrapper``: lists over [batch][head] of int32 CSR arrays.

    ``indptr`` [row blocks + 1], ``indices`` of 64-key blocks that hold a visible key, and ``mask`` bool [nnz, R, C]
    that makes the blocks token-exact; with ``R``, ``C``, ``M`` and ``N`` as that API names them (M and N rounded up
    to whole blocks).
    """
    rows = [[_bsr_head(head, device) for head in row] for row in heads]
    first = heads[0][0]
    sizes = {"R": ROW_TILE, "C": KEY_TILE, "M": first.num_row_blocks * ROW_TILE,
             "N": -(-first.num_keys // KEY_TILE) * KEY_TILE}  # fmt: skip
    names = ("indptr", "indices", "mask")
    return {name: [[head[i] for head in row] for row in rows] for i, name in enumerate(names)} | sizes


def _bsr_head(head: HeadIndex, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    width = -(-head.num_keys // KEY_TILE) * KEY_TILE
    indptr, indices, masks = [0], [], []
    strip = np.zeros((ROW_TILE, width), bool)
    for block, tasks in groupby(row_tasks(head), key=lambda task: task.row_start // ROW_TILE):
        strip[:] = False
        for task in tasks:
            rows, keys = np.arange(task.row_start, task.row_end), task.keys()
            strip[np.ix_(rows - block * ROW_TILE, keys)] = task.visible(head.shift + rows, keys)
        cells = strip.reshape(ROW_TILE, -1, KEY_TILE).transpose(1, 0, 2)
        used = np.flatnonzero(cells.any(axis=(1, 2)))
        indices.append(used.astype(np.int32))
        masks.append(cells[used].copy())
        indptr.append(indptr[-1] + len(used))
    return (
        torch.tensor(indptr, dtype=torch.int32, device=device),
        torch.from_numpy(np.concatenate(indices)).to(device),
        torch.from_numpy(np.concatenate(masks)).to(device),
    )
