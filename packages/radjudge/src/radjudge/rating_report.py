"""``radjudge agree``: a judge and comparison metrics beside the ceiling of the radiologists, on one set of ratings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from radjudge import baselines
from radjudge.judges import Judge
from radjudge.rater_agreement import Agreement, absolute_errors, agreement, tau_difference
from radjudge.ratings import Ratings
from radjudge.records import CATEGORIES
from radjudge.scoring import score
from tenfold_core.metrics import Interval

TARGETS = ("total", "significant", "quality")


@dataclass(frozen=True)
class RatingReport:
    """Agreement per metric; absolute errors and category agreement of the judge's counts; pairs left out.

    Attributes:
        without_identical: the judge's tau without the pairs whose candidate equals the reference, or None.
        differences: tau of the judge minus tau of each comparison metric, paired over studies.
        failed: pairs that the judge could not rate; left out for every metric, so that all are on the same pairs.
    """

    title: str
    agreements: dict[str, Agreement]
    absolute: dict[str, Interval]
    differences: dict[str, Interval] = field(default_factory=dict)
    without_identical: Agreement | None = None
    identical: int = 0
    failed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        plain = {name: [item.estimate, item.low, item.high] for name, item in self.absolute.items()}
        return {
            "title": self.title,
            "agreement": {name: item.to_dict() for name, item in self.agreements.items()},
            "absolute_error": plain,
            "tau_difference": {name: [v.estimate, v.low, v.high] for name, v in self.differences.items()},
            "without_identical": None if self.without_identical is None else self.without_identical.to_dict(),
            "identical": self.identical,
            "failed": self.failed,
        }

    def notes(self) -> str:
        """What the table of agreements does not hold, as text."""
        lines = ["\n\nmean |judge - raters| per pair, lower is better: "
                 + ", ".join(f"{name} {value.estimate:.2f}" for name, value in self.absolute.items())]  # fmt: skip
        lines += [f"tau of the judge minus tau of {name}: {value}" for name, value in self.differences.items()]
        if self.without_identical is not None:
            lines.append(f"without the {self.identical} identical pairs: tau-b {self.without_identical.tau}")
        if self.failed:
            lines.append(f"{self.failed} pairs could not be judged and are left out for every metric")
        return "\n".join(lines)


def measure(
    ratings: Ratings,
    *,
    judge: str | Judge = "structured",
    metrics: Sequence[str] = (),
    target: str = "total",
    draws: int = 1000,
    seed: int = 0,
) -> RatingReport:
    """Agreement of a judge and of comparison metrics with radiologists.

    Args:
        metrics: names for :func:`radjudge.baselines.load`.
        target: ``total`` or ``significant`` error counts, or ``quality`` ratings.

    Raises:
        ValueError: the ratings have no such target, or fewer than two pairs could be judged.
    """
    values = getattr(ratings, target, None) if target in TARGETS else None
    if values is None:
        raise ValueError(f"{ratings.name} has no {target} ratings")
    results = score(
        references=ratings.references,
        candidates=ratings.candidates,
        judge=judge,
        ids=ratings.ids,
        contexts=ratings.contexts or None,
    )
    kept = np.array([item.status == "ok" for item in results])
    judged = results.judged
    groups = [study for study, keep in zip(ratings.studies, kept, strict=True) if keep]
    values = values[kept]
    key = "significant_errors" if target == "significant" else "total_errors"
    counts = np.array([getattr(item, key) for item in judged], dtype=float)
    options: dict[str, Any] = {"ratings_higher_is_better": target == "quality", "draws": draws, "seed": seed}
    agreements = {
        f"radjudge {key}": agreement(counts, values, groups=groups, higher_is_better=False, **options),
        "radjudge score": agreement([float(item.score or 0.0) for item in judged], values, groups=groups, **options),
    }
    differences = {}
    for name in metrics:
        metric = baselines.load(name)
        scores = np.asarray(metric(references=ratings.references, candidates=ratings.candidates))[kept]
        agreements[name] = agreement(scores, values, groups=groups, **options)
        differences[name] = tau_difference(
            counts, scores, values, groups=groups, first_higher_is_better=False, **options
        )
    distinct = kept & ~ratings.identical
    inner = ~ratings.identical[kept]
    without = None
    if 1 < distinct.sum() < kept.sum():
        rest = [study for study, keep in zip(groups, inner, strict=True) if keep]
        without = agreement(counts[inner], values[inner], groups=rest, higher_is_better=False, **options)
    said = {"total": [float(item.total_errors or 0.0) for item in judged]}
    rated = {"total": ratings.total[kept]}
    if ratings.significant is not None:
        said["significant"] = [float(item.significant_errors or 0.0) for item in judged]
        rated["significant"] = ratings.significant[kept]
    if ratings.categories is not None:
        for index, category in enumerate(CATEGORIES):
            said[category] = [item.counts[category] for item in judged]
            rated[category] = ratings.categories[kept][:, :, index]
    return RatingReport(
        title=f"{ratings.name}, {target}",
        agreements=agreements,
        absolute=absolute_errors(said, rated, groups=groups, draws=draws, seed=seed),
        differences=differences,
        without_identical=without,
        identical=int(ratings.identical[kept].sum()),
        failed=int((~kept).sum()),
    )
