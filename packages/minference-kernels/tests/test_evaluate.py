"""Evaluation: metrics against their definitions, and suites through `generate`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import references as ref
import torch

import minference_kernels as mk
from minference_kernels.evaluate import (
    evaluate_pairs,
    evaluate_suite,
    frozen_config,
    head_quality,
    load_model,
    parse_config,
    score_table,
)
from minference_kernels.retrieval import pair_prompt
from minference_kernels.tasks.haystack import ByteTokenizer
from minference_kernels.tasks.suite import make_suite


def test_recall_and_error_follow_their_definitions() -> None:
    g = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, h, 200, 32, generator=g) for h in (4, 2, 2))
    index = mk.estimate(q, k, mk.VerticalSlash(20, 70, sink=4, local=20))
    mask = index.to_mask().numpy()
    dense, dense_lse = ref.attention(q, k, v, ref.causal_mask(200, 200)[None, None], 32**-0.5)
    sparse, sparse_lse = ref.attention(q, k, v, mask, 32**-0.5)
    for record in head_quality(q, k, v, index):
        at = record.batch, record.head
        assert record.recall == pytest.approx(np.exp(sparse_lse[at] - dense_lse[at]).mean(), abs=1e-5)
        gap = np.linalg.norm(dense[at] - sparse[at]) / np.linalg.norm(dense[at])
        assert record.error == pytest.approx(gap, abs=1e-5)
        assert record.density == pytest.approx(mask[at].sum() / (200 * 201 / 2))
        assert record.area == pytest.approx(float(index.computed_area()[at]))
    whole = head_quality(q, k, v, mk.estimate(q, k, mk.Dense()))
    assert all(record.recall == pytest.approx(1, abs=1e-6) and record.error < 1e-6 for record in whole)


def test_a_suite_through_generate_with_and_without_sparse_prefill() -> None:
    model, tokenizer = load_model(None, seed=11)
    samples = list(make_suite(["pairs"], [700], [0.0, 0.4, 1.0], 2, tokenizer, seed=5))
    sparse = mk.MInferenceConfig.uniform(mk.VerticalSlash(100, 100), min_seq_len=0)
    window = mk.MInferenceConfig.uniform(mk.AShape(16, 100), min_seq_len=0)
    for config, expected in ((None, {1.0}), (sparse, {1.0})):
        answers = evaluate_suite(model, tokenizer, samples, config, max_new_tokens=1)
        assert {a.score for a in answers} == expected
        assert all(a.reply == s.answers[0] for a, s in zip(answers, samples, strict=True))
    rows = score_table(evaluate_suite(model, tokenizer, samples, window, max_new_tokens=1))
    assert [row["depth"] for row in rows] == [0.0, 0.4, 1.0] and rows[1]["score"] == 0
    assert rows[1] == {"task": "pairs", "depth": 0.4, "length": 700, "samples": 2, "score": 0.0}


def test_an_untrained_model_scores_nothing() -> None:
    spec = importlib.util.spec_from_file_location("models", Path(__file__).with_name("models.py"))
    models = sys.modules.get("models") or importlib.util.module_from_spec(spec)
    if "models" not in sys.modules:
        spec.loader.exec_module(models)
    model = models.build("llama", vocab_size=256)
    tokenizer = ByteTokenizer()
    samples = list(make_suite(["passkey", "niah_multikey"], [600], [0.5], 1, tokenizer))
    config = mk.MInferenceConfig.uniform(mk.VerticalSlash(40, 100), min_seq_len=0)
    answers = evaluate_suite(model, tokenizer, samples, config, max_new_tokens=8)
    assert [a.score for a in answers] == [0, 0] and all(a.reply for a in answers)


def test_frozen_indices_need_every_layer() -> None:
    model = mk.build_retrieval_llama(1024, seed=2)
    ids, _, _ = pair_prompt(600, vocab_size=1024)
    config = mk.MInferenceConfig.uniform(mk.VerticalSlash(60, 100), min_seq_len=0)
    frozen = frozen_config(model, ids, config)
    assert len(frozen.layers) == 2 and all(isinstance(p, mk.Static) for row in frozen.layers for p in row)
    same = pair_prompt(600, vocab_size=1024)
    assert evaluate_pairs(model, [same], frozen).correct == 8  # right for the prompt it came from
    with pytest.raises(ValueError, match="only layers"):
        frozen_config(model, ids, config.replace(starting_layer=1))


def test_configurations_by_name(tmp_path: Path) -> None:
    assert parse_config("dense").default == mk.Dense()
    assert parse_config("paper").default == mk.VerticalSlash(1000, 6096)
    assert parse_config("Qwen/Qwen2-7B-Instruct").layers is not None
    path = tmp_path / "c.json"
    mk.MInferenceConfig.uniform(mk.BlockSparse(2)).save(path)
    assert parse_config(str(path)).default == mk.BlockSparse(2)
    for bad in ("nope", str(tmp_path / "absent.json")):
        with pytest.raises(ValueError, match=r"neither dense|no such file"):
            parse_config(bad)
