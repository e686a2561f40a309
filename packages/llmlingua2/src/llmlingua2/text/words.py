"""Words by character offsets, in any script: the units that are kept or dropped.

Compression never splits a word, so this module decides what goes together:

- scripts with spaces: letters, digits and marks form a word, with an apostrophe, hyphen, full stop, underscore or @
  inside it ("don't", "well-known", "3.14", "example.com"), a comma, colon or slash inside a number ("1,234", "12:30"),
  and a sign or currency mark before a number ("-5", "$3");
- scripts without spaces (Han, Hiragana, Thai, Lao, Khmer, Myanmar, Tibetan, ...): one character with its marks; a run
  of Katakana is one word. So a word is never a clause;
- any other character is a word of its own, and a run of one repeated character ("...", "---") is one word.

White space belongs to no word. A word never ends inside an extended grapheme cluster (Unicode Standard Annex 29):
combining marks, emoji held together by U+200D, flags of two regional indicators and Hangul syllables stay whole.
"""

import numpy as np
from numpy.typing import NDArray

from llmlingua2.text.characters import (
    BREAK,
    DIGIT,
    EXTEND,
    FLAG,
    FORMAT,
    JOINS_DIGITS,
    JOINS_LETTERS,
    KATAKANA,
    LEADING,
    LETTER,
    SIGN,
    SINGLE,
    SPACE,
    SYMBOL,
    code_points,
    properties,
)

__all__ = ["glues", "inside_pieces", "words"]

_ALPHANUMERIC = LETTER | DIGIT
_LONGEST_JOINED = 12
_BEFORE, _AFTER = slice(None, -1), slice(1, None)


def words(text: str) -> NDArray[np.int32]:
    """Find the words of `text`, in time and memory linear in its length.

    Args:
        text: any string; a lone surrogate is a word like any other symbol.

    Returns:
        int32 [n, 2]: start (inclusive) and end (exclusive) of each word in characters, in order, without overlap. What
        lies between words is white space.

    >>> words("It isn't 3.14.").tolist()
    [[0, 2], [3, 8], [9, 13], [13, 14]]
    """
    found = [_words(text[start:end]) + np.int32(start) for start, end in _portions(text)]
    return np.concatenate(found) if found else np.zeros((0, 2), np.int32)


def inside_pieces(
    text: str, spans: NDArray[np.int32], piece_starts: NDArray[np.int32], piece_ends: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Find neighbouring words of scripts without spaces that lie in one piece of a tokenizer.

    Such words ("会", "议") stay or go together, as the model that scored the piece meant them.

    Args:
        text: the text.
        spans: its words, int32 [n, 2].
        piece_starts: first character of each piece, int32 [p], in order.
        piece_ends: character after each piece, int32 [p], in order.

    Returns:
        bool [n]: true where a word belongs to the word before it.
    """
    joined = np.zeros(len(spans), bool)
    if text.isascii() or not len(piece_starts):
        return joined
    touching = np.flatnonzero(spans[1:, 0] == spans[:-1, 1]) + 1
    at = spans[touching, 0]
    piece = np.searchsorted(piece_starts, at, side="left") - 1
    short = piece_ends[piece] - piece_starts[piece] <= _LONGEST_JOINED  # an unknown piece can be a whole clause
    inside = (piece >= 0) & (piece_ends[piece] > at) & short
    touching, at = touching[inside], at[inside]
    flags = properties(code_points(text))
    unspaced = SINGLE | LEADING | EXTEND
    joined[touching] = _has(flags[at - 1], unspaced) & _has(flags[at], unspaced)
    return joined


def glues(before: NDArray[np.uint16], after: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Whether two characters read as one word when nothing stands between them ("budget" + "Sentence").

    Args:
        before: properties of the characters before the join, uint16 [n] (see `characters.properties`).
        after: properties of those after it, uint16 [n].

    Returns:
        bool [n].
    """
    glued = _has(before, _ALPHANUMERIC | EXTEND) & _has(after, _ALPHANUMERIC)
    for together in (FLAG, KATAKANA):
        glued |= _has(before & after, together)
    return glued | _has(after, EXTEND | FORMAT) | _has(before, FORMAT | LEADING)


def _portions(text: str, size: int = 1 << 18) -> list[tuple[int, int]]:
    # Bounds the memory of the arrays in _words. A cut just before white space changes no word.
    portions, start = [], 0
    while len(text) - start > size:
        cut = max(text.rfind(blank, start + 1, start + size) for blank in " \n")
        if cut < 0:
            later = (text.find(blank, start + size) for blank in " \n")
            cut = min((at for at in later if at >= 0), default=len(text))
        portions.append((start, cut))
        start = cut
    if start < len(text):
        portions.append((start, len(text)))
    return portions


def _has(flags: NDArray[np.uint16], wanted: int) -> NDArray[np.bool_]:
    return (flags & wanted) != 0


def _words(text: str) -> NDArray[np.int32]:
    codes = code_points(text)
    flags = properties(codes)
    index = np.arange(len(codes), dtype=np.int32)

    # A blank that carries a combining mark is a visible symbol.
    marked = np.zeros(len(codes), bool)
    marked[_BEFORE] = _has(flags[_BEFORE], SPACE) & ~_has(flags[_BEFORE], BREAK) & _has(flags[_AFTER], EXTEND)
    flags = np.where(marked, np.uint16(SYMBOL), flags)

    # Marks count as the character they are attached to.
    base = flags[np.maximum.accumulate(np.where(_has(flags, EXTEND | FORMAT), 0, index))]
    alphanumeric, carried = _has(flags, _ALPHANUMERIC), _has(base, _ALPHANUMERIC)

    connector = np.zeros(len(codes), bool)
    connector[1:-1] = carried[:-2] & alphanumeric[2:] & _has(flags[1:-1], JOINS_LETTERS)
    connector[1:-1] |= _has(base[:-2] & flags[2:], DIGIT) & _has(flags[1:-1], JOINS_DIGITS)
    prefix = np.zeros(len(codes), bool)
    prefix[_BEFORE] = _has(flags[_BEFORE], SIGN) & _has(flags[_AFTER], DIGIT)
    prefix[_AFTER] &= ~carried[_BEFORE] & (codes[_AFTER] != codes[_BEFORE])

    # glued[i]: no word ends between characters i and i + 1.
    left, right = flags[_BEFORE], flags[_AFTER]
    glued = carried[_BEFORE] & (alphanumeric | connector)[_AFTER]
    glued |= connector[_BEFORE] | prefix[_BEFORE]
    glued |= _has(base[_BEFORE] & right, KATAKANA)
    glued |= _has(left & right, SYMBOL) & (codes[_BEFORE] == codes[_AFTER])
    glued |= _has(right, EXTEND | FORMAT) | _has(left, FORMAT | LEADING)
    flag = _has(flags, FLAG)
    if flag.any():
        position = index - np.maximum.accumulate(np.where(flag, -1, index)) - 1  # in the run of flag halves
        glued |= (flag[_BEFORE] & flag[_AFTER]) & (position[_BEFORE] % 2 == 0)

    space = _has(flags, SPACE)
    first, last = ~space, ~space
    first[_AFTER] &= ~glued | space[_BEFORE]
    last[_BEFORE] &= ~glued | space[_AFTER]
    return np.stack([index[first], index[last] + 1], axis=1)
