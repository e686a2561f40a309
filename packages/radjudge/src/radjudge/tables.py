"""Reading pairs of reports from JSONL and CSV, and writing rows that a spreadsheet cannot run.

Errors name a file, a line, a column or a byte, never the text of a report.
"""

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radjudge.records import CATEGORIES, Context, Pair

if TYPE_CHECKING:
    from radjudge.scoring import Results

_ALIASES = {
    "reference": ("reference", "ref", "target", "ground_truth", "gt_report"),
    "candidate": ("candidate", "cand", "hyp", "prediction", "pred", "generated"),
    "id": ("id", "pair_id", "uid"),
    "context": ("context",),
    "age": ("age", "patient_age"),
    "indication": ("indication",),
    "study": ("study", "study_id", "group"),
}
_SHORT = {"ref": "reference", "cand": "candidate"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Columns:
    """Which column holds what. None: found by the usual names (``reference``, ``ref``, ``candidate``, ``hyp`` ...)."""

    reference: str | None = None
    candidate: str | None = None
    id: str | None = None
    context: str | None = None
    age: str | None = None
    indication: str | None = None
    study: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Columns":
        """From ``ref=..,cand=..,id=..,context=..,age=..,indication=..,study=..``.

        Raises:
            ValueError: an entry that is not ``key=column``, or an unknown key.
        """
        chosen: dict[str, str] = {}
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            key, sign, column = part.partition("=")
            key = _SHORT.get(key.strip(), key.strip())
            if not sign or key not in _ALIASES or not column.strip():
                raise ValueError(f"columns must read key=column with keys ref, cand, {', '.join(list(_ALIASES)[2:])}")
            chosen[key] = column.strip()
        return cls(**chosen)

    def resolve(self, present: Sequence[str], where: str, *, needed: Sequence[str]) -> dict[str, str]:
        """Column name per role.

        Raises:
            ValueError: a named or needed column is missing; the message lists the columns present.
        """
        found = {}
        for role, aliases in _ALIASES.items():
            named = getattr(self, role)
            column = named if named is not None else next((name for name in aliases if name in present), None)
            if named is not None and named not in present:
                raise ValueError(f"{where}: no column {named!r}; columns: {', '.join(present)}")
            if column is None and role in needed:
                raise ValueError(f"{where}: no column for the {role}; columns: {', '.join(present)} (see --columns)")
            if column is not None:
                found[role] = column
        return found


@dataclass(frozen=True)
class PairTable:
    """Pairs in file order, and the study of each (its own id when the file names none)."""

    pairs: tuple[Pair, ...]
    studies: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pairs)


def _decode(path: Path) -> str:
    if str(path) == "-":
        raw, name = sys.stdin.buffer.read(), "standard input"
    else:
        if not path.exists():
            raise FileNotFoundError(f"no such file: {path}")
        raw, name = path.read_bytes(), path.name
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{name}: not UTF-8 at byte {error.start} (line {line})") from None


def read_csv_rows(path: str | Path, *, required: Sequence[str] = ()) -> list[dict[str, str]]:
    """Rows of a CSV file (gzip accepted) as dictionaries; fields of any length.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not UTF-8 (with the byte), no header, a row with too many or too few fields, a missing column
            (the message lists those present).
    """
    path = Path(path)
    # The default limit of 131,072 characters would refuse long reports with an error that blames the file.
    csv.field_size_limit(1 << 30)
    reader = csv.reader(io.StringIO(_decode(path), newline=""))
    header = next(reader, None)
    if not header:
        raise ValueError(f"{path.name}: no header line")
    missing = [name for name in required if name not in header]
    if missing:
        raise ValueError(f"{path.name}: no column {', '.join(missing)}; columns: {', '.join(header)}")
    rows = []
    for fields in reader:
        if not fields:
            continue
        if len(fields) != len(header):
            raise ValueError(f"{path.name}, line {reader.line_num}: {len(fields)} fields, header has {len(header)}")
        rows.append(dict(zip(header, fields, strict=True)))
    return rows


