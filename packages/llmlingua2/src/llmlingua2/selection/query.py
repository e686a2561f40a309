"""The question-aware coarse step: how much of each text to keep, by its relevance to a query.

Texts that have to do with the question keep more of themselves, the others less, within one exact budget; then words
are chosen as usual inside each text (from coarse to fine, as in
LongLLMLingua, Jiang et al. 2024).
"""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from llmlingua2.selection.bm25 import bm25
from llmlingua2.selection.settings import QueryScorer
from llmlingua2.text.words import words

__all__ = ["paragraphs", "relevance", "weights"]

_FLOOR = 0.05
"""Least weight of a text beside the 1 of the most relevant one, so that none is empty before the others are short."""

_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")


def relevance(query: str, texts: Sequence[str], scorer: QueryScorer | None = None) -> NDArray[np.float64]:
    """The relevance of each text to the query, float64 [texts]: BM25, or what `scorer(query, texts)` says.

    Raises:
        ValueError: the scorer gives another number of values than there are texts, or one that is not finite.
    """
    if scorer is None:
        return np.asarray(bm25(_terms(query), [_terms(text) for text in texts]), np.float64)
    found = np.asarray(scorer(query, list(texts)), np.float64)
    if found.shape != (len(texts),) or not np.isfinite(found).all():
        raise ValueError(f"query_scorer: gave {found.tolist()!r} for {len(texts)} texts; give one finite number each")
    return found


def weights(relevances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of texts for `ranking.shares`, from 0.05 (least relevant) to 1 (most), float64 [texts]."""
    if not len(relevances):
        return relevances
    spread = relevances - relevances.min()
    largest = spread.max()
    return np.ones(len(spread)) if largest == 0 else _FLOOR + (1 - _FLOOR) * spread / largest


def paragraphs(text: str, spans: NDArray[np.int32]) -> tuple[list[str], NDArray[np.int64]]:
    """The paragraphs of a text, and the index of the paragraph in which each unit starts, int64 [len(spans)]."""
    cuts = [match.end() for match in _PARAGRAPH.finditer(text)]
    borders = [0, *cuts, len(text)]
    parts = [text[start:end] for start, end in pairwise(borders)]
    return parts, np.searchsorted(np.array(cuts, np.int64), spans[:, 0], side="right")


def _terms(text: str) -> list[str]:
    lowered = text.lower()
    return [term for start, end in words(lowered).tolist() if (term := lowered[start:end])[0].isalnum()]
