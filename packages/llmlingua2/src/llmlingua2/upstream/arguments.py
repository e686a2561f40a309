"""Checks of what callers pass. Numbers are checked where they are used: 0.2.2 accepts nonsense it never looks at,
such as ``rate=None`` beside a ``target_token``."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

__all__ = ["context_list", "number", "whole_characters"]


def context_list(context: str | Sequence[str]) -> list[str]:
    """The contexts as a new list; one string is one context.

    Raises:
        ValueError: not a string or a sequence of strings.
    """
    if isinstance(context, str):
        return [context]
    if not isinstance(context, Sequence) or isinstance(context, bytes):
        raise ValueError(f"context must be a string or a list of strings, not {type(context).__name__}")
    for index, text in enumerate(context):
        if not isinstance(text, str):
            raise ValueError(f"context[{index}] must be a string, not {type(text).__name__}")
    return list(context)


def number(name: str, value: object) -> float:
    """``value`` itself, if it is a real number.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, Real):
        raise ValueError(f"{name} must be a number, not {value!r}")
    return value  # type: ignore[return-value]  # int or float, kept as it is: its arithmetic is the caller's


def whole_characters(text: str) -> str:
    """The text without lone surrogates, which no tokenizer can read; surrogate pairs become the character they mean."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return text
