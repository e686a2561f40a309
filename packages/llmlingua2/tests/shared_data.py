"""The shared data files, where they are; tests that need one skip where it is not."""

import os
from pathlib import Path

import pytest

__all__ = ["shared"]


def shared(name: str) -> Path:
    """A file under TENFOLD_DATA, or under shared/data beside the checkout."""
    beside = Path(__file__).resolve().parents[4] / "shared" / "data"
    path = Path(os.environ.get("TENFOLD_DATA") or beside) / name
    if not path.exists():
        pytest.skip(f"shared data absent: {name} (set TENFOLD_DATA)")
    return path
