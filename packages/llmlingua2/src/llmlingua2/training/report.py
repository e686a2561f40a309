"""The page that a training run leaves behind: its learning curves and its validations."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tenfold_core.logging import Figure, Section, Table, report

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

__all__ = ["training_report"]

_CURVES = "Left: training loss of each step and its running mean, validation loss. Right: validation accuracy."


def training_report(
    losses: Sequence[float], validations: Sequence[Mapping[str, Any]], *, best: int, majority: float, summary: str
) -> str:
    """A self-contained HTML page.

    Args:
        losses: training loss of each step, [steps].
        validations: rows of metrics.jsonl: step, train_loss, loss, accuracy; at least one.
        best: the step whose weights were kept.
        majority: accuracy of a model that gives every piece the commoner label.
        summary: what was trained, in a sentence or two.
    """
    rows = []
    for row in validations:
        kept = "kept" if row["step"] == best else ""
        rows.append([row["step"], row["train_loss"], row["loss"], f"{row['accuracy']:.1%}", kept])
    text = (
        f"{summary}\n\nAccuracy counts pieces of the held-out documents. The commoner label alone is right "
        f"{majority:.1%} of the time, so what counts is the distance to that; what a model is worth to its users, "
        "the command evaluate says."
    )
    table = Table(["step", "training loss", "validation loss", "accuracy", "weights"], rows, "Every validation.")
    curves = Figure(_curves(losses, validations, majority), _CURVES)
    return report("llmlingua2: training", [Section("What was trained", text=text, figures=[curves], tables=[table])])


def _curves(losses: Sequence[float], validations: Sequence[Mapping[str, Any]], majority: float) -> "MatplotlibFigure":
    from matplotlib.figure import Figure as MatplotlibFigure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = MatplotlibFigure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = np.arange(1, len(losses) + 1)
    width = max(1, len(losses) // 30)
    left.plot(steps, losses, color="#adb5bd", lw=0.8, label="training, each step")
    if width > 1:
        mean = np.convolve(losses, np.ones(width) / width, mode="valid")
        left.plot(steps[width - 1 :], mean, color="#1c7ed6", lw=2, label=f"training, mean of {width}")
    at = [row["step"] for row in validations]
    left.plot(at, [row["loss"] for row in validations], color="#d6336c", marker="o", ms=4, label="validation")
    left.set(title="loss", xlabel="step", ylim=(0, None))
    left.legend(frameon=False, fontsize=9)
    right.plot(at, [row["accuracy"] for row in validations], color="#d6336c", marker="o", ms=4, label="model")
    right.axhline(majority, color="#868e96", ls="--", label="the commoner label")
    right.set(title="validation accuracy", xlabel="step")
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    right.legend(frameon=False, fontsize=9)
    for axis in (left, right):
        axis.set_xlim(0, len(losses) + 1)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.25)
    return figure
