"""The labelled word listing and the result dictionary."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["labelled_listing", "result", "split_words"]

_WORDS = re.compile(r"\w+|[<>=/!@#$%^&*()?\":{}|\\`~;+-]")


def split_words(text: str) -> list[str]:
    """The words of a text that was not compressed: runs of word characters, and some ASCII marks one by one."""
    return _WORDS.findall(text)


def labelled_listing(words: Iterable[str], labels: Iterable[int], word_sep: str, label_sep: str) -> str:
    """``word<label_sep>label`` joined with ``word_sep``; label 1 = kept.

    Raises:
        ValueError: ``word_sep`` is not a string.
    """
    if not isinstance(word_sep, str):
        raise ValueError(f"word_sep must be a string, not {word_sep!r}")
    return word_sep.join(f"{word}{label_sep}{label}" for word, label in zip(words, labels, strict=True))


def result(texts: Sequence[str], origin_tokens: int, compressed_tokens: int) -> dict[str, object]:
    """The dictionary of 0.2.2, in its order and with its number formats."""
    ratio = origin_tokens / compressed_tokens if compressed_tokens else 1
    saving = (origin_tokens - compressed_tokens) * 0.06 / 1000
    return {
        "compressed_prompt": "\n\n".join(texts),
        "compressed_prompt_list": list(texts),
        "origin_tokens": origin_tokens,
        "compressed_tokens": compressed_tokens,
        "ratio": f"{ratio:.1f}x",
        "rate": f"{1 / ratio * 100:.1f}%",
        "saving": f", Saving ${saving:.1f} in GPT-4.",
    }
