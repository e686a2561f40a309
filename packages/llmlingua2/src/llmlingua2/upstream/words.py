"""Merges pieces into words and piece probabilities into word scores.

All chunks of a call are merged at once with array operations, and the results equal, bit for bit, what 0.2.2 gets by
adding float32 scalars one by one: sums run over the pieces of a word from left to right, in the precision in which
NumPy adds scalars. (``np.add.reduceat`` adds in another order from eight pieces on, so it cannot be used here.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .force import ForceTokens
from .frame import ScoredChunk
from .tokenizer import PieceTokenizer

__all__ = ["ChunkWords", "WordRules"]

_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class ChunkWords:
    """The words of one chunk.

    Attributes:
        texts: the words, word-boundary marks of the tokenizer included, placeholders turned back.
        scores: float64 of shape ``(len(texts),)``; values of the precision of ``raw``, or 1.0 for what is forced.
        forced: bool of the same shape: the score is a Python ``1.0`` rather than a NumPy scalar. One such score makes
            0.2.2 compute a threshold in float64.
        raw: the scores without forcing, in the precision of a NumPy scalar score: what the context filter averages.
            With "mean", 0.2.2 averages the first piece's value repeated, not the pieces' values.
    """

    texts: list[str]
    scores: np.ndarray
    forced: np.ndarray
    raw: np.ndarray


@dataclass(frozen=True)
class WordRules:
    """What makes a word, and which pieces count as certain.

    Attributes:
        skip: special tokens, which never reach the output (unknown words among them).
        force: the force tokens of the call.
        keep_digits: whether pieces with a digit count as certain.
        token_to_word: "mean" of the pieces, or the "first" piece.
    """

    tokenizer: PieceTokenizer
    skip: frozenset[str]
    force: ForceTokens
    keep_digits: bool
    token_to_word: str

    def __post_init__(self) -> None:
        if self.token_to_word not in ("mean", "first"):
            raise ValueError(f"token_to_word must be 'mean' or 'first', not {self.token_to_word!r}")

    def merge(self, chunks: Sequence[ScoredChunk]) -> list[ChunkWords]:
        """The words of every chunk."""
        if not chunks:
            return []
        ids = np.concatenate([chunk.ids for chunk in chunks])
        probabilities = np.concatenate([chunk.probabilities for chunk in chunks])
        chunk_of = np.repeat(np.arange(len(chunks)), [len(chunk.ids) for chunk in chunks])
        table = _PieceTable.build(self, np.unique(ids))
        keys = table.keys(ids)
        visible = ~table.skip[keys]
        keys, probabilities, chunk_of = keys[visible], probabilities[visible], chunk_of[visible]
        # A chunk's first piece opens a word even where the rules call it a continuation (0.2.2 has nothing to append
        # it to and raises).
        leads = np.flatnonzero(np.diff(chunk_of, prepend=-1))
        begins = table.begins[keys]
        orphans = leads[~begins[leads]]
        begins[leads] = True
        starts = np.flatnonzero(begins)
        lengths = np.diff(starts, append=len(keys))
        texts = _texts(table, keys, starts, lengths, orphans)
        certain = np.where(begins, table.certain_first[keys], table.certain_rest[keys])
        scores, forced = self._scores(probabilities, certain, starts, lengths)
        raw = probabilities[starts]
        if self.token_to_word == "mean":
            raw = _left_to_right_mean(raw, np.arange(len(raw)), lengths, step=0)
        bounds = np.searchsorted(chunk_of[starts], np.arange(len(chunks) + 1))
        return [
            ChunkWords(texts[low:high], scores[low:high], forced[low:high], raw[low:high])
            for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        ]

    def _scores(
        self, probabilities: np.ndarray, certain: np.ndarray, starts: np.ndarray, lengths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        if self.token_to_word == "first":
            forced = certain[starts]
            return np.where(forced, 1.0, probabilities[starts].astype(np.float64)), forced
        number_certain = np.add.reduceat(certain, starts, dtype=np.int64) if len(starts) else np.zeros(0, np.int64)
        forced = number_certain == lengths
        means = _left_to_right_mean(probabilities, starts, lengths)
        scores = means.astype(np.float64)
        scores[forced] = 1.0
        for word in np.flatnonzero((number_certain > 0) & ~forced).tolist():
            # Python floats among NumPy scalars: let Python itself decide the precision of the sum.
            span = slice(starts[word], starts[word] + lengths[word])
            values = [1.0 if sure else p for p, sure in zip(probabilities[span], certain[span].tolist(), strict=True)]
            mean = sum(values) / len(values)
            scores[word], forced[word] = mean, np.asarray(mean).dtype != means.dtype
        return scores, forced


@dataclass(frozen=True)
class _PieceTable:
    """What the rules say of each distinct piece of a call, one entry per id."""

    ids: np.ndarray
    skip: np.ndarray
    begins: np.ndarray
    certain_first: np.ndarray
    certain_rest: np.ndarray
    first_text: list[str]
    rest_text: list[str]

    @classmethod
    def build(cls, rules: WordRules, ids: np.ndarray) -> _PieceTable:
        family, force = rules.tokenizer.family, rules.force
        tokens, names = force.tokens, force.names
        flags = np.zeros((4, len(ids)), dtype=bool)
        first_text: list[str] = []
        rest_text: list[str] = []
        for index, token_id in enumerate(ids.tolist()):
            piece = rules.tokenizer.piece(token_id)
            pure = family.pure(piece)
            text = force.show(piece)
            first_text.append(text)
            rest_text.append(pure)
            digit_first = rules.keep_digits and _DIGIT.search(text) is not None
            flags[:, index] = (
                piece in rules.skip,
                family.begins_word(piece, tokens, names),
                digit_first or pure in tokens or pure in names,
                rules.keep_digits and _DIGIT.search(piece) is not None,
            )
        skip, begins, certain_first, certain_rest = flags
        return cls(ids, skip, begins, certain_first, certain_rest, first_text, rest_text)

    def keys(self, ids: np.ndarray) -> np.ndarray:
        """Where each id stands in the table."""
        return np.searchsorted(self.ids, ids)


def _texts(
    table: _PieceTable, keys: np.ndarray, starts: np.ndarray, lengths: np.ndarray, orphans: np.ndarray
) -> list[str]:
    first, rest = table.first_text, table.rest_text
    texts = list(map(first.__getitem__, keys[starts].tolist()))
    for orphan in np.searchsorted(starts, orphans).tolist():
        texts[orphan] = rest[keys[starts[orphan]]]
    long = np.flatnonzero(lengths > 1)
    parts = list(map(rest.__getitem__, keys.tolist()))
    for word, start, length in zip(long.tolist(), starts[long].tolist(), lengths[long].tolist(), strict=True):
        texts[word] += "".join(parts[start + 1 : start + length])
    return texts


def _left_to_right_mean(values: np.ndarray, starts: np.ndarray, lengths: np.ndarray, *, step: int = 1) -> np.ndarray:
    """``sum(run) / len(run)`` of each run of scalars, with Python's order of addition and NumPy's precision.

    Args:
        values: shape ``(n,)``.
        starts, lengths: the runs, shape ``(m,)``.
        step: 0 repeats the first value of the run instead of moving on.

    Returns:
        Shape ``(m,)``. NumPy 2 adds float32 scalars in float32; NumPy 1 turned them into float64.
    """
    one = values.dtype.type(1)
    total = values[starts].astype(np.asarray(0 + one).dtype)
    longer = np.arange(len(starts))
    for column in range(1, int(lengths.max(initial=0))):  # one column of all runs at a time
        longer = longer[lengths[longer] > column]
        total[longer] += values[starts[longer] + column * step]
    return total / lengths.astype(np.asarray((0 + one) / 1).dtype)
