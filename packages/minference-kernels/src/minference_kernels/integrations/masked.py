"""Dense attention under any mask, with everything models ask of it: softcap, sinks, biases, dropout, weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def masked_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: torch.Tensor | None,
    *,
    scale: float,
    softcap: float | None = None,
    sinks: torch.Tensor | None = None,
    position_bias: torch.Tensor | None = None,
    dropout: float = 0.0,
    return_weights: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """q [B, Hq, Nq, d], k [B, Hkv, Nk, d], v [B, Hkv, Nk, dv]; `mask` (bool: True is visible; float: added) broadcasts
    to [B, Hq, Nq, Nk]. Returns (out [B, Hq, Nq, dv], weights or None). Rows that see nothing are 0."""
    if softcap is None and sinks is None and position_bias is None and not return_weights:
        grouped = q.shape[1] != k.shape[1]
        mask = mask if mask is None or mask.dtype == torch.bool else mask.to(q.dtype)
        k, v = k.to(q.dtype), v.to(q.dtype)
        out = F.scaled_dot_product_attention(q, k, v, mask, dropout_p=dropout, scale=scale, enable_gqa=grouped)
        return out, None
    batch, heads, rows, _ = q.shape
    group = heads // k.shape[1]
    stacked = q.reshape(batch, k.shape[1], group * rows, -1)  # the rows of a group share their KV head, unrepeated
    logits = (stacked.float() @ k.float().transpose(2, 3) * scale).reshape(batch, heads, rows, -1)
    if softcap is not None:
        logits = softcap * torch.tanh(logits / softcap)
    if position_bias is not None:
        logits = logits + position_bias
    if mask is not None:
        logits = logits.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else logits + mask
    if sinks is not None:
        logits = torch.cat([logits, sinks.float().reshape(1, -1, 1, 1).expand(batch, -1, rows, 1)], -1)
    weights = torch.softmax(logits, -1).nan_to_num(0.0)
    weights = weights[..., :-1] if sinks is not None else weights
    weights = F.dropout(weights, dropout).to(v.dtype)
    out = (weights.reshape(batch, k.shape[1], group * rows, -1) @ v).reshape(batch, heads, rows, -1)
    return out.to(q.dtype), weights if return_weights else None
