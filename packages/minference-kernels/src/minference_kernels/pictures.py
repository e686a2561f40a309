"""Figures: each pattern over the attention map it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from minference_kernels.estimators.registry import estimate
from minference_kernels.patterns import Pattern
from minference_kernels.planted import PlantedHead

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def attention_map(head: PlantedHead) -> np.ndarray:
    """The dense causal attention [N, N] of a head."""
    q, k = head.q[0, 0], head.k[0, 0]
    logits = q @ k.T / q.shape[1] ** 0.5
    future = torch.ones_like(logits, dtype=torch.bool).triu(1)
    return logits.masked_fill(future, -torch.inf).softmax(-1).numpy()


def pattern_figure(panels: list[tuple[str, PlantedHead, Pattern]]) -> Figure:
    """One column per panel: the attention map above, the cells the index keeps (dark: attention it misses) below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.1 * len(panels), 6.6), layout="constrained")
    axes = figure.subplots(2, len(panels), squeeze=False)
    for column, (title, head, pattern) in enumerate(panels):
        weights = attention_map(head)
        index = estimate(head.q, head.k, pattern)
        visible = index.to_mask()[0, 0].numpy()
        recall = float((weights * visible).sum(1).mean())
        strength = _shrink(np.log10(np.maximum(weights, 1e-6)), np.max)
        top, bottom = axes[0, column], axes[1, column]
        top.imshow(strength, cmap="magma", vmin=-5, vmax=0, interpolation="nearest")
        top.set_title(title, fontsize=10)
        kept = _shrink(visible.astype(float), np.mean)
        missed = _shrink(np.where(visible, 0.0, weights), np.max)
        image = np.ones((*kept.shape, 3))
        image -= kept[..., None] * np.array([0.75, 0.35, 0.05])  # what is kept: blue
        image -= np.clip(4 * missed, 0, 1)[..., None] * np.array([0.0, 0.85, 0.85])  # what is missed: red
        future = _shrink(np.tri(len(weights), dtype=float), np.max) == 0
        image[future] = 0.93
        bottom.imshow(np.clip(image, 0, 1), interpolation="nearest")
        bottom.set_xlabel(f"recall {recall:.3f} at {float(index.density()):.0%} of the cells", fontsize=9)
        for axis in (top, bottom):
            axis.set_xticks([])
            axis.set_yticks([])
    axes[0, 0].set_ylabel("attention (log scale)")
    axes[1, 0].set_ylabel("kept: blue, missed: red")
    return figure


def _shrink(cells: np.ndarray, reduce, target: int = 256) -> np.ndarray:
    """Pool square cells so that the picture has about `target` pixels a side."""
    step = max(1, len(cells) // target)
    size = len(cells) // step * step
    return reduce(reduce(cells[:size, :size].reshape(size // step, step, size // step, step), axis=3), axis=1)


def speed_figure(lengths: list[int], measured: dict[str, list[float]], flop_ratio: list[float], peer: str) -> Figure:
    """Speed-up over `peer` against length, with the ratio of floating-point operations as the ceiling."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axis = figure.subplots()
    axis.plot(lengths, flop_ratio, "k--", label="ratio of operations (1 / computed area)")
    for name, ratios in measured.items():
        axis.plot(lengths, ratios, "o-", label=name)
    axis.axhline(1, color="0.6", linewidth=1)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log", base=2)
    axis.set_xticks(lengths, [f"{n // 1024}K" for n in lengths])
    top = max([*flop_ratio, *(r for ratios in measured.values() for r in ratios)])
    low = min(1.0, *(r for ratios in measured.values() for r in ratios))
    ticks = [t for t in (0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32) if low / 2 < t <= 2 * top]
    axis.set_ylim(0.8 * low, 1.3 * top)
    axis.set_yticks(ticks, [f"{t:g}x" for t in ticks])
    axis.minorticks_off()
    axis.set_xlabel("prompt length (tokens)")
    axis.set_ylabel(f"speed-up over {peer}")
    axis.legend()
    return figure