def read_jsonl_rows(path: str | Path) -> list[dict[str, Any]]:
    """Objects of a JSONL file (gzip accepted; blank lines skipped).

    Raises:
        FileNotFoundError: no such file.
        ValueError: not UTF-8, or a line that is not a JSON object (with its number).
    """
    path = Path(path)
    rows = []
    for number, line in enumerate(_decode(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path.name}, line {number}: not JSON (column {error.colno})") from None
        except RecursionError:
            raise ValueError(f"{path.name}, line {number}: nested too deeply") from None
        if not isinstance(row, dict):
            raise ValueError(f"{path.name}, line {number}: expected a JSON object")
        rows.append(row)
    return rows


def read_rows(path: str | Path) -> list[dict[str, Any]]:
    """Rows of a ``.csv``, ``.csv.gz``, ``.jsonl`` or ``.jsonl.gz`` file; ``-`` reads JSONL from standard input."""
    name = Path(path).name.lower() or str(path)
    if name.endswith((".csv", ".csv.gz")):
        return list(read_csv_rows(path))
    if str(path) == "-" or name.endswith((".jsonl", ".jsonl.gz", ".ndjson", ".json")):
        return read_jsonl_rows(path)
    raise ValueError(f"{name}: unknown format; accepted: .jsonl, .jsonl.gz, .csv, .csv.gz, or - for JSONL on stdin")


def _text(row: Mapping[str, Any], column: str, where: str) -> str:
    value = row.get(column)
    if not isinstance(value, str):
        raise ValueError(f"{where}: {column!r} must be a string, not {type(value).__name__}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"{where}: {column!r} holds half a surrogate pair at character {error.start}") from None
    return value


def _age(value: Any, where: str) -> float | None:
    if value is None or value == "":
        return None
    try:
        age = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{where}: age must be a number of years") from None
    if not 0 <= age <= 130:
        raise ValueError(f"{where}: age must lie in 0..130 years")
    return age


def _context(row: Mapping[str, Any], found: Mapping[str, str], where: str) -> Context | None:
    age = _age(row.get(found["age"]), where) if "age" in found else None
    indication = str(row.get(found["indication"]) or "") if "indication" in found else ""
    value = row.get(found["context"]) if "context" in found else None
    if isinstance(value, str) and value.strip().startswith("{"):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            raise ValueError(f"{where}: context is not JSON") from None
    if isinstance(value, Mapping):
        age = _age(value.get("age"), where) if age is None else age
        indication = indication or str(value.get("indication") or "")
    elif isinstance(value, str):
        indication = indication or value
    elif value is not None:
        raise ValueError(f"{where}: context must be an object with age and indication, or an indication")
    return Context(age=age, indication=indication) if age is not None or indication else None


def read_pairs(path: str | Path, *, columns: Columns | None = None) -> PairTable:
    """Pairs of a JSONL or CSV file.

    Empty reports are accepted. Without an ``id`` column the line's rank (from 1) is the id.

    Raises:
        FileNotFoundError: no such file.
        ValueError: broken file, missing columns (lists those present), a report that is not a string, duplicate ids
            (names both rows), or no rows at all.
    """
    rows = read_rows(path)
    name = "standard input" if str(path) == "-" else Path(path).name
    if not rows:
        raise ValueError(f"{name}: no pairs")
    present = list(dict.fromkeys(key for row in rows for key in row))
    found = (columns or Columns()).resolve(present, name, needed=("reference", "candidate"))
    pairs, studies = [], []
    first_seen: dict[str, int] = {}
    for rank, row in enumerate(rows, start=1):
        where = f"{name}, row {rank}"
        value = row.get(found["id"]) if "id" in found else rank
        if value is None or value == "" or isinstance(value, dict | list | float | bool):
            raise ValueError(f"{where}: the id must be a non-empty string or an integer")
        identifier = str(value)
        if identifier in first_seen:
            raise ValueError(f"{name}: duplicate id in rows {first_seen[identifier]} and {rank}")
        first_seen[identifier] = rank
        pairs.append(
            Pair(
                reference=_text(row, found["reference"], where),
                candidate=_text(row, found["candidate"], where),
                id=identifier,
                context=_context(row, found, where),
            )
        )
        study = row.get(found["study"]) if "study" in found else None
        studies.append(identifier if study in (None, "") else str(study))
    return PairTable(tuple(pairs), tuple(studies))


def safe_cell(value: Any) -> str:
    """A CSV field that no spreadsheet takes for a formula: text starting with = + - @ gets a leading apostrophe.

    Numbers keep their sign.
    """
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return repr(value)
    text = str(value)
    return f"'{text}" if text.lstrip(" \u00a0\ufeff").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def write_csv(path: str | Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file (UTF-8, ``\\n`` line ends) with every field passed through :func:`safe_cell`."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([safe_cell(column) for column in columns])
    for row in rows:
        writer.writerow([safe_cell(value) for value in row])
    Path(path).write_text(buffer.getvalue(), encoding="utf-8", newline="")


def write_results_csv(path: str | Path, results: "Results") -> None:
    """One line per pair: id, status, scores, counts, both texts, and the errors in words."""
    from radjudge.scoring import SCORES

    columns = ("id", "status", *SCORES, *CATEGORIES, "reference", "candidate", "errors", "reason")
    rows = []
    for pair, item in zip(results.pairs, results.judgements, strict=True):
        errors = "; ".join(f"{error.category}: {error.finding} ({error.significance})" for error in item.errors)
        scores = [getattr(item, name) for name in SCORES]
        counts = [item.counts.get(category) for category in CATEGORIES]
        rows.append((item.id, item.status, *scores, *counts, pair.reference, pair.candidate, errors, item.error))
    write_csv(path, columns, rows)


def read_reports(path: str | Path, *, column: str = "report") -> list[tuple[str, str]]:
    """(id, report) per row; the rank of the row is the id when there is no ``id`` column.

    Raises:
        ValueError: no such column (the message lists those present), or a report that is not a string.
    """
    rows = read_rows(path)
    name = Path(path).name
    present = list(dict.fromkeys(key for row in rows for key in row))
    if column not in present:
        raise ValueError(f"{name}: no column {column!r}; columns: {', '.join(present)} (see --column)")
    return [
        (str(row.get("id") or row.get("uid") or rank), _text(row, column, f"{name}, row {rank}"))
        for rank, row in enumerate(rows, start=1)
    ]


def read_text(path: str | Path) -> str:
    """A UTF-8 text file, or standard input for ``-``.

    Raises:
        FileNotFoundError, ValueError: no such file, or not UTF-8 (with the byte).
    """
    return _decode(Path(path))


def write_lines(path: Path | None, rows: Iterable[Mapping[str, Any]]) -> None:
    """JSON lines to a file (atomically), or to standard output for None."""
    if path is not None:
        from tenfold_core.datasets import write_jsonl

        write_jsonl(path, rows)
        return
    for row in rows:
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
    sys.stdout.flush()
