"""The (input, options) pairs on which ``PromptCompressor`` must equal llmlingua 0.2.2."""

from __future__ import annotations

import random
from typing import Any

from sample_texts import ARABIC, BY_KIND, CHINESE, CODE, DIALOGUE, EMOJI, ENGLISH, GERMAN, NUMBERS, ONE_WORD, long_text

__all__ = ["CASES", "INPUTS", "OPTIONS"]

SINGLE: dict[str, Any] = {
    **BY_KIND,
    "empty": "",
    "long": long_text(4_500),
    "no chunk end": " ".join(CODE.replace(".", ",").split("\n")) * 6,
    "repetition": "again and again. " * 250,
    "literal special tokens": "a [SEP] b </s> c <mask> d [PAD] e [UNK] f <s>g [NEW0] h [CLS] i <pad> j.",
    "one context": [DIALOGUE],
}
LISTS: dict[str, Any] = {
    "two contexts": [ENGLISH, CODE],
    "six languages": [ENGLISH, CHINESE, GERMAN, ARABIC, EMOJI, NUMBERS],
    "short and long": [ONE_WORD, long_text(2_600), DIALOGUE, ONE_WORD],
    "equal contexts": [GERMAN, DIALOGUE, GERMAN, DIALOGUE, NUMBERS],
}
LONG: dict[str, Any] = {
    "40,000 characters": long_text(40_000),
    "long list": [long_text(9_000), long_text(12_000)[::-1]],
}
INPUTS: dict[str, Any] = {**SINGLE, **LISTS, **LONG}

_BUDGETS: list[dict[str, Any]] = [
    *({"rate": rate} for rate in (0.5, 0.33, 0.1, 0.05, 0.8, 0.67, 0.95)),
    *({"target_token": tokens} for tokens in (30, 5, 12.5)),
    {"rate": None, "target_token": 40},
    {"rate": 0.4, "target_token": 20},
]
_FORCED: list[Any] = [
    [],
    ["\n"],
    ["\n", ".", "!", "?"],
    ["The answer is", "answer"],
    ["is the", "the answer"],
    ["the", "ing", "un", ",", "a"],
    ["。", "?", "的", " "],
    ["##s", "▁the", "[NEW5]", "##"],
    "?.!",
    ("42", "$", "budget"),
]
_RARE: list[dict[str, Any]] = [
    {},
    {},
    {"token_to_word": "first"},
    {"force_reserve_digit": True},
    {"force_reserve_digit": True, "token_to_word": "first"},
    {"chunk_end_tokens": ["?", "!", ","]},
    {"chunk_end_tokens": []},
    {"chunk_end_tokens": ["the", "\n", "[NEW0]"]},
    {"instruction": "Summarise.", "question": "Why?", "keep_split": True, "rank_method": "longllmlingua"},
]
_LABELS: list[dict[str, Any]] = [
    {},
    {"return_word_label": True},
    {"return_word_label": 1, "word_sep": "~", "label_sep": "="},
]
_COARSE: list[dict[str, Any]] = [
    {},
    {"target_context": 1},
    {"target_context": 3, "force_context_ids": [0]},
    {"target_context": 0},
    {"context_level_rate": 0.6},
    {"context_level_rate": 0.2, "force_context_ids": (1, 99)},
    {"context_level_target_token": 80},
    {"context_level_target_token": 60, "target_context": 2},
    {"use_context_level_filter": False},
]
_FIXED: list[dict[str, Any]] = [
    {},
    {"rate": 1.0, "return_word_label": True},
    {"rate": 1.5},
    {"rate": 2, "force_tokens": ["\n", "The answer is"], "return_word_label": True},
    {"use_token_level_filter": False, "return_word_label": True, "force_tokens": ["\n", "?"]},
    {"target_token": 10**6},
    {"target_token": -5},
    {"rate": 0.999},
    {"rate": 0.001, "force_tokens": [".", ","]},
    {"force_tokens": ["", "e"], "return_word_label": True},
]


def _sampled(name: str, count: int, *, contexts: bool) -> list[dict[str, Any]]:
    """Every axis drawn at random, the same way in every run."""
    draw = random.Random(name)
    found: list[dict[str, Any]] = []
    while len(found) < count:
        options = {**draw.choice(_BUDGETS), **draw.choice(_RARE), **draw.choice(_LABELS)}
        if forced := draw.choice(_FORCED):
            options["force_tokens"] = forced
        if draw.random() < 0.5:
            options["drop_consecutive"] = True
        if contexts:
            options |= draw.choice(_COARSE)
            if draw.random() < 0.15:
                options["use_token_level_filter"] = False
        if options not in found:
            found.append(options)
    return found


def _fits(name: str, options: dict[str, Any]) -> bool:
    """Whether 0.2.2 gets through at all: an empty text has no tokens to divide by."""
    text = INPUTS[name]
    return bool(text) or ("target_token" not in options and "" not in options.get("force_tokens", ()))


def _cases() -> list[tuple[str, dict[str, Any]]]:
    cases = [(name, options) for name in SINGLE for options in [*_FIXED, *_sampled(name, 14, contexts=False)]]
    cases += [(name, options) for name in LISTS for options in [*_FIXED, *_sampled(name, 22, contexts=True)]]
    cases += [(name, options) for name in SINGLE if name != "empty" for options in ({"target_token": 0},)]
    cases += [(name, options) for name in LONG for options in _sampled(name, 4, contexts=name == "long list")]
    return [(name, options) for name, options in cases if _fits(name, options)]


CASES = _cases()
OPTIONS = sorted({key for _, options in CASES for key in options})
