"""Building on first use: the cache, two processes at once, and machines without a compiler."""

from __future__ import annotations

import logging
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from minference_kernels.backends import registry
from minference_kernels.native import backend, binding, build

needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None and shutil.which("clang++") is None, reason="no compiler"
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(build.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def forgotten() -> Iterator[None]:
    """As in a new process: nothing is known yet about the library."""
    remembered = (backend.available, binding.library)
    for function in remembered:
        function.cache_clear()
    yield
    for function in remembered:
        function.cache_clear()


@needs_compiler
def test_two_processes_build_at_once(cache: Path) -> None:
    # one instruction set, without optimisation, to be quick about it
    program = (
        "from minference_kernels.native import binding, build\n"
        "build._X86_SETS = {}\n"
        "build._BASE_FLAGS = ('-std=c++17', '-O0', '-fPIC', '-fvisibility=hidden')\n"
        "print(*binding.library().instruction_sets)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=240) for process in running]
    assert answers[0][0].split() == ["generic"], answers[0][1]
    assert answers[0][0] == answers[1][0], answers[1][1]
    assert len(list(cache.iterdir())) == 1, "one library, no left-overs"
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


@needs_compiler
def test_the_name_follows_sources_compiler_and_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = build.find_compiler()
    name = build._key(compiler)
    assert build._key(compiler) == name
    monkeypatch.setattr(build, "_BASE_FLAGS", (*build._BASE_FLAGS, "-g"))
    with_flag = build._key(compiler)
    monkeypatch.undo()
    shutil.copytree(build.SOURCES, tmp_path / "native")
    (tmp_path / "native" / "simd.h").write_text("// changed\n")
    monkeypatch.setattr(build, "SOURCES", tmp_path / "native")
    with_source = build._key(compiler)
    monkeypatch.undo()
    monkeypatch.setattr(build, "compiler_version", lambda compiler: "g++ 99")
    assert len({name, with_flag, with_source, build._key(compiler)}) == 4


def test_without_a_compiler_torch_takes_over(
    cache: Path, forgotten: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(cache))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(registry, "_told", set())
    needs = registry.Needs("cpu", torch.float32, 64)
    with caplog.at_level(logging.INFO, logger="minference_kernels"):
        chosen, why = registry.choose(needs)
        registry.choose(needs)
    assert chosen.name == "torch"
    assert "no C++ compiler found" in why.reasons["native"]
    assert sum("no C++ compiler found" in record.getMessage() for record in caplog.records) == 1
    with pytest.raises(ValueError, match=r"cannot serve this call: not available: no C\+\+ compiler"):
        registry.choose(needs, "native")


def test_a_compiler_that_fails(cache: Path, forgotten: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "false")
    usable, why = backend.available()
    assert not usable
    assert "failed" in why
    assert "\n" not in why


def test_the_compiler_is_never_run_by_a_shell(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", f"false; touch {tmp_path / 'mark'}")
    with pytest.raises(build.BuildError, match="not on PATH"):
        build.library()
    assert not (tmp_path / "mark").exists()


def test_a_cache_that_others_can_write_is_refused(cache: Path) -> None:
    cache.mkdir(mode=0o700)
    cache.chmod(0o770)
    with pytest.raises(build.BuildError, match="can be written by other users"):
        build.cache_directory()


def test_a_cache_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(build.CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(build.BuildError, match=f"cannot use the cache folder .*{build.CACHE_VARIABLE}"):
        build.cache_directory()


def test_a_library_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.so").write_bytes(b"not a library")
    with pytest.raises(build.BuildError, match="cannot load"):
        binding.Library(tmp_path / "odd.so")
