"""What a sparse attention call attends to: `SparseIndex`, one compact record per (batch, head).

The record and its coordinates are described in `heads`; the keys each row block works on follow from it by the one
rule in `rows.row_tasks`, which the torch backend, `SparseIndex.to_mask` and the cost counters all read, and which the
native kernel transcribes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from minference_kernels import area, exports
from minference_kernels.heads import (
    EMPTY,
    KIND_NAMES,
    NO_PTR,
    NO_RUNS,
    WINDOW,
    HeadIndex,
    causal_cells,
    check_sizes,
    dilate,
    slash_head,
)

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask


@dataclass(frozen=True, eq=False)
class SparseIndex:
    """The index of a whole call: ``batch x num_heads`` head records in flat arrays, immutable.

    With ``n = batch * num_heads`` and head ``i = b * num_heads + h``: ``kinds`` int8 [n]; ``sinks``, ``locals``,
    ``dense_from`` int64 [n]; ``run_ptr`` int64 [n + 1] into ``run_data`` int32 [., 2]; ``column_ptr`` int64 [n + 1]
    into ``column_data`` int32; ``block_head_ptr`` int64 [n + 1] into ``block_ptr`` int64 (M + 1 entries for a `BLOCK`
    head, none for the others, counted from 0 within the head); ``block_data_ptr`` int64 [n + 1] into ``block_data``
    int32.
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

        run_ptr, run_data = ragged("runs", NO_RUNS)
        column_ptr, column_data = ragged("columns", EMPTY)
        block_head_ptr, block_ptr = ragged("block_ptr", NO_PTR)
        block_data_ptr, block_data = ragged("blocks", EMPTY)
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
        moved: dict[str, Any] = {k: v.to(device) if isinstance(v, torch.Tensor) else v for k, v in vars(self).items()}
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

    def _head_table(self) -> list[list[HeadIndex]]:
        return [[self.head(b, h) for h in range(self.num_heads)] for b in range(self.batch)]

    def is_dense(self) -> bool:
        """Whether every head sees every causal key (the call is ordinary causal attention)."""
        windows = self.kinds == WINDOW
        if bool(windows.all()):  # the usual case, without a loop over heads
            return bool(((self.locals >= self.num_keys) | (self.dense_from == 0)).all())
        return all(record.is_dense for _, _, record in self.heads())

    def _table(self, ptr: torch.Tensor, data: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], ...]:
        bounds = ptr.tolist()
        parts = [data[lo:hi] for lo, hi in pairwise(bounds)]
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
        return self._per_head(lambda head: area.visible_cells(head) / causal_cells(head.num_queries, head.num_keys))

    def computed_area(self) -> torch.Tensor:
        """Cells the kernel computes, rounded up to 64 x 64 tiles, over causal cells: float64 [batch, num_heads].

        Every run is rounded up to whole tiles, and so is the group of single columns (brief formula: tiles of ranges
        plus ceil(columns / 64)); it can exceed 1 at short lengths.
        """
        return self._per_head(lambda head: area.computed_cells(head) / causal_cells(head.num_queries, head.num_keys))

    def flops(self, head_dim: int) -> int:
        """Floating-point operations of the attention kernel over all heads: ``4 d`` per computed cell."""
        return 4 * head_dim * sum(area.computed_cells(record) for _, _, record in self.heads())

    def _per_head(self, measure: Callable[[HeadIndex], float]) -> torch.Tensor:
        values = [measure(record) for _, _, record in self.heads()]
        return torch.tensor(values, dtype=torch.float64).reshape(self.batch, self.num_heads)

    def to_mask(self) -> torch.Tensor:
        """Bool [batch, num_heads, num_queries, num_keys]: exactly the cells every backend attends to."""
        return exports.to_mask(self._head_table(), self.device)

    def to_block_mask(self) -> BlockMask:
        """A FlexAttention ``BlockMask`` (64 x 64 blocks, exact inside them through its ``mask_mod``)."""
        return exports.to_block_mask(self._head_table(), self.device)

    def to_official(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """``(block_count, block_offset, column_count, column_index)`` for vLLM's and SGLang's ``sparse_attn_func``."""
        return exports.to_official(self._head_table(), self.device)

    def to_bsr(self) -> dict[str, Any]:
        """The plan arguments of FlashInfer's block-sparse wrapper, one entry per head."""
        return exports.to_bsr(self._head_table(), self.device)


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
