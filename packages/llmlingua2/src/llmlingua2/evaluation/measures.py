"""What survives compression, measured without a language model.

Every measure compares the words of a text with those that were kept, in order. A measure that has nothing to look for
(an answer none of whose words occur in the text) is NaN and left out of means, never counted as a success.
"""

import math
import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from llmlingua2.text.function_words import is_content
from llmlingua2.text.lemmas import stem

__all__ = [
    "answer_bigram_recall",
    "answer_recall",
    "number_recall",
    "polarity_loss",
    "span_survival",
]

_DIGIT = re.compile(r"\d")
_NEGATION = re.compile(
    r"(?:not|no|never|nor|neither|none|nobody|nothing|nowhere|without|cannot|.*n['’]t)", re.IGNORECASE
)
_CLAUSE_END = frozenset('.,;:!?()[]{}"\n')


def answer_recall(answer: Sequence[str], words: Sequence[str], kept: np.ndarray) -> float:
    """Share of the answer's content stems, of those the text holds at all, that are still there.

    Args:
        answer: words of the human answer.
        words: words of the text.
        kept: [len(words)] bool.
    """
    stems = [stem(word) for word in words]
    wanted = {stem(word) for word in answer if is_content(word)} & set(stems)
    return _share(wanted, {item for item, keep in zip(stems, kept, strict=True) if keep})


def answer_bigram_recall(answer: Sequence[str], words: Sequence[str], kept: np.ndarray) -> float:
    """The same for pairs of neighbours with at least one content word: telegraphic output scores low.

    A pair counts as surviving when its two stems stand side by side in the compressed text.
    """
    stems = [stem(word) for word in words]
    content = {stem(word) for word in answer if is_content(word)}
    answer_stems = [stem(word) for word in answer]
    pairs = {pair for pair in pairwise(answer_stems) if content.intersection(pair)}
    wanted = pairs & set(pairwise(stems))
    left = [item for item, keep in zip(stems, kept, strict=True) if keep]
    return _share(wanted, set(pairwise(left)))


def span_survival(spans: np.ndarray, kept: np.ndarray, start: int, end: int) -> float:
    """1 if every word that overlaps the characters [start, end) is kept, else 0; NaN if none overlaps.

    Args:
        spans: [n, 2] character offsets of the words.
        kept: [n] bool.
    """
    inside = (spans[:, 0] < end) & (spans[:, 1] > start)
    return float(kept[inside].all()) if inside.any() else math.nan


def number_recall(words: Sequence[str], kept: np.ndarray) -> float:
    """Share of the words with a digit that are kept."""
    numbers = np.array([bool(_DIGIT.search(word)) for word in words], dtype=bool)
    return float(kept[numbers].mean()) if numbers.any() else math.nan


def polarity_loss(words: Sequence[str], kept: np.ndarray, *, scope: int = 4) -> float:
    """Share of negations that turned into their opposite; NaN without a negation whose object is kept.

    The object of a negation is the first content word within ``scope`` words after it in its clause. The polarity is
    lost when that word is kept and the negation is not; a negation dropped together with its object loses nothing
    that is still asserted.
    """
    lost = total = 0
    for index, word in enumerate(words):
        if not _NEGATION.fullmatch(word):
            continue
        for follower in range(index + 1, min(index + 1 + scope, len(words))):
            if words[follower] in _CLAUSE_END:
                break
            if is_content(words[follower]):
                total += bool(kept[follower])
                lost += bool(kept[follower] and not kept[index])
                break
    return lost / total if total else math.nan


def _share(wanted: set, present: set) -> float:
    return len(wanted & present) / len(wanted) if wanted else math.nan
