"""One package compresses a long prompt, the other prefills it sparsely; they meet in text and in a transformers model."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import llmlingua2
import minference_kernels as mk

RATE = 0.33


@pytest.fixture(scope="module")
def prompt() -> str:
    speech = "We agreed that item {0} of the agenda costs {1} euros, and the committee will vote on it on day {0}. "
    filler = "Um, so, you know, as I was saying before, that is, well, more or less what it is. "
    return "".join(speech.format(number, 100 + 7 * number) + filler for number in range(120))


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=256,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=16384,
    )
    return LlamaForCausalLM(config).eval()


def as_bytes(text: str) -> torch.Tensor:
    return torch.tensor([list(text.encode("utf-8"))])


@torch.inference_mode()
def test_compressed_prompt_is_prefilled_sparsely(prompt: str, model: LlamaForCausalLM):
    result = llmlingua2.Compressor.default(counter="words").compress(prompt, rate=RATE)
    assert result.compressed_tokens <= RATE * result.origin_tokens
    ids = as_bytes(result.text)
    assert ids.shape[1] > 2048, "the compressed prompt is still long, or nothing would be sparse"

    model.set_attn_implementation("sdpa")
    dense = model(ids).logits[0, -1]
    everything = mk.VerticalSlash(ids.shape[1], ids.shape[1])
    little = mk.AShape(n_init=16, n_local=64)
    outputs = {}
    for name, pattern in {"full budget": everything, "small budget": little}.items():
        config = mk.MInferenceConfig.uniform(pattern, min_seq_len=0, dense_below=0)
        with mk.enable(model, config):
            outputs[name] = model(ids).logits[0, -1]
    assert torch.allclose(outputs["full budget"], dense, atol=1e-4)
    assert not torch.allclose(outputs["small budget"], dense, atol=1e-4)
    assert model.config._attn_implementation == "sdpa"
