"""Prompts with marked segments, and JSON: every segment or value to its own rate, everything else byte for byte.

Words are scored in one pass over the whole, so that a short value is judged in its surroundings.
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from llmlingua2.result import CompressionResult
from llmlingua2.selection.layout import join, shifted
from llmlingua2.selection.prompt import Prompt
from llmlingua2.selection.scored_texts import ScoredText
from llmlingua2.selection.settings import Options, Settings

if TYPE_CHECKING:
    from llmlingua2.compressor import Compressor

__all__ = ["Segment", "compress_json", "compress_structured", "parse"]

_TAG = re.compile(r"<llmlingua(?=[\s,>])([^<>]*)>|</llmlingua\s*>")
_ATTRIBUTE = re.compile(r"\s*,\s*(\w+)\s*=\s*([^\s,]+)\s*")


class Segment(NamedTuple):
    """A part of a structured prompt."""

    start: int
    """First character, after the tag."""
    end: int
    """Character after the segment, before the closing tag."""
    rate: float
    """Share of its tokens to keep; 1 for a protected segment."""


def parse(text: str, *, rate: float = 0.5) -> list[Segment]:
    """Read ``<llmlingua, rate=0.4>...</llmlingua>`` and ``<llmlingua, compress=False>...</llmlingua>``.

    Args:
        text: a prompt with such tags. "<" anywhere else is an ordinary character. What stands outside of tags is a
            segment too.
        rate: for segments whose tag has none; compress=False overrides a rate.

    Raises:
        ValueError: a tag that is not closed, not opened, inside another, or with an attribute that is not accepted; the
            message says where.
    """
    segments: list[Segment] = []
    begin, inside = 0, None  # start of the current segment, and its rate if a tag opened it
    for tag in _TAG.finditer(text):
        opening = tag[1] is not None
        if opening and inside is not None:
            raise ValueError(
                f"tag {tag[0]!r} at character {tag.start()} stands inside the segment that begins at {begin}"
            )
        if not opening and inside is None:
            raise ValueError(f"tag {tag[0]!r} at character {tag.start()} closes a segment that was not opened")
        if tag.start() > begin:
            segments.append(Segment(begin, tag.start(), rate if inside is None else inside))
        begin, inside = tag.end(), _rate_of(tag, rate) if opening else None
    if inside is not None:
        raise ValueError(f"the segment that begins at character {begin} has no closing tag </llmlingua>")
    if begin < len(text):
        segments.append(Segment(begin, len(text), rate))
    return segments


def compress_structured(
    compressor: "Compressor", text: str, *, rate: float = 0.5, **options: Unpack[Options]
) -> CompressionResult:
    """Compress each segment of a prompt with tags (see `parse`) to its own rate.

    Segments are joined with nothing between, as in the prompt; white space at the ends of a segment stays.

    Args:
        compressor: scores and counts.
        text: the prompt.
        rate: for segments without one, above 0 and at most 1.
        options: see `selection.settings.Options`; they apply to each segment by itself.

    Returns:
        As of `compress`. Spans refer to `text`, tags included; tokens are counted without tags.

    Raises:
        BudgetError: in a segment, what must stay is longer than its share.
        ValueError: the tags, or an argument.
    """
    if not isinstance(text, str):
        raise TypeError(f"text: {type(text).__name__} is not str")
    began = time.perf_counter()
    _check(rate, options)
    segments = parse(text, rate=rate)
    plain = "".join(text[segment.start : segment.end] for segment in segments)
    scored = compressor.score([plain]).scored[0]
    slices, words, kept = [np.zeros((0, 2), np.int64)], [np.zeros((0, 2), np.int32)], [np.zeros(0, bool)]
    at = 0
    for start, end, segment_rate in segments:
        part = _compress_part(compressor, scored.part(at, at + end - start), segment_rate, options)
        slices.append(shifted(part.slices, start))
        words.append(part.words + np.int32(start))
        kept.append(part.kept)
        at += end - start
    pieces = np.concatenate(slices)
    return CompressionResult(
        source=text,
        slices=pieces,
        words=np.concatenate(words),
        kept=np.concatenate(kept),
        texts_at=((0, len(text)),),
        single=True,
        origin_tokens=compressor.counter(plain),
        compressed_tokens=compressor.counter(join(text, pieces)),
        counter=compressor.counter.name,
        timings={"compress": time.perf_counter() - began},
        return_word_label=options.get("return_word_label", False),
    )


def compress_json(
    compressor: "Compressor",
    obj: Mapping[str, Any],
    config: Mapping[str, Mapping[str, Any]],
    *,
    rate: float = 0.5,
    use_keyvalue_level_filter: bool = False,
    **options: Unpack[Options],
) -> dict[str, Any]:
    """Compress the strings in a JSON object, each key's to its own rate.

    Args:
        compressor: scores and counts.
        obj: the object; it is not changed.
        config: for every key of `obj`, a mapping with any of ``rate`` (default `rate`), ``compress`` (False leaves
            the value as it is), ``pair_remove`` (whether the pair may be removed, default False) and ``value_type``
            (str, int, float, number, bool, list, tuple or dict; checked). Strings inside lists and objects are
            compressed one by one. Numbers, true, false and null stay as they are.
        rate: share of the tokens to keep, above 0 and at most 1.
        use_keyvalue_level_filter: first remove the pairs that score lowest, among those with ``pair_remove``, until the
            share (rate + 1) / 2 of all pairs, rounded up, is left.
        options: see `selection.settings.Options`; they apply to each string by itself.

    Returns:
        A new object of the same shape.

    Raises:
        BudgetError: in a string, what must stay is longer than its share.
        ValueError: keys of `obj` and `config` differ, or a setting is not accepted.
    """
    if not isinstance(obj, Mapping):
        raise TypeError(f"obj: {type(obj).__name__} is not a mapping")
    _check(rate, options)
    pairs = _read_config(obj, config, rate)
    strings = [(key, leaf) for key, value in obj.items() for leaf in _strings(value)]
    scored = compressor.score(["".join(f"{key}: {leaf}\n" for key, leaf in strings)]).scored[0]
    parts: dict[str, list[ScoredText]] = {key: [] for key in obj}
    at = 0
    for key, leaf in strings:
        start = at + len(key) + 2
        parts[key].append(scored.part(start, start + len(leaf)))
        at = start + len(leaf) + 1
    removed = _removed(pairs, parts, rate) if use_keyvalue_level_filter else frozenset()
    result = {}
    for key, value in obj.items():
        if key not in removed:
            compressed = [_compress_part(compressor, part, pairs[key].rate, options).text for part in parts[key]]
            result[key] = _with_strings(value, iter(compressed))
    return result


class _Part(NamedTuple):
    text: str
    slices: NDArray[np.int64]
    words: NDArray[np.int32]
    kept: NDArray[np.bool_]


def _compress_part(compressor: "Compressor", part: ScoredText, rate: float, options: Options) -> _Part:
    text = part.text
    whole = np.array([[0, len(text)]], np.int64)
    if rate == 1 or not text.strip():
        return _Part(text, whole[: len(text)], part.spans, np.ones(len(part.spans), bool))
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    prompt = Prompt([part.part(start, end)], Settings(rate=rate, **options), compressor.counter)
    kept = prompt.keep(prompt.choose())
    ends = [np.array([[a, b]][: b - a], np.int64).reshape(-1, 2) for a, b in ((0, start), (end, len(text)))]
    slices = np.concatenate([ends[0], shifted(kept.slices, start), ends[1]])
    return _Part(join(text, slices), slices, part.spans, kept.words[0])


def _check(rate: float, options: Options) -> None:
    settings = Settings(rate=rate, **options)
    if settings.budget != "prompt" or settings.filters_contexts or settings.instruction or settings.question:
        raise ValueError(
            "budget, context-level filter, instruction, question: segments and values have sizes of their own"
        )


def _rate_of(tag: re.Match[str], default: float) -> float:
    rate, compress, at = default, True, 0
    attributes = tag[1]
    while at < len(attributes.rstrip()):
        attribute = _ATTRIBUTE.match(attributes, at)
        if attribute is None:
            raise ValueError(f"tag {tag[0]!r} at character {tag.start()}: write <llmlingua, rate=0.4, compress=True>")
        name, value = attribute.groups()
        if name == "rate":
            rate = _number(value)
        elif name == "compress" and value in ("True", "False"):
            compress = value == "True"
        else:
            rate = -1.0
        if not 0 < rate <= 1:
            raise ValueError(
                f"tag {tag[0]!r} at character {tag.start()}: {name}={value} is not accepted; give rate (above 0 and at "
                "most 1) or compress (True or False)"
            )
        at = attribute.end()
    return rate if compress else 1.0


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return -1.0


@dataclass(frozen=True)
class _Pair:
    rate: float
    removable: bool


_VALUE_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(
        ("str", "string", "int", "integer", "float", "number", "bool", "boolean"), (str, int, float, type(None))
    ),
    **dict.fromkeys(("list", "List", "tuple"), (list, tuple)),
    **dict.fromkeys(("dict", "dictionary"), (Mapping,)),
}


def _read_config(obj: Mapping[str, Any], config: Mapping[str, Mapping[str, Any]], rate: float) -> dict[str, _Pair]:
    if not isinstance(config, Mapping):
        raise TypeError(f"config: {type(config).__name__} is not a mapping")
    if set(obj) != set(config):
        missing, unknown = sorted(set(obj) - set(config)), sorted(set(config) - set(obj))
        raise ValueError(f"config: keys must be those of the object; missing {missing}, not in the object {unknown}")
    pairs = {}
    for key, settings in config.items():
        unknown = sorted(set(settings) - {"rate", "compress", "pair_remove", "value_type"})
        if unknown:
            raise ValueError(f"config[{key!r}]: {unknown} not accepted; use rate, compress, pair_remove, value_type")
        own = settings.get("rate", rate)
        if isinstance(own, bool) or not isinstance(own, int | float) or not 0 < own <= 1:
            raise ValueError(f"config[{key!r}]: rate {own!r} is not above 0 and at most 1")
        kind = settings.get("value_type")
        if kind is not None and (kind not in _VALUE_TYPES or not isinstance(obj[key], _VALUE_TYPES[kind])):
            raise ValueError(
                f"config[{key!r}]: value_type {kind!r} is not that of a {type(obj[key]).__name__}, or not one of "
                f"{', '.join(_VALUE_TYPES)}"
            )
        pairs[key] = _Pair(own if settings.get("compress", True) else 1.0, bool(settings.get("pair_remove", False)))
    return pairs


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


def _with_strings(value: Any, strings: Iterator[str]) -> Any:
    """A copy of `value` with its strings replaced, in the order of `_strings`."""
    if isinstance(value, str):
        return next(strings)
    if isinstance(value, Mapping):
        return {key: _with_strings(item, strings) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_with_strings(item, strings) for item in value)
    return value


def _removed(pairs: Mapping[str, _Pair], parts: Mapping[str, Sequence[ScoredText]], rate: float) -> frozenset[str]:
    scores = {key: np.concatenate([np.zeros(0), *(part.scores for part in parts[key])]) for key in pairs}
    value = {key: score.mean() if len(score) else 0.0 for key, score in scores.items()}
    removable = sorted((key for key in parts if pairs[key].removable), key=lambda key: value[key])
    surplus = len(pairs) - ceil((rate + 1) / 2 * len(pairs) - 1e-9)
    return frozenset(removable[:surplus])
