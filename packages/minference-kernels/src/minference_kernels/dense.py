"""Dense causal attention, the exact path: torch's SDPA where it can serve, with the log-sum-exp where asked."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from minference_kernels.backends import reference
from minference_kernels.heads import window_head
from minference_kernels.index import SparseIndex

_ROWS_AT_ONCE = 512  # bounds the mask of a chunk whose queries do not start at key 0


def dense_index(batch: int, num_heads: int, num_queries: int, num_keys: int) -> SparseIndex:
    """The index under which every causal key is visible."""
    return SparseIndex.from_heads([[window_head(0, num_keys, num_queries, num_keys)] * num_heads] * batch)


def dense_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    *,
    scale: float,
    softcap: float | None = None,
    return_lse: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Causal attention of q [B, Hq, Nq, d] over k, v [B, Hkv, Nk, d], queries last. Returns (out, lse or None).

    SDPA gives no log-sum-exp except on the CPU, and no softcap anywhere; those calls go to the reference backend.
    """
    grad = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad)
    if softcap is not None or (return_lse and (grad or q.device.type != "cpu")):
        index = dense_index(q.shape[0], q.shape[1], q.shape[2], k.shape[2])
        return reference.forward(q, k, v, index, scale=scale, softcap=softcap)
    shift = k.shape[2] - q.shape[2]
    if shift == 0 or q.shape[2] == 1:
        return _sdpa(q, k, v, None, scale, q.shape[2] > 1, return_lse)
    # SDPA's own causal flag aligns queries with the first keys, so each slice of rows brings its mask
    parts = []
    for start in range(0, q.shape[2], _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, q.shape[2])
        seen = shift + stop
        mask = torch.full((stop - start, seen), -torch.inf, dtype=q.dtype, device=q.device).triu_(shift + start + 1)
        parts.append(_sdpa(q[:, :, start:stop], k[:, :, :seen], v[:, :, :seen], mask, scale, False, return_lse))
    lses = [lse for _, lse in parts if lse is not None]
    return torch.cat([out for out, _ in parts], 2), torch.cat(lses, 2) if lses else None


def _sdpa(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None, scale: float, causal: bool,
    return_lse: bool,
) -> tuple[torch.Tensor, torch.Tensor | None]:  # fmt: skip
    if return_lse:
        out, lse = torch.empty_like(q), q.new_empty(q.shape[:3], dtype=reference.accumulator(q.dtype))
        group = q.shape[1] // k.shape[1]
        for member in range(group):  # the operator knows no grouped heads; each member of all groups matches k as it is
            out[:, member::group], lse[:, member::group] = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
                q[:, member::group], k, v, 0.0, causal, attn_mask=mask, scale=scale
            )
        return out, lse
    grouped = q.shape[1] != k.shape[1]
    return F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, scale=scale, enable_gqa=grouped), None
