"""A recipe's sources become filtered labels, and a prepared folder is not made twice."""

import dataclasses
import shutil
from importlib.resources import as_file, files

import pytest
from shared_data import shared

import llmlingua2.training.prepare as preparation
from llmlingua2.training.prepare import prepare, recipe_chunks
from llmlingua2.training.recipe import DataSettings, Recipe
from tenfold_core.datasets import read_jsonl


@pytest.fixture
def data(monkeypatch):
    folder = shared("llmlingua2/qmsum_train.jsonl.gz").parents[1]
    monkeypatch.setenv("TENFOLD_DATA", str(folder))


@pytest.fixture
def own_data(monkeypatch, tmp_path):
    """A data folder in which the shipped meetings stand for the training ones."""
    folder = tmp_path / "data" / "llmlingua2"
    folder.mkdir(parents=True)
    with as_file(files("llmlingua2") / "assets" / "meetings.jsonl.gz") as path:
        shutil.copy(path, folder / "qmsum_train.jsonl.gz")
    monkeypatch.setenv("TENFOLD_DATA", str(folder.parent))


SMALL = DataSettings(sources=("qmsum",), chunk_size=90, stride=40, rates=(0.1, 0.3), vr=0.1, ag=0.1, by="value")


class KilledError(Exception):
    pass


@pytest.mark.usefixtures("own_data")
@pytest.mark.parametrize("place", ["distill", "label_file", "filter_file"])
def test_a_run_stopped_anywhere_ends_as_one_never_stopped(tmp_path, monkeypatch, place):
    straight = prepare(SMALL, tmp_path / "straight")

    work, calls = getattr(preparation, place), []

    def stopping(chunks, *arguments, **options):
        calls.append(place)
        if place != "distill":
            raise KilledError
        # The second teacher's answers are cut off in the middle of a row.
        work(chunks[: 5 if len(calls) == 2 else None], *arguments, **options)
        if len(calls) == 2:
            with arguments[1].open("ab") as file:
                file.write(b'{"id": "half a r')
            raise KilledError
        return work([], *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(preparation, place, stopping)
        with pytest.raises(KilledError):
            prepare(SMALL, tmp_path / "stopped")
    assert not (tmp_path / "stopped" / "filtered.jsonl").exists()
    assert prepare(SMALL, tmp_path / "stopped").read_bytes() == straight.read_bytes()


@pytest.mark.usefixtures("own_data")
def test_what_is_prepared_is_not_made_again_and_not_mixed_with_another_recipe(tmp_path, monkeypatch):
    path = prepare(SMALL, tmp_path / "made")
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "distill", None)
        assert prepare(SMALL, tmp_path / "made") == path
    with pytest.raises(ValueError, match="chunk_size"):
        prepare(dataclasses.replace(SMALL, chunk_size=80), tmp_path / "made")


@pytest.mark.usefixtures("own_data")
def test_training_without_labels_makes_them_beside_the_run(call, wordpiece_model, tmp_path):
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        f'[model]\nbase = "{wordpiece_model.as_posix()}"\nmax_length = 64\n'
        '[data]\nsources = ["qmsum"]\nchunk_size = 90\nstride = 40\nrates = [0.1, 0.3]\nvalidation = 0.4\n'
        "[train]\nbatch_size = 4\nmax_steps = 4\nvalidate_every = 2\n",
        encoding="utf-8",
    )
    run = tmp_path / "run"
    done = call("train", "--recipe", recipe, "-o", run, "--device", "cpu")
    assert done.code == 0
    assert "step 4 of 4" in done.err
    assert (run / "model" / "model.safetensors").is_file()
    assert (tmp_path / "run-data" / "filtered.jsonl").is_file()
    again = call("train", "--recipe", recipe, "-o", run, "--device", "cpu")
    assert again.code == 2
    assert "--resume" in again.err
    # Another training on the same data finds them there; one that differs is refused in one line.
    resumed = call("train", "--recipe", recipe, "-o", run, "--device", "cpu", "--resume")
    assert (resumed.code, resumed.out) == (0, done.out)
    other = call("train", "--recipe", recipe, "-o", run, "--device", "cpu", "--resume", "--seed", 1)
    assert other.code == 1
    assert "seed was 0 and is 1" in other.err


@pytest.mark.usefixtures("data")
def test_meetings_and_problems_become_graded_labels(tmp_path):
    settings = dataclasses.replace(Recipe.load("embedded").data, rates=(0.1, 0.3))
    path = prepare(settings, tmp_path, limit=3)
    rows = list(read_jsonl(path))
    assert {row["source"] for row in rows} == {"qmsum", "gsm8k"}
    assert {row["teacher"] for row in rows} == {"salience@0.1", "salience@0.3"}
    for row in rows:
        rate = float(row["teacher"].partition("@")[2])
        assert abs(sum(row["labels"]) / len(row["words"]) - rate) < 0.05
        assert row["vr"] == 0
        assert row["ag"] < 0.02
    before = (tmp_path / "distilled.jsonl").read_bytes()
    prepare(settings, tmp_path, limit=3)
    assert (tmp_path / "distilled.jsonl").read_bytes() == before


@pytest.mark.usefixtures("data")
def test_the_reference_teacher_needs_no_counts(tmp_path):
    settings = dataclasses.replace(Recipe.load("embedded").data, teacher="reference", sources=("gsm8k",))
    assert list(read_jsonl(prepare(settings, tmp_path, limit=2)))
    assert not (tmp_path / "salience.json").exists()


@pytest.mark.usefixtures("data")
def test_the_stride_thins_meetings_evenly():
    settings = dataclasses.replace(Recipe.load("embedded").data, sources=("qmsum",), stride=1)
    every = [chunk.id for chunk in recipe_chunks(settings, limit=9)]
    third = [chunk.id for chunk in recipe_chunks(dataclasses.replace(settings, stride=3), limit=3)]
    assert third == every[::3]
