"""Fixtures shared by the tests: planted data from the shared folder, and no environment overrides."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture
def shared():
    """Path of a shared data set, or a skip that says how to provide it."""

    def find(name: str) -> Path:
        root = Path(os.environ.get("TENFOLD_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
        if not (root / name).exists():
            pytest.skip(f"shared data absent: {name} (set TENFOLD_DATA)")
        return root / name

    return find


@pytest.fixture(autouse=True)
def _no_backend_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINFERENCE_BACKEND", raising=False)


def _beside(name: str):
    """Load a module that stands beside the tests (they are no package)."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_beside("references")
