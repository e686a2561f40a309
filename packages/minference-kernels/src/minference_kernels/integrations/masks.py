"""The mask side of the transformers integration: what a model's masks mean for sparse attention.

transformers asks the registered mask function once per forward and hands the answer to every layer. Ours is

* None                 plain causal attention;
* bool [B, Nk]         which keys are real (padding), possibly shorter than a static cache;
* int [B, Nk]          packed sequences: keys of one sequence share a number;
* bool or float 4D     anything else (chunked or blockwise overlays, user functions): dense attention under that mask.

The caller's own 4D masks never reach this function; transformers passes them through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch

_UNDERSTOOD = {
    "causal_mask_function",
    "sliding_window_overlay",  # the attention function gets the window itself
    "packed_sequence_mask_function",
    "remap_positions_for_packed_sequence",  # only restarts the positions of packed sequences
}
_COMPOSED = ("and_masks", "remap_positions_for_packed_sequence", "add_offsets_to_mask_function")


def minference_mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    q_offset: Any = 0,
    kv_offset: Any = 0,
    mask_function: Callable[..., Any] | None = None,
    attention_mask: torch.Tensor | None = None,
    **kwargs: Any,
) -> torch.Tensor | None:
    """Mask function for ``AttentionMaskInterface``; arguments as transformers passes them."""
    from transformers.masking_utils import causal_mask_function, sdpa_mask

    mask_function = mask_function or causal_mask_function
    parts = dict(_parts(mask_function))
    seen = int(q_offset) + q_length  # a static cache is longer than what has been seen
    held = int(kv_offset) + kv_length
    static = seen < held and int(kv_offset) == 0
    if set(parts) <= _UNDERSTOOD and (seen == held or static):
        if "packed_sequence_mask_function" in parts:
            packed = _captured_tensor(parts["packed_sequence_mask_function"])
            if packed is not None and packed.shape[-1] == kv_length:
                return packed + 1
        else:
            keys = seen if static else kv_length
            if attention_mask is None:
                shape = (batch_size, keys)
                return torch.ones(shape, dtype=torch.bool, device=kwargs.get("device")) if static else None
            mask = attention_mask.bool()[:, -keys:] if not static else attention_mask.bool()[:, :keys]
            if mask.shape[1] == keys:
                return None if not static and bool(mask.all()) else mask
    kwargs = kwargs | {"allow_is_causal_skip": False, "allow_is_bidirectional_skip": False}
    return sdpa_mask(
        batch_size=batch_size, q_length=q_length, kv_length=kv_length, q_offset=q_offset, kv_offset=kv_offset,
        mask_function=mask_function, attention_mask=attention_mask, **kwargs,
    )  # fmt: skip


def _parts(function: Callable[..., Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The elementary mask functions of a composed one, by the name of the factory that made them."""
    name = getattr(function, "__qualname__", "unknown").split(".")[0]
    if name in _COMPOSED:
        for cell in getattr(function, "__closure__", None) or ():
            held = cell.cell_contents
            for inner in held if isinstance(held, (tuple, list)) else (held,):
                if callable(inner):
                    yield from _parts(inner)
    else:
        yield name, function


def _captured_tensor(function: Callable[..., Any]) -> torch.Tensor | None:
    for cell in getattr(function, "__closure__", None) or ():
        if isinstance(cell.cell_contents, torch.Tensor):
            return cell.cell_contents
    return None


@dataclass(frozen=True)
class Segment:
    """One sequence of a batch: its query rows and keys, as slices where they are contiguous, else index tensors."""

    batch: int
    rows: slice | torch.Tensor
    keys: slice | torch.Tensor


def padded_segments(mask: torch.Tensor, num_queries: int) -> list[Segment]:
    """The real tokens of each row of a bool mask [B, Nk]; queries are the last `num_queries` positions."""
    segments = []
    for b, real in enumerate(mask.cpu()):
        rows, keys = torch.nonzero(real[-num_queries:])[:, 0], torch.nonzero(real)[:, 0]
        if len(rows):
            segments.append(Segment(b, _as_slice(rows), _as_slice(keys)))
    return segments


def packed_segments(numbers: torch.Tensor) -> list[Segment]:
    """The sequences of each row of an int mask [B, N]: stretches of equal numbers."""
    segments = []
    for b, row in enumerate(numbers.cpu()):
        edges = [0, *(torch.nonzero(row[1:] != row[:-1])[:, 0] + 1).tolist(), len(row)]
        segments += [Segment(b, slice(lo, hi), slice(lo, hi)) for lo, hi in pairwise(edges)]
    return segments


def varlen_segments(cu_q: torch.Tensor, cu_k: torch.Tensor) -> list[Segment]:
    """The sequences of flash-attention style cumulative lengths; the batch is one row."""
    bounds = zip(pairwise(cu_q.tolist()), pairwise(cu_k.tolist()), strict=True)
    return [Segment(0, slice(*q), slice(*k)) for q, k in bounds if q[0] < q[1]]


def restarts(position_ids: Any, num_queries: int) -> torch.Tensor | None:
    """Sequence numbers int [B, N] if 2D `position_ids` restart anywhere (packed sequences), else None."""
    if not isinstance(position_ids, torch.Tensor) or position_ids.ndim != 2 or position_ids.shape[1] != num_queries:
        return None
    numbers = torch.nn.functional.pad((position_ids.diff(dim=1) != 1).cumsum(1), (1, 0))
    return numbers if bool(numbers[:, -1].any()) else None


def as_4d(
    mask: torch.Tensor | None, num_queries: int, num_keys: int, causal: bool, window: int | None, device: torch.device
) -> torch.Tensor | None:
    """A mask that broadcasts to [B, heads, Nq, Nk] for dense attention, or None when nothing is masked.

    4D masks are complete as they are (only cut to the keys there are); others are joined with causality and window.
    """
    if mask is not None and mask.ndim == 4:
        return mask[..., :num_keys]
    joined: torch.Tensor | None = None
    if (causal and num_queries > 1) or window is not None:
        behind = torch.arange(num_queries, device=device)[:, None] + (num_keys - num_queries)
        behind = behind - torch.arange(num_keys, device=device)[None, :]
        joined = behind >= 0 if causal else torch.ones_like(behind, dtype=torch.bool)
        if window is not None:
            joined = joined & (behind < window)
        joined = joined[None, None]
    if mask is not None:
        if mask.dtype == torch.bool:
            keys = mask[:, None, None, :]
        else:  # packed: same number
            keys = mask[:, None, -num_queries:, None] == mask[:, None, None, :]
        joined = keys if joined is None else joined & keys
    return joined


def _as_slice(positions: torch.Tensor) -> slice | torch.Tensor:
    first, last = int(positions[0]), int(positions[-1])
    return slice(first, last + 1) if last - first + 1 == len(positions) else positions
