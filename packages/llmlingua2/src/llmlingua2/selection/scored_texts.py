"""From pieces to words: the score of a word is the mean keep probability of its pieces (LLMLingua-2, section 3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from llmlingua2.scoring.classifier import Pieces, TokenClassifier
from llmlingua2.scoring.windows import CHUNK_END_TOKENS
from llmlingua2.selection.negation import find_negations
from llmlingua2.text.words import inside_pieces, words

__all__ = ["ScoredText", "score_texts", "unscored"]


@dataclass(frozen=True, eq=False)
class ScoredText:
    """A text and the scores of its words."""

    text: str
    spans: NDArray[np.int32]
    """Start and end of each word in characters, [n, 2]."""
    scores: NDArray[np.float32]
    """Keep probability of each word, [n]."""
    chunks: NDArray[np.int32] | None = None
    """First character of each chunk the model saw, [chunks], if a model scored the text."""

    @cached_property
    def negations(self) -> NDArray[np.bool_]:
        """Which words are negations, [n]."""
        return find_negations(self.text, self.spans)

    def part(self, start: int, end: int) -> "ScoredText":
        """The characters from `start` to `end`, with the scores they have in the whole."""
        first = np.searchsorted(self.spans[:, 1], start, side="right")
        last = np.searchsorted(self.spans[:, 0], end, side="left")
        return ScoredText(
            self.text[start:end], np.clip(self.spans[first:last], start, end) - start, self.scores[first:last]
        )


def unscored(text: str) -> ScoredText:
    """A text that stays as it is."""
    return ScoredText(text, np.zeros((0, 2), np.int32), np.zeros(0, np.float32))


def score_texts(
    classifier: TokenClassifier, texts: Sequence[str], *, chunk_end_tokens: Sequence[str] = CHUNK_END_TOKENS
) -> list[ScoredText]:
    """Score the words of texts.

    A word that no piece stands for (control characters that the tokenizer removes) scores 0. In scripts without
    spaces, neighbouring characters that the tokenizer made one piece of are one word.
    """
    sums = [_Sums(text, words(text)) for text in texts]
    spans = [each.spans for each in sums]
    for block in classifier.keep_probabilities(texts, spans, chunk_end_tokens=chunk_end_tokens):
        sums[block.text].add(block)
    return [each.scored() for each in sums]


class _Sums:
    """Sums of probabilities over the words of one text."""

    def __init__(self, text: str, spans: NDArray[np.int32]) -> None:
        self.text = text
        self.spans = spans
        self.total = np.zeros(len(spans))
        self.pieces = np.zeros(len(spans), np.int32)
        self.joined = np.zeros(len(spans), bool)  # to the word before
        self.chunks = [np.zeros(0, np.int32)]

    def add(self, block: Pieces) -> None:
        self.chunks.append(block.starts[block.chunks])
        first = int(np.searchsorted(self.spans[:, 1], block.starts[0], side="right"))
        last = int(np.searchsorted(self.spans[:, 0], block.ends[-1], side="left"))
        if first == last:
            return
        here = self.spans[first:last]
        low = np.searchsorted(block.ends, here[:, 0], side="right")
        high = np.maximum(np.searchsorted(block.starts, here[:, 1], side="left"), low)
        running = np.append(0, np.cumsum(block.keep, dtype=np.float64))
        self.total[first:last] += running[high] - running[low]
        self.pieces[first:last] += (high - low).astype(np.int32)
        begin, end = here[0, 0], here[-1, 1]
        self.joined[first:last] |= inside_pieces(
            self.text[begin:end], here - begin, block.starts - begin, block.ends - begin
        )

    def scored(self) -> ScoredText:
        spans, total, pieces = self.spans, self.total, self.pieces
        if self.joined.any():
            first = np.flatnonzero(~self.joined)
            last = np.append(first[1:], len(spans)) - 1
            spans = np.stack([spans[first, 0], spans[last, 1]], axis=1)
            total, pieces = np.add.reduceat(total, first), np.add.reduceat(pieces, first)
        scores = (total / np.maximum(pieces, 1)).astype(np.float32)
        return ScoredText(self.text, spans, scores, np.concatenate(self.chunks))
