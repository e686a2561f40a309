"""What a sparse attention call attends to: `SparseIndex`, one compact record per (batch, head).

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
The torch backend, `SparseIndex.to_mask` and the cost counters all read this record through one rule, `rows.row_tasks`;
the native kernel transcribes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask

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


_EMPTY = np.zeros(0, np.int32)
_NO_RUNS = np.zeros((0, 2), np.int32)
_NO_PTR = np.zeros(0, np.int64)


def dilate(offsets: np.ndarray) -> np.ndarray:
    """Sorted unique `offsets` to reach runs: the union of ``[o, o + 64)``, touching runs merged (int32 [R, 2])."""
    offsets = np.asarray(offsets, np.int64)
    if offsets.size == 0:
        return _NO_RUNS
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
        _NO_PTR,
        _EMPTY,
        dense_from=num_queries,
    )


def window_head(sink: int, local: int, num_queries: int, num_keys: int, last_rows: int = 0) -> HeadIndex:
    """A `WINDOW` head (A-shape; Tri-shape with ``last_rows`` dense rows at the end)."""
    return HeadIndex(
        WINDOW,
        num_queries,
        num_keys,
        _NO_RUNS,
        _EMPTY,
        _NO_PTR,
        _EMPTY,
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
        _NO_RUNS,
        _EMPTY,
        np.ascontiguousarray(block_ptr, np.int64),
        np.ascontiguousarray(blocks, np.int32),
        dense_from=num_queries,
    )


@dataclass(frozen=True, eq=False)
class SparseIndex:
    """The index of a whole call: ``batch x num_heads`` head records in flat arrays, immutable.

    With ``n = batch * num_heads`` and head ``i = b * num_heads + h``: ``kinds`` int8 [n]; ``sinks``, ``locals``,
    ``dense_from`` int64 [n]; ``run_ptr`` int64 [n + 1] into ``run_data`` int32 [., 2]; ``column_ptr`` int64 [n + 1] into
    ``column_data`` int32; ``block_head_ptr`` int64 [n + 1] into ``block_ptr`` int64 (M + 1 entries for a `BLOCK` head,
    none for the others, counted from 0 within the head) and ``block_data_ptr`` int64 [n + 1] into ``block_data`` int32.
    """

    batch: int
    num_heads: int
    num_queries: int
    num_keys: int
    kinds: torch.Tensor
    sinks: torch.Tensor
    locals: torch.Tensor
    dense_from: torch.Tensor
    run_ptr: torch.Tensor
    run_data: torch.Tensor
    column_ptr: torch.Tensor
    column_data: torch.Tensor
    block_head_ptr: torch.Tensor
    block_ptr: torch.Tensor
    block_data_ptr: torch.Tensor
    block_data: torch.Tensor

    # ---- construction -------------------------------------------------------------------------------------------

    @classmethod
    def from_heads(cls, heads: Sequence[Sequence[HeadIndex]], device: torch.device | str | None = None) -> SparseIndex:
        """Assemble from ``heads[b][h]``; all heads must share num_queries and num_keys."""
        flat = [head for row in heads for head in row]
        if not flat or any(len(row) != len(heads[0]) for row in heads):
            raise ValueError(f"heads must be a full [batch][num_heads] table, got rows of {[len(r) for r in heads]}")
        sizes = {(head.num_queries, head.num_keys) for head in flat}
        if len(sizes) != 1:
            raise ValueError(f"all heads must share (num_queries, num_keys), got {sorted(sizes)}")

        def scalars(name: str, dtype: torch.dtype = torch.int64) -> torch.Tensor:
            return torch.tensor([getattr(head, name) for head in flat], dtype=dtype, device=device)

        def ragged(name: str, empty: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
            parts = [getattr(head, name) for head in flat]
            ptr = np.cumsum([0, *(len(part) for part in parts)], dtype=np.int64)
            data = np.concatenate(parts) if ptr[-1] else empty.copy()
            return torch.from_numpy(ptr).to(device), torch.from_numpy(data).to(device)

        run_ptr, run_data = ragged("runs", _NO_RUNS)
        column_ptr, column_data = ragged("columns", _EMPTY)
        block_head_ptr, block_ptr = ragged("block_ptr", _NO_PTR)
        block_data_ptr, block_data = ragged("blocks", _EMPTY)
        num_queries, num_keys = sizes.pop()
        return cls(
            len(heads),
            len(heads[0]),
            num_queries,
            num_keys,
            scalars("kind", torch.int8),
            scalars("sink"),
            scalars("local"),
            scalars("dense_from"),
            run_ptr,
            run_data,
            column_ptr,
            column_data,
            block_head_ptr,
            block_ptr,
            block_data_ptr,
            block_data,
        )

    @classmethod
    def from_columns_offsets(cls, columns: Any, offsets: Any, num_queries: int, num_keys: int) -> SparseIndex:
        """A Vertical-Slash index from key positions and offsets (query position - key position).

        `columns` and `offsets` are integer tensors or (nested) sequences of shape [C] and [S] (one head), or
        [H, C] / [B, H, C]; the last dimension may be ragged, repeats count once and order does not matter. Offset 0 is
        always added, so that no row can be empty. Raises ValueError for a value outside ``[0, num_keys)``.
        """
        check_sizes(num_queries, num_keys)
        device = columns.device if isinstance(columns, torch.Tensor) else None
        column_table, offset_table = _nested(columns, "columns"), _nested(offsets, "offsets")
        if [len(row) for row in column_table] != [len(row) for row in offset_table]:
            raise ValueError(
                "columns and offsets must name the same batch and heads, got "
                f"{[len(row) for row in column_table]} and {[len(row) for row in offset_table]} heads"
            )
        heads = [
            [
                slash_head(
                    _positions(c, "columns", num_keys),
                    dilate(_positions([0, *o], "offsets", num_keys)),
                    num_queries,
                    num_keys,
                )
                for c, o in zip(column_row, offset_row, strict=True)
            ]
            for column_row, offset_row in zip(column_table, offset_table, strict=True)
        ]
        return cls.from_heads(heads, device)

    # ---- access -------------------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        return self.kinds.device

    @property
    def nbytes(self) -> int:
        """Memory of all arrays, in bytes."""
        return sum(t.numel() * t.element_size() for t in vars(self).values() if isinstance(t, torch.Tensor))

    def to(self, device: torch.device | str) -> SparseIndex:
        """The same index with its arrays on `device`."""
        moved = {k: v.to(device) if isinstance(v, torch.Tensor) else v for k, v in vars(self).items()}
        return SparseIndex(**moved)

    def head(self, batch: int = 0, head: int = 0) -> HeadIndex:
        """The record of one head, on the host (NumPy views when the index lives there)."""
        if not (0 <= batch < self.batch and 0 <= head < self.num_heads):
            raise ValueError(f"head ({batch}, {head}) is outside the index of {self.batch} x {self.num_heads} heads")
        i = batch * self.num_heads + head

        def part(ptr: torch.Tensor, data: torch.Tensor) -> np.ndarray:
            return data[int(ptr[i]) : int(ptr[i + 1])].cpu().numpy()

        return HeadIndex(
            int(self.kinds[i]),
            self.num_queries,
            self.num_keys,
            part(self.run_ptr, self.run_data),
            part(self.column_ptr, self.column_data),
            part(self.block_head_ptr, self.block_ptr),
            part(self.block_data_ptr, self.block_data),
            int(self.sinks[i]),
            int(self.locals[i]),
            int(self.dense_from[i]),
        )

    def heads(self) -> Iterator[tuple[int, int, HeadIndex]]:
        """Every ``(batch, head, record)`` in order."""
        for b in range(self.batch):
            for h in range(self.num_heads):
                yield b, h, self.head(b, h)

    def is_dense(self) -> bool:
        """Whether every head sees every causal key (the call is ordinary causal attention)."""
        return all(record.is_dense for _, _, record in self.heads())

    def _table(self, ptr: torch.Tensor, data: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], ...]:
        bounds = ptr.tolist()
        parts = [data[lo:hi] for lo, hi in zip(bounds, bounds[1:], strict=False)]
        return tuple(tuple(parts[b * self.num_heads : (b + 1) * self.num_heads]) for b in range(self.batch))

    @property
    def columns(self) -> tuple[tuple[torch.Tensor, ...], ...]:
        """``columns[b][h]``: int32 [C], sorted single key positions (`SLASH` heads; empty otherwise)."""
        return self._table(self.column_ptr, self.column_data)

    @property
    def runs(self) -> tuple[tuple[torch.Tensor, ...], ...]:
        """``runs[b][h]``: int32 [R, 2], sorted reach runs ``[lo, hi)`` (`SLASH` heads; empty otherwise)."""
        return self._table(self.run_ptr, self.run_data)

    @property
    def blocks(self) -> tuple[tuple[tuple[torch.Tensor, torch.Tensor], ...], ...]:
        """``blocks[b][h]``: the CSR pair (row pointer [M + 1], key block ids), empty for heads of other kinds."""
        ptr, ids = self._table(self.block_head_ptr, self.block_ptr), self._table(self.block_data_ptr, self.block_data)
        return tuple(tuple(zip(p, i, strict=True)) for p, i in zip(ptr, ids, strict=True))

    def __repr__(self) -> str:
        names = [KIND_NAMES[kind] for kind in self.kinds.tolist()]
        kinds = ", ".join(f"{names.count(name)} {name}" for name in KIND_NAMES if name in names)
        return (
            f"SparseIndex(batch={self.batch}, num_heads={self.num_heads}, num_queries={self.num_queries}, "
            f"num_keys={self.num_keys}, {kinds}, {self.nbytes} bytes)"
        )

    # ---- what it amounts to (see `rows`, `area`, `exports`) -------------------------------------------------------

    def density(self) -> torch.Tensor:
        """Visible cells over causal cells, float64 [batch, num_heads], without building the mask."""
        from minference_kernels.area import visible_cells

        return self._per_head(lambda head: visible_cells(head) / causal_cells(head.num_queries, head.num_keys))

    def computed_area(self) -> torch.Tensor:
        """Cells the kernel computes, rounded up to 64 x 64 tiles, over causal cells: float64 [batch, num_heads].

        Every run is rounded up to whole tiles, and so is the group of single columns (brief formula: tiles of ranges
        plus ceil(columns / 64)); it can exceed 1 at short lengths.
        """
        from minference_kernels.area import computed_cells

        return self._per_head(lambda head: computed_cells(head) / causal_cells(head.num_queries, head.num_keys))

    def flops(self, head_dim: int) -> int:
        """Floating-point operations of the attention kernel over all heads: ``4 d`` per computed cell."""
        from minference_kernels.area import computed_cells

        return 4 * head_dim * sum(computed_cells(record) for _, _, record in self.heads())

    def _per_head(self, measure: Any) -> torch.Tensor:
        values = [measure(record) for _, _, record in self.heads()]
        return torch.tensor(values, dtype=torch.float64).reshape(self.batch, self.num_heads)

    def to_mask(self) -> torch.Tensor:
        """Bool [batch, num_heads, num_queries, num_keys]: exactly the cells every backend attends to."""
        from minference_kernels.exports import to_mask

        return to_mask(self)

    def to_block_mask(self) -> BlockMask:
        """A FlexAttention ``BlockMask`` (64 x 64 blocks, exact inside them through its ``mask_mod``)."""
        from minference_kernels.exports import to_block_mask

        return to_block_mask(self)

    def to_official(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """``(block_count, block_offset, column_count, column_index)`` for vLLM's and SGLang's ``sparse_attn_func``."""
        from minference_kernels.exports import to_official

        return to_official(self)

    def to_bsr(self) -> dict[str, Any]:
        """The plan arguments of FlashInfer's block-sparse wrapper, one entry per head."""
        from minference_kernels.exports import to_bsr

        return to_bsr(self)


