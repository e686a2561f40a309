"""A ``torchmetrics.Metric``: ``RadJudgeScore().update(preds, target)``, ``compute()``; states add up over ranks."""

from collections.abc import Sequence
from typing import Any

try:
    import torch
    from torchmetrics import Metric
except ImportError as error:
    raise ImportError('this adapter needs torchmetrics: pip install "radjudge[torchmetrics]"') from error

from radjudge.judges import Judge
from radjudge.scores import HIGHER_IS_BETTER, SCORES
from radjudge.scoring import score


class RadJudgeScore(Metric):
    """Mean of one score over all pairs of all ranks.

    Args:
        key: one of ``scoring.SCORES``; ``higher_is_better`` follows it.
        judge: judge or its name.
        on_failed: ``"raise"``, or ``"skip"`` to leave failed pairs out and count them in ``failed``.

    Raises:
        ValueError: unknown ``key`` or ``on_failed``; at ``update``, a pair that could not be judged under ``"raise"``.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True
    total: torch.Tensor
    pairs: torch.Tensor
    failed: torch.Tensor

    def __init__(
        self, *, key: str = "score", judge: str | Judge = "structured", on_failed: str = "raise", **options: Any
    ) -> None:
        super().__init__(**options)
        if key not in SCORES:
            raise ValueError(f"key must be one of {', '.join(SCORES)}, not {key!r}")
        if on_failed not in ("raise", "skip"):
            raise ValueError(f"on_failed must be 'raise' or 'skip', not {on_failed!r}")
        self.key, self.judge, self.on_failed = key, judge, on_failed
        # torchmetrics forbids setting its constants on an instance, but the direction depends on the key.
        self.__dict__["higher_is_better"] = HIGHER_IS_BETTER[key]
        for name in ("total", "pairs", "failed"):
            self.add_state(name, default=torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, preds: Sequence[str], target: Sequence[str]) -> None:
        """Judge candidate reports ``preds`` against reference reports ``target``."""
        results = score(references=target, candidates=preds, judge=self.judge)
        if results.failed and self.on_failed == "raise":
            raise ValueError(f"{len(results.failed)} of {len(results)} pairs could not be judged")
        self.total += sum(float(getattr(item, self.key)) for item in results.judged)
        self.pairs += len(results.judged)
        self.failed += len(results.failed)

    def compute(self) -> torch.Tensor:
        """Scalar float64 mean; NaN before any pair was judged."""
        return self.total / self.pairs
