"""Where data and models lie: a path, the data folder, or the hub."""

import hashlib
import os
import re
import string
from pathlib import Path, PurePath
from typing import Literal

RepoType = Literal["dataset", "model"]


def data_dir() -> Path:
    """The folder that holds data sets by name: `$TENFOLD_DATA`, or `~/.cache/tenfold` where that is unset.

    The folder need not exist; nothing is created.
    """
    configured = os.environ.get("TENFOLD_DATA")
    if configured:
        return Path(os.path.expanduser(configured))
    return Path(os.path.expanduser(os.environ.get("XDG_CACHE_HOME") or "~/.cache")) / "tenfold"


def resolve(
    name_or_path: str | os.PathLike[str],
    *,
    allow_hub: bool = False,
    repo_type: RepoType = "dataset",
    revision: str | None = None,
) -> Path:
    """Find a data set or model on this machine, or fetch it from the Hugging Face hub when that is allowed.

    Looked for in this order: the path as given (relative to the working directory), the name inside `data_dir()`, the
    repository `owner/name` on the hub.

    Args:
        name_or_path: a path, or a name like `lost_in_the_middle/kv140.jsonl` or `owner/name`.  A name with `..` is
            only ever a path: it cannot lead out of the data folder.
        allow_hub: permit a download (into the hub's own cache) when nothing local fits.
        repo_type: what the repository on the hub holds, "dataset" or "model".
        revision: branch, tag or commit on the hub; pin a commit for results that others can repeat.

    Returns:
        A path that exists.

    Raises:
        FileNotFoundError: found nowhere; the message lists every place that was tried and why it failed.
        ImportError: the hub is allowed and needed, but huggingface_hub is not installed.
        ValueError: an empty name, or an unknown `repo_type`.
    """
    name = os.fspath(name_or_path)
    if not name or "\0" in name:
        raise ValueError(f"name_or_path must be a path or a name, got {name!r}")
    if repo_type not in ("dataset", "model"):
        raise ValueError(f"repo_type must be 'dataset' or 'model', got {repo_type!r}")
    tried = []

    explicit = Path(os.path.expanduser(name))
    if explicit.exists():
        return explicit
    tried.append(f"path {explicit}: does not exist")

    pure = PurePath(name)
    if pure.is_absolute() or name.startswith("~") or ".." in pure.parts:
        tried.append("data folder: not searched, because this is a path and no name")
    else:
        stored = data_dir() / pure
        if stored.exists():
            return stored
        origin = "TENFOLD_DATA" if os.environ.get("TENFOLD_DATA") else "TENFOLD_DATA is unset, so the default"
        tried.append(f"data folder ({origin}) {stored}: does not exist")

    if not allow_hub:
        tried.append("hub: not allowed here")
    elif not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name, re.ASCII):
        tried.append(f"hub: {name!r} is not of the form owner/name")
    else:
        try:
            return _from_hub(name, repo_type, revision)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            tried.append(f"hub ({repo_type} {name}): {type(error).__name__}: {reason}")
            raise _not_found(name, tried) from error
    raise _not_found(name, tried)


def _not_found(name: str, tried: list[str]) -> FileNotFoundError:
    return FileNotFoundError("\n  - ".join([f"cannot find {name!r}. Tried:", *tried]))


def _from_hub(name: str, repo_type: RepoType, revision: str | None) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ImportError(
            f'fetching {name!r} from the hub needs huggingface_hub: pip install "tenfold-core[hub]"'
        ) from error
    return Path(snapshot_download(name, repo_type=repo_type, revision=revision))


def verify(path: str | os.PathLike[str], sha256: str) -> Path:
    """Return `path` if the file's SHA-256 is the expected one.

    Raises:
        FileNotFoundError, IsADirectoryError: there is no such file.
        ValueError: the file has another digest (both are named), or `sha256` is not 64 hexadecimal digits.
    """
    path = Path(path)
    expected = sha256.strip().lower()
    if len(expected) != 64 or set(expected) - set(string.hexdigits):
        raise ValueError(f"sha256 must be 64 hexadecimal digits, got {sha256!r}")
    actual = file_sha256(path)
    if actual != expected:
        raise ValueError(f"{path} is damaged or another version: its sha256 is {actual}, expected {expected}")
    return path


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