def causal_cells(num_queries: int, num_keys: int) -> int:
    """Cells of the causal (bottom-right aligned) trapezoid."""
    return num_queries * (num_keys - num_queries) + num_queries * (num_queries + 1) // 2


def check_sizes(num_queries: int, num_keys: int) -> None:
    """Raise ValueError unless ``1 <= num_queries <= num_keys``."""
    if not 1 <= num_queries <= num_keys:
        raise ValueError(f"need 1 <= num_queries <= num_keys (causal, queries last), got {num_queries} and {num_keys}")


def _nested(values: Any, name: str) -> list[list[Any]]:
    """Any of the accepted layouts to ``[batch][head]`` lists of position lists."""
    if isinstance(values, (torch.Tensor, np.ndarray)):
        if not 1 <= values.ndim <= 3:
            raise ValueError(f"{name} must have 1 to 3 dimensions, got {values.ndim}")
        values = values.tolist()
    depth, probe = 0, values
    while isinstance(probe, Sequence):
        depth, probe = depth + 1, next(iter(probe), None)
    if not 1 <= depth <= 3:
        raise TypeError(
            f"{name} must be a list of positions, per head or per batch and head, got {type(values).__name__}"
        )
    return [[values]] if depth == 1 else [values] if depth == 2 else values


def _positions(values: Iterable[int], name: str, num_keys: int) -> np.ndarray:
    """Sorted unique positions, checked against ``[0, num_keys)``."""
    array = np.asarray(list(values))
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got {array.dtype}")
    array = np.unique(array.astype(np.int64))
    if array.size and not (array[0] >= 0 and array[-1] < num_keys):
        raise ValueError(f"{name} must lie in [0, {num_keys}), got {array[0] if array[0] < 0 else array[-1]}")
    return array
