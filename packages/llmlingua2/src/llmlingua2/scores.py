"""Word scores of texts: one forward pass, any number of budgets."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from llmlingua2.counters import Counter, resolve_counter
from llmlingua2.prompt import Kept, Prompt, ScoredText, unscored
from llmlingua2.result import CompressionResult
from llmlingua2.settings import Options, Settings
from llmlingua2.words import inside_pieces, words

if TYPE_CHECKING:
    from llmlingua2.classifier import TokenClassifier

__all__ = ["Scores", "Word", "Words", "score_texts"]


class Word(NamedTuple):
    """A word of a text."""

    start: int
    """First character."""
    end: int
    """Character after the word."""
    score: float
    """Probability that the word is kept."""


class Words(Sequence[Word]):
    """The words of one text, in order, as a sequence over compact arrays.

    Attributes:
        spans: start and end of each word in characters, int32 [n, 2].
        scores: keep probability of each word, float32 [n].
    """

    def __init__(self, spans: NDArray[np.int32], scores: NDArray[np.float32]) -> None:
        self.spans = spans
        self.scores = scores

    def __len__(self) -> int:
        return len(self.spans)

    @overload
    def __getitem__(self, index: int) -> Word: ...
    @overload
    def __getitem__(self, index: slice) -> "Words": ...
    def __getitem__(self, index: int | slice) -> "Word | Words":
        if isinstance(index, slice):
            return Words(self.spans[index], self.scores[index])
        return Word(int(self.spans[index, 0]), int(self.spans[index, 1]), float(self.scores[index]))

    def __iter__(self) -> Iterator[Word]:
        for (start, end), score in zip(self.spans.tolist(), self.scores.tolist(), strict=True):
            yield Word(start, end, score)

    def __repr__(self) -> str:
        return f"Words({len(self)} words)"


class Scores:
    """Texts, the scores of their words, and the counter that budgets are measured with.

    Example:
        >>> scores = compressor.score(text)
        >>> [scores.compress(rate=rate).text for rate in (0.5, 0.2)]
    """

    def __init__(
        self, texts: Sequence[ScoredText], counter: Counter, *, single: bool = False, seconds: float | None = None
    ) -> None:
        self.scored = list(texts)
        self.counter = counter
        self.single = single
        self._seconds = seconds

    @classmethod
    def from_words(
        cls,
        texts: str | Sequence[str],
        spans: Any,
        scores: Any,
        *,
        counter: "str | Counter | Callable[[str], int]" = "words",
    ) -> "Scores":
        """Use word scores that come from elsewhere with the same budgets.

        Args:
            texts: one text or several.
            spans: words of the text, integers [n, 2] in characters, in order and without overlap, such as
                `words.words` finds; for several texts a list of such arrays. What they leave out must be white space.
            scores: a number for each word, [n], higher to keep; for several texts a list. Any finite range.
            counter: see `counters.resolve_counter`.

        Raises:
            ValueError: shapes do not fit, spans overlap or leave visible characters out, or a score is not finite.
        """
        single = isinstance(texts, str)
        if single:
            texts, spans, scores = [texts], [spans], [scores]
        if not len(texts) == len(spans) == len(scores):
            raise ValueError(f"{len(texts)} texts need as many spans and scores, not {len(spans)} and {len(scores)}")
        checked = [_checked(*parts) for parts in zip(texts, spans, scores, strict=True)]
        return cls(checked, resolve_counter(counter), single=single)

    @property
    def texts(self) -> list[str]:
        """The texts."""
        return [scored.text for scored in self.scored]

    @property
    def words(self) -> "Words | list[Words]":
        """The words of the text; for a list of texts, one `Words` for each."""
        found = self.words_by_text()
        return found[0] if self.single else found

    def words_by_text(self) -> list[Words]:
        """The words of each text."""
        return [Words(scored.spans, scored.scores) for scored in self.scored]

    def compress(
        self,
        *,
        rate: float | None = None,
        target_tokens: int | None = None,
        threshold: float | None = None,
        **options: Unpack[Options],
    ) -> CompressionResult:
        """Compress to a size. The result never has more tokens than asked for, and one word more would be too many.

        Args:
            rate: share of the tokens to keep, above 0 and at most 1 (1 returns the prompt as it is).
            target_tokens: tokens to keep, at least 1.
            threshold: keep every word whose score is at least this, from 0 to 1.
            options: see `settings.Options`.

        Raises:
            BudgetError: what must stay is longer than the size, and `on_overflow` is not "keep".
            TypeError, ValueError: an argument is not accepted; the message says what is.
        """
        return self.apply(Settings(rate=rate, target_tokens=target_tokens, threshold=threshold, **options))

    def apply(self, settings: Settings) -> CompressionResult:
        """`compress` with arguments that have been checked."""
        began = time.perf_counter()
        settings.check_texts(len(self.scored))
        if settings.budget == "chunk" and any(scored.chunks is None for scored in self.scored):
            raise ValueError("budget: 'chunk' needs scores from a model, which sees texts in chunks")
        before, after = ([unscored(text)] if text else [] for text in (settings.instruction, settings.question))
        texts = [*before, *self.scored, *after]
        fixed = [True] * len(before) + [False] * len(self.scored) + [True] * len(after)
        prompt = Prompt(texts, settings, self.counter, fixed=fixed)
        kept = prompt.keep(prompt.choose_each() if settings.budget == "document" else prompt.choose())
        seconds = {} if self._seconds is None else {"score": self._seconds}
        timings = seconds | {"compress": time.perf_counter() - began}
        return compression_result(prompt, kept, single=self.single, timings=timings)


def compression_result(prompt: Prompt, kept: Kept, *, single: bool, timings: dict[str, float]) -> CompressionResult:
    """What `kept` leaves of the texts of `prompt` that are not fixed."""
    loose = [number for number in range(len(prompt.texts)) if not prompt.fixed[number]]
    spans = [prompt.texts[number].spans + np.int32(prompt.starts[number]) for number in loose]
    return CompressionResult(
        source=prompt.source,
        slices=kept.slices,
        words=np.concatenate([np.zeros((0, 2), np.int32), *spans]),
        kept=np.concatenate([np.zeros(0, bool), *(kept.words[number] for number in loose)]),
        texts_at=tuple((int(prompt.starts[number]), int(prompt.ends[number])) for number in loose),
        single=single,
        origin_tokens=prompt.origin_tokens,
        compressed_tokens=kept.tokens,
        counter=prompt.counter.name,
        timings=timings,
        return_word_label=prompt.settings.return_word_label,
    )


def score_texts(
    classifier: "TokenClassifier", texts: Sequence[str], *, chunk_end_tokens: Sequence[str] | None = None
) -> list[ScoredText]:
    """Score the words of texts: the mean of the keep probabilities of a word's pieces (LLMLingua-2, section 3.3).

    A word that no piece stands for (control characters that the tokenizer removes) scores 0. In scripts without spaces,
    neighbouring characters that the tokenizer made one piece of are one word.
    """
    spans = [words(text) for text in texts]
    sums = [np.zeros(len(found)) for found in spans]
    counts = [np.zeros(len(found), np.int32) for found in spans]
    joined = [np.zeros(len(found), bool) for found in spans]
    chunks: list[list[NDArray[np.int32]]] = [[] for _ in texts]
    more = {} if chunk_end_tokens is None else {"chunk_end_tokens": chunk_end_tokens}
    for block in classifier.keep_probabilities(texts, spans, **more):
        found, number = spans[block.text], block.text
        begin, end = int(block.starts[0]), int(block.ends[-1])
        first = int(np.searchsorted(found[:, 1], begin, side="right"))
        last = int(np.searchsorted(found[:, 0], end, side="left"))
        here = found[first:last]
        low = np.searchsorted(block.ends, here[:, 0], side="right")
        high = np.maximum(np.searchsorted(block.starts, here[:, 1], side="left"), low)
        total = np.concatenate([np.zeros(1), np.cumsum(block.keep, dtype=np.float64)])
        sums[number][first:last] += total[high] - total[low]
        counts[number][first:last] += (high - low).astype(np.int32)
        offset = int(here[0, 0]) if len(here) else begin
        text = texts[number][offset : int(here[-1, 1]) if len(here) else end]
        joined[number][first:last] |= inside_pieces(text, here - offset, block.starts - offset, block.ends - offset)
        chunks[number].append(block.starts[block.chunks])
    return [_merged(*parts) for parts in zip(texts, spans, sums, counts, joined, chunks, strict=True)]


def _merged(
    text: str,
    spans: NDArray[np.int32],
    sums: NDArray[np.float64],
    counts: NDArray[np.int32],
    joined: NDArray[np.bool_],
    chunks: list[NDArray[np.int32]],
) -> ScoredText:
    first = np.flatnonzero(~joined)
    if joined.any():
        last = np.append(first[1:], len(spans)) - 1
        spans = np.stack([spans[first, 0], spans[last, 1]], axis=1)
        sums, counts = np.add.reduceat(sums, first), np.add.reduceat(counts, first)
    scores = (sums / np.maximum(counts, 1)).astype(np.float32)
    return ScoredText(text, spans, scores, np.concatenate([np.zeros(0, np.int32), *chunks]))


def _checked(text: str, spans: Any, scores: Any) -> ScoredText:
    spans = np.asarray(spans, np.int32).reshape(-1, 2)
    scores = np.asarray(scores, np.float32)
    if scores.shape != (len(spans),):
        raise ValueError(f"{len(spans)} words need as many scores, not an array of shape {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite")
    borders = np.concatenate([[0], spans.ravel(), [len(text)]])
    if (np.diff(borders) < 0).any() or (spans[:, 0] == spans[:, 1]).any():
        raise ValueError(
            f"spans must be in order, not empty, without overlap and inside a text of {len(text)} characters"
        )
    covered = np.zeros(len(text) + 1, np.int8)
    covered[spans[:, 0]] += 1
    covered[spans[:, 1]] -= 1
    found = words(text)
    inside = np.cumsum(covered)
    for start, end in found.tolist():
        if not inside[start:end].all():
            raise ValueError(f"spans leave out visible characters: {text[start:end]!r} at {start}")
    return ScoredText(text, spans, scores)
