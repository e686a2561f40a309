"""``PromptCompressor`` beside the real llmlingua 0.2.2, on the same weights, in the same process."""

from __future__ import annotations

import inspect
import random
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from parity_cases import CASES, INPUTS, OPTIONS
from sample_texts import BY_KIND, CODE, DIALOGUE, ENGLISH, NUMBERS, SAMPLES, UNKNOWN_ONLY, long_text
from tiny_models import build_unigram_model, build_wordpiece_model

from llmlingua2.prompt_compressor import PromptCompressor

pytestmark = pytest.mark.peer

FAMILIES = ("wordpiece", "unigram")


class Pair:
    """The same checkpoint opened by 0.2.2 and by this package."""

    def __init__(self, folder: Path, **arguments) -> None:
        import llmlingua

        # 0.2.2 writes into its model_config, hence one for each.
        config = arguments.pop("model_config", {})
        state = torch.get_rng_state()
        self.theirs = llmlingua.PromptCompressor(
            str(folder), device_map="cpu", use_llmlingua2=True, model_config=dict(config), **arguments
        )
        torch.set_rng_state(state)
        self.ours = PromptCompressor(str(folder), device_map="cpu", model_config=dict(config), **arguments)

    def compare(self, context, **options) -> dict:
        expected = self.theirs.compress_prompt(context, **options)
        found = self.ours.compress_prompt(context, **options)
        assert list(found.items()) == list(expected.items())
        return found


@pytest.fixture(scope="module")
def pairs(wordpiece_model: Path, unigram_model: Path) -> dict[str, Pair]:
    return {"wordpiece": Pair(wordpiece_model), "unigram": Pair(unigram_model)}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_key_is_the_same(pairs: dict[str, Pair], family: str, name: str, options: dict) -> None:
    pairs[family].compare(INPUTS[name], **options)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 500
    assert len({(name, repr(options)) for name, options in CASES}) == len(CASES)
    unused = {"context"} | {
        name for name in inspect.signature(PromptCompressor.compress_prompt_llmlingua2).parameters if name in OPTIONS
    }
    assert set(inspect.signature(PromptCompressor.compress_prompt_llmlingua2).parameters) - {"self"} == unused


def test_the_results_are_not_trivial(pairs: dict[str, Pair]) -> None:
    """The cases would prove little if the tiny models kept everything, or nothing."""
    for pair in pairs.values():
        for text in (ENGLISH, CODE, NUMBERS):
            report = pair.ours.compress_prompt(text, rate=0.5)
            assert 0.2 * report["origin_tokens"] < report["compressed_tokens"] < 0.8 * report["origin_tokens"]


def test_where_022_fails(pairs: dict[str, Pair]) -> None:
    """The rows of ``test_failures_of_022`` that are about crashes are about crashes."""
    pair = pairs["wordpiece"]
    for context, options, error in (
        ("", {"target_token": 10}, ZeroDivisionError),
        (["", DIALOGUE, CODE], {}, ZeroDivisionError),
        ([], {}, IndexError),
        (UNKNOWN_ONLY, {}, IndexError),
        (DIALOGUE, {"rate": 0}, ValueError),
        ([DIALOGUE, CODE], {"target_token": 0}, ValueError),
        (None, {}, TypeError),
        ("<|endoftext|>", {}, ValueError),
        ("\ud83d", {}, TypeError),
    ):
        with pytest.raises(error):
            pair.theirs.compress_prompt(context, **options)


@pytest.mark.parametrize("family", FAMILIES)
def test_signatures_and_defaults(pairs: dict[str, Pair], family: str) -> None:
    """Same parameters in the same order; mutable defaults are the one difference in their values."""
    import llmlingua

    for method in (
        "compress_prompt",
        "compress_prompt_llmlingua2",
        "structured_compress_prompt",
        "compress_json",
        "recover",
    ):
        theirs = inspect.signature(getattr(llmlingua.PromptCompressor, method)).parameters
        ours = inspect.signature(getattr(PromptCompressor, method)).parameters
        assert list(ours) == list(theirs)
        for name, parameter in theirs.items():
            default = tuple(parameter.default) if isinstance(parameter.default, list) else parameter.default
            assert ours[name].default == default
    constructor = inspect.signature(llmlingua.PromptCompressor.__init__).parameters
    assert list(inspect.signature(PromptCompressor.__init__).parameters)[: len(constructor)] == list(constructor)
    pair = pairs[family]
    assert pair.ours(DIALOGUE, "", "", 0.4) == pair.theirs(DIALOGUE, "", "", 0.4)
    lists = [DIALOGUE, CODE, ENGLISH]
    assert pair.ours.compress_prompt_llmlingua2(lists) == pair.theirs.compress_prompt_llmlingua2(lists)


@pytest.mark.parametrize("family", FAMILIES)
def test_pieces_equal_those_of_transformers(pairs: dict[str, Pair], family: str) -> None:
    """The tokenizer read from ``tokenizer.json`` cuts, joins and numbers pieces as the one 0.2.2 works with."""
    theirs, ours = pairs[family].theirs.tokenizer, pairs[family].ours.tokenizer
    texts = [*SAMPLES, "[SEP] </s> <mask>x [NEW0]y [PAD]", long_text(3_000), "a\u0301 ﬀ \u3000 ①x", "\x00\x07 tab\ttab"]
    for text in texts:
        pieces = theirs.tokenize(text)
        assert ours.pieces(text) == pieces
        assert ours.encode([text]) == [theirs.convert_tokens_to_ids(pieces)]
        assert ours.join(pieces) == theirs.convert_tokens_to_string(pieces)
        assert ours.decode(ours.ids(text)) == theirs.decode(theirs(text, add_special_tokens=False).input_ids)
    assert len(ours) == len(theirs)


