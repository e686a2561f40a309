"""int8 storage: small, bounded error, recognised by from_pretrained."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from sample_texts import SAMPLES

from llmlingua2.scoring.backends import load_module
from llmlingua2.scoring.classifier import TokenClassifier
from llmlingua2.scoring.quantization import FORMAT, dequantize, quantize, quantize_checkpoint


@settings(deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.sampled_from([1e-30, 1e-3, 1.0, 1e10]), st.integers(0, 9))
def test_error_is_at_most_half_a_step(rows, columns, scale, seed):
    weight = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * scale
    weight[0] = 0
    stored = quantize({"w": weight, "b": weight[0]})
    back = dequantize(stored)
    step = weight.abs().amax(dim=1, keepdim=True) / 127
    assert ((back["w"] - weight).abs() <= step / 2 * (1 + 1e-5)).all()
    assert stored["w"].dtype == torch.int8
    assert (back["b"] == weight[0]).all()


def test_quantizing_what_was_read_back_changes_nothing():
    weight = torch.randn(20, 30, generator=torch.Generator().manual_seed(0))
    once = dequantize(quantize({"w": weight}))
    twice = dequantize(quantize(once))
    torch.testing.assert_close(once["w"], twice["w"], rtol=1e-6, atol=0)


@pytest.fixture(scope="module", params=["wordpiece", "unigram"])
def pair(request, wordpiece_model, unigram_model, tmp_path_factory):
    source = wordpiece_model if request.param == "wordpiece" else unigram_model
    return source, quantize_checkpoint(source, tmp_path_factory.mktemp("int8") / "model")


def test_checkpoint_keeps_its_decisions(pair):
    full, small = (TokenClassifier.from_pretrained(folder, device="cpu") for folder in pair)
    assert json.loads((pair[1] / "config.json").read_text())["weight_storage"] == FORMAT
    a, b = (np.concatenate([block.keep for block in c.keep_probabilities(SAMPLES)]) for c in (full, small))
    assert 0 < np.abs(a - b).max() < 0.05
    assert ((a > np.median(a)) == (b > np.median(b))).mean() > 0.95


def test_checkpoint_is_a_quarter_of_the_size(pair):
    weights = load_file(pair[1] / "model.safetensors")
    numbers = sum(value.numel() for name, value in weights.items() if not name.endswith(".row_scale"))
    assert (pair[1] / "model.safetensors").stat().st_size < 1.4 * numbers  # small rows weigh their scales


def test_saving_a_quantized_classifier_writes_ordinary_weights(pair, tmp_path):
    small = TokenClassifier.from_pretrained(pair[1], device="cpu")
    small.save_pretrained(tmp_path)
    assert "weight_storage" not in json.loads((tmp_path / "config.json").read_text())
    saved, loaded = load_file(tmp_path / "model.safetensors"), load_module(pair[1]).state_dict()
    assert all((saved[name] == loaded[name]).all() for name in saved)
    with pytest.raises(ValueError, match="already"):
        quantize_checkpoint(pair[1], tmp_path / "again")


def test_bad_weights_are_refused():
    with pytest.raises(ValueError, match="w holds a value that is not finite"):
        quantize({"w": torch.tensor([[float("inf")]])})
    stored = quantize({"w": torch.ones(2, 2)})
    del stored["w.row_scale"]
    with pytest.raises(ValueError, match="w needs 2 row scales"):
        dequantize(stored)
