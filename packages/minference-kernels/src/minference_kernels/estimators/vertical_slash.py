"""Vertical-Slash as published: the top columns and the top diagonals of the probe (section 3.2, algorithm 1)."""

from __future__ import annotations

import numpy as np
import torch

from minference_kernels.estimators.cost_aware import select_by_cost
from minference_kernels.estimators.probe import Probe
from minference_kernels.heads import HeadIndex, dilate, slash_head
from minference_kernels.patterns import VerticalSlash


def estimate_vertical_slash(
    q: torch.Tensor, k: torch.Tensor, pattern: VerticalSlash, scale: float, softcap: float | None
) -> HeadIndex:
    """The index of one head: q [Nq, d], k [Nk, d]."""
    probe = Probe(q, k, pattern.last_q, scale, softcap)
    if pattern.selection == "cost_aware":
        columns, runs = select_by_cost(probe, pattern)
    else:
        columns = top_positions(probe.column_mass, max(pattern.vertical_size, pattern.sink), pattern.sink, pattern.mass)
        local = max(pattern.local, 1)  # without offset 0 the first rows could be empty
        offsets = top_positions(probe.offset_mass, max(pattern.slash_size, local), local, pattern.mass)
        runs = dilate(offsets)
    return slash_head(columns, runs, q.shape[0], k.shape[0])


def top_positions(score: np.ndarray, size: int, forced: int, mass: float | None = None) -> np.ndarray:
    """Sorted positions of the `size` largest scores, the first `forced` positions among them whatever their score.

    Ties go to the lowest position. With `mass`, only as many (most first) as hold that share of the total score.
    """
    size, forced = min(size, len(score)), min(forced, len(score))
    rest = score[forced:]
    take = size - forced
    if mass is not None:
        wanted = mass * score.sum(dtype=np.float64) - score[:forced].sum(dtype=np.float64)
        held = np.cumsum(np.sort(rest)[::-1], dtype=np.float64)
        take = min(take, 0 if wanted <= 0 else 1 + int(np.searchsorted(held, wanted)))
    if take <= 0:
        return np.arange(forced)
    if take >= len(rest):
        return np.arange(len(score))
    bar = np.partition(rest, len(rest) - take)[len(rest) - take]
    above = np.flatnonzero(rest > bar)
    level = np.flatnonzero(rest == bar)[: take - len(above)]
    return np.concatenate([np.arange(forced), forced + np.sort(np.concatenate([above, level]))])
