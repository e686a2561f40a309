"""The one door to what runs the network: ids in, keep probabilities out.

A backend is a function ``load(directory, *, device, dtype) -> Forward``, registered under a name in `BACKENDS`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from llmlingua2.scoring.quantization import FORMAT, dequantize, read_checkpoint

if TYPE_CHECKING:
    import torch

__all__ = ["BACKENDS", "Forward", "TorchForward", "load_backend", "load_module", "quiet"]


class Forward(Protocol):
    """A loaded network."""

    batch_pieces: int
    """Pieces, padding included, that fill the device."""
    pad_multiple: int
    """Inputs are padded to a multiple of this length."""

    def __call__(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        """Keep probabilities of a batch.

        Args:
            ids: int64 [batch, length].
            lengths: how many of each row are no padding, int64 [batch].

        Returns:
            float32 [batch, length]; arbitrary at padding.
        """


def load_module(directory: str | Path, *, dtype: "torch.dtype | None" = None) -> "torch.nn.Module":
    """Load the token classifier in a folder as an ordinary transformers module in evaluation mode on the CPU.

    Args:
        directory: folder in hub format (config.json and safetensors), as written by transformers or as int8 by
            `quantize_checkpoint`.
        dtype: of the weights; float32 by default.

    Raises:
        FileNotFoundError: config.json or weights are missing; pickled weights are not read.
        ValueError: not a token classifier with two labels, weights that are missing, or code of its own needed.
    """
    import torch
    import transformers

    settings, weights = read_checkpoint(directory)
    config = transformers.AutoConfig.from_pretrained(str(directory), trust_remote_code=False)
    architecture: Any = transformers.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING.get(type(config), None)
    if architecture is None:
        raise ValueError(f"{directory}: transformers has no token classifier for model type {config.model_type!r}")
    if config.num_labels != 2:
        raise ValueError(f"{directory}: {config.num_labels} labels; a compressor has 2 (drop, keep)")
    if settings.get("weight_storage") == FORMAT:
        weights = dequantize(weights)
        del config.weight_storage  # the module holds ordinary weights, and so will what it saves
    with quiet():
        module, report = architecture.from_pretrained(
            None, config=config, state_dict=weights, dtype=dtype or torch.float32, output_loading_info=True
        )
    missing = sorted({*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])})
    if missing:
        raise ValueError(f"{directory}: weights are missing or of the wrong shape: {', '.join(missing[:5])}")
    return module.eval()


class quiet:  # noqa: N801  (reads as the statement it is)
    """Silences the progress bars and loading reports of transformers, and gives both back as they were."""

    def __enter__(self) -> None:
        from transformers.utils import logging

        self.logging = logging
        self.verbosity = self.logging.get_verbosity()
        self.bar = self.logging.is_progress_bar_enabled()
        self.logging.set_verbosity_error()
        self.logging.disable_progress_bar()

    def __exit__(self, *_: object) -> None:
        self.logging.set_verbosity(self.verbosity)
        if self.bar:
            self.logging.enable_progress_bar()


class TorchForward:
    """The network in PyTorch."""

    def __init__(self, module: "torch.nn.Module", *, device: str = "auto", dtype: str = "auto") -> None:
        import torch

        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        if dtype == "auto":
            dtype = "bfloat16" if self.device.type == "cuda" else "float32"
        self.module = module.to(self.device, getattr(torch, dtype)).eval()
        # On a CPU one chunk at a time and no padding: a batch is no faster from 64 pieces on, and the last bits of a
        # chunk's scores would depend on it. On other devices batches pay, and scores agree up to rounding.
        self.batch_pieces, self.pad_multiple = (1, 1) if self.device.type == "cpu" else (65536, 32)

    def __call__(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            mask = None
            if (lengths < ids.shape[1]).any():
                mask = torch.from_numpy((np.arange(ids.shape[1]) < lengths[:, None]).astype(np.int64)).to(self.device)
            logits = self.module(input_ids=torch.from_numpy(ids).to(self.device), attention_mask=mask).logits.float()
            return torch.softmax(logits, dim=-1)[..., 1].cpu().numpy()


def _torch(directory: Path, *, device: str, dtype: str) -> Forward:
    return TorchForward(load_module(directory), device=device, dtype=dtype)


BACKENDS: dict[str, Callable[..., Forward]] = {"torch": _torch}
"""Loader of each backend by name."""


def load_backend(name: str, directory: Path, *, device: str, dtype: str) -> Forward:
    """Load the network in `directory` for the backend `name`."""
    return BACKENDS[name](directory, device=device, dtype=dtype)
