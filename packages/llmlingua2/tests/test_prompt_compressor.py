"""What ``PromptCompressor`` promises beside equality with 0.2.2."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sample_texts import ARABIC, CODE, DIALOGUE, ENGLISH, GERMAN, SAMPLES, long_text

from llmlingua2.prompt_compressor import PromptCompressor
from llmlingua2.upstream.chunking import chunk_pieces
from llmlingua2.upstream.force import ForceTokens
from llmlingua2.upstream.frame import ScoredChunk
from llmlingua2.upstream.words import WordRules

FAMILIES = ("wordpiece", "unigram")


# --- determinism -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_batches_threads_and_order_change_nothing(compressors, folders, family: str) -> None:
    compressor = compressors[family]
    contexts = [long_text(5_000), *SAMPLES, long_text(2_500)[::-1]]
    options = {"rate": 0.4, "use_context_level_filter": False, "return_word_label": True}
    expected = compressor.compress_prompt(contexts, **options)
    for size in (1, 3):
        small = PromptCompressor(str(folders[family]), device_map="cpu", llmlingua2_config={"max_batch_size": size})
        assert small.compress_prompt(contexts, **options) == expected
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3 - min(threads, 2))
        assert compressor.compress_prompt(contexts, **options) == expected
    finally:
        torch.set_num_threads(threads)
    backwards = compressor.compress_prompt(contexts[::-1], **options)
    assert backwards["compressed_prompt_list"] == expected["compressed_prompt_list"][::-1]
    alone = [compressor.compress_prompt(text, **options)["compressed_prompt"] for text in contexts]
    assert alone == expected["compressed_prompt_list"]


def test_many_threads_at_once(compressors) -> None:
    compressor = compressors["unigram"]
    jobs = [(text, {"rate": rate}) for text in (*SAMPLES, long_text(2_000)) for rate in (0.3, 0.6)] * 2
    expected = [compressor.compress_prompt(text, **options) for text, options in jobs]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda job: compressor.compress_prompt(job[0], **job[1]), jobs)) == expected


def test_nothing_outside_is_touched(folders) -> None:
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist(), dict(os.environ)
    config, batch = {"torch_dtype": torch.float32}, {"max_batch_size": 7}
    compressor = PromptCompressor(str(folders["wordpiece"]), "cpu", config, llmlingua2_config=batch)
    contexts, forced, ends = [DIALOGUE, CODE], ["\n", "The answer is"], [".", "\n"]
    compressor.compress_prompt(contexts, rate=0.4, force_tokens=forced, chunk_end_tokens=ends)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist(), dict(os.environ)
    assert after == before
    assert (config, batch) == ({"torch_dtype": torch.float32}, {"max_batch_size": 7})
    assert (contexts, forced, ends) == ([DIALOGUE, CODE], ["\n", "The answer is"], [".", "\n"])


# --- the forward pass ------------------------------------------------------------------------------------------------


class StandIn(torch.nn.Module):
    """In place of a model: calls ``run(input_ids, attention_mask)``."""

    dtype = torch.float32
    device = torch.device("cpu")

    def __init__(self, run: Callable[[torch.Tensor, torch.Tensor], Any]) -> None:
        super().__init__()
        self.run = run

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        return self.run(input_ids, attention_mask)


@pytest.fixture
def forwards(compressors, monkeypatch) -> list[torch.Size]:
    """The shape of every forward pass of the WordPiece model."""
    shapes: list[torch.Size] = []
    scorer = compressors["wordpiece"]._pipeline.scorer
    model = scorer.model

    def watched(ids: torch.Tensor, mask: torch.Tensor) -> Any:
        shapes.append(ids.shape)
        return model(input_ids=ids, attention_mask=mask)

    monkeypatch.setattr(scorer, "model", StandIn(watched))
    return shapes


def test_no_padding_to_full_length(compressors, forwards) -> None:
    pieces = len(compressors["wordpiece"].tokenizer.pieces(DIALOGUE))
    compressors["wordpiece"].compress_prompt(DIALOGUE)
    assert forwards == [(1, pieces + 2)]
    forwards.clear()
    compressors["wordpiece"].compress_prompt([long_text(4_000), "One.", "Two words.", "Three words. No."], rate=0.9)
    assert len(forwards) > 1
    assert any(length < 12 for _, length in forwards)


def test_one_pass_serves_both_filters(compressors, forwards) -> None:
    contexts = [DIALOGUE, CODE, ENGLISH, GERMAN]
    compressors["wordpiece"].compress_prompt(contexts, target_context=3, rate=0.5)
    assert sum(rows for rows, _ in forwards) == len(contexts)
    forwards.clear()
    compressors["wordpiece"].compress_prompt(ENGLISH, rate=1.0)
    assert forwards == []


def test_a_probability_that_is_not_finite(compressors, monkeypatch) -> None:
    def broken(ids: torch.Tensor, _: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=torch.full((*ids.shape, 2), float("nan")))

    monkeypatch.setattr(compressors["unigram"]._pipeline.scorer, "model", StandIn(broken))
    with pytest.raises(ValueError, match="chunk 0 a probability that is not finite"):
        compressors["unigram"].compress_prompt(DIALOGUE)


def test_a_continuation_without_a_word_begins_one(compressors) -> None:
    """0.2.2 has nothing to append it to and raises."""
    pipeline = compressors["wordpiece"]._pipeline
    tokenizer = pipeline.tokenizer
    ids = np.array([tokenizer.id_of(piece) for piece in ("[CLS]", "##a", "##b", "the", "[SEP]")])
    rules = WordRules(tokenizer, pipeline.skip, ForceTokens((), {}), False, "mean")
    chunk = ScoredChunk(ids, np.array([0.1, 0.25, 0.75, 0.5, 0.1], dtype=np.float32))
    [words] = rules.merge([chunk])
    assert words.texts == ["ab", "the"]
    assert words.scores.tolist() == [0.5, 0.5]


# --- the constructor -------------------------------------------------------------------------------------------------


def test_the_family_is_read_from_the_tokenizer(folders, compressors, tmp_path: Path) -> None:
    for family, folder in folders.items():
        renamed = shutil.copytree(folder, tmp_path / f"my {family} model")
        other = PromptCompressor(str(renamed), device_map="cpu")
        options = {"rate": 0.4, "force_tokens": ["\n", "?"], "return_word_label": True}
        assert other.compress_prompt(DIALOGUE, **options) == compressors[family].compress_prompt(DIALOGUE, **options)


def test_other_tokenizers_are_refused(folders, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    folder = shutil.copytree(folders["wordpiece"], tmp_path / "bpe")
    Tokenizer(models.BPE()).save(str(folder / "tokenizer.json"))
    with pytest.raises(ValueError, match="type BPE"):
        PromptCompressor(str(folder), device_map="cpu")


def test_other_checkpoints_are_refused(folders, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(folders["wordpiece"], tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["BertForMaskedLM"]}))
    with pytest.raises(ValueError, match="not a token classifier"):
        PromptCompressor(str(folder), device_map="cpu")
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(folder / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"classifier\.weight"):
        PromptCompressor(str(folder), device_map="cpu")
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="safetensors"):
        PromptCompressor(str(folder), device_map="cpu")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"use_llmlingua2": False}, "use_llmlingua2=False.*llmlingua's"),
        ({"use_slingua": True}, "use_slingua=True.*llmlingua's"),
        ({"compat": "0.2.1"}, "compat must be '0.2.2' or False"),
        ({"compat": None}, "compat must be"),
        ({"llmlingua2_config": {"batch": 5}}, "llmlingua2_config has the unknown key 'batch'"),
        ({"llmlingua2_config": {"max_batch_size": 0}}, "max_batch_size.*from 1 up"),
        ({"llmlingua2_config": {"max_force_token": 2.5}}, "max_force_token.*whole number"),
        ({"model_config": {"revison": "main"}}, "model_config has the unknown key 'revison'"),
        ({"model_config": {"torch_dtype": "int8"}}, "torch_dtype.*floating-point"),
        ({"model_config": {"torch_dtype": "flaot32"}}, "torch_dtype.*floating-point"),
        ({"device_map": "gpu7"}, "device_map must be"),
        ({"device_map": {"": 0}}, "device_map must be"),
    ],
)
def test_bad_constructor_arguments_are_named(folders, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PromptCompressor(str(folders["wordpiece"]), **{"device_map": "cpu", **arguments})


@pytest.mark.skipif(torch.cuda.is_available(), reason="gpu: the error of a machine without one")
def test_a_device_that_is_not_there(folders) -> None:
    with pytest.raises(ValueError, match="no CUDA device"):
        PromptCompressor(str(folders["wordpiece"]), device_map="cuda")
    assert PromptCompressor(str(folders["wordpiece"])).device.type == "cpu"


def test_code_from_a_checkpoint_is_never_run(folders) -> None:
    with pytest.warns(UserWarning, match="trust_remote_code is ignored"):
        PromptCompressor(str(folders["wordpiece"]), device_map="cpu", model_config={"trust_remote_code": True})


def test_without_tiktoken(folders, monkeypatch) -> None:
    import tiktoken

    def offline(_: str) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(tiktoken, "get_encoding", offline)
    with pytest.raises(RuntimeError, match="TIKTOKEN_CACHE_DIR"):
        PromptCompressor(str(folders["wordpiece"]), device_map="cpu")
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    with pytest.raises(ImportError, match=r'pip install "llmlingua2\[tiktoken\]"'):
        PromptCompressor(str(folders["wordpiece"]), device_map="cpu")


def test_weights_stored_as_int8(folders, tmp_path: Path) -> None:
    from llmlingua2.scoring.quantization import quantize_checkpoint

    folder = quantize_checkpoint(folders["unigram"], tmp_path / "int8")
    report = PromptCompressor(str(folder), device_map="cpu").compress_prompt(DIALOGUE, rate=0.5)
    assert 0 < report["compressed_tokens"] < report["origin_tokens"]


# --- compat=False ----------------------------------------------------------------------------------------------------


def test_true_special_tokens(folders, compressors, monkeypatch) -> None:
    """On XLM-RoBERTa 0.2.2 feeds unknown tokens where <s>, </s> and <pad> belong."""
    text = [long_text(4_000), DIALOGUE]
    rows: dict[Any, list[list[int]]] = {}
    for compat in ("0.2.2", False):
        compressor = PromptCompressor(str(folders["unigram"]), device_map="cpu", compat=compat)
        scorer = compressor._pipeline.scorer
        rows[compat] = []

        def watched(ids: torch.Tensor, mask: torch.Tensor, model=scorer.model, seen=rows[compat]) -> Any:
            seen += [row[shown].tolist() for row, shown in zip(ids, mask, strict=True)]
            return model(input_ids=ids, attention_mask=mask)

        monkeypatch.setattr(scorer, "model", StandIn(watched))
        report = compressor.compress_prompt(text, use_context_level_filter=False, return_word_label=True)
        assert "s>" not in report["compressed_prompt"]
        assert report["origin_tokens"] == compressors["unigram"].compress_prompt(text)["origin_tokens"]
    unknown, start, end = 3, 0, 2
    assert len(rows[False]) == len(rows["0.2.2"]) > 2
    for row in rows["0.2.2"]:
        assert row[0] == unknown
        assert start not in row
        assert end not in row
    for row in rows[False]:
        assert (row[0], row[-1]) == (start, end)
        assert start not in row[1:]
        assert end not in row[:-1]
    # BERT's names are right for BERT: short texts come out the same.
    true = PromptCompressor(str(folders["wordpiece"]), device_map="cpu", compat=False)
    assert true.compress_prompt(DIALOGUE) == compressors["wordpiece"].compress_prompt(DIALOGUE)


def test_true_special_tokens_move_the_scores(folders, compressors) -> None:
    true = PromptCompressor(str(folders["unigram"]), device_map="cpu", compat=False)
    [found], [expected] = (each._pipeline.scorer.score([DIALOGUE]) for each in (true, compressors["unigram"]))
    assert found.ids[1:-1].tolist() == expected.ids[1:-1].tolist()
    assert np.abs(found.probabilities - expected.probabilities).max() > 1e-3


def test_a_full_chunk_keeps_its_closing_token(folders, monkeypatch) -> None:
    """511 pieces fill the frame of 0.2.2 without [SEP]."""
    word = "the "
    lengths = {}
    for compat in ("0.2.2", False):
        compressor = PromptCompressor(str(folders["wordpiece"]), device_map="cpu", compat=compat)
        rows = [compressor._pipeline.scorer._row(text, compressor.tokenizer.encode([text])[0])[0]
                for text in (word * 511, word * 600)]  # fmt: skip
        lengths[compat] = [len(row) for row in rows]
        closing = compressor.tokenizer.id_of("[SEP]")
        assert [row[-1] == closing for row in rows] == ([True, True] if compat is False else [False, False])
        chunks = chunk_pieces(["the"] * 2_000, frozenset(), compressor._pipeline.window)
        assert chunks[0] == (0, 510 if compat is False else 511)
    assert lengths == {"0.2.2": [512, 512], False: [512, 512]}


# --- marked prompts, JSON, recovery ----------------------------------------------------------------------------------


@pytest.mark.parametrize("compat", ["0.2.2", False])
def test_marked_segments(folders, compat) -> None:
    compressor = PromptCompressor(str(folders["wordpiece"]), device_map="cpu", compat=compat)
    kept = "if a<b.  then </div>\t\n"
    text = f"<llmlingua, compress=False>{kept}</llmlingua><llmlingua, rate=0.2>{ENGLISH}</llmlingua>"
    report = compressor.structured_compress_prompt([text, ENGLISH], rate=0.9)
    assert list(report) == list(compressor.compress_prompt("")), "the keys of compress_prompt"
    first, second = report["compressed_prompt_list"]
    assert first.startswith(kept)
    count = compressor._pipeline.counter.length
    assert count(first[len(kept) :]) <= 0.2 * count(ENGLISH) < 0.7 * count(ENGLISH) < count(second)
    assert report["compressed_prompt"] == f"{first}\n\n{second}"
    assert report["origin_tokens"] == count(kept + ENGLISH) + count(ENGLISH)
    assert report["compressed_tokens"] == count(first) + count(second)
    target = compressor.structured_compress_prompt(ENGLISH, target_token=30)
    assert 25 <= target["compressed_tokens"] <= 30
    assert compressor.structured_compress_prompt("")["compressed_prompt"] == ""


def test_marked_segments_that_are_wrong(compressors) -> None:
    compressor = compressors["unigram"]
    for bad, message in (
        ({"context": None}, "context"),
        ({"context": "<llmlingua>open"}, "no closing tag"),
        ({"context": DIALOGUE, "rate": 1.5}, "rate"),
        ({"context": DIALOGUE, "target_token": 0}, "target_token"),
        ({"context": DIALOGUE, "rate": "half"}, "rate"),
    ):
        with pytest.raises(ValueError, match=message):
            compressor.structured_compress_prompt(**bad)


def test_json(compressors, tmp_path: Path) -> None:
    compressor = compressors["unigram"]
    data = {"id": 17, "text": ENGLISH, "note": GERMAN, "tags": ["one", {"deep": ARABIC}], "none": None}
    config = {
        "id": {"rate": 1, "compress": False, "pair_remove": False, "value_type": "int"},
        "text": {"rate": 0.3, "compress": True, "pair_remove": False, "value_type": "str"},
        "note": {"rate": 0.3, "compress": False, "pair_remove": True, "value_type": "string"},
        "tags": {"rate": 0.5, "compress": True, "pair_remove": True, "value_type": "list"},
        "none": {},
    }
    before = json.dumps(data)
    report = compressor.compress_json(data, config)
    found = report["compressed_prompt"]
    assert json.dumps(data) == before
    assert list(found) == list(data)
    assert (found["id"], found["note"], found["none"]) == (17, GERMAN, None)
    assert 0 < len(found["text"]) < 0.6 * len(ENGLISH)
    assert 0 < len(found["tags"][1]["deep"]) < len(ARABIC)
    assert report["compressed_tokens"] < report["origin_tokens"]
    assert json.loads(report["compressed_prompt_list"][0]) == found
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    assert compressor.compress_json(data, str(path)) == report
    for bad, message in (
        (([1], config), "json_data"),
        ((data, 5), "json_config"),
        ((data, {"id": {}}), "config"),
        ((data, config | {"id": {"speed": 1}}), "speed"),
    ):
        with pytest.raises(ValueError, match=message):
            compressor.compress_json(*bad)


def test_recovery(compressors) -> None:
    for compressor in compressors.values():
        original = "John said that the project needs more time and more money."
        recovered = compressor.recover(original, "John project needs time", "He: John project needs time indeed")
        assert recovered.startswith("He: ")
        assert recovered.endswith(" indeed")
        assert "project needs more time" in recovered
        assert compressor.recover(original, "John project", "") == ""
        assert compressor.recover("", "John project", "John  left") == "John  left"
        assert compressor.recover(original, "", "nothing in common") == "nothing in common"
        with pytest.raises(ValueError, match="response must be a string"):
            compressor.recover(original, "John", None)
