"""From ``model_name`` and ``model_config`` to a model on its device."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..scoring.backends import load_module

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

__all__ = ["Checkpoint", "max_pieces", "resolve_device"]

_MAX_PIECES = 512
_HUB = ("cache_dir", "force_download", "local_files_only", "revision", "token")
_ACCEPTED = (*_HUB, "attn_implementation", "dtype", "pad_to_left", "subfolder", "torch_dtype", "trust_remote_code")
# These number positions from the padding index + 1 on.
_SHIFTED = ("camembert", "roberta", "xlm-roberta", "xlm-roberta-xl")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in a local folder, and how it is to be loaded.

    Attributes:
        folder: holds ``config.json``, safetensors and tokenizer files.
        config: the model's configuration.
        options: what ``model_config`` said, without the hub's part.
    """

    folder: Path
    config: PreTrainedConfig
    options: Mapping[str, Any]

    @classmethod
    def find(cls, model_name: str, model_config: Mapping[str, Any] | None) -> Checkpoint:
        """Opens a folder, or fetches a hub id.

        Raises:
            ValueError: ``model_config`` has an unknown key.
        """
        from transformers import AutoConfig

        given = dict(model_config or {})
        for key in given:
            if key not in _ACCEPTED:
                raise ValueError(f"model_config has the unknown key {key!r}; it takes {', '.join(_ACCEPTED)}")
        if given.pop("trust_remote_code", False):
            warnings.warn("trust_remote_code is ignored: code from a checkpoint is never run", stacklevel=3)
        hub = {key: given.pop(key) for key in _HUB if key in given}
        folder = Path(model_name)
        if not folder.is_dir():
            from huggingface_hub import snapshot_download

            patterns = ["*.json", "*.safetensors", "*.txt", "*.model"]
            folder = Path(snapshot_download(str(model_name), allow_patterns=patterns, **hub))
        folder /= given.pop("subfolder", "")
        return cls(folder, AutoConfig.from_pretrained(folder, trust_remote_code=False), given)

    def load(self, device: torch.device, vocabulary_size: int) -> PreTrainedModel:
        """The token classifier in evaluation mode on ``device``, with a row for each of ``vocabulary_size`` pieces.

        Weights keep their own precision on an accelerator and become float32 on the CPU or on a numbered device, as in
        0.2.2, unless ``torch_dtype`` says otherwise.

        Raises:
            FileNotFoundError: a file is missing; pickled weights are not read.
            ValueError: no token classifier with two labels, or weights that are missing.
        """
        architectures = self.config.architectures or []
        if architectures and not any("ForTokenClassification" in name for name in architectures):
            raise ValueError(f"model_name: {self.folder} holds {', '.join(architectures)}, not a token classifier")
        model: Any = load_module(self.folder, dtype=self._dtype(device))
        if "attn_implementation" in self.options:
            model.set_attn_implementation(self.options["attn_implementation"])
        model.to(device)
        _grow_vocabulary(model, vocabulary_size)
        return model

    def _dtype(self, device: torch.device) -> torch.dtype:
        automatic = "auto" if device.type != "cpu" and device.index is None else torch.float32
        asked = self.options.get("dtype", self.options.get("torch_dtype", automatic))
        if asked == "auto":
            asked = self.config.dtype or torch.float32
        dtype = getattr(torch, asked, None) if isinstance(asked, str) else asked
        if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
            raise ValueError(f"model_config['torch_dtype'] must be 'auto' or a floating-point dtype, not {asked!r}")
        return dtype


def _grow_vocabulary(model: Any, size: int) -> None:
    """Gives every piece an embedding row.

    Released checkpoints hold the rows of the placeholders already. Where rows are missing they are drawn as 0.2.2
    draws them, right after seeding with 42; the caller's random state is left as it was.
    """
    if size <= len(model.get_input_embeddings().weight):
        return
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(42)
        model.resize_token_embeddings(size)


def resolve_device(device_map: str) -> torch.device:
    """``auto`` is the first accelerator there is, else the CPU.

    Raises:
        ValueError: not a device name, or a device this machine lacks.
    """
    if not isinstance(device_map, str):
        raise ValueError(f"device_map must be 'auto' or a device such as 'cpu' or 'cuda:1', not {device_map!r}")
    if device_map in ("auto", "balanced", "sequential"):
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        return torch.device("cpu") if accelerator is None else accelerator
    try:
        device = torch.device(device_map)
    except RuntimeError as error:
        raise ValueError(
            f"device_map must be 'auto' or a device such as 'cpu' or 'cuda:1', not {device_map!r}"
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device_map={device_map!r}, but this machine has no CUDA device; try 'auto' or 'cpu'")
    return device


def max_pieces(config: PreTrainedConfig) -> int:
    """Pieces per chunk, frame included: 512, or as many as the model has positions for."""
    positions = getattr(config, "max_position_embeddings", _MAX_PIECES)
    if config.model_type in _SHIFTED:
        positions -= (config.pad_token_id or 0) + 1
    return min(_MAX_PIECES, positions)
