"""The reference backend: PyTorch, any device, with gradients.

One pass per (batch, head, row task): gather the task's keys, scores and softmax in float32 (float64 for float64
input), multiply by the gathered values. It repeats no K/V for grouped heads and keeps no matrix larger than 64 rows by
the keys of one task, in the backward pass too, which recomputes the weights from the saved log-sum-exp.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from minference_kernels.backends.capabilities import Capabilities
from minference_kernels.heads import HeadIndex
from minference_kernels.index import SparseIndex
from minference_kernels.rows import RowTask, row_tasks

name = "torch"


def available() -> tuple[bool, str]:
    return True, f"PyTorch {torch.__version__} on any device"


def capabilities() -> Capabilities:
    dtypes = frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64})
    return Capabilities(dtypes, backward=True, softcap=True)


def forward(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    index: SparseIndex,
    *,
    scale: float,
    softcap: float | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention over `index`; see `capabilities.Backend.forward`. Differentiable in q, k, v (also through the lse)."""
    return _Attention.apply(q, k, v, index, scale, softcap)


def accumulator(dtype: torch.dtype) -> torch.dtype:
    """The type of scores and sums: float64 stays, everything else is float32."""
    return torch.float64 if dtype == torch.float64 else torch.float32


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, index: SparseIndex, scale: float,
        softcap: float | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
        acc = accumulator(q.dtype)
        out = torch.zeros(q.shape[:-1] + v.shape[-1:], dtype=q.dtype, device=q.device)
        lse = torch.full(q.shape[:-1], -torch.inf, dtype=acc, device=q.device)
        for b, h, kv, tasks in _heads(index, q.shape[1] // k.shape[1]):
            for task, keys, mask in tasks(q.device):
                rows = slice(task.row_start, task.row_end)
                logits = _logits(q[b, h, rows].to(acc), k[b, kv].index_select(0, keys).to(acc), scale, softcap, mask)
                row_lse = logits.logsumexp(-1)
                lse[b, h, rows] = row_lse
                weights = _weights(logits, row_lse)
                out[b, h, rows] = (weights @ v[b, kv].index_select(0, keys).to(acc)).to(out.dtype)
        ctx.save_for_backward(q, k, v, out, lse)
        ctx.index, ctx.scale, ctx.softcap = index, scale, softcap
        return out, lse

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_out: torch.Tensor, grad_lse: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        q, k, v, out, lse = ctx.saved_tensors
        acc, scale, softcap = lse.dtype, ctx.scale, ctx.softcap
        grad_q, grad_k, grad_v = (torch.zeros_like(t, dtype=acc) for t in (q, k, v))
        for b, h, kv, tasks in _heads(ctx.index, q.shape[1] // k.shape[1]):
            for task, keys, mask in tasks(q.device):
                rows = slice(task.row_start, task.row_end)
                q_rows, k_rows = q[b, h, rows].to(acc), k[b, kv].index_select(0, keys).to(acc)
                go = grad_out[b, h, rows].to(acc)
                logits = _logits(q_rows, k_rows, scale, softcap, mask)
                weights = _weights(logits, lse[b, h, rows])
                grad_v[b, kv].index_add_(0, keys, weights.T @ go)
                # d(out)/d(logits) and d(lse)/d(logits) share the weights as a factor
                offset = grad_lse[b, h, rows] - (go * out[b, h, rows].to(acc)).sum(-1)
                grad = weights * (go @ v[b, kv].index_select(0, keys).to(acc).T + offset[:, None])
                if softcap is not None:
                    grad = grad * (1 - (logits.masked_fill(~mask, 0) / softcap) ** 2)
                grad_q[b, h, rows] = (grad @ k_rows) * scale
                grad_k[b, kv].index_add_(0, keys, (grad.T @ q_rows) * scale)
        return grad_q.to(q.dtype), grad_k.to(k.dtype), grad_v.to(v.dtype), None, None, None


def _heads(index: SparseIndex, group: int) -> Iterator[tuple[int, int, int, Any]]:
    for b, h, head in index.heads():
        yield b, h, h // group, lambda device, head=head: _tasks(head, device)


def _tasks(head: HeadIndex, device: torch.device) -> Iterator[tuple[RowTask, torch.Tensor, torch.Tensor]]:
    """Each task with its keys int64 [n] and its mask bool [rows, n]; tasks without keys leave zeros behind."""
    for task in row_tasks(head):
        keys = task.keys()
        if len(keys):
            positions = np.arange(head.shift + task.row_start, head.shift + task.row_end)
            mask = torch.from_numpy(task.visible(positions, keys)).to(device)
            yield task, torch.from_numpy(keys).to(device), mask


def _logits(q: torch.Tensor, k: torch.Tensor, scale: float, softcap: float | None, mask: torch.Tensor) -> torch.Tensor:
    logits = (q @ k.T) * scale
    if softcap is not None:
        logits = softcap * torch.tanh(logits / softcap)
    return logits.masked_fill_(~mask, -torch.inf)


def _weights(logits: torch.Tensor, lse: torch.Tensor) -> torch.Tensor:
    """Softmax weights from the log-sum-exp; rows with no visible key get zeros, not NaN."""
    return torch.exp(logits - lse.masked_fill(lse == -torch.inf, 0)[:, None])
