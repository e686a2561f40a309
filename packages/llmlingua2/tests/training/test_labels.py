"""From answers to label rows: offsets are stored, kinds of teacher are filtered apart, answers about a chunk are merged."""

import pytest

from llmlingua2.training.labels import filter_file, label, label_file, merge
from tenfold_core.datasets import read_jsonl, write_jsonl


def row(text, compressed, *, chunk="c", teacher="t"):
    return {
        "id": f"{chunk}#{teacher}", "chunk": chunk, "teacher": teacher, "source": "s", "group": "g",
        "text": text, "compressed": compressed,
    }  # fmt: skip


def kept(labelled):
    spans = zip(labelled["words"], labelled["labels"], strict=True)
    return [labelled["text"][start:end] for (start, end), keep in spans if keep]


@pytest.mark.parametrize("method", ["dp", "greedy"])
def test_labels_stand_on_the_words_of_the_surface_text(method):
    labelled = label(row("However, the managers stopped, finally.", "manager stop"), method=method)
    assert kept(labelled) == ["managers", "stopped"]
    assert (labelled["vr"], labelled["mr"]) == (0.0, 2 / 8)
    assert len(labelled["labels"]) == len(labelled["words"]) == 8


def test_unknown_method():
    with pytest.raises(ValueError, match="'lcs'"):
        label(row("a", "a"), method="lcs")


def test_label_file_takes_the_last_answer_and_skips_failures(tmp_path):
    rows = [
        {**row("one two", None), "error": "empty"},
        row("one two", "one"),
        row("one two", "two", chunk="d"),
        row("one two", "one", chunk="d"),
        {**row("x", None, chunk="e"), "error": "empty"},
    ]
    write_jsonl(tmp_path / "d.jsonl", rows)
    assert label_file(tmp_path / "d.jsonl", tmp_path / "l.jsonl") == 2
    assert [kept(item) for item in read_jsonl(tmp_path / "l.jsonl")] == [["one"], ["one"]]
    write_jsonl(tmp_path / "none.jsonl", rows[:1])
    with pytest.raises(ValueError, match="no answer"):
        label_file(tmp_path / "none.jsonl", tmp_path / "l.jsonl")


def test_filter_treats_each_teacher_by_its_own_percentiles(tmp_path):
    # The answers of "wild" all invent words; one limit for both would leave nothing of it.
    rows = [label(row("a b c d", "a b", chunk=f"c{n}", teacher="calm")) for n in range(20)]
    rows += [label(row("a b c d", "a x", chunk=f"c{n}", teacher="wild")) for n in range(20)]
    write_jsonl(tmp_path / "l.jsonl", rows)
    chosen = filter_file(tmp_path / "l.jsonl", tmp_path / "f.jsonl")
    left = [item["teacher"] for item in read_jsonl(tmp_path / "f.jsonl")]
    assert left.count("calm") == left.count("wild") == 18
    assert chosen.kept.sum() == 36
    filter_file(tmp_path / "l.jsonl", tmp_path / "f.jsonl", vr=0.1, ag=1, by="value")
    assert {item["teacher"] for item in read_jsonl(tmp_path / "f.jsonl")} == {"calm"}
    with pytest.raises(ValueError, match="no chunk"):
        filter_file(tmp_path / "l.jsonl", tmp_path / "f.jsonl", vr=-1, ag=1, by="value")


def test_answers_at_several_rates_become_grades():
    text = "alpha beta gamma delta"
    answers = ["alpha", "alpha beta", "alpha beta gamma", "alpha"]
    rows = [label(row(text, answer, teacher=f"t{n}")) for n, answer in enumerate(answers)]
    (merged,) = merge([*rows])
    assert merged["labels"] == [1.0, 0.5, 0.25, 0.0]
    assert merged["chunk"] == "c"


def test_merge_refuses_words_that_moved():
    first, second = label(row("a b", "a")), label(row("a  b", "a", teacher="u"))
    with pytest.raises(ValueError, match="disagree"):
        list(merge([first, second]))
