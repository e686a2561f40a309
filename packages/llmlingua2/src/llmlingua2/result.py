"""The result of a compression: the text, where each part of it came from, and what it counts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmlingua2.selection.layout import join, within

__all__ = ["CompressionResult"]

Spans = list[tuple[int, int]]

_PAGE = """<!doctype html>
<html><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 16px/1.6 sans-serif; max-width: 60em; margin: 2em auto; color: #999; }}
div {{ white-space: pre-wrap; border-top: 1px solid #ddd; padding: 1em 0; }}
mark {{ background: #fff3bf; color: #111; border-radius: 2px; }}
</style></head><body><p>{title}</p>{body}</body></html>
"""


@dataclass(frozen=True, eq=False, repr=False)
class CompressionResult:
    """A compressed prompt.

    Attributes:
        text: the compressed prompt.
        origin_tokens: tokens of the prompt, by the counter.
        compressed_tokens: tokens of `text`, by the counter.
        counter: name of the counter.
        timings: seconds spent, by step.
        source: the prompt, texts joined with a blank line; the arrays below refer to its characters.
        slices: what `text` is made of, int64 [m, 2] (see `selection.layout.Layout.slices`).
        words: the words of the texts that could be dropped, int32 [n, 2].
        kept: whether each stayed, bool [n].
        texts_at: start and end of each input text in `source`.
        single: whether the input was one text and not a list.
    """

    source: str
    slices: NDArray[np.int64]
    words: NDArray[np.int32]
    kept: NDArray[np.bool_]
    texts_at: tuple[tuple[int, int], ...]
    single: bool
    origin_tokens: int
    compressed_tokens: int
    counter: str
    timings: dict[str, float] = field(default_factory=dict)
    return_word_label: bool = False
    text: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", join(self.source, self.slices))

    def __repr__(self) -> str:
        counts = f"{self.origin_tokens} -> {self.compressed_tokens} {self.counter}"
        return f"CompressionResult({self.text[:60]!r}{'...' if len(self.text) > 60 else ''}, {counts})"

    @property
    def rate(self) -> float:
        """`compressed_tokens / origin_tokens`; 1.0 for an empty prompt."""
        return self.compressed_tokens / self.origin_tokens if self.origin_tokens else 1.0

    @property
    def texts(self) -> list[str]:
        """The compressed form of each input text."""
        return [join(self.source, within(self.slices, start, end)) for start, end in self.texts_at]

    @property
    def spans(self) -> Spans | list[Spans]:
        """What was kept: (start, end) in characters of the input, in order; one list per text for a list of texts.

        A span reaches from a kept word to the last of the words that are kept after it just as they stand in the input.
        """
        return self._by_text(self._kept_spans)

    @property
    def dropped(self) -> Spans | list[Spans]:
        """What was dropped: the characters of the input between `spans`, in the same form."""
        return self._by_text(self._dropped_spans)

    def recover(self, quote: str) -> str:
        """The passage of the prompt that `quote`, a part of `text`, was cut from, with what was dropped inside it.

        Raises:
            ValueError: `quote` is empty or not a part of `text`.
        """
        at = self.text.find(quote)
        if at < 0 or not quote:
            raise ValueError(f"recover: {quote!r} is not a part of the compressed text")
        lengths = np.where(self.slices[:, 1] < 0, 1, self.slices[:, 1] - self.slices[:, 0])
        ends = np.cumsum(lengths)
        first, last = np.searchsorted(ends, (at, at + len(quote) - 1), side="right")
        start = self.slices[first, 0] + (at - (ends[first] - lengths[first]))
        end = self.slices[last, 0] + (at + len(quote) - (ends[last] - lengths[last]))
        return self.source[start : end if self.slices[last, 1] >= 0 else self.slices[last, 0]]

    def labels(self) -> list[tuple[str, int]]:
        """Each word of the input, in order, with 1 if it was kept and 0 if not."""
        return [
            (self.source[start:end], int(kept))
            for (start, end), kept in zip(self.words.tolist(), self.kept.tolist(), strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Everything a program needs, as JSON types."""
        result = {
            "text": self.text,
            "spans": self.spans,
            "origin_tokens": self.origin_tokens,
            "compressed_tokens": self.compressed_tokens,
            "rate": self.rate,
            "counter": self.counter,
            "timings": self.timings,
        }
        return result | ({"labels": self.labels()} if self.return_word_label else {})

    def html(self) -> str:
        """A page that shows the input with the kept words in colour."""
        title = f"{self.origin_tokens:,} → {self.compressed_tokens:,} tokens ({self.rate:.1%}, {self.counter})"
        blocks = []
        for start, end in self.texts_at:
            parts, at = [], start
            for first, last in self._kept_spans(start, end):
                first, last = first + start, last + start
                parts.append(f"{escape(self.source[at:first])}<mark>{escape(self.source[first:last])}</mark>")
                at = last
            blocks.append(f"<div>{''.join(parts)}{escape(self.source[at:end])}</div>")
        page = _PAGE.format(title=escape(title), body="".join(blocks))
        return page.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate has no place in a page

    def _by_text(self, spans_of: Callable[[int, int], Spans]) -> Spans | list[Spans]:
        found = [spans_of(start, end) for start, end in self.texts_at]
        return found[0] if self.single else found

    def _kept_spans(self, start: int, end: int) -> Spans:
        first, last = np.searchsorted(self.words[:, 0], (start, end))
        words = self.words[first:last][self.kept[first:last]].astype(np.int64)
        if not len(words):
            return []
        holder = np.searchsorted(self.slices[:, 0], words[:, 0], side="right")  # words of one slice stand together
        opens = np.concatenate([[True], holder[1:] != holder[:-1]])
        closes = np.concatenate([opens[1:], [True]])
        return list(zip((words[opens, 0] - start).tolist(), (words[closes, 1] - start).tolist(), strict=True))

    def _dropped_spans(self, start: int, end: int) -> Spans:
        borders = [0, *(place for span in self._kept_spans(start, end) for place in span), end - start]
        return [(a, b) for a, b in zip(borders[::2], borders[1::2], strict=True) if a < b]
