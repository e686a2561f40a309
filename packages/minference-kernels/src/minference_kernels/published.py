"""The head patterns published by the authors of MInference, as shipped in ``assets`` (MIT; see its README)."""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _files() -> dict[str, Any]:
    packed = files("minference_kernels").joinpath("assets/head_patterns.json.gz").read_bytes()
    return json.loads(gzip.decompress(packed))


def published_models() -> tuple[str, ...]:
    """Hub ids with a published table, sorted."""
    return tuple(sorted(model for entry in _files().values() for model in entry["models"]))


def published_layers(name: str) -> list[Any]:
    """``[layer][head] = [type, size, size, score]`` for a hub id. Raises ValueError when there is none."""
    for entry in _files().values():
        if name in entry["models"]:
            return entry["layers"]
    raise ValueError(
        f"no published head table for {name!r}; there is one for: {', '.join(published_models())}. "
        "For other models use MInferenceConfig.uniform(VerticalSlash(...))"
    )
