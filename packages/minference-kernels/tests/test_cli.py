"""The command line: words, exit codes, streams."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import minference_kernels as mk
from minference_kernels.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code: object = 0
    try:
        main(arguments)
    except SystemExit as stop:
        code = stop.code or 0
    out, err = capsys.readouterr()
    return int(code), out, err


def test_version_help_and_import_stay_light() -> None:
    script = """
import sys, minference_kernels, minference_kernels.cli as cli
for arguments in (["--help"], ["--version"], ["demo", "--help"]):
    try:
        cli.main(arguments)
    except SystemExit as stop:
        assert stop.code in (0, None), stop.code
heavy = [m for m in ("torch", "transformers", "scipy", "sklearn", "matplotlib", "numpy") if m in sys.modules]
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"minference-kernels {mk.__version__}" in done.stdout
    assert all(word in done.stdout for word in ("info", "check", "evaluate", "speed", "demo"))


def test_info(capsys) -> None:
    code, out, _ = run(capsys, "info")
    assert code == 0 and "torch" in out and "native" in out and "meta-llama" in out
    code, out, _ = run(capsys, "info", "--json")
    assert code == 0 and json.loads(out)["backends"]["torch"]["backward"] is True


def test_check_passes_and_reports(capsys, tmp_path: Path) -> None:
    code, out, _ = run(capsys, "check", "--backend", "torch", "--output", str(tmp_path / "check.json"))
    assert code == 0 and "float64" in out and "FAILED" not in out
    written = json.loads((tmp_path / "check.json").read_text())
    assert written["failed"] == 0 and len(written["checks"]) == 28


def test_check_fails_when_numbers_are_off(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    from minference_kernels.backends import reference

    exact = reference.forward

    def wrong(q, k, v, index, *, scale, softcap=None):
        out, lse = exact(q, k, v, index, scale=scale * 1.01, softcap=softcap)
        return out, lse

    monkeypatch.setattr(reference, "forward", wrong)
    code, out, err = run(capsys, "check", "--backend", "torch")
    assert code == 1 and "FAILED: torch float32" in out
    assert err.startswith("minference-kernels: error:") and "out of tolerance" in err and "Traceback" not in err


def test_evaluate(capsys, tmp_path: Path) -> None:
    arguments = ("evaluate", "--lengths", "300", "--depths", "0,1", "--samples", "1", "--seed", "3", "--quiet")
    code, out, _ = run(capsys, *arguments, "--output", str(tmp_path / "new" / "scores.json"))
    assert code == 0 and "mean score 1.000 over 2 samples" in out
    written = json.loads((tmp_path / "new" / "scores.json").read_text())
    assert written["score"] == 1 and len(written["answers"]) == 2
    code, out, _ = run(capsys, *arguments, "--json", "--config", "dense")
    assert code == 0 and json.loads(out)["config"]["default"] == {"type": "dense"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "--config", "nope"),
        ("evaluate", "--tasks", "magic"),
        ("evaluate", "--lengths", "many"),
        ("evaluate", "--recipe", "paper"),
        ("check", "--backend", "magic"),
        ("speed", "--dtype", "int8"),
        ("nonsense",),
    ],
)
def test_wrong_usage_is_exit_2(capsys, arguments) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == 2 and out == "" and "Traceback" not in err


def test_failures_are_one_line_unless_debugged(capsys, tmp_path: Path) -> None:
    arguments = ("evaluate", "--model", str(tmp_path / "absent"), "--tasks", "passkey", "--quiet")
    code, out, err = run(capsys, *arguments)
    assert code == 1 and out == "" and len(err.strip().splitlines()) == 1
    with pytest.raises(Exception):  # noqa: B017 - whatever the loader raises, it must come through
        main([*arguments, "--debug"])


def test_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    from minference_kernels import check

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "run_checks", interrupted)
    code, _, _ = run(capsys, "check")
    assert code == 130


def test_demo_quick(capsys, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "notes.txt").write_text("kept")  # a folder that is not empty is no obstacle
    code, out, _ = run(capsys, "demo", "--quick", "--output", str(tmp_path / "demo"), "--seed", "17")
    assert code == 0 and "report.html" in out
    result = json.loads((tmp_path / "demo" / "result.json").read_text())
    assert result["package"] == "minference-kernels" and result["headline"] in out
    names = list(result["results"]["retrieval"])
    scores = {name: entry["accuracy"] for name, entry in result["results"]["retrieval"].items()}
    assert scores["dense"] == 1
    assert all(scores[name] >= 0.9 for name in names if name.startswith("Vertical-Slash"))
    assert all(scores[name] <= 0.7 for name in names[3:])  # the controls fail
    html = (tmp_path / "demo" / "report.html").read_text()
    assert html.count("data:image/svg+xml") == 2 and "Block-Sparse (8)" in html
    assert (tmp_path / "demo" / "manifest.json").exists() and (tmp_path / "demo" / "notes.txt").exists()
