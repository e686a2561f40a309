"""A class with the interface of RadEval's metrics: ``compute(refs, hyps, per_sample=False, detailed=False)``.

It imports nothing of RadEval, so it can be registered there or used on its own.
"""

from collections.abc import Callable, Sequence
from typing import Any

from radjudge.records import CATEGORIES
from radjudge.scoring import score


class RadJudgeMetric:
    """``radjudge_score`` (higher is better) and, with ``detailed``, the error counts (lower is better)."""

    name = "radjudge"
    display_name = "RadJudge"
    is_api_based = False

    def metric_keys(self, detailed: bool = False) -> list[str]:
        """Keys that :meth:`compute` returns."""
        keys = ["radjudge_score"]
        if detailed:
            keys += [f"radjudge_{name}" for name in ("total_errors", "significant_errors", *CATEGORIES)]
        return keys

    def compute(
        self,
        refs: Sequence[str],
        hyps: Sequence[str],
        per_sample: bool = False,
        detailed: bool = False,
        on_progress: Callable[[], None] | None = None,
    ) -> dict[str, Any]:
        """Corpus means, or one list per key with ``per_sample``; a pair that could not be judged is None in a list.

        Raises:
            ValueError: no pair could be judged.
        """
        results = score(references=refs, candidates=hyps)
        if on_progress is not None:
            for _ in results:
                on_progress()
        if not results.judged:
            raise ValueError(f"none of {len(results)} pairs could be judged")
        values: dict[str, Any] = {}
        for key in self.metric_keys(detailed):
            name = key.removeprefix("radjudge_")
            if per_sample:
                values[key] = [item.counts.get(name) if name in CATEGORIES else getattr(item, name) for item in results]
            else:
                values[key] = results.mean.counts[name] if name in CATEGORIES else getattr(results.mean, name)
        return values
