"""Loaders of radiologists' ratings: ReXVal, RadPref, and a CSV of one's own.

All of them read local files; the data sets have their own terms and are not shipped.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radjudge.records import CATEGORIES, Context
from radjudge.tables import read_csv_rows

REXVAL_SAMPLES = "50_samples_gt_and_candidates.csv"
REXVAL_ERRORS = "6_valid_raters_per_rater_error_categories.csv"
REXVAL_CANDIDATES = ("radgraph", "bertscore", "s_emb", "bleu")


@dataclass(frozen=True)
class Ratings:
    """Pairs of reports with what radiologists said about them.

    Attributes:
        ids, studies, references, candidates: one entry per pair.
        total: float64 (pairs, raters), counted errors; for quality ratings see ``quality``.
        significant: float64 (pairs, raters), clinically significant errors, or None when the source has none.
        categories: float64 (pairs, raters, 6) in the order of ``records.CATEGORIES``, or None.
        quality: float64 (pairs, raters), 1 (worst) to 5 (best), or None.
        contexts: age and indication where the source has them.
        identical: bool (pairs,), the candidate equals the reference up to white space.
    """

    name: str
    ids: tuple[str, ...]
    studies: tuple[str, ...]
    references: tuple[str, ...]
    candidates: tuple[str, ...]
    total: NDArray[np.float64]
    significant: NDArray[np.float64] | None = None
    categories: NDArray[np.float64] | None = None
    quality: NDArray[np.float64] | None = None
    contexts: tuple[Context | None, ...] = field(default=())

    @property
    def identical(self) -> NDArray[np.bool_]:
        pairs = zip(self.references, self.candidates, strict=True)
        return np.array([a.split() == b.split() for a, b in pairs], dtype=bool)

    def __len__(self) -> int:
        return len(self.ids)


def _number(value: str, where: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{where}: expected a number") from None


def _truth(value: str, where: str) -> int:
    lowered = value.strip().lower()
    if lowered in ("true", "1", "yes"):
        return 1
    if lowered in ("false", "0", "no"):
        return 0
    raise ValueError(f"{where}: clinically_significant must be true or false")


def load_rexval(folder: str | Path, *, complete: bool = True) -> Ratings:
    """ReXVal 1.0.0 (PhysioNet, credentialed): 50 studies x 4 candidates, six radiologists, six error categories.

    ``folder`` holds the two CSV files under their published names. ``study_number`` in the ratings is the row of the
    study in the sample file, from 0.

    Args:
        complete: insist on the published shape (200 pairs, 6 raters, every category and significance rated).

    Raises:
        FileNotFoundError: a file is absent.
        ValueError: missing columns, a row that names an unknown study or candidate, or (``complete``) missing ratings.
    """
    folder = Path(folder)
    samples = read_csv_rows(folder / REXVAL_SAMPLES, required=("study_id", "gt_report", *REXVAL_CANDIDATES))
    keys = [(row, kind) for row in range(len(samples)) for kind in REXVAL_CANDIDATES]
    place = {key: index for index, key in enumerate(keys)}
    fields = ("study_number", "candidate_type", "error_category", "rater_index", "clinically_significant", "num_errors")
    rows = read_csv_rows(folder / REXVAL_ERRORS, required=fields)
    raters = 1 + max((int(_number(row["rater_index"], "rater_index")) for row in rows), default=-1)
    counts = np.zeros((len(keys), raters, len(CATEGORIES), 2))
    seen = np.zeros(counts.shape, dtype=bool)
    for line, row in enumerate(rows, start=2):
        where = f"{REXVAL_ERRORS}, line {line}"
        study, category = int(_number(row["study_number"], where)), int(_number(row["error_category"], where))
        index = place.get((study, row["candidate_type"].strip()))
        if index is None or not 1 <= category <= len(CATEGORIES):
            raise ValueError(f"{where}: no such study, candidate type or error category (1 to 6)")
        cell = (
            index,
            int(_number(row["rater_index"], where)),
            category - 1,
            _truth(row["clinically_significant"], where),
        )
        counts[cell] += _number(row["num_errors"], where)
        seen[cell] = True
    if complete and (counts.shape[:2] != (200, 6) or not seen.all()):
        raise ValueError(
            f"expected 200 pairs x 6 raters x 6 categories x 2 significances, each rated; found {len(keys)} pairs, "
            f"{raters} raters, {int((~seen).sum())} unrated cells (complete=False accepts this)"
        )
    return Ratings(
        name="rexval",
        ids=tuple(f"{row}-{kind}" for row, kind in keys),
        studies=tuple(samples[row]["study_id"] for row, _ in keys),
        references=tuple(samples[row]["gt_report"] for row, _ in keys),
        candidates=tuple(samples[row][kind] for row, kind in keys),
        total=counts.sum(axis=(2, 3)),
        significant=counts[..., 1].sum(axis=2),
        categories=counts.sum(axis=3),
    )


def _read_json(path: Path) -> Any:
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        return json.loads(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name}: not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path.name}: not JSON at line {error.lineno}, column {error.colno}") from None


def _context(study: dict[str, Any]) -> Context | None:
    age, indication = study.get("PatientAge"), study.get("Indication") or ""
    digits = "".join(character for character in str(age or "") if character.isdigit())
    if not digits and not indication:
        return None
    return Context(age=float(digits) if digits else None, indication=str(indication))


def _radpref_counts(annotation: dict[str, Any]) -> tuple[float, float, float]:
    """Total errors, significant errors and rating of one candidate by one radiologist."""
    wrong = [item for item in (annotation.get("finding_errors") or {}).values() if item.get("error_type")]
    missing = list((annotation.get("missing_findings") or {}).values())
    total, significant = 0, 0
    for item in wrong + missing:
        item = item if isinstance(item, dict) else {}
        attributes = item.get("attributes") or {}
        weight = max(1, len(attributes)) if item.get("error_type") == "attribute" else 1
        total += weight
        level = str(item.get("clinical_significance") or "").strip().lower().replace(" ", "_").replace("-", "_")
        if level.startswith(("urgent", "actionable", "significant")):
            significant += weight
    return float(total), float(significant), float(annotation["rating"])


def load_radpref(folder: str | Path) -> Ratings:
    """RadPref (CRIMSON repository): two candidates per study, three radiologists, 1-to-5 ratings and marked errors.

    ``folder`` holds ``preference_data.json`` and ``radiologist_annotations/user_*.json``. An attribute error counts
    once per wrong attribute; a false or missing finding counts once. Urgent and actionable errors are significant.

    Raises:
        FileNotFoundError: a file is absent.
        ValueError: broken JSON, or a candidate that a radiologist did not rate.
    """
    folder = Path(folder)
    studies = _read_json(folder / "preference_data.json")
    studies = list(studies.values()) if isinstance(studies, dict) else studies
    files = sorted((folder / "radiologist_annotations").glob("user_*.json"))
    if not files:
        raise FileNotFoundError(f"no user_*.json in {folder / 'radiologist_annotations'}")
    annotations = [_read_json(path) for path in files]
    annotations = [content.get("annotations", content) for content in annotations]
    keys = [(study, kind) for study in studies for kind in ("C1", "C2")]
    values = np.zeros((len(keys), len(files), 3))
    for index, (study, kind) in enumerate(keys):
        for rater, content in enumerate(annotations):
            try:
                values[index, rater] = _radpref_counts(content[str(study["id"])][kind])
            except (KeyError, TypeError):
                raise ValueError(f"{files[rater].name}: no rating of {kind} for study {study['id']}") from None
    return Ratings(
        name="radpref",
        ids=tuple(f"{study['id']}-{kind}" for study, kind in keys),
        studies=tuple(str(study["id"]) for study, _ in keys),
        references=tuple(study["ground_truth_report"] for study, _ in keys),
        candidates=tuple(study[f"{kind}_report"] for study, kind in keys),
        total=values[..., 0],
        significant=values[..., 1],
        quality=values[..., 2],
        contexts=tuple(_context(study) for study, _ in keys),
    )


def load_ratings_csv(
    path: str | Path,
    *,
    reference: str = "reference",
    candidate: str = "candidate",
    identifier: str = "id",
    study: str = "study",
    raters: Sequence[str] = (),
    significant: Sequence[str] = (),
) -> Ratings:
    """A CSV with one pair a line and one column of error counts per rater.

    Args:
        reference, candidate, identifier, study: column names; ``identifier`` and ``study`` may be absent (the line
            number, and each pair its own study).
        raters: columns of total error counts; every column whose name starts with ``rater`` when empty.
        significant: columns of significant error counts, one per rater, in the same order.

    Raises:
        FileNotFoundError, ValueError: no such file, missing columns (the message lists those present), or a count
            that is not a number.
    """
    rows = read_csv_rows(path, required=(reference, candidate, *raters, *significant))
    if not rows:
        raise ValueError(f"{Path(path).name}: no data rows")
    names = list(raters) or [name for name in rows[0] if name.lower().startswith("rater")]
    if not names:
        raise ValueError(f"{Path(path).name}: no column starts with 'rater'; columns: {', '.join(rows[0])}")

    def matrix(columns: Sequence[str]) -> NDArray[np.float64]:
        return np.array(
            [[_number(row[name], f"{Path(path).name}, line {line}, column {name}") for name in columns]
             for line, row in enumerate(rows, start=2)]
        )  # fmt: skip

    ids = tuple(row.get(identifier) or str(line) for line, row in enumerate(rows, start=1))
    return Ratings(
        name=Path(path).stem,
        ids=ids,
        studies=tuple(row.get(study) or ids[index] for index, row in enumerate(rows)),
        references=tuple(row[reference] for row in rows),
        candidates=tuple(row[candidate] for row in rows),
        total=matrix(names),
        significant=matrix(significant) if significant else None,
    )
