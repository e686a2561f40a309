"""Sparse attention as functions: the index given, or estimated from a pattern; batches or packed sequences.

Layout [batch, heads, length, head_dim]; q may have more heads than k and v (grouped queries), and fewer rows (a chunk:
its rows are the last positions). These functions do what they are told: they never fall back to dense attention by
length (that is the model integration's business).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch

from minference_kernels.backends.registry import Explanation, Needs, choose, requested_name
from minference_kernels.dense import dense_attention
from minference_kernels.estimators.registry import estimate
from minference_kernels.index import SparseIndex
from minference_kernels.inputs import (
    check_causal,
    check_cu_seqlens,
    check_qkv,
    check_scale,
    check_sinks,
    check_softcap,
)
from minference_kernels.patterns import AShape, BlockSparse, Pattern, TriShape, VerticalSlash

Output = torch.Tensor | tuple[torch.Tensor, torch.Tensor]


def sparse_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    idx: SparseIndex,
    scale: float | None = None,
    return_lse: bool = False,
    backend: str = "auto",
    *,
    softcap: float | None = None,
    sinks: torch.Tensor | None = None,
    causal: bool = True,
) -> Output:
    """Attention of q [B, Hq, Nq, d] over k, v [B, Hkv, Nk, d] restricted to `idx`.

    scale: softmax scale, default ``1 / sqrt(d)``. softcap: logits become ``c tanh(logits / c)``. sinks [Hq]: one
    learned logit per head that joins the softmax without a value. backend: ``"auto"``, ``"native"`` or ``"torch"``.

    Returns the output [B, Hq, Nq, d] in q's dtype, and with ``return_lse`` the natural log-sum-exp of the visible
    logits (and the sink) [B, Hq, Nq] in float32 (float64 for float64 input); a row that sees nothing is 0 with
    lse -inf. Raises ValueError or TypeError for inputs that do not fit together, or that the backend cannot serve.
    """
    check_qkv(q, k, v)
    check_causal(causal)
    scale, softcap, sinks = check_scale(scale, q.shape[3]), check_softcap(softcap), check_sinks(sinks, q.shape[1])
    if not isinstance(idx, SparseIndex):
        raise TypeError(f"idx must be a SparseIndex, got {type(idx).__name__}")
    wanted, given = (*q.shape[:3], k.shape[2]), (idx.batch, idx.num_heads, idx.num_queries, idx.num_keys)
    if wanted != given:
        raise ValueError(f"idx is for (batch, heads, queries, keys) = {given}, but q and k have {wanted}")
    if requested_name(backend)[0] == "auto" and idx.is_dense():
        out, lse = dense_attention(q, k, v, scale=scale, softcap=softcap, return_lse=return_lse or sinks is not None)
    else:
        chosen, _ = choose(_needs(q, k, v, softcap), backend)
        out, lse = chosen.forward(q, k, v, idx, scale=scale, softcap=softcap)
    if sinks is not None:
        assert lse is not None
        out, lse = add_sinks(out, lse, sinks)
    if return_lse:
        assert lse is not None
        return out, lse
    return out


def add_sinks(out: torch.Tensor, lse: torch.Tensor, sinks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Let a learned logit per head [Hq] join a finished softmax: it only scales the output."""
    sink = sinks.to(lse.dtype)[None, :, None]
    return (out * torch.sigmoid(lse - sink)[..., None]).to(out.dtype), torch.logaddexp(lse, sink)


