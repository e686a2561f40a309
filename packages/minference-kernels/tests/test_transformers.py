"""The attention function inside real model code: every feature a model asks for is honoured."""

from __future__ import annotations

import importlib.util
import inspect
import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
import transformers

import minference_kernels as mk
from minference_kernels.integrations.transformers import minference_attention, observed

spec = importlib.util.spec_from_file_location("models", Path(__file__).with_name("models.py"))
models = importlib.util.module_from_spec(spec)
spec.loader.exec_module(models)
FAMILIES = list(models.FAMILIES)


def ids(batch: int, length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(2, 97, (batch, length), generator=torch.Generator().manual_seed(seed))


def logits(model, tokens, **kwargs):
    with torch.no_grad():
        return model(tokens, **kwargs).logits


@pytest.mark.parametrize("family", FAMILIES)
def test_full_budgets_equal_exact_attention(family: str) -> None:
    sparse, exact = models.pair(family)
    tokens = ids(2, 150)
    torch.testing.assert_close(logits(sparse, tokens), logits(exact, tokens), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_left_padded_batch_equals_exact_attention(family: str) -> None:
    sparse, exact = models.pair(family)
    tokens, mask = ids(3, 120), torch.ones(3, 120, dtype=torch.long)
    mask[0, :50] = 0
    mask[2, :117] = 0
    a = logits(sparse, tokens, attention_mask=mask)
    b = logits(exact, tokens, attention_mask=mask)
    torch.testing.assert_close(a[mask.bool()], b[mask.bool()], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_does_not_change_a_bit_of_the_attention_function(side: str) -> None:
    sparse, _ = models.pair("llama")
    sparse.config.minference = mk.MInferenceConfig.uniform(
        mk.VerticalSlash(12, 70, sink=2, local=9), min_seq_len=0, dense_below=0
    ).to_dict()
    module = sparse.model.layers[0].self_attn
    q, k, v = (torch.randn(3, h, 200, 16) for h in (4, 2, 2))
    real = [slice(0, 200), slice(67, 200) if side == "left" else slice(0, 133), slice(199, 200)]
    mask = torch.zeros(3, 200, dtype=torch.bool)
    for row, part in enumerate(real):
        mask[row, part] = True
    out, _ = minference_attention(module, q, k, v, mask)
    for row, part in enumerate(real):
        one = slice(row, row + 1)
        alone, _ = minference_attention(module, q[one, :, part], k[one, :, part], v[one, :, part], None)
        torch.testing.assert_close(out[one, part], alone, atol=0 if row < 2 else 1e-6, rtol=0)
    assert (out[~mask] == 0).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_generate_with_and_without_chunked_prefill(family: str) -> None:
    sparse, exact = models.pair(family)
    tokens = ids(2, 50)
    mask = torch.ones_like(tokens)
    mask[1, :13] = 0
    options = {"attention_mask": mask, "max_new_tokens": 8, "do_sample": False}
    expected = exact.generate(tokens, **options)
    assert torch.equal(sparse.generate(tokens, **options), expected)
    if family not in (
        "mistral",
        "gemma2",
        "gpt_oss",
    ):  # transformers' own sliding caches do not take chunks with padding
        assert torch.equal(sparse.generate(tokens, prefill_chunk_size=16, **options), expected)


@pytest.mark.parametrize("family", ["mistral", "gpt_oss", "gemma2"])
def test_chunked_prefill_with_sliding_layers(family: str) -> None:
    sparse, exact = models.pair(family)
    tokens = ids(1, 50)
    options = {"max_new_tokens": 6, "do_sample": False, "attention_mask": torch.ones_like(tokens)}
    chunked = exact.generate(tokens, prefill_chunk_size=16, **options)
    assert torch.equal(sparse.generate(tokens, prefill_chunk_size=16, **options), chunked)


def test_chunked_prefill_calls_sparse_attention_with_fewer_queries_than_keys() -> None:
    sparse, _ = models.pair("llama")
    seen = []
    with observed(lambda layer, q, k, *rest: seen.append((q.shape[2], k.shape[2]))):
        sparse.generate(ids(1, 50), prefill_chunk_size=16, max_new_tokens=2, do_sample=False)
    assert seen == [(n, end) for n, end in ((16, 16), (16, 32), (16, 48), (2, 50)) for _ in range(2)]


def test_static_cache_prefill_and_decode() -> None:
    sparse, exact = models.pair("qwen2")
    tokens = ids(2, 40)
    mask = torch.ones_like(tokens)
    mask[0, :9] = 0
    options = {"max_new_tokens": 6, "do_sample": False, "cache_implementation": "static", "attention_mask": mask}
    options["disable_compile"] = True
    assert torch.equal(sparse.generate(tokens, **options), exact.generate(tokens, **options))
    plain = {"max_new_tokens": 4, "do_sample": False, "cache_implementation": "static", "disable_compile": True}
    assert torch.equal(sparse.generate(tokens[:1], **plain), exact.generate(tokens[:1], **plain))


def test_packed_sequences_do_not_see_each_other() -> None:
    for family in ("llama", "mistral"):
        sparse, exact = models.pair(family)
        tokens = ids(1, 90)
        positions = torch.cat([torch.arange(40), torch.arange(35), torch.arange(15)])[None]
        a = logits(sparse, tokens, position_ids=positions, use_cache=False)
        b = logits(exact, tokens, position_ids=positions, use_cache=False)
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
        alone = logits(sparse, tokens[:, 40:75], use_cache=False)
        torch.testing.assert_close(a[:, 40:75], alone, atol=1e-4, rtol=1e-4)


def test_varlen_arguments_are_honoured() -> None:
    sparse, _ = models.pair("llama")
    tokens = ids(1, 90)
    cu = torch.tensor([0, 40, 90], dtype=torch.int32)
    positions = torch.cat([torch.arange(40), torch.arange(50)])[None]
    extra = {"cu_seq_lens_q": cu, "cu_seq_lens_k": cu, "max_length_q": 50, "max_length_k": 50}
    a = logits(sparse, tokens, position_ids=positions, use_cache=False, **extra)
    torch.testing.assert_close(a[:, 40:], logits(sparse, tokens[:, 40:], use_cache=False), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", ["llama", "gemma2"])
@pytest.mark.parametrize("floats", [False, True])
def test_callers_4d_mask_is_honoured_with_one_warning(family: str, floats: bool) -> None:
    sparse, exact = models.pair(family)
    tokens = ids(1, 60)
    visible = torch.tril(torch.ones(60, 60, dtype=torch.bool))
    visible[30:, 5:12] = False
    mask = visible[None, None]
    additive = torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)
    with pytest.warns(UserWarning, match="four-dimensional attention mask") as caught:
        a = logits(sparse, tokens, attention_mask=additive if floats else mask)
    assert len([w for w in caught if "minference" in str(w.message)]) == 1  # not one per layer
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert torch.equal(logits(sparse, tokens, attention_mask=additive if floats else mask), a)
    torch.testing.assert_close(a, logits(exact, tokens, attention_mask=additive), atol=1e-4, rtol=1e-4)


def test_mask_functions_of_the_model_run_dense_and_exact() -> None:
    """An overlay that is not plain causal (here: image tokens see each other) reaches attention as a 4D mask."""
    from transformers.masking_utils import create_causal_mask

    sparse, exact = models.pair("llama")
    embeds = torch.randn(1, 32, 64)

    def both_ways(b, h, q, k):
        return (q < 8) & (k < 8)

    made = {}
    cache = "past_key_values" if "past_key_values" in inspect.signature(create_causal_mask).parameters else "cache"
    for name, model in (("sparse", sparse), ("exact", exact)):
        made[name] = create_causal_mask(
            model.config, embeds, None, **{cache: None}, position_ids=torch.arange(32)[None], or_mask_function=both_ways
        )
    assert made["sparse"].ndim == 4
    assert torch.equal(made["sparse"].bool(), made["exact"].bool())


def test_thresholds_keep_short_prompts_dense_and_decode_is_always_dense() -> None:
    sparse, _ = models.pair("llama")
    calls = []
    sparse.config.minference = mk.MInferenceConfig.uniform(mk.VerticalSlash(8, 8), min_seq_len=64).to_dict()
    with observed(lambda *a: calls.append(a[1].shape[2])):
        logits(sparse, ids(1, 64))
        assert calls == []
        logits(sparse, ids(1, 65))
        assert calls == [65, 65]
        sparse.config.minference["starting_layer"] = 1  # changes in place are noticed
        logits(sparse, ids(1, 65))
        assert calls == [65] * 3
        sparse.generate(ids(1, 70), max_new_tokens=5, do_sample=False)
        assert calls == [65] * 3 + [70]


def test_short_final_chunk_is_dense() -> None:
    sparse, _ = models.pair("llama")
    sparse.config.minference = mk.MInferenceConfig.uniform(
        mk.VerticalSlash(0, 0, sink=0, local=1), min_seq_len=0
    ).to_dict()
    rows = []
    with observed(lambda *a: rows.append(a[1].shape[2])):
        sparse.generate(ids(1, 64 + 63), prefill_chunk_size=64, max_new_tokens=1, do_sample=False)
    assert rows == [64, 64]


def test_per_head_table_is_used_and_checked() -> None:
    sparse, exact = models.pair("llama")
    row = [mk.Dense(), mk.AShape(4, 8), mk.VerticalSlash(16, 16, sink=4, local=8), mk.BlockSparse(1)]
    sparse.config.minference = mk.MInferenceConfig(layers=[row, [mk.Dense()] * 4], min_seq_len=0).to_dict()
    density = {}
    with observed(lambda layer, q, k, v, index, *rest: density.__setitem__(layer, index.density()[0].tolist())):
        out = logits(sparse, ids(1, 300))
    assert density[0][0] == 1 and density[1] == [1.0] * 4
    assert all(value < 1 for value in density[0][1:])
    assert (out - logits(exact, ids(1, 300))).abs().max() > 1e-3
    sparse.config.minference = mk.MInferenceConfig(layers=[row[:3]] * 2, min_seq_len=0).to_dict()
    with pytest.raises(ValueError, match="3 heads per layer, but the model has 4"):
        logits(sparse, ids(1, 300))
    sparse.config.minference = mk.MInferenceConfig(layers=[row], min_seq_len=0).to_dict()
    with pytest.raises(ValueError, match="has 1 layers, but the model asks for layer 1"):
        logits(sparse, ids(1, 300))


def test_configuration_survives_save_and_load(tmp_path: Path) -> None:
    sparse, _ = models.pair("llama")
    row = [mk.Dense(), mk.AShape(4, 8), mk.VerticalSlash(16, 16), mk.BlockSparse(1)]
    config = mk.MInferenceConfig(layers=[row, row[::-1]], min_seq_len=0)
    sparse.config.minference = config.to_dict()
    expected = logits(sparse, ids(1, 200))
    sparse.save_pretrained(tmp_path)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="minference").eval()
    assert mk.MInferenceConfig.from_dict(loaded.config.minference) == config
    assert torch.equal(logits(loaded, ids(1, 200)), expected)


def test_enable_restores_after_the_block_and_after_an_error() -> None:
    _, exact = models.pair("llama")
    tokens = ids(1, 200)
    before = logits(exact, tokens)
    config = mk.MInferenceConfig.uniform(mk.AShape(2, 8), min_seq_len=0)
    with mk.enable(exact, config) as model:
        assert model is exact
        assert model.config._attn_implementation == "minference"
        assert not torch.equal(logits(model, tokens), before)
    assert exact.config._attn_implementation == "sdpa" and not hasattr(exact.config, "minference")
    assert torch.equal(logits(exact, tokens), before)
    exact.config.minference = {"kept": True}
    with pytest.raises(RuntimeError, match="inside"), mk.enable(exact, config):
        raise RuntimeError("inside")
    assert exact.config._attn_implementation == "sdpa" and exact.config.minference == {"kept": True}
    wrong = mk.MInferenceConfig(layers=[[mk.Dense()] * 3] * 2)
    with pytest.raises(ValueError, match="2 layers x 3 heads, but the model has 2 x 4"), mk.enable(exact, wrong):
        raise AssertionError("must not be entered")
    assert exact.config._attn_implementation == "sdpa"
    with pytest.raises(TypeError, match="PreTrainedModel"), mk.enable(torch.nn.Linear(1, 1)):
        raise AssertionError("must not be entered")


def test_gradients_flow_and_equal_those_of_exact_attention() -> None:
    sparse, exact = models.pair("qwen3")
    tokens, mask = ids(2, 80), torch.ones(2, 80, dtype=torch.long)
    mask[0, :20] = 0
    for model in (sparse, exact):
        out = model(tokens, attention_mask=mask).logits
        out[mask.bool()].square().mean().backward()
    for (name, a), b in zip(sparse.named_parameters(), exact.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, atol=1e-4, rtol=1e-3, msg=lambda text, name=name: f"{name}: {text}")


def test_features_without_a_sparse_form_warn_once_and_stay_correct() -> None:
    sparse, _ = models.pair("llama")
    module = sparse.model.layers[0].self_attn
    q, k, v = torch.randn(1, 4, 70, 16), torch.randn(1, 2, 70, 16), torch.randn(1, 2, 70, 16)
    causal = torch.tril(torch.ones(70, 70, dtype=torch.bool))
    bias = torch.randn(1, 4, 70, 70)

    def reference(extra=0.0, mask=causal):
        scores = q @ k.repeat_interleave(2, 1).transpose(2, 3) / 4 + extra
        weights = scores.masked_fill(~mask, -torch.inf).softmax(-1)
        return (weights @ v.repeat_interleave(2, 1)).transpose(1, 2), weights

    with pytest.warns(UserWarning, match="position bias"):
        out, _ = minference_attention(module, q, k, v, None, position_bias=bias)
    torch.testing.assert_close(out, reference(bias)[0], atol=1e-5, rtol=1e-5)
    with pytest.warns(UserWarning, match="output_attentions"):
        out, weights = minference_attention(module, q, k, v, None, output_attentions=True)
    torch.testing.assert_close(weights, reference()[1], atol=1e-5, rtol=1e-5)
    with pytest.warns(UserWarning, match="dropout"):
        minference_attention(module, q, k, v, None, dropout=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        minference_attention(module, q, k, v, None, dropout=0.5)  # said once already
        both_ways, _ = minference_attention(module, q, k, v, None, is_causal=False)
    everything = reference(mask=torch.ones_like(causal))[0]
    torch.testing.assert_close(both_ways, everything, atol=1e-5, rtol=1e-5)
    wide = torch.randn(1, 2, 70, 24)
    with pytest.warns(UserWarning, match="head dimensions 16"):
        out, _ = minference_attention(module, q, k, wide, None)
    assert out.shape == (1, 70, 4, 24)


def test_the_name_is_registered_when_transformers_is_imported_later() -> None:
    script = """
import sys, json, minference_kernels
early = "torch" in sys.modules or "transformers" in sys.modules
from transformers.modeling_utils import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface
print(json.dumps([early, "minference" in AttentionInterface(), "minference" in AttentionMaskInterface()]))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout.splitlines()[-1]) == [False, True, True]


def test_the_name_is_registered_at_once_when_transformers_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AttentionInterface

    from minference_kernels.registration import register_with_transformers

    monkeypatch.delitem(AttentionInterface._global_mapping, "minference")
    register_with_transformers()
    assert "minference" in AttentionInterface()


def test_composite_models_get_only_their_text_part_switched() -> None:
    text = models.COMMON | {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4}}
    vision = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
              "image_size": 16, "patch_size": 8}  # fmt: skip
    config = transformers.LlavaConfig(
        text_config=transformers.LlamaConfig(**text), vision_config=transformers.CLIPVisionConfig(**vision)
    )
    model = transformers.LlavaForConditionalGeneration(config).eval()
    tokens = ids(1, 120)
    before = logits(model, tokens)
    with mk.enable(model, models.FULL):
        assert model.config.text_config._attn_implementation == "minference"
        assert model.config.vision_config._attn_implementation != "minference"
        torch.testing.assert_close(logits(model, tokens), before, atol=1e-4, rtol=1e-4)
    assert model.config.text_config._attn_implementation != "minference"
