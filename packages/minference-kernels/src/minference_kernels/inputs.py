"""Checks at the door: shapes, types and ranges of attention inputs, with errors that name the values."""

from __future__ import annotations

import math

import torch

MAX_HEAD_DIM = 256
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_qkv(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor | None = None) -> None:
    """Raise unless q [B, Hq, Nq, d], k [B, Hkv, Nk, d] (and v like k) fit together: one float dtype, one device,
    Hq a multiple of Hkv, Nq <= Nk (queries are the last rows), d <= 256 and nothing empty."""
    named = {"q": q, "k": k} if v is None else {"q": q, "k": k, "v": v}
    for name, tensor in named.items():
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(tensor).__name__}")
        if tensor.ndim != 4:
            raise ValueError(f"{name} must be [batch, heads, length, head_dim], got shape {tuple(tensor.shape)}")
        if 0 in tensor.shape:
            raise ValueError(f"{name} is empty: shape {tuple(tensor.shape)}")
    shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in named.items())
    if q.dtype not in FLOATS:
        raise TypeError(f"q must be one of {', '.join(map(str, FLOATS))}, got {q.dtype}")
    for name, tensor in named.items():
        if tensor.dtype != q.dtype:
            raise ValueError(f"q, k and v must share one dtype, got q {q.dtype} and {name} {tensor.dtype}")
        if tensor.device != q.device:
            raise ValueError(f"q, k and v must share one device, got q {q.device} and {name} {tensor.device}")
    if v is not None and v.shape != k.shape:
        raise ValueError(f"k and v must have the same shape, got {shapes}")
    if q.shape[0] != k.shape[0] or q.shape[3] != k.shape[3]:
        raise ValueError(f"q and k must share batch and head_dim, got {shapes}")
    if q.shape[1] % k.shape[1]:
        raise ValueError(f"the number of query heads must be a multiple of the KV heads, got {shapes}")
    if k.shape[2] < q.shape[2]:
        raise ValueError(f"need at least as many keys as queries (causal, queries are the last rows), got {shapes}")
    if q.shape[3] > MAX_HEAD_DIM:
        raise ValueError(f"head_dim must be at most {MAX_HEAD_DIM}, got {q.shape[3]}")


def check_scale(scale: float | None, head_dim: int) -> float:
    """The softmax scale: `scale`, or ``1 / sqrt(head_dim)``. Raises for anything but a finite number."""
    if scale is None:
        return 1 / math.sqrt(head_dim)
    if isinstance(scale, bool) or not isinstance(scale, (int, float)):
        raise TypeError(f"scale must be a number, got {type(scale).__name__}")
    if not math.isfinite(scale):
        raise ValueError(f"scale must be finite, got {scale}")
    return float(scale)


def check_softcap(softcap: float | None) -> float | None:
    """None, or a positive finite number."""
    if softcap is None:
        return None
    if not (math.isfinite(softcap) and softcap > 0):
        raise ValueError(f"softcap must be positive and finite, got {softcap}")
    return float(softcap)


def check_sinks(sinks: torch.Tensor | None, num_heads: int) -> torch.Tensor | None:
    """None, or one learned sink logit per query head."""
    if sinks is not None and sinks.shape != (num_heads,):
        raise ValueError(f"sinks must have shape ({num_heads},), one logit per query head, got {tuple(sinks.shape)}")
    return sinks


def check_causal(causal: bool) -> None:
    """Only causal attention is sparse here."""
    if not causal:
        raise ValueError("causal=False: sparse prefill attention is causal only; use dense attention for the rest")


def check_cu_seqlens(cu: torch.Tensor, total: int, name: str) -> list[int]:
    """Cumulative lengths ``[0, l1, l1 + l2, ..., total]`` as a list."""
    if not isinstance(cu, torch.Tensor) or cu.ndim != 1 or cu.dtype not in (torch.int32, torch.int64):
        raise TypeError(f"{name} must be a one-dimensional int32 or int64 tensor")
    bounds: list[int] = cu.tolist()
    if len(bounds) < 2 or bounds[0] != 0 or bounds[-1] != total or any(b < a for a, b in zip(bounds, bounds[1:])):  # noqa: B905, RUF007
        raise ValueError(f"{name} must rise from 0 to the total length {total}, got {bounds}")
    return bounds
