"""BM25 (Robertson & Zaragoza, 2009) over a handful of passages: can they still be found after compression?"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

__all__ = ["bm25", "reciprocal_rank"]


def bm25(query: Sequence[str], passages: Sequence[Sequence[str]], *, k1: float = 1.5, b: float = 0.75) -> np.ndarray:
    """The score of each passage for the query, [len(passages)]; both are sequences of terms."""
    counts = [Counter(passage) for passage in passages]
    lengths = np.array([len(passage) for passage in passages], dtype=float)
    mean = lengths.mean() if lengths.sum() else 1.0
    scores = np.zeros(len(passages))
    for term in set(query):
        frequency = np.array([count[term] for count in counts], dtype=float)
        holders = int((frequency > 0).sum())
        weight = math.log(1 + (len(passages) - holders + 0.5) / (holders + 0.5))
        scores += weight * frequency * (k1 + 1) / (frequency + k1 * (1 - b + b * lengths / mean))
    return scores


def reciprocal_rank(scores: np.ndarray, relevant: Sequence[int]) -> float:
    """1 / rank of the best relevant passage; tied passages share the mean of their ranks."""
    best = max(scores[index] for index in relevant)
    above, tied = int((scores > best).sum()), int((scores == best).sum())
    return 1 / (above + (tied + 1) / 2)
