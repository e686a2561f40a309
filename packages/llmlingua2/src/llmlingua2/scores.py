"""Word scores of texts: one forward pass, any number of budgets."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from llmlingua2.result import CompressionResult
from llmlingua2.selection.prompt import Kept, Prompt
from llmlingua2.selection.scored_texts import ScoredText, unscored
from llmlingua2.selection.settings import Options, Settings
from llmlingua2.text.counters import Counter, resolve_counter
from llmlingua2.text.words import words

__all__ = ["Scores", "Word", "Words"]


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
                `text.words.words` finds; for several texts a list of such arrays. They leave out only white space.
            scores: a number for each word, [n], higher to keep; for several texts a list. Any finite range.
            counter: see `text.counters.resolve_counter`.

        Raises:
            ValueError: shapes do not fit, spans overlap or leave visible characters out, or a score is not finite.
        """
        single = isinstance(texts, str)
        if isinstance(texts, str):
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
            options: see `selection.settings.Options`.

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
        return self._result(prompt, kept, timings)

    def _result(self, prompt: Prompt, kept: Kept, timings: dict[str, float]) -> CompressionResult:
        loose = [number for number in range(len(prompt.texts)) if not prompt.fixed[number]]
        spans = [prompt.texts[number].spans + np.int32(prompt.starts[number]) for number in loose]
        return CompressionResult(
            source=prompt.source,
            slices=kept.slices,
            words=np.concatenate([np.zeros((0, 2), np.int32), *spans]),
            kept=np.concatenate([np.zeros(0, bool), *(kept.words[number] for number in loose)]),
            texts_at=tuple((int(prompt.starts[number]), int(prompt.ends[number])) for number in loose),
            single=self.single,
            origin_tokens=prompt.origin_tokens,
            compressed_tokens=kept.tokens,
            counter=self.counter.name,
            timings=timings,
            return_word_label=prompt.settings.return_word_label,
        )


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
    edges = np.zeros(len(text) + 1, np.int8)
    np.add.at(edges, spans[:, 0], 1)
    np.add.at(edges, spans[:, 1], -1)
    left_out = np.cumsum(np.append(0, np.cumsum(edges[:-1]) == 0))
    visible = words(text)
    for start, end in visible[left_out[visible[:, 1]] > left_out[visible[:, 0]]].tolist():
        raise ValueError(f"spans leave out visible characters: {text[start:end]!r} at {start}")
    return ScoredText(text, spans, scores)
