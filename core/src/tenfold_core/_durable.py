"""Files that are whole or absent: nobody sees half a file, whenever the writer is killed."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacement(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what is written there takes the place of `path` when the block succeeds.

    The temporary name is in the same folder, so that the rename is one atomic step on one file system, and keeps the
    suffix, because some writers (`numpy.savez`) add their own to a name that lacks it.  Missing folders are made.

    Raises:
        ValueError: the block left nothing, or something other than a file, at the temporary path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem[:100]}.{secrets.token_hex(6)}{path.suffix}")
    try:
        yield temporary
        if not temporary.is_file():
            raise ValueError(f"the writer of {path.name!r} must leave one file at the path it is given: {temporary}")
        flush_to_disk(temporary)
        os.replace(temporary, path)
        flush_to_disk(path.parent)
    finally:
        with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):
            temporary.unlink()


def flush_to_disk(path: Path) -> None:
    """Wait until the file or folder at `path` is on the disk, not only in the system's memory."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders; its renames are journalled
        if path.is_dir():
            return
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
