"""Text from a subset of its units, cut from the original characters.

Units are the words of a text (and protected spans, and white space that is forced). The rules for what stands between
two units that are neighbours in the output:

1. neighbours in the text too: exactly what stood between them;
2. otherwise, if there was white space anywhere between them: its strongest break, where a blank line beats a line end
   beats a blank, and the later beats the earlier. Of a blank line its last two line ends are kept, of a line end that
   one, and of both the indentation after it; of blanks the last, or none between an opening bracket and what follows
   it, and between closing punctuation and what is before it, if none stood directly there in the text;
3. otherwise nothing, unless the two would then read as one word: in that case one blank, the only character that
   is ever added.

Beside a unit of white space nothing is put. White space at the start and end of a text stays with its first and last
unit. So keeping everything gives the text. With ``whitespace="single"`` every white space between units is one blank,
and none is left at the ends.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llmlingua2.text.characters import CLOSING, DIGIT, LETTER, OPENING, SPACE, code_points, properties
from llmlingua2.text.words import glues

__all__ = ["Layout", "Whitespace", "join", "shifted", "within"]

Whitespace = Literal["original", "single"]

_LINE_ENDS = (0x0A, 0x0D, 0x2028, 0x2029)
_BLOCK = 1 << 17


class Layout:
    """A text, its units, and the text of any subset of them.

    Args:
        text: the text.
        spans: start and end of each unit in characters, int32 [n, 2], in order and without overlap; everything between
            them is white space.
        whitespace: "original" or "single", as above.

    Attributes:
        opens: properties of the first character of each unit, uint16 [n] (see `text.characters.properties`).
        closes: the same of the last.
    """

    def __init__(self, text: str, spans: NDArray[np.int32], whitespace: Whitespace = "original") -> None:
        self.text = text
        self.spans = spans
        self._single = whitespace == "single"
        n = len(spans)
        # Gap g stands before unit g, gap n at the end of the text.
        gap_starts = np.append(np.int64(0), spans[:, 1].astype(np.int64))
        gap_ends = np.append(spans[:, 0].astype(np.int64), np.int64(len(text)))
        self._starts, self._ends = gap_ends[:n], gap_starts[1:]
        self.opens = np.zeros(n, np.uint16)
        self.closes = np.zeros(n, np.uint16)
        found = []
        for offset, codes, flags in _blocks(text):
            for at, into in ((self._starts, self.opens), (self._ends - 1, self.closes)):
                first, last = np.searchsorted(at, (offset, offset + len(codes)))
                into[first:last] = flags[at[first:last] - offset]
            found.append(np.flatnonzero(np.isin(codes, _LINE_ENDS)) + offset)
        line_ends = _line_end_starts(text, np.concatenate([np.zeros(0, np.int64), *found]))
        self._blank = (self.opens & self.closes & SPACE) != 0
        # What rule 2 keeps of a gap begins at _break_start: 0 nothing, 1 a blank, 2 a line end, 3 a blank line.
        white = gap_ends > gap_starts
        upto = np.searchsorted(line_ends, gap_ends)
        self._strength = white * (1 + np.minimum(upto - np.searchsorted(line_ends, gap_starts), 2))
        self._break_start = np.where(white, gap_ends - 1, gap_ends)
        with_line_end = self._strength > 1
        self._break_start[with_line_end] = line_ends[(upto - self._strength + 1)[with_line_end]]
        # The strongest gap of several, and the latest among equals, has the largest rank.
        self._gap_rank = self._strength * (n + 1) + np.arange(n + 1)

    def slices(self, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
        """What the text of a subset is made of: slices (start, end) of the text in order, int64 [m, 2].

        An added blank is (start, -1), where `start` is the character it stands before.
        """
        units = np.flatnonzero(kept)
        if not len(units):
            return np.zeros((0, 2), np.int64)
        # Units that stand together in the text are one slice, a run. `before` and `after` are those around a new run.
        split = np.diff(units) > 1
        if self._single:
            split |= self._strength[units[1:]] > 0
        opens = np.flatnonzero(split) + 1
        before, after = units[opens - 1], units[opens]
        first, last = np.append(units[0], after), np.append(before, units[-1])
        starts, ends = self._starts[first], self._ends[last]
        if not self._single:
            starts[0] = 0 if units[0] == 0 else starts[0]
            ends[-1] = len(self.text) if units[-1] == len(kept) - 1 else ends[-1]

        # The strongest gap between each pair: reduceat takes the maximum from every index to the next.
        borders = np.stack([before, after], axis=1).ravel() + 1
        best = np.maximum.reduceat(self._gap_rank, borders)[::2] if len(borders) else borders
        strength, gap = np.divmod(best, len(self._gap_rank))
        beside_blank = self._blank[before] | self._blank[after]
        broken = ((strength > 1) | ((strength == 1) & ~self._close_together(before, after))) & ~beside_blank
        glued = (strength == 0) & ~beside_blank & glues(self.closes[before], self.opens[after])

        between = np.zeros((len(starts), 2), np.int64)
        if self._single:
            glued |= broken
        else:
            own = broken & (gap == after)  # a break just before the run becomes a part of it
            starts[1:][own] = self._break_start[after[own]]
            taken = broken & ~own
            between[1:][taken] = np.stack([self._break_start[gap[taken]], self._starts[gap[taken]]], axis=1)
        between[1:][glued] = np.stack([self._starts[after[glued]], np.full(glued.sum(), -1)], axis=1)
        slices = np.stack([between, np.stack([starts, ends], axis=1)], axis=1).reshape(-1, 2)
        return slices[slices[:, 0] != slices[:, 1]]

    def _close_together(self, before: NDArray[np.int64], after: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether punctuation asks for no blank between two units."""
        opening = ((self.closes[before] & OPENING) != 0) & (self._strength[before + 1] == 0)
        closing = ((self.opens[after] & CLOSING) != 0) & (self._strength[after] == 0)
        closing &= (self.closes[before] & CLOSING) == 0  # not ".."
        following = np.append(self.opens, np.uint16(SPACE))[after + 1]
        closing &= (self._strength[after + 1] > 0) | ((following & (LETTER | DIGIT)) == 0)  # not "3,5" of "3 x,5"
        return opening | closing

    def render(self, kept: NDArray[np.bool_]) -> str:
        """The text of the units where `kept` [n] is true."""
        return join(self.text, self.slices(kept))


