import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tenfold_core.datasets import data_dir, resolve, verify


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("TENFOLD_DATA", str(folder))
    monkeypatch.chdir(elsewhere)
    return folder


def test_data_dir_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TENFOLD_DATA", "~/data")
    assert data_dir() == Path("~/data").expanduser()
    monkeypatch.setenv("TENFOLD_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data_dir() == tmp_path / "tenfold"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data_dir() == Path("~/.cache/tenfold").expanduser()


def test_an_explicit_path_comes_first(data):
    (data / "set").mkdir()
    assert resolve("set") == data / "set"
    Path("set").mkdir()
    assert resolve("set") == Path("set")
    assert resolve(data / "set") == data / "set"


def test_a_name_may_lead_deeper_into_the_data_folder(data):
    (data / "owner" / "name").mkdir(parents=True)
    (data / "owner" / "name" / "rows.jsonl").touch()
    assert resolve("owner/name/rows.jsonl") == data / "owner" / "name" / "rows.jsonl"


@pytest.mark.parametrize("name", ["../secret", "set/../../secret", "/secret", "~secret"])
def test_a_name_does_not_lead_out_of_the_data_folder(data, name, monkeypatch):
    (data.parent / "secret").touch()
    (data / "set").mkdir()
    deeper = data.parent / "elsewhere" / "a" / "b"
    deeper.mkdir(parents=True)
    monkeypatch.chdir(deeper)
    with pytest.raises(FileNotFoundError, match="data folder: not searched"):
        resolve(name)


def test_one_error_lists_everything_that_was_tried(data):
    with pytest.raises(FileNotFoundError) as caught:
        resolve("no/such/thing", allow_hub=True)
    message = str(caught.value)
    assert "cannot find 'no/such/thing'" in message
    assert "path no/such/thing: does not exist" in message
    assert f"data folder (TENFOLD_DATA) {data / 'no/such/thing'}: does not exist" in message
    assert "hub: 'no/such/thing' is not of the form owner/name" in message


def test_the_hub_is_asked_only_when_allowed(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delenv("TENFOLD_DATA")
    with pytest.raises(FileNotFoundError, match="hub: not allowed here") as caught:
        resolve("owner/name")
    assert "TENFOLD_DATA is unset, so the default" in str(caught.value)
    with pytest.raises(ImportError, match=r'pip install "tenfold-core\[hub\]"'):
        resolve("owner/name", allow_hub=True)


OFFLINE_HUB = """
import sys
from tenfold_core.datasets import resolve
print(resolve("owner/name", allow_hub=True, repo_type="dataset", revision="v1"))
try:
    resolve("owner/name", allow_hub=True, repo_type="model")
except FileNotFoundError as error:
    print(error)
"""


def test_the_hub_client_is_called_as_it_expects(data, tmp_path):
    """The real client, offline, with a data set in its cache and no such model."""
    repository = tmp_path / "hub" / "datasets--owner--name"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "rows.jsonl").touch()
    (repository / "refs").mkdir()
    (repository / "refs" / "v1").write_text("0" * 40)
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "hub")}
    command = [sys.executable, "-c", OFFLINE_HUB]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    found, *message = done.stdout.splitlines()
    assert Path(found) == snapshot
    assert message[-1].startswith("  - hub (model owner/name): LocalEntryNotFoundError: ")


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_impossible_names(name):
    with pytest.raises(ValueError, match="name_or_path must be a path or a name"):
        resolve(name)


def test_unknown_kind_of_repository(data):
    with pytest.raises(ValueError, match="repo_type must be 'dataset' or 'model', got 'space'"):
        resolve("owner/name", allow_hub=True, repo_type="space")


def test_verify(tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert verify(path, digest) == path
    assert verify(str(path), f" {digest.upper()}\n") == path
    path.write_bytes(b"Weights")
    with pytest.raises(ValueError, match=rf"weights\.bin is damaged or another version: .*, expected {digest}"):
        verify(path, digest)
    with pytest.raises(ValueError, match="sha256 must be 64 hexadecimal digits, got 'abc'"):
        verify(path, "abc")
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "none", digest)
