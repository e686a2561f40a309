"""Fixtures shared by the tests: planted data from the shared folder, and no environment overrides."""

from __future__ import annotations

import os
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