def join(text: str, slices: NDArray[np.int64]) -> str:
    """The characters of `slices` (see `Layout.slices`) of `text`."""
    if len(slices) > _BLOCK:  # so that the pieces never all exist at once
        return "".join(join(text, slices[first : first + _BLOCK]) for first in range(0, len(slices), _BLOCK))
    if (slices[:, 1] >= 0).all():
        return "".join([text[start:end] for start, end in _pairs(slices)])
    return "".join([text[start:end] if end >= 0 else " " for start, end in _pairs(slices)])


def within(slices: NDArray[np.int64], start: int, end: int) -> NDArray[np.int64]:
    """What `slices` hold of the characters from `start` to `end`."""
    ends = np.where(slices[:, 1] >= 0, slices[:, 1], slices[:, 0])
    first, last = np.searchsorted(ends, start, side="right"), np.searchsorted(slices[:, 0], end, side="left")
    part = slices[first:last]
    return np.where(part >= 0, np.clip(part, start, end), -1)


def shifted(slices: NDArray[np.int64], offset: int) -> NDArray[np.int64]:
    """The same slices of a text that stands `offset` characters into another."""
    return np.stack([slices[:, 0] + offset, np.where(slices[:, 1] >= 0, slices[:, 1] + offset, -1)], axis=1)


def _pairs(slices: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    # Not slices.tolist(): that makes a list for every pair, and the garbage collector visits each.
    return zip(slices[:, 0].tolist(), slices[:, 1].tolist(), strict=True)


def _blocks(text: str) -> Iterator[tuple[int, NDArray[np.uint32], NDArray[np.uint16]]]:
    for offset in range(0, len(text), _BLOCK):
        codes = code_points(text[offset : offset + _BLOCK])
        yield offset, codes, properties(codes)


def _line_end_starts(text: str, at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Start of each line end; CR LF is one."""
    if "\r" not in text:
        return at
    pairs = np.array([text[start : start + 2] == "\r\n" for start in at.tolist()], bool)
    return at[~np.append(False, pairs[:-1])] if len(at) else at
