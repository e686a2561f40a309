"""Two systems on the same studies: means, paired interval, randomisation test, wins and losses."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from radjudge.records import Judgement
from radjudge.scores import HIGHER_IS_BETTER, SCORES
from radjudge.scoring import Results
from tenfold_core.metrics import Interval, approximate_randomisation, bootstrap_ci, paired_difference

_TIE = 1e-9


@dataclass(frozen=True)
class Comparison:
    """System A against system B on one score, over the pairs that both could be judged on.

    Attributes:
        difference: mean of A - B, with a bootstrap over studies.
        p_value: two-sided approximate randomisation test, whole studies swapped.
        wins, ties, losses: studies on which A's mean is better than, equal to, worse than B's.
        excluded: pairs left out because a judgement failed; never counted as 0 errors.
    """

    key: str
    higher_is_better: bool
    first: Interval
    second: Interval
    difference: Interval
    p_value: float
    wins: int
    ties: int
    losses: int
    pairs: int
    studies: int
    excluded: int

    @property
    def better(self) -> str:
        """``"first"``, ``"second"``, or ``"neither"`` when the interval of the difference holds 0."""
        if self.difference.low <= 0 <= self.difference.high:
            return "neither"
        return "first" if (self.difference.estimate > 0) == self.higher_is_better else "second"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {**asdict(self), "better": self.better}


def _matched(
    first: Results | Sequence[Judgement], second: Results | Sequence[Judgement]
) -> tuple[list[tuple[Judgement, Judgement]], int]:
    by_id = {item.id: item for item in second}
    missing = [item.id for item in first if item.id not in by_id]
    extra = len(by_id) - (len(first) - len(missing))
    if missing or extra:
        raise ValueError(
            f"both systems must hold the same ids: {len(missing)} only in the first, {extra} only in the second"
        )
    couples = [(item, by_id[item.id]) for item in first]
    judged = [(a, b) for a, b in couples if a.status == "ok" and b.status == "ok"]
    return judged, len(couples) - len(judged)


def compare(
    first: Results | Sequence[Judgement],
    second: Results | Sequence[Judgement],
    *,
    key: str = "score",
    groups: Mapping[str, str] | None = None,
    draws: int = 1000,
    swaps: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Compare two systems judged on the same pairs (matched by id).

    Args:
        key: one of ``scoring.SCORES``.
        groups: study of each id; every id its own study when None.
        draws, swaps, seed: of the bootstrap and of the randomisation test.

    Raises:
        ValueError: unknown ``key``, different ids, or fewer than two pairs that both could be judged on.
    """
    if key not in SCORES:
        raise ValueError(f"key must be one of {', '.join(SCORES)}, not {key!r}")
    judged, excluded = _matched(first, second)
    if len(judged) < 2:
        raise ValueError(f"a comparison needs at least two pairs that both systems were judged on, got {len(judged)}")
    a = np.array([getattr(item, key) for item, _ in judged], dtype=float)
    b = np.array([getattr(item, key) for _, item in judged], dtype=float)
    studies = [(groups or {}).get(item.id, item.id) for item, _ in judged]
    sign = 1.0 if HIGHER_IS_BETTER[key] else -1.0
    gains: dict[str, list[float]] = {}
    for study, gain in zip(studies, sign * (a - b), strict=True):
        gains.setdefault(study, []).append(float(gain))
    means = np.array([np.mean(values) for values in gains.values()])
    return Comparison(
        key=key,
        higher_is_better=HIGHER_IS_BETTER[key],
        first=bootstrap_ci(a, groups=studies, draws=draws, seed=seed),
        second=bootstrap_ci(b, groups=studies, draws=draws, seed=seed),
        difference=paired_difference(a, b, groups=studies, draws=draws, seed=seed),
        p_value=approximate_randomisation(a, b, groups=studies, draws=swaps, seed=seed),
        wins=int((means > _TIE).sum()),
        ties=int((np.abs(means) <= _TIE).sum()),
        losses=int((means < -_TIE).sum()),
        pairs=len(judged),
        studies=len(gains),
        excluded=excluded,
    )
