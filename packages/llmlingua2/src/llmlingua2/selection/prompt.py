"""One prompt and one budget: texts joined by blank lines, their units ranked, and as many kept as fit."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmlingua2.selection.budget import BudgetError, fit
from llmlingua2.selection.layout import Layout, join, within
from llmlingua2.selection.negation import above_clause
from llmlingua2.selection.preserve import preserved_spans, read_rules
from llmlingua2.selection.query import paragraphs, relevance, weights
from llmlingua2.selection.ranking import order, shares
from llmlingua2.selection.scored_texts import ScoredText
from llmlingua2.selection.settings import Settings
from llmlingua2.selection.units import find_units, make_units
from llmlingua2.text.counters import Counter

__all__ = ["Kept", "Prompt", "take"]

SEPARATOR = "\n\n"


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
        self.loose = np.flatnonzero(~self.fixed).tolist()
        self._fixed_tokens = sum(counter(text.text) for text, stays in zip(texts, self.fixed, strict=True) if stays)
        self.origin_tokens = self._tokens(np.array([[0, len(self.source)]], np.int64))

    def _lay_out(self) -> None:
        """Set the arrays over the units of all texts: spans, scores, what must stay, what drops out if it repeats."""
        readers = read_rules(self.settings.preserve)
        separator_token = len(self.settings.force_tokens)
        units = [make_units([])]
        scores, texts = [np.zeros(0, np.float32)], [np.zeros(0, np.int64)]
        for number, scored in enumerate(self.texts):
            if self.fixed[number]:
                found = make_units([(0, len(scored.text))][: len(scored.text)], forced=True, protected=True)
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
                units.append(make_units([(end, end + len(SEPARATOR))], forced=True, token=separator_token))
                scores.append(np.zeros(1, np.float32))
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
        unchanged = not settings.filters_contexts and settings.whitespace == "original"
        if settings.threshold is None and unchanged and self.target >= self.origin_tokens:
            return np.ones(len(self.spans), bool)
        forced, ranked, priority = self.ranking()
        if settings.threshold is not None:
            return take(int(np.sum(priority >= settings.threshold)), forced, ranked)
        try:
            number = fit(
                lambda count: self._tokens(self._slices(take(count, forced, ranked))), len(ranked), self.target
            )
        except BudgetError:
            if settings.on_overflow == "raise":
                raise
            return forced
        return take(number, forced, ranked)

    def choose_each(self) -> NDArray[np.bool_]:
        """The same with the size applied to each text by itself."""
        kept = np.ones(len(self.spans), bool)
        for number in self.loose:
            kept[self._units_of(number)] = Prompt([self.texts[number]], self.settings, self.counter).choose()
        return kept

    def ranking(self) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]]:
        """Which units always stay, bool [units]; the others, in the order in which they are kept; their priorities."""
        available = self._available()
        forced = self.forced & (available | self.protected | self._separator)
        priority = np.where(forced, np.inf, self.score)
        if self.settings.threshold is None:
            priority = self._shared_out(priority)
        negation = self._negations() & self.settings.keep_negation
        priority = above_clause(priority, negation, self.layout)
        ranked = np.flatnonzero(available & ~forced)
        ranked = ranked[order(priority[ranked], negation[ranked])]
        if self.separate:
            texts, best = np.unique(self.text_of[ranked], return_index=True)
            best = best[~np.isin(texts, self.text_of[forced & ~self._separator])]
            forced[ranked[best]] = True
            ranked = np.delete(ranked, best)
        return forced, ranked, priority[ranked]

    def keep(self, kept: NDArray[np.bool_]) -> Kept:
        """The text of a choice of units, and its tokens."""
        kept = self._without_repeats(kept)
        slices = self.layout.slices(kept)
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
        return self.layout.slices(self._without_repeats(kept))

    def _without_repeats(self, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if kept.all() and not self._separator.all():
            return kept
        units = np.flatnonzero(kept)
        token = self._repeats[units]
        units = units[np.append(True, token[1:] != token[:-1])[: len(units)] | (token < 0)]
        ends = [end for end in (0, -1) if len(units) and self._separator[units[end]]]
        kept = np.zeros(len(kept), bool)
        kept[units] = True
        kept[units[ends]] = False
        return kept

    def _units_of(self, number: int) -> slice:
        first, last = np.searchsorted(self.text_of, (number, number + 1))
        return slice(first + bool(number), last)  # without the separator that stands before all texts but the first

    def _tokens(self, slices: NDArray[np.int64]) -> int:
        if self.separate:
            texts = self.texts_from(slices)
            return self._fixed_tokens + sum(self.counter(texts[number]) for number in self.loose)
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
            if len(self.loose) == 1:
                parts, group = paragraphs(self.source, self.spans)
                weight = weights(relevance(settings.query, parts, settings.query_scorer))
            else:
                parts, group = [self.texts[number].text for number in self.loose], self.text_of
                weight = np.ones(len(self.texts))
                weight[self.loose] = weights(relevance(settings.query, parts, settings.query_scorer))
            return shares(priority, group, length, weight)
        if settings.budget == "chunk":
            starts = [
                start + (np.zeros(1, np.int32) if scored.chunks is None else scored.chunks)
                for scored, start in zip(self.texts, self.starts.tolist(), strict=True)
            ]
            return shares(priority, np.searchsorted(np.concatenate(starts), self.spans[:, 0], side="right"), length)
        return priority

    def _negations(self) -> NDArray[np.bool_]:
        negation = np.zeros(len(self.spans), bool)
        for number in self.loose:
            units = self._units_of(number)
            word = self.word[units]
            negation[units] = np.append(self.texts[number].negations, False)[word]  # -1, no word, is the last
        return negation

    def _available(self) -> NDArray[np.bool_]:
        """Units of the texts that the context filter leaves."""
        settings = self.settings
        if not settings.filters_contexts:
            return np.ones(len(self.spans), bool)
        texts = [self.texts[number] for number in self.loose]
        if settings.query is not None:
            value = relevance(settings.query, [text.text for text in texts], settings.query_scorer)
        else:
            value = np.array([text.scores.mean() if len(text.scores) else 0.0 for text in texts])
        forced = sorted(set(settings.force_context_ids))
        value[forced] = np.inf
        number = settings.target_context
        if number is None:
            rate = settings.context_level_rate or (min(self.target / max(self.origin_tokens, 1), 1) + 1) / 2
            number = int(np.ceil(rate * len(texts) - 1e-9))
        best = np.argsort(-value, kind="stable")[: max(number, len(forced))]
        return self.fixed[self.text_of] | np.isin(self.text_of, np.array(self.loose, int)[best])


def take(count: int, forced: NDArray[np.bool_], ranked: NDArray[np.int64]) -> NDArray[np.bool_]:
    """What must stay and the first `count` of the ranked units, bool [units]."""
    kept = forced.copy()
    kept[ranked[:count]] = True
    return kept
