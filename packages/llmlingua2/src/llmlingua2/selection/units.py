"""What can be kept or dropped in one text: its words, once protection and force tokens have been applied."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Units", "find_units", "make_units"]

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


def make_units(
    spans: ArrayLike, *, word: ArrayLike = -1, forced: bool = False, token: ArrayLike = -1, protected: bool = False
) -> Units:
    """Units at `spans` [n, 2] that are alike in what is given as a single value."""
    places = np.asarray(spans, np.int32).reshape(-1, 2)
    n = len(places)
    columns = ((word, np.int32), (forced, bool), (token, np.int32), (protected, bool))
    return Units(places, *(np.array(np.broadcast_to(value, n), kind) for value, kind in columns))


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
    if not len(words) and text:  # nothing but white space, which stays or goes as a whole
        return make_units([(0, len(text))])
    units = make_units(words, word=np.arange(len(words)))
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
    """Whether a word begins at `start` or ends at `end`; a repeated character ("...") does so anywhere."""
    if word[0] == start or word[1] == end:
        return True
    characters = text[word[0] : word[1]]
    return characters == characters[0] * len(characters)


def _with_blanks(units: Units, blanks: list[tuple[int, int, int]]) -> Units:
    separate: list[tuple[int, int, int]] = []
    for start, end, number in sorted(blanks):
        if not separate or start >= separate[-1][1]:
            separate.append((start, end, number))
    spans = [(start, end) for start, end, _ in separate]
    return _merged(units, make_units(spans, forced=True, token=[number for _, _, number in separate]))


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
    spans = [(start, end) for start, end, _, _ in widened]
    word = [int(units.word[first]) if first < last else -1 for _, _, first, last in widened]
    free = Units(*(column[outside] for column in units))  # type: ignore[arg-type]
    return _merged(free, make_units(spans, word=word, forced=True, protected=True))


def _merged(units: Units, more: Units) -> Units:
    order = np.argsort(np.concatenate([units.spans[:, 0], more.spans[:, 0]]), kind="stable")
    return Units(*(np.concatenate(columns)[order] for columns in zip(units, more, strict=True)))
