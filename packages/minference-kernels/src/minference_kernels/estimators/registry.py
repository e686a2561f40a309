"""The one door from patterns to indices: `estimate`, and `register_estimator` for new patterns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from minference_kernels.estimators.block_sparse import estimate_block_sparse
from minference_kernels.estimators.vertical_slash import estimate_vertical_slash
from minference_kernels.heads import HeadIndex, slash_head, window_head
from minference_kernels.index import SparseIndex
from minference_kernels.inputs import check_qkv, check_scale, check_softcap
from minference_kernels.patterns import AShape, BlockSparse, Dense, Pattern, Static, TriShape, VerticalSlash

Estimator = Callable[[torch.Tensor, torch.Tensor, Any, float, float | None], HeadIndex]


def _dense(q: torch.Tensor, k: torch.Tensor, pattern: Dense, scale: float, softcap: float | None) -> HeadIndex:
    return window_head(0, k.shape[0], q.shape[0], k.shape[0])


def _a_shape(q: torch.Tensor, k: torch.Tensor, pattern: AShape, scale: float, softcap: float | None) -> HeadIndex:
    return window_head(pattern.n_init, pattern.n_local, q.shape[0], k.shape[0])


def _tri_shape(q: torch.Tensor, k: torch.Tensor, pattern: TriShape, scale: float, softcap: float | None) -> HeadIndex:
    return window_head(pattern.n_init, pattern.n_local, q.shape[0], k.shape[0], pattern.n_last)


def _static(q: torch.Tensor, k: torch.Tensor, pattern: Static, scale: float, softcap: float | None) -> HeadIndex:
    columns = np.array([c for c in pattern.columns if c < k.shape[0]], np.int64)
    return slash_head(columns, np.array(pattern.runs), q.shape[0], k.shape[0])


_ESTIMATORS: dict[type[Any], Estimator] = {
    Dense: _dense,
    AShape: _a_shape,
    TriShape: _tri_shape,
    VerticalSlash: estimate_vertical_slash,
    BlockSparse: estimate_block_sparse,
    Static: _static,
}


def register_estimator(pattern_type: type[Any], estimator: Estimator) -> None:
    """Serve a new pattern class: ``estimator(q [Nq, d], k [Nk, d], pattern, scale, softcap) -> HeadIndex``."""
    if pattern_type in _ESTIMATORS:
        raise ValueError(f"{pattern_type.__name__} already has an estimator")
    _ESTIMATORS[pattern_type] = estimator


def estimate(
    q: torch.Tensor,
    k: torch.Tensor,
    pattern: Pattern | Sequence[Pattern],
    *,
    scale: float | None = None,
    softcap: float | None = None,
) -> SparseIndex:
    """The index `pattern` gives for these queries and keys.

    q [B, Hq, Nq, d], k [B, Hkv, Nk, d] (after rotary embedding), Nq <= Nk; `pattern` is one for all heads or a sequence
    of Hq patterns. Scores and softmax are in float32. Raises ValueError or TypeError for inputs that do not fit.
    """
    check_qkv(q, k)
    scale, softcap = check_scale(scale, q.shape[3]), check_softcap(softcap)
    patterns = list(pattern) if isinstance(pattern, (list, tuple)) else [pattern] * q.shape[1]
    if len(patterns) != q.shape[1]:
        raise ValueError(f"{len(patterns)} patterns given for {q.shape[1]} query heads")
    for item in patterns:
        if type(item) not in _ESTIMATORS:
            names = ", ".join(cls.__name__ for cls in _ESTIMATORS)
            raise TypeError(f"unknown pattern {item!r}; accepted: {names}")
    group = q.shape[1] // k.shape[1]
    with torch.no_grad():
        heads = [
            [_ESTIMATORS[type(p)](q[b, h], k[b, h // group], p, scale, softcap) for h, p in enumerate(patterns)]
            for b in range(q.shape[0])
        ]
    return SparseIndex.from_heads(heads, q.device)


def freeze(index: SparseIndex, batch: int = 0) -> list[Static]:
    """The `SLASH` heads of one sequence as `Static` patterns, to reuse on other prompts (an ablation)."""
    frozen = []
    for h in range(index.num_heads):
        head = index.head(batch, h)
        if len(head.runs) == 0:
            raise ValueError(f"head {h} is not a Vertical-Slash head; only those can be frozen")
        frozen.append(Static(tuple(head.columns.tolist()), tuple(map(tuple, head.runs.tolist()))))
    return frozen
