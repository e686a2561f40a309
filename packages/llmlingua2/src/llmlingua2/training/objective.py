"""The student's loss and what is measured on the held-out part (LLMLingua-2 paper, section 3.4)."""

from typing import TYPE_CHECKING

from llmlingua2.training.dataset import IGNORED

if TYPE_CHECKING:
    import torch

__all__ = ["correct", "loss_sum"]


def loss_sum(
    logits: "torch.Tensor", targets: "torch.Tensor", *, positive_weight: float = 1.0
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Cross-entropy of two classes, summed over the labelled positions, and their number.

    With t the target (1: keep; a grade between is the share of answers that kept the word) and p = softmax(logits)[1],
    a position costs -(positive_weight t log p + (1 - t) log(1 - p)). Positions with the target ``IGNORED`` cost
    nothing and have no gradient.

    Args:
        logits: [batch, length, 2].
        targets: [batch, length].
        positive_weight: factor of the "keep" part.
    """
    import torch

    labelled = targets != IGNORED
    chosen = torch.log_softmax(logits.float(), dim=-1)[labelled]
    goal = targets[labelled]
    losses = -(positive_weight * goal * chosen[:, 1] + (1 - goal) * chosen[:, 0])
    return losses.sum(), labelled.sum()


def correct(logits: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
    """Labelled positions whose more probable class is the label (a grade counts as keep from one half on)."""
    labelled = targets != IGNORED
    return ((logits[..., 1] > logits[..., 0]) == (targets >= 0.5))[labelled].sum()
