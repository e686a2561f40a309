import dataclasses
import hashlib
import json
import math
import os
import select
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from tenfold_core.logging import Run


def manifest_of(directory):
    return json.loads((directory / "manifest.json").read_text())


def files_of(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


@pytest.fixture
def home(tmp_path):
    return tmp_path / "runs" / "one"


# --- the manifest


def test_the_manifest_says_what_went_in(home, tmp_path):
    data = tmp_path / "data.txt"
    data.write_text("data")
    with Run(home, arguments={"lr": 0.1, "api_key": "hunter2"}, seed=7, inputs=[data], device=torch.device("cpu")):
        begun = manifest_of(home)
    assert begun["seed"] == 7
    assert begun["arguments"] == {"lr": 0.1, "api_key": "[redacted]"}
    assert begun["inputs"] == {str(data): hashlib.sha256(b"data").hexdigest()}
    assert begun["device"] == "cpu"
    assert begun["environment"]["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert begun["environment"]["packages"]["tenfold-core"]
    assert begun["started"].endswith("+00:00")
    assert (begun["outcome"], begun["ended"]) == ("running", None)
    ended = manifest_of(home)
    assert ended["outcome"] == "completed"
    assert ended["ended"] >= ended["started"]
    assert "hunter2" not in (home / "manifest.json").read_text()


def test_an_error_is_recorded_and_passed_on(home):
    with pytest.raises(KeyError), Run(home):
        raise KeyError("boom")
    assert manifest_of(home)["outcome"] == "stopped by KeyError"


def test_folders_and_named_inputs(home, tmp_path):
    folder = tmp_path / "set"
    (folder / "sub").mkdir(parents=True)
    (folder / "b").write_text("b")
    (folder / "sub" / "a").write_text("a")
    first = Run(home, inputs={"set": folder})
    lines = [f"{hashlib.sha256(name[-1:].encode()).hexdigest()} {name}\n" for name in ("b", "sub/a")]
    expected = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert manifest_of(first.directory)["inputs"] == {"set": expected}
    (folder / "sub" / "a").write_text("A")
    with pytest.raises(ValueError, match="input 'set' was "):
        Run(home, inputs={"set": folder}, resume=True)


def test_bad_inputs_and_arguments(home, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the input .*none does not exist"):
        Run(home, inputs=[tmp_path / "none"])
    with pytest.raises(TypeError, match="inputs must be a list of paths or a mapping"):
        Run(home, inputs="data.txt")
    with pytest.raises(TypeError, match="arguments must be a mapping or a dataclass, got list"):
        Run(home, arguments=["--lr", "0.1"])
    assert not home.exists()


def test_arguments_may_be_a_dataclass(home):
    @dataclasses.dataclass
    class Config:
        lr: float = 0.1
        layers: tuple[int, ...] = (1, 2)

    Run(home, arguments=Config())
    assert manifest_of(home)["arguments"] == {"lr": 0.1, "layers": [1, 2]}
    Run(home, arguments={"lr": 0.1, "layers": [1, 2]}, resume=True)


# --- metrics


def test_metrics_come_back_in_order_also_after_a_resume(home):
    with Run(home) as run:
        assert run.metrics() == []
        run.log(step=1, loss=np.float32(0.5))
        run.log(step=2, parts=[1, 2], note="ok", self=1)
    with Run(home, resume=True) as run:
        run.log(step=3, loss=torch.tensor(0.25))
        assert run.metrics() == [
            {"step": 1, "loss": 0.5},
            {"step": 2, "parts": [1, 2], "note": "ok", "self": 1},
            {"step": 3, "loss": 0.25},
        ]


def test_numbers_that_are_not_finite_are_kept_in_valid_json(home):
    run = Run(home)
    run.log(a=math.nan, b=math.inf, c=-np.float32(np.inf), d=torch.tensor(math.nan))
    text = (home / "metrics.jsonl").read_text()
    assert text == '{"a": "NaN", "b": "Infinity", "c": "-Infinity", "d": "NaN"}\n'
    row = run.metrics()[0]
    assert math.isnan(row["a"])
    assert math.isnan(row["d"])
    assert (row["b"], row["c"]) == (math.inf, -math.inf)


def test_what_cannot_be_logged_is_refused(home):
    run = Run(home)
    with pytest.raises(ValueError, match="at least one metric"):
        run.log()
    with pytest.raises(TypeError, match="no JSON form"):
        run.log(model=object())
    with pytest.raises(ValueError, match="no JSON form"):
        run.log(losses=[math.nan])
    assert run.metrics() == []


# --- artifacts


def test_artifacts_of_every_kind(home):
    with Run(home) as run:
        assert run.save_artifact("a.bin", b"\x00\x01").read_bytes() == b"\x00\x01"
        assert run.save_artifact("b.txt", "schön\n").read_text(encoding="utf-8") == "schön\n"
        assert json.loads(run.save_artifact("c.json", {"x": np.arange(2)}).read_text()) == {"x": [0, 1]}
        assert json.loads(run.save_artifact("d.json", [1, {"y": None}]).read_text()) == [1, {"y": None}]
        path = run.save_artifact("deep/er/e.npz", lambda path: np.savez(path, z=np.arange(3)))
        assert path == home / "deep" / "er" / "e.npz"
        assert np.load(path)["z"].tolist() == [0, 1, 2]
        run.save_artifact("f.pt", lambda path: torch.save(torch.ones(2), path))
        run.save_artifact("b.txt", "again")
    assert (home / "b.txt").read_text() == "again"
    names = ["a.bin", "b.txt", "c.json", "d.json", "deep/er/e.npz", "f.pt"]
    assert files_of(home) == sorted([*names, "manifest.json"])
    assert manifest_of(home)["artifacts"] == names


def test_a_writer_that_fails_leaves_the_old_artifact(home):
    run = Run(home)
    run.save_artifact("a.txt", "old")

    def fail(path):
        path.write_text("half")
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        run.save_artifact("a.txt", fail)
    with pytest.raises(ValueError, match="must leave one file"):
        run.save_artifact("a.txt", lambda path: path.mkdir())
    assert (home / "a.txt").read_text() == "old"
    assert files_of(home) == ["a.txt", "manifest.json"]


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/../../b", "/absolute", "a\\b", "a\0b"])
def test_names_stay_inside_the_run(home, name):
    with pytest.raises(ValueError, match="name must be a relative path inside the run directory"):
        Run(home).save_artifact(name, "x")


@pytest.mark.parametrize("name", ["manifest.json", "./metrics.jsonl"])
def test_the_run_s_own_files_are_taken(home, name):
    with pytest.raises(ValueError, match="is written by the run itself"):
        Run(home).save_artifact(name, "x")


def test_content_that_cannot_be_written(home):
    run = Run(home)
    with pytest.raises(TypeError, match=r"content must be bytes, text, .* got int"):
        run.save_artifact("a.txt", 3)
    with pytest.raises(ValueError, match=r"artifact 'a\.json' has no JSON form"):
        run.save_artifact("a.json", {"x": math.nan})
    assert files_of(home) == ["manifest.json"]
    assert manifest_of(home)["artifacts"] == []


# --- opening a directory again


def test_an_empty_directory_is_welcome_a_used_one_is_not(home):
    home.mkdir(parents=True)
    Run(home)
    with pytest.raises(FileExistsError, match=r"is not empty: choose another one, or continue .* or start afresh"):
        Run(home)


def test_a_file_is_no_run_directory(tmp_path):
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(NotADirectoryError, match="is a file"):
        Run(path)


def test_resume_keeps_everything_and_notes_that_it_happened(home):
    with Run(home, arguments={"lr": 0.1}, seed=1, device="cpu") as run:
        run.log(step=1)
        run.save_artifact("a.txt", "kept")
    first = manifest_of(home)
    with Run(home, arguments={"lr": 0.1}, seed=1, device="cuda:0", resume=True) as run:
        run.save_artifact("b.txt", "new")
    second = manifest_of(home)
    assert (home / "a.txt").read_text() == "kept"
    assert second["artifacts"] == ["a.txt", "b.txt"]
    assert second["started"] == first["started"]
    assert second["device"] == "cpu"
    assert [again["device"] for again in second["resumed"]] == ["cuda:0"]
    assert second["resumed"][0]["environment"] == first["environment"]


def test_resume_starts_a_run_where_there_is_none(home):
    with Run(home, resume=True) as run:
        run.log(step=1)
    assert manifest_of(home)["resumed"] == []


def test_resume_names_every_difference(home, tmp_path):
    data = tmp_path / "data.txt"
    data.write_text("one")
    Run(home, arguments={"lr": 0.1, "same": [1], "gone": None}, seed=1, inputs={"data": data})
    data.write_text("two")
    with pytest.raises(ValueError, match="which holds another run") as caught:
        Run(home, arguments={"lr": 0.2, "same": (1,), "new": "x"}, seed=2, inputs={"data": data}, resume=True)
    message = str(caught.value)
    assert "argument 'lr' was 0.1 and is 0.2" in message
    assert "argument 'gone' was null and is absent" in message
    assert "argument 'new' was absent and is \"x\"" in message
    assert "seed was 1 and is 2" in message
    assert "input 'data' was " in message
    assert "same" not in message


def test_resume_overlooks_how_the_command_was_run(home):
    Run(home, arguments={"lr": 0.1, "resume": False, "quiet": False, "output": "runs/one"})
    Run(home, arguments={"lr": 0.1, "resume": True, "quiet": True, "output": home, "debug": True}, resume=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "has no manifest.json"),
        ("{", "is not JSON"),
        ("[]", "no manifest of the format"),
        ('{"format": "tenfold-run/1"}', "no manifest"),
    ],
)
def test_resume_needs_a_manifest(home, content, message):
    home.mkdir(parents=True)
    (home / "other.txt").touch()
    if content is not None:
        (home / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match=f"cannot resume in .*{message}"):
        Run(home, resume=True)


def test_overwrite_removes_the_earlier_run_and_nothing_else(home):
    with Run(home, arguments={"lr": 0.1}) as run:
        run.log(step=1)
        run.save_artifact("old.txt", "old")
        run.save_artifact("both.txt", "old")
    (home / "notes.txt").write_text("mine")
    with Run(home, arguments={"lr": 0.2}, overwrite=True) as run:
        assert run.metrics() == []
        run.save_artifact("both.txt", "new")
    assert files_of(home) == ["both.txt", "manifest.json", "notes.txt"]
    assert (home / "both.txt").read_text() == "new"
    assert manifest_of(home)["artifacts"] == ["both.txt"]


def test_overwrite_of_a_forged_manifest_removes_nothing_outside(home, tmp_path):
    Run(home)
    (tmp_path / "precious.txt").write_text("mine")
    forged = manifest_of(home) | {"artifacts": ["../../precious.txt"]}
    (home / "manifest.json").write_text(json.dumps(forged))
    with pytest.raises(ValueError, match="inside the run directory"):
        Run(home, overwrite=True)
    assert (tmp_path / "precious.txt").exists()


def test_overwrite_in_a_directory_without_a_run(home):
    home.mkdir(parents=True)
    (home / "notes.txt").write_text("mine")
    Run(home, overwrite=True)
    assert files_of(home) == ["manifest.json", "notes.txt"]


def test_resume_and_overwrite_exclude_each_other(home):
    with pytest.raises(ValueError, match="resume and overwrite exclude each other"):
        Run(home, resume=True, overwrite=True)


# --- killed


WRITER = """
import sys
from tenfold_core.logging import Run
run = Run(sys.argv[1], arguments={"a": 1}, seed=0, resume=True)
start = len(run.metrics())
for step in range(start, 10**9):
    run.log(step=step, pad="x" * 200_000)
    run.save_artifact(f"version{step % 3}.json", {"step": step, "pad": "x" * 200_000})
    print(step, flush=True)
"""


def test_killed_mid_write_the_run_is_whole_and_resumes(home):
    for pause in (0.0, 0.013, 0.029, 0.05):
        process = subprocess.Popen([sys.executable, "-c", WRITER, home], stdout=subprocess.PIPE)
        assert select.select([process.stdout], [], [], 60)[0], "the run logged nothing"
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        reported = [int(line) for line in process.communicate()[0].split()]
        run = Run(home, arguments={"a": 1}, seed=0, resume=True)
        steps = [row["step"] for row in run.metrics()]
        assert steps == list(range(len(steps)))
        assert len(steps) > reported[-1]
        known = manifest_of(home)["artifacts"]
        for path in home.glob("version*.json"):
            saved = json.loads(path.read_text())  # whole
            assert path.name in known
            assert saved["step"] >= reported[-1] - 2
            assert len(saved["pad"]) == 200_000


def test_killed_before_its_first_manifest_a_run_starts_anew(home):
    home.mkdir(parents=True)
    (home / ".tmp-0123456789abcdef.json").write_text('{"form')
    Run(home)
    assert "manifest.json" in os.listdir(home)
