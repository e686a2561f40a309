"""The options of `compress`, checked before any work is done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, TypedDict, get_args

from llmlingua2.selection.layout import Whitespace
from llmlingua2.selection.preserve import Rule, is_span, read_rules

__all__ = ["BudgetScope", "Options", "QueryScorer", "Settings", "check_strings"]

BudgetScope = Literal["prompt", "document", "chunk"]
OnOverflow = Literal["raise", "keep"]
QueryScorer = Callable[[str, Sequence[str]], Sequence[float]]


class Options(TypedDict, total=False):
    """Options of `compress`, beside the size: all keywords, all with a default."""

    instruction: str
    """Stands in front of the texts as it is, and counts."""
    question: str
    """Stands behind the texts as it is, and counts."""
    budget: BudgetScope
    """What the size is measured on: the whole prompt (default), each text by itself, or the whole prompt with every
    chunk the model saw giving up the same share."""
    force_tokens: Sequence[str]
    """Strings kept wherever they occur as whole words; white space such as "\\n" at each occurrence."""
    force_reserve_digit: bool
    """Keep every word with a digit."""
    drop_consecutive: bool
    """Of a force token repeated with nothing kept in between, keep one."""
    preserve: Sequence[Rule]
    """What stays exactly: presets (code, urls, emails, numbers, headings, json_keys, citations), regular expressions,
    spans, functions."""
    keep_negation: bool
    """Rank a negation with what it may negate (default); see `llmlingua2.selection.negation`."""
    whitespace: Whitespace
    """"original" or "single"; see `llmlingua2.selection.layout`."""
    on_overflow: OnOverflow
    """What happens when that which must stay exceeds the size: "raise" BudgetError, or "keep" it alone."""
    query: str | None
    """A question: texts (paragraphs, of a single text) keep more of themselves the more they have to do with it."""
    query_scorer: QueryScorer | None
    """Relevance of texts to the query, as f(query, texts) -> one number each; BM25 by default."""
    use_context_level_filter: bool | None
    """Drop whole texts first (what they protect stays). By default only if one of the next two is given."""
    target_context: int | None
    """Number of texts to keep."""
    context_level_rate: float | None
    """Share of the texts to keep, rounded up; (rate + 1) / 2 if neither is given."""
    force_context_ids: Sequence[int]
    """Indices of texts that are not dropped."""
    return_word_label: bool
    """Put the words and their labels into `to_dict()`."""


@dataclass(frozen=True)
class Settings:
    """A size and the options, validated.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: an argument has a value that is not accepted; the message says which are.
    """

    rate: float | None = None
    target_tokens: int | None = None
    threshold: float | None = None
    instruction: str = ""
    question: str = ""
    budget: BudgetScope = "prompt"
    force_tokens: Sequence[str] = ()
    force_reserve_digit: bool = False
    drop_consecutive: bool = False
    preserve: Sequence[Rule] = ()
    keep_negation: bool = True
    whitespace: Whitespace = "original"
    on_overflow: OnOverflow = "raise"
    query: str | None = None
    query_scorer: QueryScorer | None = None
    use_context_level_filter: bool | None = None
    target_context: int | None = None
    context_level_rate: float | None = None
    force_context_ids: Sequence[int] = ()
    return_word_label: bool = False

    def __post_init__(self) -> None:
        sizes = {name: getattr(self, name) for name in ("rate", "target_tokens", "threshold")}
        given = [f"{name}={value!r}" for name, value in sizes.items() if value is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of rate, target_tokens, threshold, not {', '.join(given) or 'none'}")
        _number("rate", self.rate, "above 0 and at most 1", lambda value: 0 < value <= 1)
        _number("threshold", self.threshold, "from 0 to 1", lambda value: 0 <= value <= 1)
        _number("context_level_rate", self.context_level_rate, "above 0 and at most 1", lambda value: 0 < value <= 1)
        _whole("target_tokens", self.target_tokens, 1)
        _whole("target_context", self.target_context, 1)
        for name, choices in (("budget", BudgetScope), ("whitespace", Whitespace), ("on_overflow", OnOverflow)):
            if getattr(self, name) not in get_args(choices):
                raise ValueError(f"{name}: {getattr(self, name)!r} is not one of {', '.join(get_args(choices))}")
        for name in ("instruction", "question"):
            _type(name, getattr(self, name), str)
        for name in ("force_reserve_digit", "drop_consecutive", "keep_negation", "return_word_label"):
            _type(name, getattr(self, name), bool)
        if self.use_context_level_filter is not None:
            _type("use_context_level_filter", self.use_context_level_filter, bool)
        check_strings("force_tokens", self.force_tokens)
        for index in self.force_context_ids:
            _whole("force_context_ids", index, 0)
        if self.query is not None:
            _type("query", self.query, str)
            if not self.query.strip():
                raise ValueError("query: the question is empty")
            if self.budget != "prompt":
                raise ValueError(
                    f"query: shares the budget of the whole prompt out, and so excludes budget={self.budget!r}"
                )
        elif self.query_scorer is not None:
            raise ValueError("query_scorer: there is no query to score with")
        if self.query_scorer is not None and not callable(self.query_scorer):
            raise TypeError(f"query_scorer: {self.query_scorer!r} is not callable")
        if self.use_context_level_filter is False:
            for name in ("target_context", "context_level_rate"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name}: has no effect with use_context_level_filter=False")
        if self.target_context is not None and self.context_level_rate is not None:
            raise ValueError("give at most one of target_context, context_level_rate")
        if self.threshold is not None and self.use_context_level_filter and not self.sizes_contexts:
            raise ValueError("use_context_level_filter: with threshold, give target_context or context_level_rate too")
        if self.threshold is not None and (self.budget == "chunk" or self.query is not None):
            raise ValueError("threshold: there is no budget to share out, so it excludes budget='chunk' and query")
        if self.budget == "document" and self.filters_contexts:
            raise ValueError("budget: 'document' sizes each text by itself, and so excludes the context-level filter")
        read_rules(self.preserve)

    def check_texts(self, number: int) -> None:
        """Check what depends on the number of texts.

        Raises:
            ValueError: an option does not go with it.
        """
        for index in self.force_context_ids:
            if index >= number:
                raise ValueError(f"force_context_ids: {index} is not below the number of texts, {number}")
        if number > 1 and any(is_span(rule) for rule in self.preserve):
            raise ValueError("preserve: a span (start, end) does not say in which of several texts; use a function")

    @property
    def sizes_contexts(self) -> bool:
        """Whether it was said how many texts to keep."""
        return self.target_context is not None or self.context_level_rate is not None

    @property
    def filters_contexts(self) -> bool:
        """Whether whole texts are dropped first."""
        return self.sizes_contexts if self.use_context_level_filter is None else self.use_context_level_filter


def check_strings(name: str, values: Sequence[Any]) -> None:
    """Check that an argument is a list of strings that are not empty."""
    if isinstance(values, str):
        raise TypeError(f"{name}: give a list of strings, such as [{values!r}]")
    for value in values:
        _type(name, value, str)
        if not value:
            raise ValueError(f"{name}: an empty string occurs everywhere")


def _number(name: str, value: Any, accepted: str, check: Callable[[float], bool]) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}: {value!r} is not a number; give one {accepted}")
    if not check(float(value)):
        raise ValueError(f"{name}: {value!r} is not {accepted}")


def _whole(name: str, value: Any, least: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}: {value!r} is not a whole number; give one of at least {least}")
    if value < least:
        raise ValueError(f"{name}: {value!r} is below {least}")


def _type(name: str, value: Any, expected: type) -> None:
    if not isinstance(value, expected):
        raise TypeError(f"{name}: {value!r} is not a {expected.__name__}")
