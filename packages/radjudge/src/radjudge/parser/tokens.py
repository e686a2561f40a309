"""Words of a sentence, and the lexicon entries they make up."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import NamedTuple

from radjudge.lexicon import MEASUREMENT, SUSPICIOUS, Entry, Lexicon
from radjudge.parser.measurements import read_measurement
from radjudge.records import Span

_WORD = re.compile(r"([^\W_]+(?:\.\d+)?|___+|[,;:()?])")

Item = tuple[Entry, int, int]
"""A lexicon entry and the half-open range of word indices it covers."""


class Words(NamedTuple):
    """A sentence cut into words.

    ``starts[i]`` and ``ends[i]`` are character positions in the sentence; ``unknown`` holds the indices of words that
    no entry covers.
    """

    words: list[str]
    starts: list[int]
    ends: list[int]
    items: list[Item]
    unknown: list[int]
    suspicious: bool

    def span(self, first: int, last: int) -> Span:
        """Character range of the words ``first`` to ``last - 1``."""
        return (self.starts[first], self.ends[last - 1])


def read_words(lexicon: Lexicon, sentence: str) -> Words:
    """Cut a lower-case sentence into words and match them against the lexicon, longest term first."""
    pieces = _WORD.split(sentence)
    # split() keeps the words at odd places, so running lengths are starts and ends
    bounds = list(accumulate(map(len, pieces)))
    words, starts, ends = pieces[1::2], bounds[0:-1:2], bounds[1::2]
    root = lexicon.trie
    items: list[Item] = []
    unknown: list[int] = []
    suspicious = False
    index, total = 0, len(words)
    while index < total:
        word = words[index]
        node = root.get(word)
        if node is None:
            if word[0].isdigit():
                index = _read_number(words, index, items)
                continue
            unknown.append(index)
            index += 1
            continue
        entry, below = node
        end = index + 1
        if below:
            ahead = end
            while ahead < total:
                node = below.get(words[ahead])
                if node is None:
                    break
                ahead += 1
                if node[0] is not None:
                    entry, end = node[0], ahead
                below = node[1]
                if not below:
                    break
        if entry is None:
            if word[0].isdigit():
                index = _read_number(words, index, items)  # "10 mm", though "10 out of 10" is a term
                continue
            unknown.append(index)
            index += 1
            continue
        if entry.cls:
            if entry.cls == SUSPICIOUS:
                suspicious = True
            items.append((entry, index, end))
        index = end
    return Words(words, starts, ends, items, unknown, suspicious)


def _read_number(words: list[str], index: int, items: list[Item]) -> int:
    """Read a size at a word that starts with a digit; the index after it, or after the word when it is none."""
    sizes, after = read_measurement(words, index)
    if sizes:
        entry = Entry(MEASUREMENT)
        entry.sizes_mm = sizes
        items.append((entry, index, after))
    return after
