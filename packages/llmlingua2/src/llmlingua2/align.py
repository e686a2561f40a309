"""Which original words did the teacher keep? (LLMLingua-2 paper, section 3.2)

The teacher is asked to delete words only, but it also inflects, reorders and invents, so its answer is aligned with
the original. Two aligners with one signature: ``greedy`` is upstream's window search; ``dp``, the default of the
pipeline, is a weighted longest common subsequence followed by a local search for the words that the teacher moved.

    >>> dp(["We", "never", "met", "the", "new", "supplier", "."], ["never", "meeting", "supplier"])
    [False, True, True, False, False, True, False]
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from llmlingua2.text.lemmas import stem

__all__ = ["dp", "greedy"]

# The bonus must stay well below the weight of a word, or a run of function words would beat a rare name.
_CONTIGUITY = 0.5
# Cells of the table of ``dp``, three bytes each: a chunk of 512 words has a quarter of a million.
_LARGEST = 1 << 28


def greedy(
    original_words: Sequence[str],
    compressed_words: Sequence[str],
    *,
    window: int = 400,
    lemma: Callable[[str], str] = stem,
) -> list[bool]:
    """Upstream's search: from the last hit look outward, forward before backward, for an unlabelled equal word.

    Args:
        original_words: the words of the source text.
        compressed_words: the words of the teacher's answer.
        window: how far to look, in words, on either side (400 in the released recipe).
        lemma: words are equal when their lemmas are.

    Returns:
        One bool per original word: True for kept.
    """
    if window < 1:
        raise ValueError(f"window must be at least 1, not {window}")
    source = [lemma(word) for word in original_words]
    labels = [False] * len(source)
    last = len(source) - 1
    previous = 0
    for word in map(lemma, compressed_words):
        for offset in range(window):
            forward, backward = min(previous + offset, last), max(previous - offset, 0)
            if last >= 0 and source[forward] == word and not labels[forward]:
                labels[forward] = True
                # One stray match far ahead must not carry the search away from where the teacher is.
                previous = previous + window // 2 if forward - previous > window // 2 else forward
                break
            if last >= 0 and source[backward] == word and not labels[backward]:
                labels[backward] = True
                previous = backward
                break
            if forward == last and backward == 0:
                break
    return labels


def dp(
    original_words: Sequence[str],
    compressed_words: Sequence[str],
    *,
    reach: int = 40,
    lemma: Callable[[str], str] = stem,
) -> list[bool]:
    """Weighted longest common subsequence, then a search of ``reach`` words for what it could not place.

    A match weighs more the rarer the word is in this text, and a little extra when it continues the match before it:
    among several "the", the one beside its noun is right. Words the teacher moved break the subsequence; they are then
    looked for around the place where their neighbours were matched. Time and memory are O(original x compressed), with
    one vector operation per compressed word.

    Args:
        original_words: the words of the source text.
        compressed_words: the words of the teacher's answer.
        reach: how far from its expected place a moved word is looked for, in words; 0 switches the search off.
        lemma: words are equal when their lemmas are.

    Returns:
        One bool per original word: True for kept.

    Raises:
        ValueError: a negative ``reach``, or texts too long for the memory (about 16,000 words with as long an answer).
    """
    if reach < 0:
        raise ValueError(f"reach must be at least 0, not {reach}")
    source, kept = [lemma(word) for word in original_words], [lemma(word) for word in compressed_words]
    labels = [False] * len(source)
    if not source or not kept:
        return labels
    if len(source) * len(kept) > _LARGEST:
        raise ValueError(
            f"dp: {len(source):,} words with an answer of {len(kept):,} are too many to align at once; "
            "cut the text into chunks, or use greedy"
        )
    places = _common_subsequence(source, kept)
    for place in places:
        if place >= 0:
            labels[place] = True
    _place_leftovers(source, kept, places, labels, reach)
    return labels


def _common_subsequence(source: list[str], kept: list[str]) -> list[int]:
    """For each kept word the index of its partner in ``source``, or -1."""
    count = Counter(source)
    codes = {word: code for code, word in enumerate(count)}
    source_codes = np.array([codes[word] for word in source])
    size = len(source)
    # best[i]: best total over source[:i]; ending[i]: best total whose last match is source[i-1] with this kept word.
    best = np.zeros(size + 1)
    ending = np.full(size + 1, -np.inf)
    improved = np.zeros((len(kept), size + 1), dtype=bool)
    matched = np.zeros((len(kept), size + 1), dtype=bool)
    chained = np.zeros((len(kept), size + 1), dtype=bool)
    for row, word in enumerate(kept):
        code = codes.get(word)
        if code is None:
            ending = np.full(size + 1, -np.inf)
            continue
        weight = 1.0 + np.log(size / count[word])
        hits = np.flatnonzero(source_codes == code) + 1
        fresh, run = best[hits - 1], ending[hits - 1] + _CONTIGUITY
        chained[row, hits] = run >= fresh
        ending = np.full(size + 1, -np.inf)
        ending[hits] = weight + np.maximum(fresh, run)
        updated = np.maximum.accumulate(np.maximum(best, ending))
        improved[row] = updated > best
        matched[row, hits] = ending[hits] >= updated[hits]
        best = updated
    return _trace(improved, matched, chained)


def _trace(improved: np.ndarray, matched: np.ndarray, chained: np.ndarray) -> list[int]:
    places = [-1] * len(improved)
    row, column, forced = len(improved) - 1, improved.shape[1] - 1, False
    while row >= 0 and column > 0:
        if not forced and not improved[row, column]:
            row -= 1
            continue
        if not forced and not matched[row, column]:
            column -= 1
            continue
        places[row] = column - 1
        # A chained match was scored through its left neighbour's match, which need not be the best prefix.
        forced = bool(chained[row, column])
        row, column = row - 1, column - 1
    return places


def _place_leftovers(source: list[str], kept: list[str], places: list[int], labels: list[bool], reach: int) -> None:
    expected = _expected_places(places, len(source))
    for index, word in enumerate(kept):
        if places[index] >= 0:
            continue
        centre = expected[index]
        for offset in range(reach + 1):
            for place in dict.fromkeys((centre + offset, centre - offset)):
                if 0 <= place < len(source) and not labels[place] and source[place] == word:
                    labels[place] = True
                    places[index] = place
                    break
            if places[index] >= 0:
                break


def _expected_places(places: list[int], size: int) -> list[int]:
    """Where each kept word should be: its own place, or interpolated between its placed neighbours."""
    known = [index for index, place in enumerate(places) if place >= 0]
    if not known:
        step = size / len(places)
        return [int(step * index) for index in range(len(places))]
    return [int(value) for value in np.interp(range(len(places)), known, [places[index] for index in known])]
