"""Files that are whole or absent: nobody sees half a file, whenever the writer is killed."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

_PREFIX = ".tmp-"


@contextlib.contextmanager
def replacement(path: Path) -> Iterator[Path]:
    """Yield a temporary path; what is written there takes the place of `path` when the block succeeds.

    The temporary name is in the same folder, so that the rename is one atomic step on one file system, and keeps the
    suffix, because some writers (`numpy.savez`) add their own to a name that lacks it.  A link stays a link: the file
    it leads to is replaced.  Missing folders are made.

    Raises:
        ValueError: the block left nothing, or something other than a file, at the temporary path.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{_PREFIX}{secrets.token_hex(8)}{path.suffix}")
    try:
        yield temporary
        if not temporary.is_file():
            raise ValueError(f"writing {path.name!r} must leave one file at the given path, not a folder or nothing")
        if path.exists():
            shutil.copymode(path, temporary)
        flush_to_disk(temporary)
        os.replace(temporary, path)
        flush_to_disk(path.parent)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Whether `path` is what a killed `replacement` left behind (or one at work is writing)."""
    return path.name.startswith(_PREFIX)


def flush_to_disk(path: Path) -> None:
    """Wait until the file or folder at `path` is on the disk, not only in the system's memory."""
    if os.name == "nt":  # opens no folders, and flushes no file opened for reading
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
