"""Float64 NumPy transcriptions of the method, written from its equations and independent of the package."""

from __future__ import annotations

import numpy as np


def attention(q, k, v, mask, scale, softcap=None):
    """Masked softmax attention [B, H, Nq, d] with grouped heads: (out, lse); rows that see nothing are 0 and -inf."""
    q, k, v = (np.asarray(x, np.float64) for x in (q, k, v))
    group = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, group, 1), np.repeat(v, group, 1)
    logits = q @ k.transpose(0, 1, 3, 2) * scale
    if softcap is not None:
        logits = softcap * np.tanh(logits / softcap)
    logits = np.where(mask, logits, -np.inf)
    peak = logits.max(-1, keepdims=True)
    weights = np.exp(logits - np.where(np.isfinite(peak), peak, 0))
    total = weights.sum(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        lse = np.log(total[..., 0]) + np.where(np.isfinite(peak), peak, 0)[..., 0]
    return np.where(total > 0, weights @ v / np.maximum(total, 1e-300), 0.0), lse


def probe(q, k, last_q, scale):
    """Softmax of the last rows against all keys, causal: [L, Nk], for one head q [Nq, d], k [Nk, d]."""
    q, k = np.asarray(q, np.float64), np.asarray(k, np.float64)
    rows = min(last_q, len(q))
    logits = q[-rows:] @ k.T * scale
    positions = np.arange(len(k) - rows, len(k))
    logits[positions[:, None] < np.arange(len(k))[None]] = -np.inf
    weights = np.exp(logits - logits.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def column_and_offset_scores(weights, num_keys):
    """a_v[j] = sum_r A[r, j] and a_s[o] = sum_r A[r, pos_r - o], cell by cell."""
    columns, offsets = np.zeros(num_keys), np.zeros(num_keys)
    first = num_keys - len(weights)
    for r, row in enumerate(weights):
        for j in range(first + r + 1):
            columns[j] += row[j]
            offsets[first + r - j] += row[j]
    return columns, offsets


def top(score, size, forced):
    """Positions of the `size` best with `forced` first ones in any case; ties to the lowest. Also the boundary gap."""
    size = min(max(size, forced), len(score))
    order = sorted(range(len(score)), key=lambda i: (i >= forced, -score[i], i))
    gap = score[order[size - 1]] - score[order[size]] if forced < size < len(score) else np.inf
    return set(order[:size]), gap


def slash_mask(columns, offsets, num_queries, num_keys):
    """Visible cells of columns and offsets by the definition: block m of 64 rows beginning at position a sees, for
    every offset o, keys [a - o, a - o + 64), and every column; never a future key."""
    mask = np.zeros((num_queries, num_keys), bool)
    shift = num_keys - num_queries
    for row in range(num_queries):
        begin = shift + row // 64 * 64
        for offset in offsets:
            mask[row, max(0, begin - offset) : max(0, begin - offset + 64)] = True
        mask[row, [c for c in columns if c < begin]] = True
        mask[row, shift + row + 1 :] = False
    return mask


def window_mask(sink, local, num_queries, num_keys, last_rows=0):
    """A-shape, and Tri-shape with `last_rows`, cell by cell."""
    i = (num_keys - num_queries) + np.arange(num_queries)[:, None]
    j = np.arange(num_keys)[None]
    dense = np.arange(num_queries)[:, None] >= num_queries - last_rows
    return (j <= i) & ((j < sink) | (i - j < local) | dense)


def block_mask(q, k, top_k, scale):
    """Block-Sparse of one head: mean-pooled scores, causal top-k, block 0 and the diagonal; also the boundary gap."""
    q, k = np.asarray(q, np.float64), np.asarray(k, np.float64)
    num_queries, num_keys = len(q), len(k)
    shift, gap = num_keys - num_queries, np.inf
    mask = np.zeros((num_queries, num_keys), bool)
    means = [k[b : b + 64].mean(0) for b in range(0, num_keys, 64)]
    for begin in range(0, num_queries, 64):
        rows = np.arange(begin, min(begin + 64, num_queries))
        last = shift + rows[-1]
        causal = [b for b in range(len(means)) if 64 * b <= last]
        score = [float(q[rows].mean(0) @ means[b]) * scale for b in causal]
        order = sorted(causal, key=lambda b: (-score[b], b))
        if 0 < top_k < len(causal):
            gap = min(gap, score[order[top_k - 1]] - score[order[top_k]])
        own = range((shift + begin) // 64, last // 64 + 1)
        for b in {*order[:top_k], 0, *own}:
            mask[np.ix_(rows, np.arange(64 * b, min(64 * b + 64, num_keys)))] = True
    mask &= np.arange(num_keys)[None] <= shift + np.arange(num_queries)[:, None]
    return mask, gap


def causal_mask(num_queries, num_keys):
    return np.arange(num_keys)[None] <= (num_keys - num_queries) + np.arange(num_queries)[:, None]
