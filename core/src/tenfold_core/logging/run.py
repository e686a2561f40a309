"""One folder for one run: what went in, what came out, and nothing half-written."""

import contextlib
import datetime
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

from tenfold_core import _strict_json
from tenfold_core._durable import is_temporary, replacement
from tenfold_core.datasets.jsonl import append_jsonl, read_jsonl
from tenfold_core.datasets.location import file_sha256
from tenfold_core.logging._redaction import without_secrets
from tenfold_core.logging.environment import environment

_MANIFEST, _METRICS = "manifest.json", "metrics.jsonl"
_FORMAT = "tenfold-run/1"
_PARTS = {"seed", "arguments", "inputs", "artifacts", "resumed"}
"""What a later run needs of a manifest."""
_NOT_COMPARED = {"resume", "overwrite", "output", "quiet", "debug", "json"}
"""Arguments that say how a command is to be run, not what it computes."""
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

PathLike = str | os.PathLike[str]
Content = bytes | str | Mapping[str, Any] | list[Any] | Callable[[Path], object]


class Run:
    """A run directory with `manifest.json`, an append-only `metrics.jsonl` and artifacts that are whole or absent.

    Every write is on the disk when its call returns; killing the program loses at most the call in progress.  As a
    context manager it also records how the run ended.

    Args:
        directory: made if missing.
        arguments: what the run was asked to do: a mapping (or dataclass) of anything.  Recorded with secrets masked:
            values whose key speaks of a key, token, secret or password, and texts that look like a hub or API token.
        seed: of the random numbers.
        inputs: files or folders the run reads, as a list of paths or a mapping name -> path; recorded with their
            SHA-256 (for a folder: over the names and digests of the files in it).
        device: such as "cpu" or a `torch.device`.
        resume: continue the run in `directory`, keeping its metrics and artifacts; start one if the directory is
            missing or empty.  Seed, inputs and arguments must be the same, except for arguments that only steer the
            command (resume, overwrite, output, quiet, debug, json).
        overwrite: start afresh in `directory`: the manifest, the metrics and the artifacts that an earlier run
            recorded there are removed, other files are left alone.

    Attributes:
        directory: the run directory.

    Raises:
        FileExistsError: `directory` is not empty, and neither `resume` nor `overwrite` says what to do about it.
        FileNotFoundError: an input does not exist.
        NotADirectoryError: `directory` is a file.
        TypeError: arguments that are neither a mapping nor a dataclass, or a single path as `inputs`.
        ValueError: `resume` and `overwrite` together; a run to resume that is another one (the message names every
            difference) or that has no readable manifest.

    Example:
        >>> with Run("runs/digits", arguments={"lr": 0.1}, seed=0, overwrite=True) as run:
        ...     run.log(step=1, loss=0.7)
        ...     run.save_artifact("result.json", {"accuracy": 0.9}).name
        'result.json'
    """

    def __init__(
        self,
        directory: PathLike,
        *,
        arguments: object = None,
        seed: int | None = None,
        inputs: Iterable[PathLike] | Mapping[str, PathLike] | None = None,
        device: object = None,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        if resume and overwrite:
            raise ValueError("resume and overwrite exclude each other: one keeps the earlier run, the other removes it")
        self.directory = Path(directory)
        if self.directory.exists() and not self.directory.is_dir():
            raise NotADirectoryError(f"the run directory {self.directory} is a file")
        manifest = _new_manifest(arguments, seed, inputs, device)
        if resume and not _is_empty(self.directory):
            self._manifest = _resumed(_read_manifest(self.directory), manifest, self.directory)
        else:
            if overwrite:
                _remove_earlier_run(self.directory)
            elif not _is_empty(self.directory):
                raise FileExistsError(
                    f"the run directory {self.directory} is not empty: choose another one, or continue the run in it "
                    "(resume), or start afresh in it (overwrite)"
                )
            self._manifest = manifest
        self.directory.mkdir(parents=True, exist_ok=True)
        self._write_manifest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        outcome = "completed" if kind is None else f"stopped by {kind.__name__}"
        self._manifest |= {"ended": _now(), "outcome": outcome}
        self._write_manifest()

    def log(self, /, **metrics: Any) -> None:
        """Append one row to `metrics.jsonl`, such as `run.log(step=10, loss=0.3)`.

        Numbers that are not finite are worth keeping when a run goes wrong, but JSON has none: the file holds the
        strings "NaN", "Infinity" and "-Infinity" for them, as in the JSON form of protocol buffers.

        Raises:
            TypeError: a value JSON has no form for.
            ValueError: no metrics, or a NaN inside a list or object.
        """
        if not metrics:
            raise ValueError("log needs at least one metric")
        append_jsonl(self.directory / _METRICS, {name: _finite(value) for name, value in metrics.items()})

    def metrics(self) -> list[dict[str, Any]]:
        """All rows logged so far, also those from before a resume; a row torn by a kill is not one of them."""
        path = self.directory / _METRICS
        if not path.exists():
            return []
        return [
            {name: _NOT_FINITE.get(value, value) if isinstance(value, str) else value for name, value in row.items()}
            for row in read_jsonl(path)
        ]

    def save_artifact(self, name: str, content: Content) -> Path:
        """Write a file of the run; it takes the place of an older one in a single step.

        Args:
            name: relative to the run directory, with forward slashes, such as "checkpoints/last.safetensors".
            content: bytes; text (as UTF-8); a mapping or list (as indented JSON); or a function that writes one file
                at the path it is given (which has the suffix of `name`), for example
                `lambda path: numpy.save(path, weights)`.

        Returns:
            The file's path.

        Raises:
            TypeError: content of another type, or holding a value JSON has no form for.
            ValueError: a name that is empty, absolute, leads out of the directory or belongs to the run itself; a
                number that is not finite; a function that wrote no file.
        """
        name = _inside(name)
        if name in (_MANIFEST, _METRICS):
            raise ValueError(f"{name!r} is written by the run itself: choose another name")
        if isinstance(content, (Mapping, list)):
            content = _strict_json.dumps(content, what=f"artifact {name!r}", indent=2) + b"\n"
        elif isinstance(content, str):
            content = content.encode()
        if not isinstance(content, bytes) and not callable(content):
            raise TypeError(
                f"content must be bytes, text, a mapping, a list or a function, got {type(content).__name__}"
            )
        if name not in self._manifest["artifacts"]:
            # Before the file, so that even after a kill in between no artifact is unknown to the manifest.
            self._manifest["artifacts"].append(name)
            self._write_manifest()
        path = self.directory / name
        with replacement(path) as temporary:
            if isinstance(content, bytes):
                temporary.write_bytes(content)
            else:
                content(temporary)
        return path

    def _write_manifest(self) -> None:
        with replacement(self.directory / _MANIFEST) as temporary:
            temporary.write_bytes(_strict_json.dumps(self._manifest, what="manifest", indent=2) + b"\n")


def _new_manifest(
    arguments: object, seed: int | None, inputs: Iterable[PathLike] | Mapping[str, PathLike] | None, device: object
) -> dict[str, Any]:
    recorded = without_secrets({} if arguments is None else arguments)
    if not isinstance(recorded, dict):
        raise TypeError(f"arguments must be a mapping or a dataclass, got {type(arguments).__name__}")
    return {
        "format": _FORMAT,
        "started": _now(),
        "ended": None,
        "outcome": "running",
        "seed": seed,
        "arguments": recorded,
        "inputs": _hashed(inputs),
        "device": None if device is None else str(device),
        "environment": environment(),
        "artifacts": [],
        "resumed": [],
    }


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _hashed(inputs: Iterable[PathLike] | Mapping[str, PathLike] | None) -> dict[str, str]:
    if inputs is None:
        return {}
    if isinstance(inputs, (str, os.PathLike)):
        raise TypeError(f"inputs must be a list of paths or a mapping of names to paths, got the single {inputs!r}")
    named = inputs if isinstance(inputs, Mapping) else {os.fspath(path): path for path in inputs}
    return {str(name): _digest(Path(path)) for name, path in named.items()}


def _digest(path: Path) -> str:
    if not path.exists():
        raise FileNotFoundError(f"the input {path} does not exist")
    if path.is_file():
        return file_sha256(path)
    digest = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        digest.update(f"{file_sha256(file)} {file.relative_to(path).as_posix()}\n".encode())
    return digest.hexdigest()


def _is_empty(directory: Path) -> bool:
    # A run killed while it wrote its first manifest left a temporary file and nothing else.
    return not directory.exists() or all(map(is_temporary, directory.iterdir()))


def _read_manifest(directory: Path) -> dict[str, Any]:
    path = directory / _MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"cannot resume in {directory}: it is not empty and has no {_MANIFEST}") from None
    except ValueError as error:
        raise ValueError(f"cannot resume in {directory}: {path} is not JSON: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT or not manifest.keys() >= _PARTS:
        raise ValueError(f"cannot resume in {directory}: {path} is no manifest of the format {_FORMAT!r}")
    return manifest


def _resumed(earlier: dict[str, Any], manifest: dict[str, Any], directory: Path) -> dict[str, Any]:
    now = json.loads(_strict_json.dumps(manifest, what="manifest"))
    differences = []
    for part in ("arguments", "inputs"):
        for name in sorted(earlier[part].keys() | now[part].keys()):
            if part == "arguments" and name in _NOT_COMPARED:
                continue
            before, after = (_shown(side[part], name) for side in (earlier, now))
            if before != after:
                differences.append(f"{part[:-1]} {name!r} was {before} and is {after}")
    if earlier["seed"] != now["seed"]:
        differences.append(f"seed was {earlier['seed']} and is {now['seed']}")
    if differences:
        raise ValueError(f"cannot resume in {directory}, which holds another run: {'; '.join(differences)}")
    continuation = {name: now[name] for name in ("started", "device", "environment")}
    return earlier | {"ended": None, "outcome": "running", "resumed": [*earlier["resumed"], continuation]}


def _shown(part: dict[str, Any], name: str) -> str:
    return json.dumps(part[name], sort_keys=True) if name in part else "absent"


def _remove_earlier_run(directory: Path) -> None:
    try:
        artifacts = _read_manifest(directory)["artifacts"]
    except ValueError:
        artifacts = []
    for name in [*artifacts, _METRICS, _MANIFEST]:  # the manifest last: until then it tells what is left to remove
        with contextlib.suppress(FileNotFoundError):
            (directory / _inside(name)).unlink()


def _inside(name: str) -> str:
    """`name` in its shortest form, if it stays inside the run directory."""
    path = PurePosixPath(name)
    if not path.name or path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise ValueError(f"name must be a relative path inside the run directory, got {name!r}")
    return str(path)


def _finite(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
