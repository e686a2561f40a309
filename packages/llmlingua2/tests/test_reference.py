"""``PromptCompressor`` against a second, slow reading of 0.2.2, on made-up calls and on models full of ties."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_0_2_2 import Reference
from sample_texts import ENGLISH, SAMPLES, long_text

from llmlingua2.prompt_compressor import PromptCompressor
from llmlingua2.upstream.chunking import chunk_pieces

FAMILIES = ("wordpiece", "unigram")


class CoarseModel(torch.nn.Module):
    """Few distinct probabilities, 0 and 1 among them, by piece and place: words sit exactly on the threshold."""

    dtype = torch.float32
    device = torch.device("cpu")

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        places = torch.arange(input_ids.shape[1])
        keep = torch.tensor([-200.0, 0.0, 1.0986123, 200.0, 2.0])[(input_ids * 31 + places // 7) % 5]
        return SimpleNamespace(logits=torch.stack((torch.zeros_like(keep), keep), dim=-1))


_SCRAPS = [
    *sorted({scrap for text in SAMPLES for scrap in text.split(" ")}),
    "\n", "\n\n", ".", "..", "[SEP]", "[PAD]", "</s>", "<mask>", "[NEW0]", "[NEW1]", "##ing", "▁", "🎉", "7", "()", "?",
]  # fmt: skip
_FORCE = ["\n", ".", "?", "the", "The answer is", "is the", "a", "的", "42", "ing", "[NEW1]", "##s", "▁the", "un", " "]


@st.composite
def texts(draw: st.DrawFn) -> str:
    scraps = draw(st.lists(st.sampled_from(_SCRAPS), max_size=30))
    text = draw(st.sampled_from([" ", "", " ", "\n"])).join(scraps)
    return text + draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=6))


@st.composite
def calls(draw: st.DrawFn) -> tuple[Any, dict[str, Any]]:
    context = draw(st.one_of(texts(), st.lists(texts(), max_size=4)))
    maybe: dict[str, st.SearchStrategy[Any]] = {
        "rate": st.one_of(st.floats(0.02, 1.1), st.sampled_from([0.5, 0.33, 0.01, 0, 1])),
        "target_token": st.integers(-1, 60),
        "use_context_level_filter": st.booleans(),
        "use_token_level_filter": st.sampled_from([True, True, True, False]),
        "target_context": st.integers(-1, 3),
        "context_level_rate": st.floats(0, 1),
        "context_level_target_token": st.integers(-1, 60),
        "force_context_ids": st.lists(st.integers(0, 4), max_size=2),
        "token_to_word": st.sampled_from(["mean", "first"]),
        "force_tokens": st.lists(st.sampled_from(_FORCE), max_size=5),
        "force_reserve_digit": st.booleans(),
        "drop_consecutive": st.booleans(),
        "chunk_end_tokens": st.lists(st.sampled_from([".", "\n", "?", "the"]), max_size=3),
    }
    wanted = draw(st.sets(st.sampled_from(sorted(maybe)), max_size=6))
    return context, {"return_word_label": True} | {name: draw(maybe[name]) for name in sorted(wanted)}


def check_against_reference(reference: Reference, compressor: PromptCompressor, context: Any, options: dict) -> bool:
    """Equal where the reference returns; a report, or a ValueError that says what must be, where it raises."""
    try:
        expected = reference.compress(context, **options)
    except (ArithmeticError, IndexError, ValueError):
        try:
            report = compressor.compress_prompt(context, **options)
        except ValueError as error:
            if "must" not in str(error):
                raise
        else:
            assert report["compressed_tokens"] <= report["origin_tokens"]
        return False
    assert list(compressor.compress_prompt(context, **options).items()) == list(expected.items())
    return True


@pytest.mark.parametrize("coarse", [False, True], ids=["model", "ties"])
@pytest.mark.parametrize("family", FAMILIES)
def test_equal_to_the_slow_reference(references, compressors, monkeypatch, family: str, coarse: bool) -> None:
    reference, compressor = references[family], compressors[family]
    if coarse:
        monkeypatch.setattr(reference, "model", CoarseModel())
        monkeypatch.setattr(compressor._pipeline.scorer, "model", CoarseModel())
    returned: list[bool] = []

    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
    @given(calls())
    def check(call: tuple[Any, dict[str, Any]]) -> None:
        returned.append(check_against_reference(reference, compressor, *call))

    check()
    assert sum(returned) > len(returned) / 3


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_to_the_slow_reference_on_long_texts(references, compressors, family: str) -> None:
    text = long_text(6_000)
    for options in (
        {"rate": 0.4, "force_tokens": ["\n", "."], "drop_consecutive": True},
        {"rate": 0.2, "chunk_end_tokens": ["?"], "force_reserve_digit": True},
        {"target_token": 300, "token_to_word": "first"},
    ):
        assert check_against_reference(references[family], compressors[family], text, options)
    assert check_against_reference(
        references[family], compressors[family], [text, ENGLISH, text[::-1]], {"target_token": 200}
    )


@given(st.lists(st.sampled_from("ab.?"), max_size=60), st.integers(1, 12))
def test_chunks_cover_the_pieces(pieces: list[str], window: int) -> None:
    ranges = chunk_pieces(pieces, frozenset(".?"), window)
    assert [index for start, end in ranges for index in range(start, end)] == list(range(len(pieces)))
    for start, end in ranges[:-1]:
        assert 2 <= end - start <= window + 1
        later = pieces[end : start + window + 1]
        assert not set(later) & set(".?")
        assert pieces[end - 1] in ".?" or end - start == window + 1
    if ranges:
        start, end = ranges[-1]
        assert end - start <= window + 1


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("John: thinking [SEP] about </s> the <mask> project [PAD].", {"rate": 0.6}),
        ("John: thinking [NEW0] about the project.", {"rate": 0.3, "force_tokens": ["The answer is"]}),
        (
            "So. The answer is the answer is the answer is 42.",
            {"rate": 0.3, "force_tokens": ["The answer is", "answer is the", "is the answer"]},
        ),
    ],
    ids=["special tokens", "placeholder", "overlapping force tokens"],
)
def test_what_022_makes_of_odd_texts(references, compressors, family: str, text: str, options: dict) -> None:
    assert check_against_reference(references[family], compressors[family], text, options)
