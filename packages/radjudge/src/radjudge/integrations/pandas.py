"""Data frames in and out: ``score_frame(frame)`` judges the rows of a frame and returns them with their scores."""

from typing import Any

try:
    import pandas as pd
except ImportError as error:
    raise ImportError('this adapter needs pandas: pip install "radjudge[pandas]"') from error

from radjudge.judges import Judge
from radjudge.records import CATEGORIES
from radjudge.scores import SCORES
from radjudge.scoring import Results, score
from radjudge.tables import Columns

__all__ = ["score_frame"]


def score_frame(
    frame: "pd.DataFrame", *, columns: Columns | None = None, judge: str | Judge = "structured"
) -> tuple["pd.DataFrame", Results]:
    """The frame with one column per score and per category (prefix ``radjudge_``), and the results behind them.

    The index is kept. Columns are found by their usual names (``reference``, ``candidate``, ...) or by ``columns``.

    Raises:
        ValueError: missing columns (the message lists those present) or duplicate ids.
        TypeError: a report that is not a string (NaN included).
    """
    present = [str(name) for name in frame.columns]
    found = (columns or Columns()).resolve(present, "the data frame", needed=("reference", "candidate"))
    ids = [str(value) for value in frame[found["id"]]] if "id" in found else [str(row) for row in range(len(frame))]
    contexts = None
    if "age" in found or "indication" in found:
        contexts = [_context(row, found) for _, row in frame.iterrows()]
    results = score(
        references=frame[found["reference"]].tolist(),
        candidates=frame[found["candidate"]].tolist(),
        judge=judge,
        contexts=contexts,
        ids=ids,
        groups=[str(value) for value in frame[found["study"]]] if "study" in found else None,
    )
    scored = frame.copy()
    scored["radjudge_status"] = [item.status for item in results]
    for name in SCORES:
        scored[f"radjudge_{name}"] = [getattr(item, name) for item in results]
    for category in CATEGORIES:
        scored[f"radjudge_{category}"] = [item.counts.get(category) for item in results]
    return scored, results


def _context(row: Any, found: dict[str, str]) -> dict[str, Any] | None:
    age = row[found["age"]] if "age" in found else None
    indication = row[found["indication"]] if "indication" in found else ""
    known = {
        "age": None if age is None or pd.isna(age) else float(age),
        "indication": indication if isinstance(indication, str) else "",
    }
    return known if known["age"] is not None or known["indication"] else None
