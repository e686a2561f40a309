"""One prompt and one budget: texts joined by blank lines, their units ranked, and as many kept as fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmlingua2.budget import BudgetError, fit
from llmlingua2.counters import Counter
from llmlingua2.layout import Layout, join, within
from llmlingua2.negation import above_clause, find_negations
from llmlingua2.preserve import preserved_spans, read_rules
from llmlingua2.query import paragraphs, relevance, weights
from llmlingua2.ranking import order, shares
from llmlingua2.settings import Settings
from llmlingua2.units import Units, find_units

__all__ = ["SEPARATOR", "Kept", "Prompt", "ScoredText", "unscored"]

SEPARATOR = "\n\n"


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


class Kept(NamedTuple):
    """What a budget keeps of a prompt."""

    slices: NDArray[np.int64]
    """What the text is made of; see `Layout.slices`."""
    words: list[NDArray[np.bool_]]
    """Whether each word of each text stays."""
    tokens: int
    """Tokens of the text."""


class Prompt:
    """Texts that share a budget.

    Args:
        texts: the texts with their word scores.
        settings: what is asked for; of `budget` only "prompt" and "chunk" matter here.
        counter: counts tokens.
        fixed: whether each text stays as it is; none by default.
        separate: measure the texts one by one, as messages are sent, and not joined; and leave none without a word.
    """

    def __init__(
        self,
        texts: Sequence[ScoredText],
        settings: Settings,
        counter: Counter,
        *,
        fixed: Sequence[bool] | None = None,
        separate: bool = False,
    ) -> None:
        self.texts = texts
        self.settings = settings
        self.counter = counter
        self.separate = separate
        self.fixed = np.array(fixed if fixed is not None else [False] * len(texts), bool)
        self.source = SEPARATOR.join(text.text for text in texts)
        lengths = np.array([len(text.text) + len(SEPARATOR) for text in texts], np.int64)
        self.starts = np.cumsum(lengths) - lengths
        self.ends = self.starts + lengths - len(SEPARATOR)
        self._lay_out()
        self._fixed_tokens = sum(counter(text.text) for text, stays in zip(texts, self.fixed, strict=True) if stays)
        everything = np.array([[0, len(self.source)]], np.int64)
        self.origin_tokens = self._tokens(everything)

    def _lay_out(self) -> None:
        """Set the arrays over the units of all texts: spans, scores, what must stay, and what drops out as a repetition."""
        readers = read_rules(self.settings.preserve)
        separator_token = len(self.settings.force_tokens)
        units: list[Units] = [_no_units()]
        scores, texts = [np.zeros(0)], [np.zeros(0, np.int64)]
        for number, scored in enumerate(self.texts):
            if self.fixed[number]:
                found = _one_unit(0, len(scored.text)) if scored.text else _no_units()
            else:
                found = find_units(
                    scored.text,
                    scored.spans,
                    protected=preserved_spans(scored.text, readers),
                    force_tokens=self.settings.force_tokens,
                    force_reserve_digit=self.settings.force_reserve_digit,
                )
            if number:
                end = int(self.ends[number - 1])
                units.append(_one_unit(end, end + len(SEPARATOR), token=separator_token))
                scores.append(np.zeros(1))
                texts.append(np.array([number]))
            units.append(found._replace(spans=found.spans + np.int32(self.starts[number])))
            scores.append(np.append(scored.scores, np.float32(0))[found.word])  # the last is for units that are no word
            texts.append(np.full(len(found.word), number))
        spans, self.word, self.forced, token, self.protected = (
            np.concatenate(column) for column in zip(*units, strict=True)
        )
        self.layout = Layout(self.source, spans, self.settings.whitespace)
        self.spans = spans
        self.score = np.concatenate(scores).astype(np.float64)
        self.text_of = np.concatenate(texts)
        self._separator = token == separator_token
        # Separators of texts that have become empty drop out, and on request force tokens that repeat.
        self._repeats = np.where(self._separator | self.settings.drop_consecutive, token, -1)

    def choose(self) -> NDArray[np.bool_]:
        """Which units to keep: as many as the size allows, bool [units].

        Raises:
            BudgetError: what must stay is above the target, and `on_overflow` is "raise".
        """
        settings = self.settings
        if settings.rate is not None or settings.target_tokens is not None:
            unchanged = self.target >= self.origin_tokens and settings.whitespace == "original"
            if unchanged and not settings.filters_contexts:
                return np.ones(len(self.spans), bool)
        forced, ranked, priority = self.ranking()
        if settings.threshold is not None:
            kept = forced.copy()
            kept[ranked] = priority >= settings.threshold
            return kept
        try:
            return first(
                fit(lambda count: self._tokens(self._slices(first(count, forced, ranked))), len(ranked), self.target),
                forced,
                ranked,
            )
        except BudgetError:
            if settings.on_overflow == "raise":
                raise
            return forced

    def ranking(self) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]]:
        """Which units always stay, bool [units]; the others in the order in which they are kept; and their priorities."""
        available = self._available()
        forced = self.forced & (available | self.protected | self._separator)
        if self.separate:
            forced |= self._best_of_each(forced)
        priority = np.where(forced, np.inf, self.score)
        if self.settings.threshold is None:
            priority = self._shared_out(priority)
        negation = self._negations() & self.settings.keep_negation
        priority = above_clause(priority, negation, self.source, self.spans)
        ranked = np.flatnonzero(available & ~forced)
        ranked = ranked[order(priority[ranked], negation[ranked])]
        return forced, ranked, priority[ranked]

    def choose_each(self) -> NDArray[np.bool_]:
        """The same with the size applied to each text by itself."""
        kept = np.ones(len(self.spans), bool)
        for number, text in enumerate(self.texts):
            if not self.fixed[number]:
                units = (self.text_of == number) & ~self._separator
                kept[units] = Prompt([text], self.settings, self.counter).choose()
        return kept

    def keep(self, kept: NDArray[np.bool_]) -> Kept:
        """The text of a choice of units, and its tokens."""
        slices = self._slices(kept)
        words = []
        for scored, start in zip(self.texts, self.starts.tolist(), strict=True):
            holder = np.searchsorted(self.spans[:, 0], scored.spans[:, 0] + start, side="right") - 1
            words.append(kept[holder])
        return Kept(slices, words, self._tokens(slices))

    @property
    def target(self) -> int:
        """Most tokens that the result may have."""
        if self.settings.rate is None:
            return self.settings.target_tokens or 0
        return int(np.floor(self.settings.rate * self.origin_tokens + 1e-9))

    def _slices(self, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
        if not kept.all() or self._separator.all():
            units = np.flatnonzero(kept)
            token = self._repeats[units]
            again = np.zeros(len(units), bool)
            again[1:] = (token[1:] == token[:-1]) & (token[1:] >= 0)
            units = units[~again]
            ends = [end for end in (0, -1) if len(units) and self._separator[units[end]]]
            kept = np.zeros(len(kept), bool)
            kept[units] = True
            kept[units[ends]] = False
        return self.layout.slices(kept)

    def _tokens(self, slices: NDArray[np.int64]) -> int:
        if self.separate:
            texts = self.texts_from(slices)
            return self._fixed_tokens + sum(self.counter(texts[number]) for number in np.flatnonzero(~self.fixed))
        return self.counter(join(self.source, slices))

    def texts_from(self, slices: NDArray[np.int64]) -> list[str]:
        """The text of each input text in `slices`."""
        borders = zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        return [join(self.source, within(slices, start, end)) for start, end in borders]

    def _shared_out(self, priority: NDArray[np.float64]) -> NDArray[np.float64]:
        """The priorities, changed so that chunks, or texts by relevance, get their shares."""
        settings = self.settings
        length = (self.spans[:, 1] - self.spans[:, 0]).astype(np.int64)
        if settings.query is not None:
            loose = np.flatnonzero(~self.fixed)
            if len(loose) == 1:
                parts, group = paragraphs(self.source, self.spans)
            else:
                parts, group = [text.text for text in self.texts], self.text_of
            return shares(priority, group, length, weights(relevance(settings.query, parts, settings.query_scorer)))
        if settings.budget == "chunk":
            starts = [
                start + (scored.chunks if scored.chunks is not None else np.zeros(1, np.int32))
                for scored, start in zip(self.texts, self.starts.tolist(), strict=True)
            ]
            group = np.searchsorted(np.concatenate(starts), self.spans[:, 0], side="right")
            return shares(priority, group, length)
        return priority

    def _negations(self) -> NDArray[np.bool_]:
        negation = np.zeros(len(self.spans), bool)
        for number, scored in enumerate(self.texts):
            units = np.flatnonzero((self.text_of == number) & (self.word >= 0))
            negation[units] = scored.negations[self.word[units]]
        return negation

    def _best_of_each(self, forced: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The best word of each text in which nothing is forced."""
        empty = np.setdiff1d(self.text_of[self.word >= 0], self.text_of[forced & ~self._separator])
        by_score = np.lexsort((-self.score, self.text_of))
        by_score = by_score[self.word[by_score] >= 0]
        texts, first = np.unique(self.text_of[by_score], return_index=True)
        best = np.zeros(len(forced), bool)
        best[by_score[first[np.isin(texts, empty)]]] = True
        return best

    def _available(self) -> NDArray[np.bool_]:
        """Units of the texts that the context filter leaves."""
        loose = np.flatnonzero(~self.fixed)
        if not self.settings.filters_contexts or len(loose) < 2:
            return np.ones(len(self.spans), bool)
        texts = [self.texts[number] for number in loose]
        if self.settings.query is not None:
            value = relevance(self.settings.query, [text.text for text in texts], self.settings.query_scorer)
        else:
            value = np.array([text.scores.mean() if len(text.scores) else 0.0 for text in texts])
        value[list(self.settings.force_context_ids)] = np.inf
        number = self.settings.target_context
        if number is None:
            rate = self.settings.context_level_rate
            if rate is None:
                rate = (min(self.target / max(self.origin_tokens, 1), 1) + 1) / 2
            number = int(np.ceil(rate * len(texts) - 1e-9))
        best = loose[np.argsort(-value, kind="stable")[: max(number, len(self.settings.force_context_ids))]]
        return self.fixed[self.text_of] | np.isin(self.text_of, best)


def first(count: int, forced: NDArray[np.bool_], ranked: NDArray[np.int64]) -> NDArray[np.bool_]:
    """What must stay and the first `count` of the ranked units, bool [units]."""
    kept = forced.copy()
    kept[ranked[:count]] = True
    return kept


def _no_units() -> Units:
    return Units(
        *(
            np.zeros(shape, kind)
            for shape, kind in (((0, 2), np.int32), (0, np.int32), (0, bool), (0, np.int32), (0, bool))
        )
    )


def _one_unit(start: int, end: int, *, token: int = -1) -> Units:
    one = np.ones(1, bool)
    return Units(np.array([[start, end]], np.int32), np.full(1, -1, np.int32), one, np.full(1, token, np.int32), one)
