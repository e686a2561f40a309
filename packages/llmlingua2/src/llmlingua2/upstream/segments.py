"""Marked prompts and JSON for ``PromptCompressor``: its arguments and report around the native functions.

0.2.2 reads the tags and then forgets them in this mode, so there is nothing to be identical to: tags are honoured, and
what is not to be compressed stays byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..compressor import Compressor
from ..scoring.backends import TorchForward
from ..scoring.classifier import TokenClassifier
from ..structured import compress_json, compress_structured, parse
from .arguments import context_list, number
from .counting import TokenCounter
from .labels import result

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from ..scoring.backends import Forward

__all__ = ["json_report", "native_compressor", "structured_report"]


class _SharedClassifier(TokenClassifier):
    """The native classifier over weights that are loaded already."""

    def __init__(self, folder: Path, model: PreTrainedModel) -> None:
        device, dtype = str(model.device), str(model.dtype).removeprefix("torch.")
        super().__init__(folder, device=device, dtype=dtype)
        self._shared = TorchForward(model, device=device, dtype=dtype)

    @property
    def forward(self) -> Forward:
        return self._shared


def native_compressor(folder: Path, model: PreTrainedModel) -> Compressor:
    """A ``Compressor`` that counts in cl100k_base tokens and shares ``model``."""
    return Compressor(_SharedClassifier(folder, model), counter="cl100k_base")


def structured_report(
    compressor: Compressor, counter: TokenCounter, context: str | Sequence[str], *, rate: Any, target_token: Any
) -> dict[str, Any]:
    """Every context with its segments compressed to their own rates.

    Raises:
        ValueError: an argument, or a tag, by name and place.
    """
    contexts = context_list(context)
    origin_tokens = sum(counter.length("".join(text[s.start : s.end] for s in parse(text))) for text in contexts)
    rate = _rate(rate, target_token, origin_tokens)
    texts = [compress_structured(compressor, text, rate=rate).text for text in contexts]
    return result(texts, origin_tokens, sum(map(counter.length, texts)))


def json_report(
    compressor: Compressor,
    counter: TokenCounter,
    json_data: Mapping[str, Any],
    json_config: str | Mapping[str, Mapping[str, Any]],
    *,
    rate: Any,
    target_token: Any,
    use_keyvalue_level_filter: Any,
) -> dict[str, Any]:
    """A JSON object with its strings compressed to the rates of their keys; ``compressed_prompt`` is an object.

    Raises:
        ValueError: an argument by name.
    """
    if not isinstance(json_data, Mapping):
        raise ValueError(f"json_data must be a dictionary, not {type(json_data).__name__}")
    if isinstance(json_config, str):
        import yaml  # transformers depends on it

        json_config = yaml.safe_load(Path(json_config).read_text(encoding="utf-8"))
    if not isinstance(json_config, Mapping):
        raise ValueError("json_config must be a dictionary, or the path of a YAML file that holds one")
    origin = json.dumps(json_data, ensure_ascii=False)
    origin_tokens = counter.length(origin)
    compressed = compress_json(
        compressor,
        json_data,
        json_config,
        rate=_rate(rate, target_token, origin_tokens),
        use_keyvalue_level_filter=bool(use_keyvalue_level_filter),
    )
    text = json.dumps(compressed, ensure_ascii=False)
    return result([text], origin_tokens, counter.length(text)) | {"compressed_prompt": compressed}


def _rate(rate: Any, target_token: Any, origin_tokens: int) -> float:
    if number("target_token", target_token) == -1:
        return number("rate", rate)
    if target_token <= 0:
        raise ValueError(f"target_token must be above 0, or -1 for none, not {target_token!r}")
    return min(target_token / origin_tokens, 1.0) if origin_tokens else 1.0
