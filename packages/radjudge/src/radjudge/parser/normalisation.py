"""Text as the parser reads it, with a map back to the text as it was given."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

# control characters that act as white space; all others are dropped
_SPACES = frozenset("\t\n\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029")
_DASHES = str.maketrans({"\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-"})
_ASCII_CONTROLS = frozenset(map(chr, range(32))) - _SPACES | {"\x7f"}


def normalise(text: str) -> tuple[str, Sequence[int] | None]:
    """NFKC form without control, zero-width and bidirectional characters.

    Returns:
        The normalised text and, for each of its characters, the index of the character of ``text`` it came from;
        None instead of the map where the two are the same, which is nearly always.

    Each character is normalised on its own, so that the map is exact; a letter and a combining mark stay apart, and the
    mark is dropped. One pass, linear in the length.
    """
    if text.isascii() and _ASCII_CONTROLS.isdisjoint(text):
        return text, None
    pieces: list[str] = []
    offsets: list[int] = []
    for index, character in enumerate(text):
        spelling = _spelling(character)
        if spelling:
            pieces.append(spelling)
            offsets.extend([index] * len(spelling))
    return "".join(pieces), offsets


@lru_cache(maxsize=4096)
def _spelling(character: str) -> str:
    """What a character is read as, "" where it is dropped."""
    if character in _SPACES:
        return "\n" if character in "\n\r\u2028\u2029\x85" else " "
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Mn"):
        return ""
    parts = unicodedata.normalize("NFKD", character).translate(_DASHES)
    return "".join(part for part in parts if unicodedata.category(part) != "Mn")
