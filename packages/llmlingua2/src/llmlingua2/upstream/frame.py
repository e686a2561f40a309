"""What the model sees of a chunk, and what it says of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .tokenizer import PieceTokenizer

__all__ = ["Frame", "ScoredChunk"]


@dataclass(frozen=True)
class ScoredChunk:
    """The pieces the model attended to, frame included, with their probability of being kept.

    Attributes:
        ids: int64, shape ``(n,)``.
        probabilities: float32 (float16 for a float16 model), shape ``(n,)``.
    """

    ids: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Frame:
    """What goes around the pieces of a chunk.

    Attributes:
        start, end, padding: ids.
        hidden_piece: pieces that read like this are masked out.
        keep_end: whether a chunk that is too long loses pieces rather than its closing token.
    """

    start: int
    end: int
    padding: int
    hidden_piece: str
    keep_end: bool

    @classmethod
    def upstream(cls, tokenizer: PieceTokenizer) -> Frame:
        """BERT's names whatever the model, as 0.2.2 writes them: XLM-RoBERTa reads all three as its unknown token."""
        start, end, padding = (tokenizer.id_of(name) for name in ("[CLS]", "[SEP]", "[PAD]"))
        return cls(start, end, padding, hidden_piece="[PAD]", keep_end=False)

    @classmethod
    def true(cls, tokenizer: PieceTokenizer) -> Frame:
        """The model's own special tokens.

        Raises:
            ValueError: the tokenizer does not name them.
        """
        roles = ("cls_token", "sep_token", "pad_token")
        missing = [role for role in roles if role not in tokenizer.names]
        if missing:
            raise ValueError(f"model_name: its tokenizer names no {' or '.join(missing)}, which compat=False needs")
        start, end, padding = (tokenizer.id_of(tokenizer.names[role]) for role in roles)
        return cls(start, end, padding, hidden_piece=tokenizer.names["pad_token"], keep_end=True)
