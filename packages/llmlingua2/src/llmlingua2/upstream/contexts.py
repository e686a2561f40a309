"""The coarse step: which contexts of a list go on to the token filter."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np

from .arguments import number
from .thresholds import percentile
from .words import ChunkWords

__all__ = ["ContextBudget", "keep_contexts"]


@dataclass(frozen=True)
class ContextBudget:
    """The context-level arguments, as the caller gave them."""

    target_context: float
    context_level_rate: float
    context_level_target_token: float

    def share(
        self, *, rate: float, target_token: float, contexts: int, origin_tokens: int, token_filter: bool
    ) -> tuple[float, str]:
        """The share of contexts to keep and the name of the argument it follows from.

        Without any context-level argument the coarse step takes half of the way to ``rate``, or twice
        ``target_token``; when no token filter follows, all of it. A token target outranks a number of contexts, which
        outranks a rate.
        """
        share, source = self.context_level_rate, "context_level_rate"
        tokens, tokens_source = self.context_level_target_token, "context_level_target_token"
        if (
            number("target_context", self.target_context) <= 0
            and number(source, share) >= 1.0
            and number(tokens_source, tokens) <= 0
        ):
            if number("target_token", target_token) < 0 and number("rate", rate) < 1.0:
                share, source = (rate + 1.0) / 2 if token_filter else rate, "rate"
            if target_token >= 0:
                tokens, tokens_source = target_token * 2 if token_filter else target_token, "target_token"
        if number("target_context", self.target_context) >= 0:
            share, source = min(self.target_context / contexts, 1.0) if contexts else 1.0, "target_context"
        if number(tokens_source, tokens) >= 0:
            share, source = min(tokens / origin_tokens, 1.0) if origin_tokens else 1.0, tokens_source
        return number(source, share), source


def keep_contexts(
    words: Sequence[Sequence[ChunkWords]], share: float, source: str, forced: Container[int] | None
) -> list[bool]:
    """Which contexts stay: those whose mean word score reaches the percentile, and the forced ones.

    Args:
        words: the words of each chunk of each context.
        share: the share of contexts to keep.
        source: the argument to name when ``share`` is out of range.
        forced: indices that always stay.

    A context without words has no score and stays only if forced (0.2.2 divides by zero).

    Raises:
        ValueError: ``share`` asks for a percentile outside 0..100, or ``forced`` is not a collection of indices.
    """
    rank = 100 * (1 - share)
    if not math.isfinite(rank) or not 0 <= int(rank) <= 100:
        raise ValueError(f"{source} must lead to a share of contexts in [0, 1], not {share}")
    scores = [_mean_score(chunks) for chunks in words]
    scored = np.array([score for score in scores if score is not None])
    threshold = percentile(scored, int(rank)) if len(scored) else math.inf
    try:
        return [
            (score is not None and bool(score >= threshold)) or (forced is not None and index in forced)
            for index, score in enumerate(scores)
        ]
    except TypeError as error:
        raise ValueError(f"force_context_ids must be a list of indices, not {forced!r}") from error


def _mean_score(chunks: Sequence[ChunkWords]) -> np.floating | None:
    """Unforced word scores averaged, added up in order."""
    scores = np.concatenate([chunk.raw for chunk in chunks]) if chunks else np.zeros(0)
    if not len(scores):
        return None
    one = scores.dtype.type(1)
    total = np.add.accumulate(scores, dtype=np.asarray(0 + one).dtype)[-1]
    return total / len(scores)
