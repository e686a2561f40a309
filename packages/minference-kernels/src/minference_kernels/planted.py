"""Heads with a planted pattern: queries and keys whose attention is columns, slashes or blocks by construction.

Vectors are noise plus features. Columns: one direction, added to chosen keys and read by all queries. Slashes: keys
carry Fourier features of their position, queries the same features of the position one offset back, so the score peaks
at that offset whatever the content. Blocks: segments share a topic code that queries of the segment's topic read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class PlantedHead:
    """q, k, v float32 [1, 1, N, d] and what was planted (columns, offsets or the topic of each 64-token segment)."""

    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    columns: tuple[int, ...] = ()
    offsets: tuple[int, ...] = ()
    topics: tuple[int, ...] = ()


def _noise(rng: np.random.Generator, length: int, head_dim: int) -> tuple[np.ndarray, ...]:
    return tuple(rng.standard_normal((length, head_dim)) for _ in range(3))


def _head(q: np.ndarray, k: np.ndarray, v: np.ndarray, **planted: tuple[int, ...]) -> PlantedHead:
    def tensor(x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x.astype(np.float32))[None, None]

    return PlantedHead(tensor(q), tensor(k), tensor(v), **planted)


def column_head(
    length: int, *, count: int = 64, gain: float = 9.0, head_dim: int = 128, noise: float = 1.0, seed: int = 0
) -> PlantedHead:
    """`count` columns at random positions stand `gain` above the noise in the logits (scale 1 / sqrt(d))."""
    rng = np.random.default_rng(seed)
    q, k, v = _noise(rng, length, head_dim)
    columns = np.sort(rng.choice(length, min(count, length), replace=False))
    direction = rng.standard_normal(head_dim)
    direction /= np.linalg.norm(direction)
    strength = np.sqrt(gain * np.sqrt(head_dim))
    q = noise * q + strength * direction
    k = noise * k
    k[columns] += strength * direction
    return _head(q, k, v, columns=tuple(columns.tolist()))


def slash_head(
    length: int, *, offsets: tuple[int, ...] | None = None, gain: float = 24.0, head_dim: int = 128,
    noise: float = 1.0, seed: int = 0,
) -> PlantedHead:  # fmt: skip
    """Diagonals at `offsets` (default three: near, a quarter and half of the length back, moved by the seed)."""
    rng = np.random.default_rng(seed)
    q, k, v = _noise(rng, length, head_dim)
    if offsets is None:
        offsets = tuple(base + int(rng.integers(1 + length // 50)) for base in (length // 24, length // 4, length // 2))
    # all dimensions carry features: fewer frequencies would leave side peaks as high as the noise
    frequencies = rng.uniform(0.1, np.pi, head_dim // 2)

    def features(position: np.ndarray) -> np.ndarray:
        angle = position[:, None] * frequencies[None]
        return np.concatenate([np.cos(angle), np.sin(angle)], 1)

    position = np.arange(length, dtype=np.float64)
    strength = np.sqrt(gain * np.sqrt(head_dim) / (head_dim / 2))
    # features of different offsets are not quite orthogonal: solve for weights under which all peaks are equally high
    steps = np.array(offsets, np.float64)
    weights = np.linalg.solve(np.cos((steps[:, None] - steps)[..., None] * frequencies).mean(-1), np.ones(len(steps)))
    q = noise * q + sum(w * strength * features(position - o) for w, o in zip(weights, offsets, strict=True))
    k = noise * k + strength * features(position)
    return _head(q, k, v, offsets=tuple(offsets))


def block_topic_head(
    length: int, *, topics: int = 8, gain: float = 8.0, head_dim: int = 128, noise: float = 1.0, seed: int = 0
) -> PlantedHead:
    """64-token segments of random topics; queries attend to earlier segments of their own topic."""
    rng = np.random.default_rng(seed)
    q, k, v = _noise(rng, length, head_dim)
    codes = rng.standard_normal((topics, head_dim))
    codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    topic = rng.integers(topics, size=-(-length // 64))
    strength = np.sqrt(gain * np.sqrt(head_dim))
    planted = strength * codes[np.repeat(topic, 64)[:length]]
    return _head(noise * q + planted, noise * k + planted, v, topics=tuple(topic.tolist()))
