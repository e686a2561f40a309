"""Tiny random models of the families the integration is tested on."""

from __future__ import annotations

from typing import Any

import torch
import transformers as tf

import minference_kernels as mk

COMMON: dict[str, Any] = {
    "vocab_size": 97, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 1024, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": None,
}  # fmt: skip
FAMILIES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "llama": (tf.LlamaConfig, tf.LlamaForCausalLM, {}),
    "qwen2": (tf.Qwen2Config, tf.Qwen2ForCausalLM, {}),
    "qwen3": (tf.Qwen3Config, tf.Qwen3ForCausalLM, {}),
    "mistral": (tf.MistralConfig, tf.MistralForCausalLM, {"sliding_window": 24}),
    "phi3": (tf.Phi3Config, tf.Phi3ForCausalLM, {}),
    "gemma2": (tf.Gemma2Config, tf.Gemma2ForCausalLM, {"sliding_window": 24, "attn_logit_softcapping": 3.0}),
    "gpt_oss": (tf.GptOssConfig, tf.GptOssForCausalLM,
                {"sliding_window": 24, "num_local_experts": 2, "num_experts_per_tok": 1,
                 "experts_implementation": "eager"}),
}  # fmt: skip
EXACT_BY = {"gemma2": "eager", "gpt_oss": "eager"}  # sdpa refuses softcap and sinks

FULL = mk.MInferenceConfig.uniform(mk.VerticalSlash(4096, 4096), min_seq_len=0, dense_below=0)


def build(family: str, attention: str = "minference", seed: int = 0, **changes: Any) -> Any:
    """A tiny random model; the same seed gives the same weights under any attention implementation."""
    config_class, model_class, extra = FAMILIES[family]
    torch.manual_seed(seed)
    config = config_class(**(COMMON | extra | changes), attn_implementation=attention)
    model = model_class(config).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, 0.25)  # large enough that attention is far from uniform
            elif "sinks" in name:
                parameter.normal_(0, 1)
    return model


def pair(family: str, seed: int = 0, **changes: Any) -> tuple[Any, Any]:
    """(the model under "minference" with full budgets, the same model under exact attention)."""
    sparse = build(family, "minference", seed, **changes)
    sparse.config.minference = FULL.to_dict()
    exact = build(family, EXACT_BY.get(family, "sdpa"), seed, **changes)
    exact.load_state_dict(sparse.state_dict())
    return sparse, exact
