"""Text from a subset of its units, cut from the original characters.

Units are the words of a text (and protected spans, and white space that is forced). The rules for what stands between two
units that are neighbours in the output:

1. neighbours in the text too: exactly what stood between them;
2. otherwise, if there was white space anywhere between them: its strongest break, where a blank line beats a line end beats
   a blank, and the later beats the earlier. Of a blank line its last two line ends are kept, of a line end that one, and
   of both the indentation after it; of blanks the last, or none between an opening bracket and what follows it, and
   between closing punctuation and what is before it, if none stood directly there in the text;
3. otherwise nothing, unless the two would then read as one word: in that case one blank, the only character that
   is ever added.

Beside a unit of white space nothing is put. White space at the start and end of a text stays with its first and last unit.
So keeping everything gives the text. With ``whitespace="single"`` every white space between units is one blank, and none is
left at the ends.
"""

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from llmlingua2.characters import CLOSING, OPENING, SPACE, code_points, properties
from llmlingua2.words import glues

__all__ = ["Layout", "Whitespace", "join", "shifted", "within"]

Whitespace = Literal["original", "single"]

_LINE_ENDS = (0x0A, 0x0D, 0x2028, 0x2029)
_BLOCK = 1 << 20


class Layout:
    """A text, its units, and the text of any subset of them.

    Args:
        text: the text.
        spans: start and end of each unit in characters, int32 [n, 2], in order and without overlap; everything between
            them is white space.
        whitespace: "original" or "single", as above.
    """

    def __init__(self, text: str, spans: NDArray[np.int32], whitespace: Whitespace = "original") -> None:
        if whitespace not in get_args(Whitespace):
            raise ValueError(f"whitespace: {whitespace!r} is not one of {', '.join(get_args(Whitespace))}")
        self.text = text
        self.spans = spans
        self._single = whitespace == "single"
        n = len(spans)
        self._opens = np.zeros(n, np.uint16)  # properties of each unit's first and last character
        self._closes = np.zeros(n, np.uint16)
        starts = np.append(spans[:, 0], np.int32(len(text)))
        ends = np.concatenate([np.zeros(1, np.int32), spans[:, 1]])
        # Gap g stands before unit g; gap n is the end of the text. A break is what rule 2 keeps of a gap.
        self._break_start = starts.copy()
        self._strength = np.zeros(n + 1, np.uint8)
        visible = starts > ends
        self._strength[visible] = 1
        self._break_start[visible] -= 1
        line_ends = []
        for offset, codes, flags in _blocks(text):
            for column, into, shift in ((0, self._opens, 0), (1, self._closes, 1)):
                at = spans[:, column] - shift
                first, last = np.searchsorted(at, (offset, offset + len(codes)))
                into[first:last] = flags[at[first:last] - offset]
            line_ends.append(np.flatnonzero(np.isin(codes, _LINE_ENDS)).astype(np.int32) + np.int32(offset))
        self._blank = (self._opens & self._closes & SPACE) != 0
        lines = _line_end_starts(text, np.concatenate(line_ends) if line_ends else np.zeros(0, np.int32))
        if len(lines):
            before, upto = np.searchsorted(lines, ends), np.searchsorted(lines, starts)
            count = np.where(visible, upto - before, 0)
            for strength, wanted in ((2, count == 1), (3, count > 1)):
                self._strength[wanted] = strength
                self._break_start[wanted] = lines[upto[wanted] - (strength - 1)]

    def slices(self, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
        """What the text of a subset is made of: slices (start, end) of the text in order, int64 [m, 2].

        An added blank is (start, -1), where `start` is the character it stands before.
        """
        units = np.flatnonzero(kept)
        if not len(units):
            return np.zeros((0, 2), np.int64)
        before, after = units[:-1], units[1:]
        starts, ends = self.spans[:, 0].astype(np.int64), self.spans[:, 1].astype(np.int64)
        n = len(starts)

        # The strongest gap between each pair, the latest among equals.
        gaps = self._strength[: units[-1] + 1].astype(np.int64) * (n + 1) + np.arange(units[-1] + 1)
        best = np.maximum.reduceat(gaps, before + 1) if len(before) else gaps[:0]
        strength, gap = np.divmod(best, n + 1)
        adjacent = after == before + 1
        beside_blank = self._blank[before] | self._blank[after]
        split = ((strength > 1) | ((strength == 1) & ~self._close_together(before, after))) & ~beside_blank
        glued = (strength == 0) & ~beside_blank & ~adjacent & glues(self._closes[before], self._opens[after])
        if self._single:
            joiner, through, own = glued | split, adjacent & (strength == 0), np.zeros(len(before), bool)
            taken = own
        else:
            joiner, through = glued, adjacent
            own = split & ~adjacent & (gap == after)
            taken = split & ~adjacent & ~own

        # Runs of units that stand together in the text are one slice each; a break just before a run joins it.
        opens = np.concatenate([[True], ~through])
        first = units[opens]
        last = units[np.concatenate([~through, [True]])]
        left = starts[first]
        left[1:][own[~through]] = self._break_start[first[1:]][own[~through]]
        right = ends[last]
        if not self._single:
            if units[0] == 0:
                left[0] = 0
            if units[-1] == n - 1:
                right[-1] = len(self.text)
        runs = np.stack([left, right], axis=1)
        between = np.zeros((len(runs), 2), np.int64)
        joiner, taken, gap, after = joiner[~through], taken[~through], gap[~through], after[~through]
        between[1:][joiner] = np.stack([starts[after], np.full(len(after), -1)], axis=1)[joiner]
        between[1:][taken] = np.stack([self._break_start[gap], starts[np.minimum(gap, n - 1)]], axis=1)[taken]
        slices = np.stack([between, runs], axis=1).reshape(-1, 2)
        return slices[slices[:, 0] != slices[:, 1]]

    def _close_together(self, before: NDArray[np.int64], after: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether punctuation asks for no blank between two units."""
        opening = ((self._closes[before] & OPENING) != 0) & (self._strength[before + 1] == 0)
        closing = ((self._opens[after] & CLOSING) != 0) & (self._strength[after] == 0)
        return opening | (closing & ~((self._closes[before] & CLOSING) != 0))

    def render(self, kept: NDArray[np.bool_]) -> str:
        """The text of the units where `kept` [n] is true."""
        return join(self.text, self.slices(kept))


def join(text: str, slices: NDArray[np.int64]) -> str:
    """The characters of `slices` (see `Layout.slices`) of `text`."""
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


def _line_end_starts(text: str, at: NDArray[np.int32]) -> NDArray[np.int32]:
    """Start of each line end; CR LF is one."""
    if "\r" not in text or not len(at):
        return at
    second = np.zeros(len(at), bool)
    for index in np.flatnonzero(np.diff(at) == 1).tolist():
        second[index + 1] = text[at[index] : at[index] + 2] == "\r\n"
    return at[~second]
