"""What can be kept or dropped in one text: its words, once protection and force tokens have been applied."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Units", "find_units"]

_DIGITS = re.compile(r"\d+")


class Units(NamedTuple):
    """The units of a text, in order."""

    spans: NDArray[np.int32]
    """Start and end in characters, [n, 2]."""
    word: NDArray[np.int32]
    """Index of the word that each unit is (of the first word of a protected span; -1 for white space), [n]."""
    forced: NDArray[np.bool_]
    """Whether the unit always stays, [n]."""
    token: NDArray[np.int32]
    """Index of the force token that the unit is, or -1, [n]."""
    protected: NDArray[np.bool_]
    """Whether the unit is a protected span, [n]."""


def find_units(
    text: str,
    words: NDArray[np.int32],
    *,
    protected: NDArray[np.int32],
    force_tokens: Sequence[str],
    force_reserve_digit: bool,
) -> Units:
    """Apply what must stay to the words of a text.

    Args:
        text: the text.
        words: its words, int32 [n, 2].
        protected: spans that stay exactly, int32 [m, 2], in order and without overlap. Each, widened to whole words,
            becomes one unit.
        force_tokens: strings whose occurrences stay. White space is a unit of its own at each occurrence. Words stay
            where an occurrence begins and ends with them: "he" is not in "the", "." is not in "3.14", "." is in "...".
        force_reserve_digit: whether words with a digit stay.
    """
    n = len(words)
    if not n and text:  # nothing but white space, which stays or goes as a whole
        return Units(np.array([[0, len(text)]], np.int32), np.full(1, -1, np.int32), *np.zeros((3, 1), bool))._replace(
            token=np.full(1, -1, np.int32)
        )
    word = np.arange(n, dtype=np.int32)
    units = Units(words, word, np.zeros(n, bool), np.full(n, -1, np.int32), np.zeros(n, bool))
    if force_reserve_digit:
        at = np.fromiter((match.start() for match in _DIGITS.finditer(text)), np.int64)
        units.forced[np.searchsorted(words[:, 1], at, side="right")] = True
    blanks: list[tuple[int, int, int]] = []
    for number, token in enumerate(force_tokens):
        core = token.strip() or token
        lead = token.index(core)
        for match in re.finditer(re.escape(token), text):
            start = match.start() + lead
            end = start + len(core)
            first, last = _overlapping(words, start, end)
            if first == last:
                blanks.append((start, end, number))
            elif _whole(text, words[first], start, None) and _whole(text, words[last - 1], None, end):
                units.forced[first:last] = True
                if last - first == 1:
                    units.token[first] = number
    units = _with_blanks(units, blanks)
    return _with_protected(units, protected)


def _overlapping(spans: NDArray[np.int32], start: int, end: int) -> tuple[int, int]:
    return int(np.searchsorted(spans[:, 1], start, side="right")), int(np.searchsorted(spans[:, 0], end, side="left"))


def _whole(text: str, word: NDArray[np.int32], start: int | None, end: int | None) -> bool:
    """Whether a word begins at `start` or ends at `end`, or is one character repeated, of which some is as good as all."""
    if word[0] == start or word[1] == end:
        return True
    characters = text[word[0] : word[1]]
    return characters == characters[0] * len(characters)


def _with_blanks(units: Units, blanks: list[tuple[int, int, int]]) -> Units:
    separate: list[tuple[int, int, int]] = []
    for start, end, number in sorted(blanks):
        if not separate or start >= separate[-1][1]:
            separate.append((start, end, number))
    if not separate:
        return units
    spans = np.array([blank[:2] for blank in separate], np.int32)
    token = np.array([blank[2] for blank in separate], np.int32)
    n = len(separate)
    return _merged(units, Units(spans, np.full(n, -1, np.int32), np.ones(n, bool), token, np.zeros(n, bool)))


def _with_protected(units: Units, protected: NDArray[np.int32]) -> Units:
    if not len(protected):
        return units
    widened: list[list[int]] = []  # start, end, first unit, unit after the last
    for start, end in protected.tolist():
        first, last = _overlapping(units.spans, start, end)
        if first < last:
            start, end = min(start, int(units.spans[first, 0])), max(end, int(units.spans[last - 1, 1]))
        if widened and start < widened[-1][1]:
            widened[-1][1], widened[-1][3] = max(end, widened[-1][1]), max(last, widened[-1][3])
        else:
            widened.append([start, end, first, last])
    outside = np.ones(len(units.spans), bool)
    for _, _, first, last in widened:
        outside[first:last] = False
    whole = Units(
        np.array([row[:2] for row in widened], np.int32),
        np.array([units.word[first] if first < last else -1 for _, _, first, last in widened], np.int32),
        np.ones(len(widened), bool),
        np.full(len(widened), -1, np.int32),
        np.ones(len(widened), bool),
    )
    return _merged(Units(*(column[outside] for column in units)), whole)


def _merged(units: Units, more: Units) -> Units:
    order = np.argsort(np.concatenate([units.spans[:, 0], more.spans[:, 0]]), kind="stable")
    return Units(*(np.concatenate(columns)[order] for columns in zip(units, more, strict=True)))
