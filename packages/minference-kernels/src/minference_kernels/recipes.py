"""Shipped settings, by name: ``recipes/*.toml``.

``paper`` is the published default, ``demo`` the embedded default (what `demo` runs), ``full`` the full-size run.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from minference_kernels.config import MInferenceConfig


def recipe_names() -> tuple[str, ...]:
    """Names of the shipped recipes, sorted."""
    folder = files("minference_kernels").joinpath("recipes")
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_recipe(name: str) -> dict[str, Any]:
    """The tables of a recipe. Raises ValueError for an unknown name."""
    if name not in recipe_names():
        raise ValueError(f"unknown recipe {name!r}; accepted: {', '.join(recipe_names())}")
    text = files("minference_kernels").joinpath(f"recipes/{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def recipe_config(name: str) -> MInferenceConfig:
    """The ``[config]`` table of a recipe as a configuration."""
    return MInferenceConfig.from_dict(load_recipe(name)["config"])
