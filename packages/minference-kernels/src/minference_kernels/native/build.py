"""Builds the C++ kernels on first use and keeps the library in a cache that only this user can write.

One library holds the same source compiled once per instruction set; it chooses at run time. Its name is a hash of the
sources, the compiler's version and the flags, so a changed source or compiler never meets an old library.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from tenfold_core.logging import get_logger

logger = get_logger(__name__)

SOURCES = Path(__file__).parent
CACHE_VARIABLE = "MINFERENCE_CACHE"
_BASE_FLAGS = ("-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-ffp-contract=fast")
_AVX2 = ("-mavx2", "-mfma", "-mf16c")
_AVX512 = (*_AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl")
_X86_SETS = {"avx2": _AVX2, "avx512": _AVX512, "avx512_bf16": (*_AVX512, "-mavx512bf16")}
_TIMEOUT_S = 300


class BuildError(RuntimeError):
    """The library cannot be built here; the message is one line that says why."""


def find_compiler() -> tuple[str, ...]:
    """The C++ compiler command: the variable ``CXX`` if set, else the first of g++, clang++, c++ on ``PATH``.

    Raises BuildError when there is none.
    """
    named = os.environ.get("CXX", "").strip()
    if named:
        command = shlex.split(named)
        program = shutil.which(command[0])
        if program is None:
            raise BuildError(f"CXX={named!r} is not on PATH")
        return (program, *command[1:])
    for name in ("g++", "clang++", "c++"):
        program = shutil.which(name)
        if program is not None:
            return (program,)
    raise BuildError("no C++ compiler found (g++, clang++ or c++ on PATH, or CXX)")


@functools.cache
def compiler_version(compiler: tuple[str, ...]) -> str:
    """First line of ``compiler --version``. Raises BuildError when it does not run."""
    return _run([*compiler, "--version"]).splitlines()[0].strip()


def cache_directory() -> Path:
    """The folder for built libraries, made if needed: ``MINFERENCE_CACHE``, else in ``XDG_CACHE_HOME`` or ``~/.cache``.

    Code is loaded from it, so it must belong to this user and be closed to writing by others; BuildError otherwise.
    """
    named = os.environ.get(CACHE_VARIABLE)
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    path = Path(named) if named else Path(root) / "minference-kernels"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise BuildError(f"cannot use the cache folder {path} ({error.strerror}); set {CACHE_VARIABLE}") from error
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        raise BuildError(f"the cache folder {path} can be written by other users; close it or set {CACHE_VARIABLE}")
    return path


def library() -> Path:
    """The path of the built library, building it if this source has not been built with this compiler yet.

    Raises BuildError when there is no compiler, or compiling fails, or the cache is not safe to use.
    """
    compiler = find_compiler()
    target = cache_directory() / f"minference-{_key(compiler)}.so"
    if not target.exists():
        _build(compiler, target)
    return target


def _instruction_sets() -> dict[str, tuple[str, ...]]:
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return {"generic": (), **(_X86_SETS if x86 else {})}


def _key(compiler: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for path in sorted(SOURCES.glob("*.h")) + sorted(SOURCES.glob("*.cpp")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    settings = (compiler, compiler_version(compiler), platform.machine(), _BASE_FLAGS, _instruction_sets())
    digest.update(repr(settings).encode())
    return digest.hexdigest()[:24]


def _build(compiler: tuple[str, ...], target: Path) -> None:
    """Compile beside the target and rename: a reader sees no library or a whole one, also when two processes build."""
    logger.info("building the native kernels with %s", compiler_version(compiler))
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".build-") as folder:
        objects: dict[str, Path] = {}
        running: dict[str, subprocess.Popen[str]] = {}
        for name, flags in _instruction_sets().items():
            objects[name] = Path(folder) / f"{name}.o"
            command = [*compiler, *_BASE_FLAGS, *flags, f"-DMK_ISA={name}", "-c", str(SOURCES / "kernels.cpp")]
            running[name] = subprocess.Popen(
                [*command, "-o", str(objects[name])], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        for name, process in running.items():
            output, _ = process.communicate(timeout=_TIMEOUT_S)
            if process.returncode != 0:
                if name == "generic":
                    raise BuildError(f"{compiler[0]} failed: {_last_line(output)}")
                del objects[name]  # an old compiler that does not know the instruction set: do without it
                logger.info("the compiler cannot build for %s: %s", name, _last_line(output))
        library = Path(folder) / "library.so"
        have = [f"-DMK_HAVE_{name.upper()}" for name in objects]
        parts = [str(SOURCES / "library.cpp"), *map(str, objects.values())]
        # a library with missing symbols must fail here, where it can be linked without OpenMP, not when it is loaded
        strict = ["-Wl,-z,defs"] if sys.platform.startswith("linux") else []
        link = [*compiler, *_BASE_FLAGS, *have, "-shared", *strict, *parts, "-o", str(library)]
        try:
            _run([*link, "-fopenmp"])
        except BuildError as error:
            logger.warning("the compiler has no OpenMP, the native kernels will use one thread (%s)", error)
            _run(link)
        os.replace(library, target)


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{command[0]} did not run: {error}") from error
    if done.returncode != 0:
        raise BuildError(f"{command[0]} failed: {_last_line(done.stdout + done.stderr)}")
    return done.stdout


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if "error" in line.lower()] or text.split("\n")
    return lines[0] if lines else "no message"
