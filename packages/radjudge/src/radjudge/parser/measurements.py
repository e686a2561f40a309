"""Sizes and distances, in millimetres."""

from __future__ import annotations

import re

_MILLIMETRES = {
    "mm": 1.0,
    "millimeter": 1.0,
    "millimeters": 1.0,
    "millimetre": 1.0,
    "millimetres": 1.0,
    "cm": 10.0,
    "cms": 10.0,
    "centimeter": 10.0,
    "centimeters": 10.0,
    "centimetre": 10.0,
    "centimetres": 10.0,
    "inch": 25.4,
    "inches": 25.4,
}
_NUMBER = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(?:(mm|cm)|x(\d{1,6}(?:\.\d{1,6})?)?)?\Z")
_JOINERS = frozenset(["x", "by", "to", "and"])
_MOST_PARTS = 6


def read_measurement(words: list[str], index: int) -> tuple[tuple[float, ...], int]:
    """Read "2.5 cm", "13 - 14 mm", "3 x 4 x 2 cm" or "3mm" at a word that starts with a digit.

    Returns:
        The sizes in millimetres and the index after them; no sizes when no unit follows (a date, a rib, a vertebra).
    """
    numbers: list[tuple[float, str | None]] = []
    position = index
    while position < len(words) and len(numbers) < _MOST_PARTS:
        word = words[position]
        match = _NUMBER.match(word)
        if match:
            numbers.append((float(match.group(1)), match.group(2)))
            if match.group(3):
                numbers.append((float(match.group(3)), None))
            position += 1
        elif numbers and word in _MILLIMETRES:
            factor = _MILLIMETRES[word]
            scaled = tuple(value * (_MILLIMETRES[unit] if unit else factor) for value, unit in numbers)
            following = position + 2
            if (
                following < len(words)
                and words[position + 1] in ("x", "by")
                and _NUMBER.match(words[following])
                and len(numbers) < _MOST_PARTS
            ):
                more, after = read_measurement(words, following)
                if more:
                    return scaled + more, after
            return scaled, position + 1
        elif numbers and word in _JOINERS:
            position += 1
        else:
            break
    if numbers and numbers[-1][1]:
        factor = _MILLIMETRES[numbers[-1][1]]
        return tuple(value * (_MILLIMETRES[unit] if unit else factor) for value, unit in numbers), position
    return (), index + 1
