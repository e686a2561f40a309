"""The names of the published package, over this one: for code that was written against it.

`block_sparse_attention` has the same name in both and lives in `attention`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from minference_kernels.attention import a_shape_attention, sparse_attention
from minference_kernels.config import MInferenceConfig
from minference_kernels.index import SparseIndex
from minference_kernels.inputs import check_qkv
from minference_kernels.patterns import AShape, Dense, TriShape

ATTN_TYPES: dict[str, Callable[[str | None], MInferenceConfig]] = {
    "minference": lambda name: MInferenceConfig.uniform() if name is None else MInferenceConfig.for_model(name),
    "dense": lambda name: MInferenceConfig.uniform(Dense()),
    "a_shape": lambda name: MInferenceConfig.uniform(AShape()),
    "tri_shape": lambda name: MInferenceConfig.uniform(TriShape()),
    "triangle_mix": lambda name: MInferenceConfig.triangle_mix(),
}


def vertical_slash_sparse_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, v_idx: torch.Tensor, s_idx: torch.Tensor, **options: Any
) -> torch.Tensor:
    """Attention over given columns and offsets, causal: q [B, Hq, N, d], k and v [B, Hkv, N, d].

    ``v_idx`` [B, Hq, C] key positions, ``s_idx`` [B, Hq, S] offsets (query position - key position); order and repeats
    do not matter. `options` are those of `sparse_attention`.
    """
    check_qkv(q, k, v)
    index = SparseIndex.from_columns_offsets(v_idx, s_idx, q.shape[2], k.shape[2])
    out = sparse_attention(q, k, v, index, **options)
    assert isinstance(out, torch.Tensor), "return_lse belongs to sparse_attention"
    return out


def streaming_forward(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, n_init: int, n_local: int, **options: Any
) -> torch.Tensor:
    """A-shape (StreamingLLM) attention."""
    out = a_shape_attention(q, k, v, n_init=n_init, n_local=n_local, **options)
    assert isinstance(out, torch.Tensor), "return_lse belongs to a_shape_attention"
    return out


class MInference:
    """``model = MInference("minference", "Qwen/Qwen2.5-7B-Instruct")(model)``: switch a model to sparse prefill.

    attn_type: "minference" (the published table of `model_name`; without a name Vertical-Slash (1000, 6096)), "dense",
    "a_shape", "tri_shape" or "triangle_mix". config: a `MInferenceConfig` to use instead. The model is changed in place
    and returned; `mk.enable` is the form that also changes it back.
    """

    def __init__(
        self, attn_type: str = "minference", model_name: str | None = None, config: MInferenceConfig | None = None
    ) -> None:
        if attn_type not in ATTN_TYPES:
            raise ValueError(f"unknown attn_type {attn_type!r}; accepted: {', '.join(ATTN_TYPES)}")
        self.config = config if config is not None else ATTN_TYPES[attn_type](model_name)

    def __call__(self, model: Any) -> Any:
        from minference_kernels.enable import check_table, text_part
        from minference_kernels.integrations.transformers import NAME, register

        register()
        part, key = text_part(model.config)
        check_table(self.config, part)
        setattr(part, NAME, self.config.to_dict())
        model.set_attn_implementation(NAME if key is None else {key: NAME})
        return model
