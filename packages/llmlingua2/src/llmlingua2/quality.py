"""How well did the teacher obey? Variation, matching and hitting rate, alignment gap (LLMLingua-2 paper, section 3.3).

All four compare lower-cased lemmas. With S the original words and C the words of the teacher's answer:

- variation rate ``VR``: share of C that does not occur in S - hallucinated words;
- matching rate ``MR``: share of S that the alignment labelled as kept;
- hitting rate ``HR``: words of C that occur in S, divided by the size of S;
- alignment gap ``AG = HR - MR``: words that are there but that the alignment could not place.

    >>> rates(["to", "be"], ["to", "be"], [True, True])
    Rates(vr=0.0, mr=1.0, hr=1.0, ag=0.0)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from llmlingua2.text.lemmas import stem

__all__ = ["Rates", "Selection", "rates", "select"]


@dataclass(frozen=True)
class Rates:
    """The four rates of one chunk; ``vr`` and ``mr`` lie in [0, 1], ``hr`` and ``ag`` may pass 1 when words repeat."""

    vr: float
    mr: float
    hr: float
    ag: float


def rates(
    original_words: Sequence[str],
    compressed_words: Sequence[str],
    labels: Sequence[bool],
    *,
    lemma: Callable[[str], str] = stem,
) -> Rates:
    """The rates of one chunk.

    Args:
        original_words: words of the source text, at least one.
        compressed_words: words of the teacher's answer; none gives ``vr`` 0, since nothing was invented.
        labels: one per original word, from ``align``.
        lemma: words are equal when their lemmas are.

    Raises:
        ValueError: no original words, or a number of labels that differs from theirs.
    """
    if not original_words:
        raise ValueError("rates: original_words is empty")
    if len(labels) != len(original_words):
        raise ValueError(f"rates: {len(labels)} labels for {len(original_words)} original words")
    known = {lemma(word) for word in original_words}
    hits = sum(lemma(word) in known for word in compressed_words)
    vr = 1 - hits / len(compressed_words) if compressed_words else 0.0
    mr = sum(map(bool, labels)) / len(original_words)
    hr = hits / len(original_words)
    return Rates(vr, mr, hr, hr - mr)


@dataclass(frozen=True)
class Selection:
    """Which chunks pass: ``kept`` is a boolean array over the chunks, the limits are the values actually applied."""

    kept: np.ndarray
    vr_limit: float
    ag_limit: float


def select(
    measured: Sequence[Rates],
    *,
    vr: float = 5.0,
    ag: float = 10.0,
    by: Literal["percentile", "value"] = "percentile",
) -> Selection:
    """Drop the chunks with the worst variation rate, then the worst alignment gap among those left.

    By percentile, ``vr`` and ``ag`` are the per cent to drop (the paper: 5 and 10); exactly that share goes, rounded
    down, and chunks tied at the limit are settled by their order, so a corpus of equal chunks is not thrown away.
    (Upstream drops everything at or above the 90th percentile, ties included.) By value, they are the highest rate
    allowed. Both columns are always read from the same chunk.

    Raises:
        ValueError: an unknown ``by``, or a percentile outside [0, 100].
    """
    if by not in ("percentile", "value"):
        raise ValueError(f"select: by must be 'percentile' or 'value', not {by!r}")
    if by == "percentile":
        for name, value in (("vr", vr), ("ag", ag)):
            if not 0 <= value <= 100:
                raise ValueError(f"select: {name} must be a percentage in [0, 100], not {value}")
    kept = np.ones(len(measured), dtype=bool)
    limits = []
    for column, amount in ((np.array([m.vr for m in measured]), vr), (np.array([m.ag for m in measured]), ag)):
        if by == "value":
            kept &= column <= amount
            limits.append(float(amount))
            continue
        candidates = np.flatnonzero(kept)
        ordered = candidates[np.argsort(column[candidates], kind="stable")]
        survivors = len(ordered) - int(len(ordered) * amount / 100)
        kept[ordered[survivors:]] = False
        limits.append(float(column[ordered[survivors - 1]]) if survivors else float("-inf"))
    return Selection(kept, *limits)
