"""Which words of a chunk stay: the percentile thresholds of 0.2.2, and its rule for repeated force tokens."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass

import numpy as np

from .words import ChunkWords

__all__ = ["Reduction", "percentile"]


def percentile(scores: np.ndarray, rank: int) -> float:
    """Linear percentile in the precision of ``scores``; NumPy's own, because the last bit matters."""
    return np.percentile(scores, rank)


@dataclass(frozen=True)
class Reduction:
    """The share of each chunk to remove.

    Attributes:
        share: in (0, 1); the threshold lies at percentile ``int(100 * share + 1)`` of the chunk's tokens.
        drop_consecutive: remove a force token that repeats the one before it.
    """

    share: float
    drop_consecutive: bool

    @classmethod
    def check(cls, share: float, drop_consecutive: bool, argument: str) -> Reduction:
        """Raises ValueError, naming ``argument``, for a share of one or more: its percentile would be above 100."""
        if not math.isfinite(share) or int(100 * share + 1) > 100:
            raise ValueError(f"{argument} leaves nothing: it must be greater than 0")
        return cls(share, drop_consecutive)

    def keep(self, words: ChunkWords, lengths: np.ndarray, force_tokens: Container[str]) -> np.ndarray:
        """Bool per word.

        Args:
            words: the words of the chunk.
            lengths: how many tokens each word counts for, int64 of shape ``(len(words.texts),)``.
            force_tokens: the force tokens of the call.

        A chunk without words, or whose words count for nothing, keeps nothing (0.2.2 raises).
        """
        scores, forced = words.scores, words.forced
        is_force_token = np.zeros(0, dtype=bool)
        if self.drop_consecutive and words.texts:
            is_force_token = np.array([text in force_tokens for text in words.texts])
            scores, forced = self._zero_repeats(words, is_force_token)
        counted = lengths > 0
        if not counted.any():
            return np.zeros(len(scores), dtype=bool)
        precision = _precision(words, forced & counted)
        weighed = np.repeat(scores.astype(precision), lengths)
        threshold = float(percentile(weighed, int(100 * self.share + 1)))
        keep = (scores > threshold) | ((threshold == 1.0) & (scores == threshold))
        if self.drop_consecutive:
            kept = np.flatnonzero(keep)
            texts = [words.texts[index] for index in kept.tolist()]
            repeats = [
                place
                for place in range(1, len(texts))
                if texts[place] == texts[place - 1] and is_force_token[kept[place]]
            ]
            keep[kept[repeats]] = False
        return keep

    def _zero_repeats(self, words: ChunkWords, is_force_token: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores with 0 for a force token equal to the previous one when no likely word lies between them."""
        scores, forced = words.scores.copy(), words.forced.copy()
        base = percentile(scores.astype(_precision(words, forced)), int(100 * self.share))
        likely = np.concatenate(([0], np.cumsum((scores > float(base)) & ~is_force_token)))
        previous, since = None, 0
        for index in np.flatnonzero(is_force_token).tolist():
            text = words.texts[index]
            if likely[index] == since and text == previous:
                scores[index], forced[index] = 0.0, True
            previous, since = text, likely[index]
        return scores, forced


def _precision(words: ChunkWords, forced: np.ndarray) -> np.dtype:
    return np.dtype(np.float64) if forced.any() else words.raw.dtype
