"""A recipe's sources become filtered labels, and a prepared folder is not made twice."""

import dataclasses

import pytest
from shared_data import shared

from llmlingua2.prepare import prepare, recipe_chunks
from llmlingua2.recipe import Recipe
from tenfold_core.datasets import read_jsonl


@pytest.fixture
def data(monkeypatch):
    folder = shared("llmlingua2/qmsum_train.jsonl.gz").parents[1]
    monkeypatch.setenv("TENFOLD_DATA", str(folder))


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
