"""The rows that travel from `distil` over `label` and `filter` to `train`, checked where they are read.

An answer row is what ``distill`` appends: id, chunk, teacher, source, group, text, and ``compressed`` (None, beside an
``error``, for an answer that could not be used). A label row is what ``label`` makes of it: the same names, ``words``
(offsets [n, 2]), ``labels`` [n], and the rates of ``quality``.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tenfold_core.datasets import read_jsonl

__all__ = ["answer_rows", "label_rows"]

_TEXTS = ("id", "chunk", "teacher", "source", "group", "text")
_RATES = ("vr", "mr", "hr", "ag")
_MERGED = ("chunk", "source", "group", "text")


def answer_rows(path: str | Path) -> Iterator[dict[str, Any]]:
    """The rows of a file that ``distill`` wrote.

    Raises:
        ValueError: a row without one of its parts, or with something else in its place; file, row and part are named.
    """
    for number, row in enumerate(read_jsonl(path), 1):
        place = f"{path}: row {number} (is this a file that distil wrote?)"
        _check_texts(row, _TEXTS, place)
        if not isinstance(row.get("compressed", 0), str | None):
            raise ValueError(f"{place}: 'compressed' must be a text or null, got {_shown(row, 'compressed')}")
        yield row


def label_rows(source: str | Path | Iterable[Mapping[str, Any]], *, rates: bool = False) -> Iterator[Mapping[str, Any]]:
    """The rows of a file that ``label`` or ``filter`` wrote, or such rows.

    Args:
        source: the file or the rows.
        rates: whether the rates of ``quality`` must be there.

    Raises:
        ValueError: as ``answer_rows``; also labels that are not one per word, each from 0 to 1.
    """
    named = str(source) if isinstance(source, (str, Path)) else "labels"
    rows = read_jsonl(source) if isinstance(source, (str, Path)) else source
    for number, row in enumerate(rows, 1):
        place = f"{named}: row {number} (is this a file that label or filter wrote?)"
        _check_texts(row, _TEXTS if rates else _MERGED, place)
        words, labels = (_numbers(row.get(name)) for name in ("words", "labels"))
        if not _are_spans(words, row["text"]):
            raise ValueError(f"{place}: 'words' must be [start, end] pairs in the text, got {_shown(row, 'words')}")
        if labels.shape != (len(words),) or not ((labels >= 0) & (labels <= 1)).all():
            raise ValueError(f"{place}: 'labels' must be {len(words)} numbers from 0 to 1, got {_shown(row, 'labels')}")
        for name in _RATES if rates else ():
            if not np.isfinite(_numbers([row.get(name)])).all():
                raise ValueError(f"{place}: {name!r} must be a number, got {_shown(row, name)}")
        yield row


def _check_texts(row: Mapping[str, Any], names: Iterable[str], place: str) -> None:
    for name in names:
        if not isinstance(row.get(name), str):
            raise ValueError(f"{place}: {name!r} must be a text, got {_shown(row, name)}")


def _are_spans(words: np.ndarray, text: str) -> bool:
    if words.ndim != 2 or words.shape[1] != 2 or not len(words):
        return False
    inside = words[0, 0] >= 0 and words[-1, 1] <= len(text)
    return bool(inside and (words[:, 0] < words[:, 1]).all() and (words[1:, 0] >= words[:-1, 1]).all())


def _numbers(value: Any) -> np.ndarray:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return np.array(np.nan)  # of no shape that is asked for


def _shown(row: Mapping[str, Any], name: str) -> str:
    if name not in row:
        return "nothing"
    text = repr(row[name])
    return text if len(text) <= 60 else f"{text[:60]}..."
