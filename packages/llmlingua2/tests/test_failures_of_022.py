"""Where 0.2.2 raises: the sensible result, or a ValueError that names the argument. Where it returns, the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sample_texts import CHINESE, CODE, DIALOGUE, NUMBERS, UNKNOWN_ONLY, long_text

FAMILIES = ("wordpiece", "unigram")


def empty(report: dict) -> bool:
    return report["compressed_prompt"] == "" and report["compressed_tokens"] == 0 and report["ratio"] == "1.0x"


@pytest.mark.parametrize("family", FAMILIES)
class TestWhere022Fails:
    """One test for each row; ``test_parity`` shows that 0.2.2 does fail there."""

    def test_empty_text_and_target(self, compressors, family: str) -> None:
        assert empty(compressors[family].compress_prompt("", target_token=10))
        report = compressors[family].compress_prompt([""], target_token=10, return_word_label=True)
        assert empty(report)
        assert report["fn_labeled_original_prompt"] == ""

    def test_empty_context_and_target(self, compressors, family: str) -> None:
        for filtered in (False, True):
            report = compressors[family].compress_prompt(
                ["", DIALOGUE, ""], target_token=20, use_context_level_filter=filtered
            )
            assert report["compressed_prompt"].strip()
            assert report["origin_tokens"] == 67

    def test_empty_context_and_context_filter(self, compressors, family: str) -> None:
        compressor = compressors[family]
        report = compressor.compress_prompt(["", DIALOGUE, CODE, NUMBERS], rate=0.5)
        without = compressor.compress_prompt([DIALOGUE, CODE, NUMBERS], rate=0.5)
        assert report["compressed_prompt_list"] == without["compressed_prompt_list"]
        forced = compressor.compress_prompt(["", DIALOGUE, CODE, NUMBERS], rate=0.5, force_context_ids=[0])
        assert forced["compressed_prompt_list"] == ["", *without["compressed_prompt_list"]]
        assert empty(compressor.compress_prompt(["", ""], rate=0.5, return_word_label=True))

    def test_no_contexts(self, compressors, family: str) -> None:
        for options in ({}, {"target_token": 5}, {"target_context": 1}, {"use_token_level_filter": False}):
            report = compressors[family].compress_prompt([], **options)
            assert empty(report)
            assert report["compressed_prompt_list"] == []

    def test_unknown_characters_only(self, compressors, family: str) -> None:
        report = compressors[family].compress_prompt(UNKNOWN_ONLY, rate=0.5, drop_consecutive=True)
        assert report["compressed_prompt"].strip() == ""
        listed = compressors[family].compress_prompt([UNKNOWN_ONLY, DIALOGUE], rate=0.9, force_context_ids=[1])
        assert "John" in listed["compressed_prompt"]

    @pytest.mark.parametrize("rate", [0, 0.0, -1, -0.5, 1e-18, float("-inf")])
    def test_rate_of_zero_or_less(self, compressors, family: str, rate: float) -> None:
        for context in (DIALOGUE, [DIALOGUE, CODE]):
            with pytest.raises(ValueError, match=r"rate.*must"):
                compressors[family].compress_prompt(context, rate=rate)

    def test_rate_above_one_keeps_everything(self, compressors, family: str) -> None:
        report = compressors[family].compress_prompt(DIALOGUE, rate=1.5)
        assert report == compressors[family].compress_prompt(DIALOGUE, rate=1)
        assert report["compressed_tokens"] > 0.9 * report["origin_tokens"]

    def test_target_of_zero(self, compressors, family: str) -> None:
        compressor = compressors[family]
        assert compressor.compress_prompt(DIALOGUE, target_token=0) == compressor.compress_prompt(DIALOGUE, rate=0.5)
        with pytest.raises(ValueError, match="target_token"):
            compressor.compress_prompt([DIALOGUE, CODE], target_token=0)

    def test_none(self, compressors, family: str) -> None:
        with pytest.raises(ValueError, match="context must be a string or a list of strings, not NoneType"):
            compressors[family].compress_prompt(None)
        with pytest.raises(ValueError, match=r"context\[1\] must be a string"):
            compressors[family].compress_prompt([DIALOGUE, None])

    def test_control_tokens_of_the_counter(self, compressors, family: str) -> None:
        marked = DIALOGUE.replace("Sarah", "<|endoftext|> Sarah")
        report = compressors[family].compress_prompt(marked, rate=0.5)
        plain = compressors[family].compress_prompt(DIALOGUE, rate=0.5)
        assert report["origin_tokens"] == plain["origin_tokens"] + 7 * marked.count("<|endoftext|>")
        assert report["compressed_prompt"]

    def test_special_tokens_in_the_text(self, compressors, family: str) -> None:
        """Deleted, as 0.2.2 deletes them."""
        name = {"wordpiece": "[SEP]", "unigram": "</s>"}[family]
        text = f"John: thinking {name} about the project."
        assert name not in compressors[family].compress_prompt(text, rate=0.99)["compressed_prompt"]

    def test_placeholder_in_the_text(self, compressors, family: str) -> None:
        """Turned into a force token, as in 0.2.2."""
        text = "John: thinking [NEW0] about the project."
        options = {"rate": 0.3, "force_tokens": ["The answer is"]}
        assert "The answer is" in compressors[family].compress_prompt(text, **options)["compressed_prompt"]

    def test_overlapping_force_tokens(self, compressors, family: str) -> None:
        """The first of the list takes its places before the others look, and words glue, as in 0.2.2."""
        text = "So. The answer is The answer is The answer is 42."
        report = compressors[family].compress_prompt(
            text, rate=0.3, force_tokens=["The answer is", "answer is The", "is The answer"]
        )
        assert report["compressed_prompt"].count("The answer is") == 3

    def test_lone_surrogates(self, compressors, family: str) -> None:
        compressor = compressors[family]
        broken = DIALOGUE.replace("Sarah", "Sa\ud83drah\udc00 ")
        report = compressor.compress_prompt(broken, rate=0.5, return_word_label=True)
        assert (
            report["compressed_prompt"]
            == compressor.compress_prompt(DIALOGUE.replace("Sarah", "Sarah "), rate=0.5)["compressed_prompt"]
        )
        json.dumps(report, ensure_ascii=False).encode()
        assert empty(compressor.compress_prompt("\ud83d", rate=0.5) | {"ratio": "1.0x"})
        # Two halves that belong together are the character they mean.
        assert compressor.tokenizer.ids("a \ud83d\ude00 b") == compressor.tokenizer.ids("a \U0001f600 b")


@pytest.mark.parametrize(
    ("argument", "value", "context"),
    [
        ("context", 5, 5),
        ("context", {"a": 1}, {"a": 1}),
        ("context", b"bytes", b"bytes"),
        ("rate", "0.5", DIALOGUE),
        ("rate", None, DIALOGUE),
        ("target_token", None, DIALOGUE),
        ("target_token", "9", [DIALOGUE, CODE]),
        ("target_context", "2", [DIALOGUE, CODE]),
        ("context_level_rate", None, [DIALOGUE, CODE]),
        ("context_level_rate", 1.5, [DIALOGUE, CODE]),
        ("context_level_rate", -1, [DIALOGUE, CODE]),
        ("context_level_rate", float("nan"), [DIALOGUE, CODE]),
        ("context_level_target_token", "x", [DIALOGUE, CODE]),
        ("force_context_ids", 3, [DIALOGUE, CODE, CHINESE]),
        ("token_to_word", "max", DIALOGUE),
        ("force_tokens", ["a", 5], DIALOGUE),
        ("force_tokens", 5, DIALOGUE),
        ("force_tokens", ["\ud800"], DIALOGUE),
        ("force_tokens", ["x"] * 101, DIALOGUE),
        ("chunk_end_tokens", 5, DIALOGUE),
        ("chunk_end_tokens", [["."]], DIALOGUE),
        ("word_sep", 3, DIALOGUE),
    ],
)
def test_bad_arguments_are_named(compressors, argument: str, value: Any, context: Any) -> None:
    options = {} if argument == "context" else {argument: value}
    if argument == "force_context_ids":
        options["context_level_rate"] = 0.3
    if argument == "context_level_rate":
        options["rate"] = 1  # below 1, it replaces a context_level_rate of 1 or more
    with pytest.raises(ValueError, match=argument.replace("_", ".")):
        compressors["wordpiece"].compress_prompt(context, return_word_label=True, **options)


def test_sensible_inputs_that_022_refuses(compressors) -> None:
    compressor = compressors["unigram"]
    assert compressor.compress_prompt((DIALOGUE, CODE)) == compressor.compress_prompt([DIALOGUE, CODE])
    assert compressor.compress_prompt(DIALOGUE, force_tokens=None) == compressor.compress_prompt(DIALOGUE)
    mapped = {"force_tokens": ["\n"], "rate": 0.4}
    text = long_text(3_000)
    assert compressor.compress_prompt(text, chunk_end_tokens=("\n",), **mapped) == compressor.compress_prompt(
        text, chunk_end_tokens=["\n"], **mapped
    )
