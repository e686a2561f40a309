"""What each Unicode character is for word finding: one table of bit flags, filled as texts need it."""

import unicodedata

import numpy as np
from numpy.typing import NDArray

__all__ = ["code_points", "properties"]

SPACE = 1 << 0  # white space, and the zero-width space that separates words in Thai and Khmer
BREAK = 1 << 1  # white space that a combining mark does not attach to: line ends and control characters
LETTER = 1 << 2  # letter or number of a script with spaces between words
DIGIT = 1 << 3  # decimal digit
SINGLE = 1 << 4  # letter of a script without spaces: a word of its own
KATAKANA = 1 << 5
LEADING = 1 << 6  # vowel sign written before the consonant it belongs to (Thai, Lao)
EXTEND = 1 << 7  # belongs to the character before it: combining marks, skin tones, variation selectors
FORMAT = 1 << 8  # invisible and binding on both sides: joiners, direction marks, signs set before a number
FLAG = 1 << 9  # regional indicator, half of a flag
SYMBOL = 1 << 10  # everything else
JOINS_LETTERS = 1 << 11  # inside a word between letters or digits: don't, well-known, example.com
JOINS_DIGITS = 1 << 12  # inside a number: 1,234 and 12:30
SIGN = 1 << 13  # belongs to the number after it: -5 and $5
OPENING = 1 << 14  # stands close to what follows: ( [ «
CLOSING = 1 << 15  # stands close to what is before: , . ) ] »

# First and last code point of the scripts written without spaces between words.
_UNSPACED = (
    (0x0E00, 0x0FFF),  # Thai, Lao, Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19FF),  # Tai Le, New Tai Lue, Khmer symbols
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x2E80, 0x2FDF),  # radicals of Han
    (0x3005, 0x3007),  # iteration mark and zero of Han
    (0x3021, 0x3029),  # Hangzhou numerals
    (0x3040, 0x309F),  # Hiragana
    (0x3100, 0x312F),  # Bopomofo
    (0x31A0, 0x31BF),  # Bopomofo, extended
    (0x3400, 0x4DBF),  # Han, extension A
    (0x4E00, 0x9FFF),  # Han
    (0xA000, 0xA4CF),  # Yi
    (0xA9E0, 0xA9FF),  # Myanmar, extended B
    (0xAA60, 0xAADF),  # Myanmar, extended A; Tai Viet
    (0xF900, 0xFAFF),  # compatibility forms of Han
    (0x1B000, 0x1B16F),  # Kana, supplement and extensions
    (0x20000, 0x3FFFF),  # Han, extensions B and later
)
_KATAKANA = ((0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9D))
_LEADING_VOWELS = (*range(0x0E40, 0x0E45), *range(0x0EC0, 0x0EC5))
# Signs that stack the consonant after them under the one before: Myanmar, Khmer, Tai Tham.
_STACKERS = (0x1039, 0x17D2, 0x1A60)
# Letters by category that extend a cluster all the same: Thai and Lao vowel AM, Halfwidth Katakana sound marks.
_EXTENDING_LETTERS = (0x0E33, 0x0EB3, 0xFF9E, 0xFF9F)
_BREAKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029\u200b"
_ROLES = {
    JOINS_LETTERS: "'’.-_@\u00b7\u05f3\u05f4\u2010\u2011\u2024\u2027\uff07\uff0e",
    JOINS_DIGITS: ",:/;'’.-\u060c\u066b\u066c\u2044\u2215\uff0c\uff0e\uff1a",
    SIGN: "+-\u00b1\u2212",
    CLOSING: ",.;:!?\u2026\u060c\u061b\u061f\u06d4\u0964\u0965\u3001\u3002\uff01\uff0c\uff0e\uff1a\uff1b\uff1f",
}
_ROLES_OF_CATEGORIES = {"Sc": SIGN, "Ps": OPENING, "Pi": OPENING, "Pe": CLOSING, "Pf": CLOSING}
_BLOCK = 256

_table = np.zeros(0x110000, np.uint16)


def _property(code: int) -> int:
    character = chr(code)
    category = unicodedata.category(character)
    if character in _BREAKS:
        return SPACE | BREAK
    if character.isspace():
        return SPACE
    if code in _STACKERS:
        return EXTEND | FORMAT
    if category[0] == "M" or code in _EXTENDING_LETTERS or 0x1F3FB <= code <= 0x1F3FF or code == 0x200C:
        return EXTEND
    if category == "Cf":
        return (FORMAT | EXTEND) if code == 0x200D else EXTEND if 0xE0020 <= code <= 0xE007F else FORMAT
    if 0x1F1E6 <= code <= 0x1F1FF:
        return FLAG
    if code in _LEADING_VOWELS:
        return LEADING
    if category == "Nd":
        return DIGIT
    if category[0] in "LN":
        if any(first <= code <= last for first, last in _KATAKANA):
            return KATAKANA
        return SINGLE if any(first <= code <= last for first, last in _UNSPACED) else LETTER
    roles = sum(role for role, characters in _ROLES.items() if character in characters)
    return SYMBOL | roles | _ROLES_OF_CATEGORIES.get(category, 0)


def code_points(text: str) -> NDArray[np.uint32]:
    """Return the characters of `text` as code points, lone surrogates included: shape [len(text)]."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def properties(codes: NDArray[np.uint32]) -> NDArray[np.uint16]:
    """Return the flags of each code point: same shape as `codes`."""
    for block in np.flatnonzero(np.bincount(codes >> 8)).tolist():
        first = block * _BLOCK
        if not _table[first]:
            flags = [_property(code) for code in range(first, first + _BLOCK)]
            # The first entry is set last: a thread that sees it finds the block complete.
            _table[first + 1 : first + _BLOCK] = flags[1:]
            _table[first] = flags[0]
    return _table[codes]
