"""JSON Lines files that survive a kill: one object a line, gzip-aware, appended to row by row, resumed by id.

A row is committed once its newline is on the disk.  What follows the last newline is a row torn by a kill, unless it is
a whole object (a proper beginning of an object never is one, so this is certain): readers skip a torn row with a
warning, and the next append removes it.  An unterminated end that could not be a torn row is an error instead, because
then the file is not what it seems.
"""

import contextlib
import gzip
import io
import json
import logging
import os
import sys
import zlib
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tenfold_core import _strict_json
from tenfold_core._durable import flush_to_disk, replacement
from tenfold_core.datasets import _gzip_members

if sys.platform != "win32":
    import fcntl

_logger = logging.getLogger(__name__)
_PathLike = str | os.PathLike[str]


def read_jsonl(path: _PathLike) -> Iterator[dict[str, Any]]:
    """Yield the rows of a JSON Lines file, one at a time.

    Gzip is recognised by the file's first bytes, whatever its name.  Blank lines are passed over; NaN and Infinity,
    which Python writes although JSON has none, are read.  A last row torn by a kill is skipped with a logged warning:
    it was never committed (see the module's rule).

    Raises:
        FileNotFoundError: no such file.
        ValueError: a line that is not UTF-8 or not a JSON object, or damaged gzip data; the message names the file and
            the line, counted from 1.
    """
    for _, row in _numbered_rows(Path(path)):
        yield row


def write_jsonl(path: _PathLike, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write `rows` as a JSON Lines file (gzip if the name ends in .gz), which appears whole or not at all.

    The same rows give the same bytes.  NumPy and torch values become lists and numbers, paths become strings.

    Returns:
        The number of rows.

    Raises:
        TypeError: a row that is no mapping or holds a value JSON has no form for.
        ValueError: a number that is not finite.
    """
    path = Path(path)
    count = 0
    with replacement(path) as temporary, temporary.open("wb") as file, contextlib.ExitStack() as stack:
        stream: Any = file
        if _named_gzip(path):
            # No name and no time in the header: they would make equal files differ.
            stack.callback(file.write, _gzip_members.SEAL)
            stream = stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
        for row in rows:
            stream.write(_line(row, f"row {count + 1} for {path}"))
            count += 1
    return count


def append_jsonl(path: _PathLike, row: Mapping[str, Any]) -> None:
    """Add one row to a JSON Lines file so that a kill at any moment loses no row added before.

    The row is on the disk when the function returns.  It goes out in one write under an exclusive lock, so several
    processes may append to one file (on Windows, which lacks `flock`, one at a time only).  A missing file or folder is
    made; a row torn by an earlier kill is removed first.  In a gzip file each row is a member of its own: easy to
    resume, larger than `write_jsonl` would make it.

    Raises:
        TypeError, ValueError: as `write_jsonl`; nothing is written.
        ValueError: the file's end is neither a row nor the beginning of one, so this is no JSON Lines file.
        OSError: the disk is full or failing; the file is left as it was.
    """
    path = Path(path)
    line = _line(row, f"row for {path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path) as file:
        size = file.seek(0, io.SEEK_END)
        if _is_gzip(file) if size else _named_gzip(path):
            _append_gzip(path, file, size, line)
        else:
            _append_plain(path, file, size, line)
    if size == 0:
        flush_to_disk(path.parent)


def completed_ids(path: _PathLike, key: str = "id") -> set[Hashable]:
    """The values under `key` of all committed rows: what a resumed loop need not do again.

    Returns:
        The ids; none if the file does not exist.

    Raises:
        ValueError: a row without `key` or with a list or object there; as `read_jsonl` otherwise.
    """
    ids: set[Hashable] = set()
    try:
        for number, row in _numbered_rows(Path(path)):
            if key not in row:
                present = ", ".join(map(repr, row)) or "nothing"
                raise ValueError(f"{path}:{number}: no {key!r} in this row, only {present}")
            if isinstance(row[key], (list, dict)):
                raise ValueError(f"{path}:{number}: {key!r} must be a string or a number, got {row[key]!r}")
            ids.add(row[key])
    except FileNotFoundError:
        return set()
    return ids


def _numbered_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _numbered_lines(path):
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")  # some editors mark UTF-8 so
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode())
        except ValueError as error:
            if not line.endswith(b"\n") and _could_be_torn(line):
                _logger.warning("%s:%d: skipped a torn last row (%d bytes)", path, number, len(line))
                return
            raise ValueError(f"{path}:{number}: not a line of JSON: {error}") from error
        if not isinstance(row, dict):
            raise ValueError(f"{path}:{number}: expected a JSON object, got {type(row).__name__}")
        yield number, row


def _numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines with their newline; only the last can lack it."""
    with path.open("rb") as file:
        if not _is_gzip(file):
            yield from enumerate(file, 1)
            return
        number, rest = 0, b""
        try:
            for block, _ in _gzip_members.inflate(file):
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    number += 1
                    yield number, line + b"\n"
        except zlib.error as error:
            raise ValueError(f"{path}:{number + 1}: damaged gzip data: {error}") from error
        if rest:
            yield number + 1, rest


def _line(row: Mapping[str, Any], what: str) -> bytes:
    if not isinstance(row, Mapping):
        raise TypeError(f"{what} must be a mapping, got {type(row).__name__}")
    return _strict_json.dumps(dict(row), what=what) + b"\n"


def _named_gzip(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _is_gzip(file: Any) -> bool:
    file.seek(0)
    start: bytes = file.read(2)
    file.seek(0)
    return bool(start) and _gzip_members.MAGIC.startswith(start)  # a first append may be torn after one byte


def _could_be_torn(tail: bytes) -> bool:
    # Zeros are what some file systems leave of a write cut off by a power failure.
    return tail.startswith(b"{") or not tail.strip(b"\0")


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text.decode()), dict)
    except ValueError:
        return False


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[io.FileIO]:
    while True:
        with open(path, "a+b", buffering=0) as file:
            if sys.platform != "win32":
                fcntl.flock(file, fcntl.LOCK_EX)
                # Whoever held the lock before may have put another file in this one's place.
                if not _still_at(path, file):
                    continue
            yield file
            return