def merge_attention(
    out_a: torch.Tensor, lse_a: torch.Tensor, out_b: torch.Tensor, lse_b: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention over the union of two disjoint key sets, from the outputs [..., d] and lse [...] over each."""
    lse = torch.logaddexp(lse_a, lse_b)
    base = lse.masked_fill(lse == -torch.inf, 0)
    weight_a, weight_b = torch.exp(lse_a - base)[..., None], torch.exp(lse_b - base)[..., None]
    return (out_a * weight_a + out_b * weight_b).to(out_a.dtype), lse


def explain(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *, backend: str = "auto", softcap: float | None = None
) -> Explanation:
    """Which backend these inputs get, and why the others do not; nothing is computed."""
    check_qkv(q, k, v)
    return choose(_needs(q, k, v, softcap), backend)[1]


def _needs(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, softcap: float | None) -> Needs:
    grad = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad)
    return Needs(q.device.type, q.dtype, q.shape[3], grad, softcap is not None)


def pattern_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    pattern: Pattern | Sequence[Pattern],
    *,
    scale: float | None = None,
    return_lse: bool = False,
    backend: str = "auto",
    softcap: float | None = None,
    sinks: torch.Tensor | None = None,
    causal: bool = True,
) -> Output:
    """`estimate` the index of `pattern` (one, or one per query head), then `sparse_attention`."""
    check_qkv(q, k, v)
    check_causal(causal)
    idx = estimate(q, k, pattern, scale=scale, softcap=softcap)
    return sparse_attention(q, k, v, idx, scale, return_lse, backend, softcap=softcap, sinks=sinks)


def vertical_slash_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    *,
    vertical_size: int = 1000,
    slash_size: int = 6096,
    last_q: int = 64,
    sink: int = 30,
    local: int = 100,
    selection: str = "topk",
    mass: float | None = None,
    **options: Any,
) -> Output:
    """`VerticalSlash` attention; `options` are those of `pattern_attention`."""
    pattern = VerticalSlash(vertical_size, slash_size, last_q, sink, local, selection, mass)
    return pattern_attention(q, k, v, pattern, **options)


def block_sparse_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, top_k: int = 100, **options: Any
) -> Output:
    """`BlockSparse` attention; `options` are those of `pattern_attention`."""
    return pattern_attention(q, k, v, BlockSparse(top_k), **options)


def a_shape_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *, n_init: int = 1024, n_local: int = 4096, **options: Any
) -> Output:
    """`AShape` attention; `options` are those of `pattern_attention`."""
    return pattern_attention(q, k, v, AShape(n_init, n_local), **options)


def tri_shape_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *, n_init: int = 8, n_local: int = 512, n_last: int = 128,
    **options: Any,
) -> Output:  # fmt: skip
    """`TriShape` attention; `options` are those of `pattern_attention`."""
    return pattern_attention(q, k, v, TriShape(n_init, n_local, n_last), **options)


# ---- packed sequences, named as in flash-attn -------------------------------------------------------------------


def _each_sequence(
    attend: Callable[..., Output],
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    cu_seqlens_q: torch.Tensor,
    cu_seqlens_k: torch.Tensor,
    max_seqlen_q: int | None,
    max_seqlen_k: int | None,
    options: dict[str, Any],
) -> Output:
    for name, tensor in (("q", q), ("k", k), ("v", v)):
        if tensor.ndim != 3:
            raise ValueError(f"{name} must be [total length, heads, head_dim], got shape {tuple(tensor.shape)}")
    bounds_q = check_cu_seqlens(cu_seqlens_q, q.shape[0], "cu_seqlens_q")
    bounds_k = check_cu_seqlens(cu_seqlens_k, k.shape[0], "cu_seqlens_k")
    if len(bounds_q) != len(bounds_k):
        raise ValueError(f"cu_seqlens_q has {len(bounds_q) - 1} sequences, cu_seqlens_k {len(bounds_k) - 1}")
    for name, limit, bounds in (("max_seqlen_q", max_seqlen_q, bounds_q), ("max_seqlen_k", max_seqlen_k, bounds_k)):
        longest = max(b - a for a, b in pairwise(bounds))
        if limit is not None and longest > limit:
            raise ValueError(f"{name} is {limit} but a sequence has length {longest}")
    out = torch.zeros(q.shape[:2] + v.shape[2:], dtype=q.dtype, device=q.device)
    acc = torch.float64 if q.dtype == torch.float64 else torch.float32
    lse = torch.full((q.shape[1], q.shape[0]), -torch.inf, dtype=acc, device=q.device)
    parts_out, parts_lse = list(out.split(_lengths(bounds_q))), list(lse.split(_lengths(bounds_q), 1))
    for i in range(len(bounds_q) - 1):
        rows, keys = slice(bounds_q[i], bounds_q[i + 1]), slice(bounds_k[i], bounds_k[i + 1])
        if rows.start == rows.stop:
            continue
        q_i, k_i, v_i = (t[s].transpose(0, 1)[None] for t, s in ((q, rows), (k, keys), (v, keys)))
        out_i, lse_i = attend(q_i, k_i, v_i, return_lse=True, **options)
        parts_out[i], parts_lse[i] = out_i[0].transpose(0, 1), lse_i[0]
    return torch.cat(parts_out), torch.cat(parts_lse, 1)


def _lengths(bounds: list[int]) -> list[int]:
    return [b - a for a, b in pairwise(bounds)]


def pattern_attention_varlen(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    cu_seqlens_q: torch.Tensor,
    cu_seqlens_k: torch.Tensor,
    max_seqlen_q: int | None = None,
    max_seqlen_k: int | None = None,
    *,
    pattern: Pattern | Sequence[Pattern],
    return_lse: bool = False,
    **options: Any,
) -> Output:
    """`pattern_attention` of packed sequences: q [Tq, Hq, d], k and v [Tk, Hkv, d].

    ``cu_seqlens_*`` int32 [sequences + 1] are cumulative lengths from 0 to the total. Every sequence is estimated and
    computed by itself, so its result does not depend on its neighbours. Returns [Tq, Hq, d], and with ``return_lse``
    the lse [Hq, Tq].
    """
    out, lse = _each_sequence(pattern_attention, q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k,
                              {"pattern": pattern, **options})  # fmt: skip
    return (out, lse) if return_lse else out


def vertical_slash_attention_varlen(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, cu_seqlens_q: torch.Tensor, cu_seqlens_k: torch.Tensor,
    max_seqlen_q: int | None = None, max_seqlen_k: int | None = None, *, return_lse: bool = False, **options: Any,
) -> Output:  # fmt: skip
    """`vertical_slash_attention` of packed sequences (see `pattern_attention_varlen`)."""
    out, lse = _each_sequence(
        vertical_slash_attention, q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, options
    )
    return (out, lse) if return_lse else out


def block_sparse_attention_varlen(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, cu_seqlens_q: torch.Tensor, cu_seqlens_k: torch.Tensor,
    max_seqlen_q: int | None = None, max_seqlen_k: int | None = None, *, return_lse: bool = False, **options: Any,
) -> Output:  # fmt: skip
    """`block_sparse_attention` of packed sequences (see `pattern_attention_varlen`)."""
    out, lse = _each_sequence(
        block_sparse_attention, q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, options
    )
    return (out, lse) if return_lse else out


def a_shape_attention_varlen(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, cu_seqlens_q: torch.Tensor, cu_seqlens_k: torch.Tensor,
    max_seqlen_q: int | None = None, max_seqlen_k: int | None = None, *, return_lse: bool = False, **options: Any,
) -> Output:  # fmt: skip
    """`a_shape_attention` of packed sequences (see `pattern_attention_varlen`)."""
    out, lse = _each_sequence(
        a_shape_attention, q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, options
    )
    return (out, lse) if return_lse else out


def tri_shape_attention_varlen(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, cu_seqlens_q: torch.Tensor, cu_seqlens_k: torch.Tensor,
    max_seqlen_q: int | None = None, max_seqlen_k: int | None = None, *, return_lse: bool = False, **options: Any,
) -> Output:  # fmt: skip
    """`tri_shape_attention` of packed sequences (see `pattern_attention_varlen`)."""
    out, lse = _each_sequence(
        tri_shape_attention, q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, options
    )
    return (out, lse) if return_lse else out
