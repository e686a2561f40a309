"""Lengths in cl100k_base tokens, the unit 0.2.2 reports and weighs words in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["TokenCounter", "cl100k"]

_CACHE_LIMIT = 200_000


class TokenCounter:
    """Counts tokens; word lengths are cached.

    Text is always read as ordinary text: "<|endoftext|>" in a prompt is thirteen characters, not a control token
    (0.2.2 raises on it).
    """

    def __init__(self, encoding) -> None:
        self._encode = encoding.encode_ordinary
        self._lengths: dict[str, int] = {}

    def length(self, text: str) -> int:
        """Tokens of a text."""
        return len(self._encode(text))

    def word_lengths(self, words: Sequence[str]) -> np.ndarray:
        """Tokens of each word, int64 of shape ``(len(words),)``."""
        # One call per new word: encode_ordinary_batch starts a thread pool and hands over one word at a time, which
        # costs ten times what encoding a word does.
        known = self._lengths
        lengths = list(map(known.get, words))
        if None in lengths:
            for index, length in enumerate(lengths):
                if length is None:
                    word = words[index]
                    lengths[index] = known[word] = known[word] if word in known else len(self._encode(word))
            if len(known) > _CACHE_LIMIT:
                self._lengths = {}  # replaced, not cleared: another thread may still be reading the old one
        return np.array(lengths, dtype=np.int64)


def cl100k() -> TokenCounter:
    """The counter of 0.2.2.

    Raises:
        ImportError: tiktoken is not installed.
        RuntimeError: its vocabulary is neither cached nor to be had from the network.
    """
    try:
        import tiktoken
    except ImportError as error:
        raise ImportError(
            'PromptCompressor counts in cl100k_base tokens: pip install "llmlingua2[tiktoken]"'
        ) from error
    try:
        return TokenCounter(tiktoken.get_encoding("cl100k_base"))
    except OSError as error:
        raise RuntimeError(
            "tiktoken could not load the cl100k_base vocabulary; offline, set TIKTOKEN_CACHE_DIR to a folder that "
            f"holds it ({error})"
        ) from error
