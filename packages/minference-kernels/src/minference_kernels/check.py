"""Numerics of the installed backends: each against masked attention in float64, on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from minference_kernels.attention import sparse_attention
from minference_kernels.backends.registry import backend_names, get_backend
from minference_kernels.estimators.registry import estimate
from minference_kernels.patterns import AShape, BlockSparse, Dense, Pattern, TriShape, VerticalSlash

# Largest absolute error of the output on unit normal input. Half types: the rounding of inputs is not counted (the
# reference reads the rounded values), that of weights and output is.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}

_PATTERNS: tuple[Pattern, ...] = (
    VerticalSlash(64, 128),
    VerticalSlash(64, 128, selection="cost_aware"),
    BlockSparse(3),
    AShape(16, 100),
    TriShape(16, 100, 90),
    Dense(),
)
# (query heads, KV heads, queries, keys, head_dim): every value of each meets several of the others
_SHAPES = (
    (1, 1, 1, 1, 16),
    (4, 1, 63, 63, 64),
    (8, 1, 64, 200, 80),
    (4, 4, 65, 65, 96),
    (8, 2, 200, 1000, 128),
    (2, 1, 257, 500, 192),
    (4, 2, 130, 130, 256),
)


@dataclass(frozen=True)
class Check:
    """One comparison: largest absolute error of output and log-sum-exp, and whether both are within tolerance."""

    backend: str
    dtype: str
    pattern: str
    shape: tuple[int, int, int, int, int]
    error: float
    lse_error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return self.error <= self.tolerance and self.lse_error <= 4 * self.tolerance


def masked_float64(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Softmax attention of q [B, Hq, Nq, d] under a bool mask, in float64: (out, lse); rows that see nothing are 0."""
    group = q.shape[1] // k.shape[1]
    q, k, v = q.double(), k.double().repeat_interleave(group, 1), v.double().repeat_interleave(group, 1)
    logits = (q @ k.transpose(2, 3) * scale).masked_fill(~mask, -torch.inf)
    lse = logits.logsumexp(-1)
    return torch.softmax(logits, -1).nan_to_num(0.0) @ v, lse


def run_checks(backends: Sequence[str] | None = None, *, seed: int = 0) -> list[Check]:
    """Compare every available backend (or those named) in every dtype it takes. Raises ValueError for unknown names."""
    results = []
    for name in backends if backends is not None else backend_names():
        backend = get_backend(name)
        usable, why = backend.available()
        if not usable:
            if backends is not None:
                raise ValueError(f"backend {name!r} is not available: {why}")
            continue
        for dtype in sorted(backend.capabilities().dtypes, key=str):
            for i, shape in enumerate(_SHAPES):
                pattern = _PATTERNS[i % len(_PATTERNS)]
                results.append(_check(name, dtype, pattern, shape, seed + i))
    return results


def _check(
    backend: str, dtype: torch.dtype, pattern: Pattern, shape: tuple[int, int, int, int, int], seed: int
) -> Check:
    heads, kv_heads, queries, keys, head_dim = shape
    generator = torch.Generator().manual_seed(seed)
    q = torch.randn(1, heads, queries, head_dim, generator=generator).to(dtype)
    k, v = (torch.randn(1, kv_heads, keys, head_dim, generator=generator).to(dtype) for _ in range(2))
    index = estimate(q, k, pattern)
    out, lse = sparse_attention(q, k, v, index, return_lse=True, backend=backend)
    exact, exact_lse = masked_float64(q, k, v, index.to_mask(), head_dim**-0.5)
    return Check(
        backend, str(dtype).removeprefix("torch."), pattern.type, shape, float((out.double() - exact).abs().max()),
        float((lse.double() - exact_lse).abs().max()), TOLERANCE[dtype],
    )  # fmt: skip