@pytest.mark.parametrize("family", FAMILIES)
def test_ties(pairs: dict[str, Pair], family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Probabilities from a handful of values, so that words sit exactly on the threshold all the time."""
    pair = pairs[family]
    monkeypatch.setattr(pair.theirs, "model", CoarseModel())
    monkeypatch.setattr(pair.ours._pipeline.scorer, "model", CoarseModel())
    for text in (*SAMPLES, long_text(3_000), [ENGLISH, CODE, DIALOGUE, NUMBERS, DIALOGUE]):
        if not isinstance(text, list) and text == BY_KIND["one word"]:
            continue
        for rate in (0.9, 0.5, 0.3, 0.1):
            for consecutive in (False, True):
                pair.compare(
                    text,
                    rate=rate,
                    drop_consecutive=consecutive,
                    force_tokens=[".", "\n", "the"] if consecutive else [],
                    force_reserve_digit=consecutive,
                    return_word_label=True,
                )


class CoarseModel(torch.nn.Module):
    """A probability of 0, 1/2, 3/4 or 1 by the piece alone."""

    dtype = torch.float32
    device = torch.device("cpu")

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        keep = torch.tensor([-200.0, 0.0, 1.0986123, 200.0])[input_ids * 7919 % 4]
        return SimpleNamespace(loss=None, logits=torch.stack((torch.zeros_like(keep), keep), dim=-1))


@pytest.mark.parametrize("family", FAMILIES)
def test_half_precision(wordpiece_model: Path, unigram_model: Path, family: str) -> None:
    pair = Pair(
        {"wordpiece": wordpiece_model, "unigram": unigram_model}[family], model_config={"torch_dtype": torch.float16}
    )
    for text in (*SAMPLES[:6], long_text(9_000), [ENGLISH, CODE, DIALOGUE]):
        for rate in (0.6, 0.2):
            assert pair.compare(text, rate=rate, force_tokens=["."], drop_consecutive=True, return_word_label=True)


@pytest.mark.parametrize("build", [build_wordpiece_model, build_unigram_model])
def test_checkpoints_without_placeholder_rows(build, tmp_path: Path) -> None:
    """0.2.2 draws the missing rows after seeding everything with 42. The rows are the same here; the seeding is not."""
    import llmlingua

    name = "bert-base-multilingual-cased" if build is build_wordpiece_model else "xlm-roberta-large"
    folder = build(tmp_path / name, spare_rows=0)
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    random.seed(7)
    before = random.getstate()
    ours = PromptCompressor(str(folder), device_map="cpu")
    assert torch.equal(torch.rand(1), expected)
    assert random.getstate() == before
    theirs = llmlingua.PromptCompressor(str(folder), device_map="cpu", use_llmlingua2=True)
    for text in (DIALOGUE, CODE):
        options = {"rate": 0.4, "force_tokens": ["\n", "The answer is"], "return_word_label": True}
        assert ours.compress_prompt(text, **options) == theirs.compress_prompt(text, **options)


def test_other_settings(wordpiece_model: Path) -> None:
    """More force tokens than there are rows for, and small batches."""
    pair = Pair(wordpiece_model, llmlingua2_config={"max_batch_size": 2, "max_force_token": 130})
    forced = [f"the {word}" for word in ENGLISH.split()] * 2
    pair.compare(long_text(6_000), rate=0.3, force_tokens=forced[:130], return_word_label=True)


@pytest.mark.parametrize("setting", ["no tokenizer.json", "no lower-casing said", "accents kept, lower case"])
def test_bert_settings_outside_tokenizer_json(wordpiece_model: Path, tmp_path: Path, setting: str) -> None:
    """Old checkpoints have a vocabulary file only; and what tokenizer_config.json says of BERT text outranks
    tokenizer.json."""
    import json

    folder = shutil.copytree(wordpiece_model, tmp_path / "bert-base-multilingual-cased")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    if setting == "no tokenizer.json":
        vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
        (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)) + "\n")
        (folder / "tokenizer.json").unlink()
    elif setting == "no lower-casing said":
        del config["do_lower_case"]
    else:
        config |= {"do_lower_case": True, "strip_accents": False, "tokenize_chinese_chars": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    pair = Pair(folder)
    for text in SAMPLES[:8]:
        assert pair.ours.tokenizer.pieces(text) == pair.theirs.tokenizer.tokenize(text)
        pair.compare(text, rate=0.5, force_tokens=["?", "The"], return_word_label=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_recover(pairs: dict[str, Pair], family: str) -> None:
    pair = pairs[family]
    draw = random.Random(5)
    for text in (ENGLISH, DIALOGUE, NUMBERS, BY_KIND["german"], long_text(4_000)):
        compressed = pair.ours.compress_prompt(text, rate=0.4)["compressed_prompt"]
        words = compressed.split(" ")
        for _ in range(8):
            start = draw.randrange(len(words))
            copied = words[start : start + draw.randrange(1, 9)]
            response = " ".join(["So,", *copied, "unheard", draw.choice(words), "of."])
            expected = pair.theirs.recover(text, compressed, response)
            assert pair.ours.recover(text, compressed, response) == expected
