"""Block-Sparse: the top key blocks of mean-pooled queries and keys (section 3.2, algorithm 2)."""

from __future__ import annotations

import numpy as np
import torch

from minference_kernels.heads import KEY_TILE, ROW_TILE, HeadIndex, block_head
from minference_kernels.patterns import BlockSparse

_SCORES_AT_ONCE = 1 << 20


def estimate_block_sparse(
    q: torch.Tensor, k: torch.Tensor, pattern: BlockSparse, scale: float, softcap: float | None
) -> HeadIndex:
    """The index of one head: q [Nq, d], k [Nk, d]. The softcap is monotone, so it changes no choice.

    A row block keeps its `top_k` best causal blocks (ties: lowest), and also block 0 and every block its own positions
    lie in.
    """
    num_queries, num_keys = q.shape[0], k.shape[0]
    shift = num_keys - num_queries
    pooled_q, pooled_k = block_means(q, ROW_TILE), block_means(k, KEY_TILE)
    rows, columns = len(pooled_q), len(pooled_k)
    starts = shift + np.arange(rows) * ROW_TILE
    lasts = np.minimum(starts + ROW_TILE, num_keys) - 1
    ids = np.arange(columns)
    chosen: list[np.ndarray] = []
    step = max(1, _SCORES_AT_ONCE // columns)
    for low in range(0, rows, step):
        part = slice(low, low + step)
        score = ((pooled_q[part] @ pooled_k.T) * scale).cpu().numpy()
        causal = ids[None] * KEY_TILE <= lasts[part, None]
        score[~causal] = -np.inf
        best = np.argsort(-score, axis=1, kind="stable")[:, : pattern.top_k]
        keep = np.zeros(score.shape, bool)
        np.put_along_axis(keep, best, True, axis=1)
        keep[:, 0] = True
        keep |= ids[None] >= starts[part, None] // KEY_TILE
        keep &= causal
        chosen += [np.flatnonzero(row) for row in keep]
    pointer = np.cumsum([0, *(len(row) for row in chosen)])
    return block_head(pointer, np.concatenate(chosen), num_queries, num_keys)


def block_means(x: torch.Tensor, size: int) -> torch.Tensor:
    """Means over blocks of `size` rows, the last over the rows it has: [N, d] -> [ceil(N / size), d], float32."""
    # contiguous, so that the bits do not depend on the layout of the tensor
    x = x.to(torch.float64 if x.dtype == torch.float64 else torch.float32).contiguous()
    whole = x.shape[0] // size * size
    means = x[:whole].reshape(-1, size, x.shape[1]).mean(1)
    return torch.cat([means, x[whole:].mean(0, keepdim=True)]) if whole < x.shape[0] else means
