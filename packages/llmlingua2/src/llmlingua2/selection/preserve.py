"""Parts of a text that stay exactly as they are: code, links, numbers, and whatever else a user names."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PRESETS", "Rule", "is_span", "preserved_spans", "read_rules"]

Rule = str | re.Pattern[str] | tuple[int, int] | Callable[[str], Iterable[tuple[int, int]]]
"""The name of a preset, a regular expression, a span (start, end), or a function from a text to its spans."""

# Repetitions that a hostile text could make quadratic are bounded.
_PATTERNS = {
    "citations": (
        r"\[\d{1,4}(?:\s?[,–-]\s?\d{1,4}){0,20}\]",
        r"\([A-Z][^()\n]{0,80}?,? (?:1[5-9]|20)\d\d[a-z]?(?:, pp?\. ?[\d–-]{1,12})?\)",
    ),
    "code": (
        r"(?ms)^[ \t]{0,12}(?P<fence>`{3,16}(?!`)|~{3,16}(?!~))[^\n]*\n.*?(?:^[ \t]{0,12}(?P=fence)[`~]*[ \t]*$|\Z)",
        r"(?<!`)(?P<ticks>`{1,2})(?!`)[^\n]{1,1000}?(?<!`)(?P=ticks)(?!`)",
    ),
    "emails": (r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+",),
    "headings": (r"(?m)^ {0,3}#{1,6}[ \t][^\n]*$",),
    "json_keys": (r'"(?:[^"\\\n]|\\.){0,200}"(?=[ \t]{0,8}:)',),
    "numbers": (r"(?<!\w)[-+−]?[$¢-¥₠-⃀]?\d(?:[\d.,:/-]*\d)?(?: ?[%‰°]|[¢-¥₠-⃀])?(?!\w)",),
    "urls": (r"\b(?i:https?://|ftp://|www\.)[^\s<>\"'`\])}]*[^\s<>\"'`\])}.,;:!?]",),
}
PRESETS: dict[str, tuple[re.Pattern[str], ...]] = {
    name: tuple(re.compile(pattern) for pattern in patterns) for name, patterns in _PATTERNS.items()
}
"""What each name stands for: fenced and inline code, numbers with sign, currency and percent, Markdown headings, ..."""

_Reader = Callable[[str], Iterable[tuple[int, int]]]


def read_rules(rules: Sequence[Rule]) -> list[_Reader]:
    """Turn rules into functions from a text to spans.

    Raises:
        TypeError: a rule is none of the kinds of `Rule`.
        ValueError: a string is neither a preset nor a valid regular expression, or a span is empty or negative.
    """
    if isinstance(rules, str | re.Pattern) or callable(rules):
        raise TypeError(f"preserve: give a list of rules, such as [{rules!r}]")
    return [reader for rule in rules for reader in _read(rule)]


def preserved_spans(text: str, readers: Sequence[_Reader]) -> NDArray[np.int32]:
    """Where the text is to stay as it is: int32 [n, 2], in order, overlapping spans joined.

    Raises:
        ValueError: a span does not lie in the text.
    """
    spans = []
    for reader in readers:
        for start, end in reader(text):
            if not 0 <= start <= end <= len(text):
                raise ValueError(
                    f"preserve: the span ({start}, {end}) does not lie in a text of {len(text)} characters"
                )
            if start < end:
                spans.append((int(start), int(end)))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return np.array(merged, np.int32).reshape(-1, 2)


def is_span(rule: Any) -> bool:
    """Whether a rule is a span (start, end), which says nothing about texts other than the one it was made for."""
    whole = isinstance(rule, Sequence) and not isinstance(rule, str) and len(rule) == 2
    return whole and all(hasattr(place, "__index__") for place in rule)


def _read(rule: Rule) -> list[_Reader]:
    if isinstance(rule, str):
        if rule in PRESETS:
            return [_matches(pattern) for pattern in PRESETS[rule]]
        try:
            return [_matches(re.compile(rule))]
        except re.error as error:
            raise ValueError(
                f"preserve: {rule!r} is neither one of {', '.join(PRESETS)} nor a regular expression ({error})"
            ) from None
    if isinstance(rule, re.Pattern):
        return [_matches(rule)]
    if callable(rule):
        return [rule]
    if is_span(rule):
        start, end = int(rule[0]), int(rule[1])
        if not 0 <= start < end:
            raise ValueError(f"preserve: the span ({start}, {end}) is empty or negative")
        return [lambda text: [(start, end)]]
    raise TypeError(f"preserve: {rule!r} is not a preset, a regular expression, a span (start, end) or a function")


def _matches(pattern: re.Pattern[str]) -> _Reader:
    def spans(text: str) -> Iterator[tuple[int, int]]:
        return (match.span() for match in pattern.finditer(text))

    return spans
