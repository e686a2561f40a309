"""Data that tests share. Real reports are read in place, never copied; a test that needs them is skipped without."""

import csv
import gzip
import io
import os
from pathlib import Path

import pytest


def shared(name: str) -> Path:
    """A folder of the shared data: ``$TENFOLD_DATA``, else ``shared/data`` beside the checkout."""
    beside = Path(__file__).resolve().parents[3].parent / "shared" / "data"
    root = Path(os.environ.get("TENFOLD_DATA") or beside)
    if not (root / name).exists():
        pytest.skip(f"shared data absent: {name} (set TENFOLD_DATA)")
    return root / name


@pytest.fixture(scope="session")
def iu_rows() -> list[dict[str, str]]:
    """Rows of the Indiana University reports, with their expert codes."""
    path = shared("iu_xray_reports") / "reports.csv.gz"
    with gzip.open(path, "rb") as file:
        return list(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")))


@pytest.fixture(scope="session")
def iu_reports(iu_rows: list[dict[str, str]]) -> list[str]:
    """Their findings and impressions as one text each, distinct, empty ones left out."""
    texts = []
    for row in iu_rows:
        parts = [(name, row[name.lower()].strip()) for name in ("FINDINGS", "IMPRESSION")]
        texts.append("\n".join(f"{name}: {text}" for name, text in parts if text))
    return list(dict.fromkeys(text for text in texts if text))
