"""Switching a loaded model to sparse prefill and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minference_kernels.config import MInferenceConfig

_MISSING = object()


@contextmanager
def enable(model: Any, config: MInferenceConfig | dict[str, Any] | str | None = None) -> Iterator[Any]:
    """Run `model` (a transformers model) with sparse prefill inside a ``with`` block.

    config: a `MInferenceConfig`, its plain form, a hub id with a published table, or None for the model's own
    ``config.minference`` (and if it has none, Vertical-Slash (1000, 6096) everywhere). For models of several parts only
    the text part is switched. The previous implementation and configuration come back at the end, also after an error.
    """
    try:
        from transformers import PreTrainedModel
    except ImportError as error:
        raise ImportError('enable() needs transformers: pip install "minference-kernels[transformers]"') from error
    from minference_kernels.integrations.transformers import NAME, register

    if not isinstance(model, PreTrainedModel):
        raise TypeError(f"model must be a transformers PreTrainedModel, got {type(model).__name__}")
    register()
    part, key = text_part(model.config)
    plain = _plain(config)
    if plain is not None:
        check_table(MInferenceConfig.from_dict(plain), part)
    before = {id(c): (c, c._attn_implementation) for c in _configs(model.config)}
    had = part.__dict__.get(NAME, _MISSING)
    try:
        if plain is not None:
            setattr(part, NAME, plain)
        model.set_attn_implementation(NAME if key is None else {key: NAME})
        if part._attn_implementation != NAME:
            raise ValueError(f"{type(model).__name__} does not let its attention be replaced")
        yield model
    finally:
        for module_config, implementation in before.values():
            module_config._attn_implementation = implementation
        if plain is not None:
            if had is _MISSING:
                part.__dict__.pop(NAME, None)
            else:
                setattr(part, NAME, had)


def text_part(config: Any) -> tuple[Any, str | None]:
    """The configuration of the text decoder, and its name among the sub-configurations (None: the whole model)."""
    text = config.get_text_config(decoder=True)
    for key in getattr(config, "sub_configs", {}):
        if getattr(config, key, None) is text:
            return text, key
    return text, None


def check_table(config: MInferenceConfig, model_config: Any) -> None:
    """Raise ValueError unless a table of layers has the model's sizes."""
    if config.layers is None:
        return
    given = len(config.layers), len(config.layers[0])
    wanted = model_config.num_hidden_layers, model_config.num_attention_heads
    if given != wanted:
        raise ValueError(
            f"the head table is {given[0]} layers x {given[1]} heads, but the model has {wanted[0]} x {wanted[1]}"
        )


def _plain(config: MInferenceConfig | dict[str, Any] | str | None) -> dict[str, Any] | None:
    if isinstance(config, str):
        config = MInferenceConfig.for_model(config)
    if isinstance(config, dict):
        config = MInferenceConfig.from_dict(config)
    if config is not None and not isinstance(config, MInferenceConfig):
        raise TypeError(f"config must be a MInferenceConfig, its plain form or a hub id, got {type(config).__name__}")
    return None if config is None else config.to_dict()


def _configs(config: Any) -> Iterator[Any]:
    yield config
    for key in getattr(config, "sub_configs", {}):
        if getattr(config, key, None) is not None:
            yield from _configs(getattr(config, key))
