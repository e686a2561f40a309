"""How the two tokenizer families mark the beginning of a word.

llmlingua 0.2.2 picks the family from substrings of the model's path. Here it is read from the tokenizer itself: a
WordPiece model follows the rules written for mBERT, a Unigram model those written for XLM-RoBERTa.
"""

from __future__ import annotations

import string
from abc import ABC, abstractmethod
from collections.abc import Container

__all__ = ["Family", "Unigram", "WordPiece", "family_of"]


class Family(ABC):
    """The three questions the word rules ask of a piece."""

    @abstractmethod
    def pure(self, piece: str) -> str:
        """The piece without its word-boundary mark."""

    @abstractmethod
    def begins_word(self, piece: str, force_tokens: Container[str], placeholders: Container[str]) -> bool:
        """Whether the piece opens a new word rather than continuing the last one."""

    def label(self, word: str) -> str:
        """The word as the labelled listing shows it."""
        return word


class WordPiece(Family):
    """Continuations carry a leading ``##``."""

    def pure(self, piece: str) -> str:
        return piece.lstrip("#")

    def begins_word(self, piece: str, force_tokens: Container[str], placeholders: Container[str]) -> bool:
        pure = self.pure(piece)
        return pure in force_tokens or pure in placeholders or not piece.startswith("##")


class Unigram(Family):
    """Words open with ``▁``; punctuation stands alone.

    The punctuation test is a substring test on ``string.punctuation``, so that runs such as ``()`` or ``:;`` count.
    """

    def pure(self, piece: str) -> str:
        return piece.lstrip("▁")

    def begins_word(self, piece: str, force_tokens: Container[str], placeholders: Container[str]) -> bool:
        return piece in string.punctuation or piece in force_tokens or piece in placeholders or piece.startswith("▁")

    def label(self, word: str) -> str:
        return word.lstrip("▁")


def family_of(model_type: str) -> Family:
    """The family of a ``tokenizers`` model type.

    Raises:
        ValueError: the type is neither ``WordPiece`` nor ``Unigram``.
    """
    families: dict[str, type[Family]] = {"WordPiece": WordPiece, "Unigram": Unigram}
    if model_type not in families:
        raise ValueError(
            f"model_name: its tokenizer is of type {model_type}; word rules exist for WordPiece (BERT) and "
            "Unigram (XLM-RoBERTa)"
        )
    return families[model_type]()