def _still_at(path: Path, file: io.FileIO) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _append_plain(path: Path, file: io.FileIO, size: int, line: bytes) -> None:
    tail = _tail(file, size)
    if tail and _is_object(tail):
        line = b"\n" + line
    elif tail:
        _check_torn(path, tail)
        size -= len(tail)
        file.truncate(size)
    _write(file, size, line)


def _append_gzip(path: Path, file: io.FileIO, size: int, line: bytes) -> None:
    file.seek(max(0, size - len(_gzip_members.SEAL)))
    if size == 0 or file.read() == _gzip_members.SEAL:
        _write(file, size, _gzip_members.member(line) + _gzip_members.SEAL)
        return
    # Torn, or written by another program: only a pass over the file can tell.
    end, tail = _scan(path, file)
    if tail and _is_object(tail):
        line, torn = b"\n" + line, 0
    else:
        torn = len(tail)
        if tail:
            _check_torn(path, tail)
    file.seek(end)
    loose = b"".join(text for text, _ in _gzip_members.inflate(file))  # what a member that was cut off still holds
    if torn > len(loose):
        raise ValueError(f"{path}: the last row is torn, but its gzip data is whole: {tail[:80]!r}")
    content = _gzip_members.member(loose[: len(loose) - torn] + line) + _gzip_members.SEAL
    if end == size:
        _write(file, size, content)
    else:
        _replace_end(path, file, end, content)


def _scan(path: Path, file: io.FileIO) -> tuple[int, bytes]:
    """Where the last whole member ends, and the text after the last newline."""
    file.seek(0)
    end, tail = 0, b""
    try:
        for text, offset in _gzip_members.inflate(file):
            end = offset
            tail = (tail + text).rpartition(b"\n")[2]
    except zlib.error as error:
        raise ValueError(f"{path}: damaged gzip data: {error}") from error
    return end, tail


def _replace_end(path: Path, file: io.FileIO, end: int, content: bytes) -> None:
    """Put `content` in the place of everything from `end` on, in one step: rows inside it must not get lost either."""
    file.seek(0)
    with replacement(path) as temporary, temporary.open("wb") as repaired:
        remaining = end
        while remaining:
            block = file.read(min(remaining, 1 << 20))
            repaired.write(block)
            remaining -= len(block)
        repaired.write(content)


def _tail(file: io.FileIO, size: int) -> bytes:
    """The bytes after the last newline."""
    tail, position = b"", size
    while position and b"\n" not in tail:
        step = min(position, 1 if position == size else 1 << 16)
        position -= step
        file.seek(position)
        tail = file.read(step) + tail
    return tail.rpartition(b"\n")[2]


def _check_torn(path: Path, tail: bytes) -> None:
    if not _could_be_torn(tail):
        raise ValueError(f"{path} is no JSON Lines file: it ends with {tail[-80:]!r}, which is no row nor part of one")
    _logger.warning("%s: removed a torn last row (%d bytes)", path, len(tail))


def _write(file: io.FileIO, size: int, content: bytes) -> None:
    """All of `content` at the end, or nothing."""
    try:
        written = file.write(content)
        if written != len(content):
            raise OSError(f"only {written} of {len(content)} bytes could be written (disk full?)")
        os.fsync(file.fileno())
    except OSError:
        file.truncate(size)
        raise
