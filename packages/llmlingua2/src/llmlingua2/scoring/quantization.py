"""Checkpoints stored as int8 with one scale per row: a quarter of the size of float32, read back exactly as stored.

Each matrix W [rows, columns] becomes q = round(W / s) in int8 with s[row] = max |W[row]| / 127 (symmetric,
absolute maximum), so |W - s q| <= s / 2. Vectors (biases, layer norms) are few and stay as they are. The
arithmetic of the model is not int8: weights are expanded to float when they are loaded.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["FORMAT", "dequantize", "quantize", "quantize_checkpoint", "read_checkpoint"]

FORMAT = "int8-per-row"
"""Value of ``weight_storage`` in the config.json of a checkpoint stored this way."""

_SCALE = ".row_scale"
_COPIED = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "README.md")


def quantize(weights: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """Store each matrix of `weights` as int8 and a float32 scale per row; other tensors become float32.

    Raises:
        ValueError: a weight is not finite; the message names it.
    """
    import torch

    stored: dict[str, torch.Tensor] = {}
    for name, weight in weights.items():
        values = weight.detach().to("cpu", torch.float32)
        if not bool(torch.isfinite(values).all()):
            raise ValueError(f"quantize: {name} holds a value that is not finite")
        if values.ndim != 2:
            stored[name] = values.clone()
            continue
        scale = values.abs().amax(dim=1) / 127
        scale[scale == 0] = 1
        stored[name] = torch.round(values / scale[:, None]).to(torch.int8)
        stored[name + _SCALE] = scale
    return stored


def dequantize(stored: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """Undo `quantize`: float32 tensors under the original names.

    Raises:
        ValueError: a matrix has no scale, or a scale of another length.
    """
    import torch

    weights: dict[str, torch.Tensor] = {}
    for name, values in stored.items():
        if name.endswith(_SCALE):
            continue
        if values.dtype == torch.int8:
            scale = stored.get(name + _SCALE)
            if scale is None or scale.shape != values.shape[:1]:
                raise ValueError(f"dequantize: {name} needs {values.shape[0]} row scales")
            weights[name] = values.float() * scale[:, None]
        else:
            weights[name] = values
    return weights


def quantize_checkpoint(source: str | Path, destination: str | Path) -> Path:
    """Write the checkpoint folder `source` again as int8 under `destination`, tokenizer files included.

    Args:
        source: folder with config.json and safetensors weights.
        destination: folder to create; existing files of the same names are replaced.

    Returns:
        The destination.

    Raises:
        FileNotFoundError: `source` is no checkpoint folder.
        ValueError: `source` is stored as int8 already, or holds values that are not finite.
    """
    from safetensors.torch import save_file

    source, destination = Path(source), Path(destination)
    config, weights = read_checkpoint(source)
    if config.get("weight_storage") == FORMAT:
        raise ValueError(f"quantize_checkpoint: {source} is stored as {FORMAT} already")
    destination.mkdir(parents=True, exist_ok=True)
    save_file(quantize(weights), destination / "model.safetensors", metadata={"format": "pt"})
    config.update(weight_storage=FORMAT)
    (destination / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for name in _COPIED:
        if (source / name).is_file():
            shutil.copyfile(source / name, destination / name)
    return destination


def read_checkpoint(directory: str | Path) -> "tuple[dict[str, Any], dict[str, torch.Tensor]]":
    """Read config.json and the safetensors weights of a folder, in one file or sharded, as they are stored.

    Raises:
        FileNotFoundError: a file is missing; pickled weights are not read.
    """
    from safetensors.torch import load_file

    directory = Path(directory)
    if not (directory / "config.json").is_file():
        raise FileNotFoundError(f"{directory} has no config.json")
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    index = directory / "model.safetensors.index.json"
    names = ["model.safetensors"]
    if index.is_file():
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    weights: dict[str, torch.Tensor] = {}
    for name in names:
        if not (directory / name).is_file():
            raise FileNotFoundError(f"{directory} has no {name}; only safetensors weights are read, never pickled ones")
        weights.update(load_file(directory / name))
    return config, weights
