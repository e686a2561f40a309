"""The negation rule: a negation is not dropped while what it negates is kept.

Losing a negation is the most dangerous failure of a compressor, because the result reads well and says the opposite.
The rule does not pretend to be the model. It changes the ranking, never the scores that are reported, and can be
switched off with ``keep_negation=False``: a negation ranks just above the best-ranked word near it in its clause. So
it is dropped only together with every word it might negate, it is paid for like any other word, and it is never
forced.

A negation that is glued to another word ("don't", "cannot", "n'est") is one word with it and ranks the same way. The
lists, by language, are in ``assets/negation.json``. A word of them that is no negation in another language ("no" in
Portuguese, "sin" in English) costs a place in the ranking; a negation missed would cost the meaning, so no attempt is
made to tell languages apart.
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmlingua2.selection.layout import Layout
from llmlingua2.text.characters import DIGIT, KATAKANA, LEADING, LETTER, SINGLE

__all__ = ["REACH", "above_clause", "find_negations"]

REACH = 8
"""How many words on either side of a negation, in its clause, can be what it negates; three times as many in scripts
without spaces, where a word is a character or two."""

_APOSTROPHES = "'\u2019\uff07"
_PORTION = 1 << 16


def find_negations(text: str, spans: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which words are negations.

    Args:
        text: any text.
        spans: its words, int32 [n, 2].

    Returns:
        bool [n].

    >>> from llmlingua2.text.words import words
    >>> find_negations("We don't ship without tests", words("We don't ship without tests")).tolist()
    [False, True, False, True, False]
    """
    rules = _rules()
    listed, endings, beginnings = rules["listed"], rules["endings"], rules["beginnings"]
    lowered = text.lower()
    if len(lowered) != len(text):  # lower-casing "İ" makes two characters of it
        lowered = "".join(lower if len(lower := character.lower()) == 1 else character for character in text)
    negation = np.array([word in listed for word in _words(lowered, spans)], bool)
    for apostrophe in _APOSTROPHES:
        places = np.fromiter(_occurrences(lowered, apostrophe), np.int64)
        holders = np.unique(np.searchsorted(spans[:, 1], places, side="right"))
        for index in holders[holders < len(spans)].tolist():
            word = lowered[spans[index, 0] : spans[index, 1]].replace(apostrophe, "'")
            negation[index] |= word.endswith(endings) or word.startswith(beginnings)
    if not text.isascii():
        excluded = np.zeros(len(text) + 1, bool)
        for phrase in rules["inside_except"]:
            for at in _occurrences(lowered, phrase):
                excluded[at : at + len(phrase)] = True
        for phrase in rules["inside"]:
            for at in _occurrences(lowered, phrase):
                if not excluded[at]:
                    first = np.searchsorted(spans[:, 1], at, side="right")
                    last = np.searchsorted(spans[:, 0], at + len(phrase), side="left")
                    negation[first:last] = True
    return negation


def above_clause(priority: NDArray[np.float64], negation: NDArray[np.bool_], layout: Layout) -> NDArray[np.float64]:
    """Raise each negation to the highest priority of the words near it in its clause.

    Args:
        priority: of each unit, float64 [n]; the higher, the later it is dropped. Infinite for units that always stay.
        negation: which units are negations, bool [n]. In a tie a negation must rank first.
        layout: the text and its units.

    Returns:
        The priorities, float64 [n].
    """
    at = np.flatnonzero(negation)
    if not len(at):
        return priority
    # Punctuation neither is what a negation negates nor uses up its reach.
    letters = ((layout.opens | layout.closes) & (LETTER | DIGIT | SINGLE | KATAKANA | LEADING)) != 0
    readable = np.flatnonzero(letters | negation)
    clause = _clauses(layout.text, layout.spans, readable)
    place = np.searchsorted(readable, at)
    unspaced = (layout.opens[at] & (SINGLE | LEADING)) != 0
    raised = priority.copy()
    for group, reach in ((~unspaced, REACH), (unspaced, 3 * REACH)):
        near = place[group][:, None] + np.arange(-reach, reach + 1)
        near = readable[np.clip(near, 0, len(readable) - 1)]
        same = clause[near] == clause[at[group]][:, None]
        raised[at[group]] = np.maximum(priority[at[group]], np.where(same, priority[near], -np.inf).max(axis=1))
    return raised


def _words(text: str, spans: NDArray[np.int32]) -> Iterator[str]:
    for first in range(0, len(spans), _PORTION):  # so that their offsets never all exist as Python numbers
        starts, ends = spans[first : first + _PORTION].T.tolist()
        yield from map(text.__getitem__, map(slice, starts, ends))


def _occurrences(text: str, phrase: str) -> Iterator[int]:
    at = text.find(phrase)
    while at >= 0:
        yield at
        at = text.find(phrase, at + 1)


def _clauses(text: str, spans: NDArray[np.int32], readable: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the clause each unit stands in: a clause ends after a mark such as "." or ";", or at a line end."""
    marks = np.array(sorted(at for mark in _rules()["clause_ends"] for at in _occurrences(text, mark)), np.int64)
    words = spans[readable]
    holder = np.searchsorted(words[:, 1], marks, side="right")
    inside = np.append(words[:, 0], len(text))[holder] <= marks  # of a word, such as "3.14": that ends nothing
    return np.searchsorted(marks[~inside], spans[:, 0], side="left")


@cache
def _rules() -> dict[str, Any]:
    data = json.loads(files("llmlingua2").joinpath("assets/negation.json").read_text(encoding="utf-8"))
    return {
        "listed": frozenset(word for words in data["words"].values() for word in words),
        "endings": tuple(data["endings"]),
        "beginnings": tuple(data["beginnings"]),
        "inside": sorted({phrase for phrases in data["inside"].values() for phrase in phrases}),
        "inside_except": data["inside_except"],
        "clause_ends": data["clause_ends"],
    }
