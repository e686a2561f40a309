"""A scorer with scikit-learn's call: ``scorer(estimator, X, y) -> float``, larger is better.

``estimator.predict(X)`` must give candidate reports, ``y`` holds the references. scikit-learn itself is not imported.
"""

from collections.abc import Callable, Sequence
from typing import Any

from radjudge.judges import Judge
from radjudge.scores import HIGHER_IS_BETTER, SCORES
from radjudge.scoring import score


def make_scorer(key: str = "score", *, judge: str | Judge = "structured") -> Callable[[Any, Any, Sequence[str]], float]:
    """A scorer for ``cross_val_score`` and ``GridSearchCV``; counts come negated, as scikit-learn wants it.

    Raises:
        ValueError: unknown ``key``; when called, a pair that could not be judged.
    """
    if key not in SCORES:
        raise ValueError(f"key must be one of {', '.join(SCORES)}, not {key!r}")
    sign = 1.0 if HIGHER_IS_BETTER[key] else -1.0

    def scorer(estimator: Any, X: Any, y: Sequence[str]) -> float:
        results = score(references=list(y), candidates=[str(text) for text in estimator.predict(X)], judge=judge)
        if results.failed:
            raise ValueError(f"{len(results.failed)} of {len(results)} pairs could not be judged")
        return sign * float(getattr(results.mean, key))

    return scorer
