"""Pairs in, rows out: column mapping, refusals that name the place, spreadsheets that run nothing."""

import csv
import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radjudge.tables import Columns, read_pairs, read_reports, safe_cell, write_csv

SECRET = "Zebra-coloured effusion"


def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_jsonl_and_csv_give_the_same_pairs(tmp_path):
    rows = [
        {"id": "a", "reference": 'One,\n"quoted" é', "candidate": "", "study": "s1", "age": "70"},
        {"id": "b", "reference": " ", "candidate": "x\u200by", "study": "s1", "age": ""},
    ]
    plain = read_pairs(jsonl(tmp_path / "p.jsonl", rows))
    with (tmp_path / "p.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress((tmp_path / "p.csv").read_bytes()))
    assert plain == read_pairs(tmp_path / "p.csv") == read_pairs(tmp_path / "p.csv.gz")
    assert plain.studies == ("s1", "s1")
    assert plain.pairs[0].context.age == 70
    assert plain.pairs[1].context is None


def test_columns_by_option_and_by_usual_name(tmp_path):
    path = jsonl(tmp_path / "p.jsonl", [{"ref": "r", "hyp": "c", "note": {"age": 30, "indication": "cough"}}])
    table = read_pairs(path, columns=Columns.parse("context=note"))
    assert (table.pairs[0].reference, table.pairs[0].candidate, table.pairs[0].id) == ("r", "c", "1")
    assert table.pairs[0].context.indication == "cough"
    swapped = read_pairs(path, columns=Columns.parse("ref=hyp, cand=ref"))
    assert swapped.pairs[0].reference == "c"
    for text in ("ref", "colour=x", "ref="):
        with pytest.raises(ValueError, match="key=column"):
            Columns.parse(text)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"reference,text\nA,B\n", "no column for the candidate; columns: reference, text"),
        (b"reference,candidate\nA\n", "line 2: 1 fields, header has 2"),
        (b"reference,candidate\nA,\xff\n", r"not UTF-8 at byte 22 \(line 2\)"),
        (b"id,reference,candidate\n1,A,B\n1,C,D\n", "duplicate id in rows 1 and 2"),
        (b"reference,candidate\n", "no pairs"),
        (b"", "no header"),
        (b"reference,candidate,age\nA,B,300\n", r"age must lie in 0\.\.130"),
    ],
)
def test_csv_refusals(tmp_path, content, match):
    (tmp_path / "p.csv").write_bytes(content)
    with pytest.raises(ValueError, match=match):
        read_pairs(tmp_path / "p.csv")


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ('{"reference": null, "candidate": "x"}', "row 1: 'reference' must be a string, not NoneType"),
        ('{"reference": NaN, "candidate": "x"}', "must be a string, not float"),
        ('{"reference": "x"}', "no column for the candidate"),
        ("[1]", "line 1: expected a JSON object"),
        ('{"reference": "x"', "line 1: not JSON"),
        ('{"id": 1.5, "reference": "x", "candidate": "y"}', "id must be"),
        ('{"reference": "\\ud800", "candidate": "y"}', "half a surrogate pair"),
        ("[" * 100_000, "nested too deeply|not JSON"),
    ],
)
def test_jsonl_refusals(tmp_path, line, match):
    (tmp_path / "p.jsonl").write_text(line + "\n")
    with pytest.raises(ValueError, match=match):
        read_pairs(tmp_path / "p.jsonl")


def test_refusals_never_quote_a_report(tmp_path):
    path = jsonl(tmp_path / "p.jsonl", [{"id": "1", "reference": SECRET, "candidate": SECRET}] * 2)
    with pytest.raises(ValueError, match="duplicate") as caught:
        read_pairs(path)
    assert SECRET not in str(caught.value)
    with pytest.raises(FileNotFoundError):
        read_pairs(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="unknown format"):
        read_pairs(tmp_path / "p.xlsx")


@given(st.text(max_size=30))
def test_no_cell_starts_a_formula(text):
    assert not safe_cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize("text", ["=1+1", " =cmd()", "\t@SUM(A1)", "-2+3", "+1", "\u00a0=x"])
def test_formulas_get_an_apostrophe(text):
    assert safe_cell(text) == f"'{text}"


def test_csv_written_is_read_back(tmp_path):
    write_csv(tmp_path / "o.csv", ("a", "b"), [('x,\n"y"', -1.5), (None, True)])
    rows = list(csv.reader(io.StringIO((tmp_path / "o.csv").read_text(encoding="utf-8"))))
    assert rows == [["a", "b"], ['x,\n"y"', "-1.5"], ["", "True"]]


def test_long_fields_and_reports(tmp_path):
    (tmp_path / "r.csv").write_text("uid,report\n7," + "word " * 60_000 + "\n")
    [(identifier, text)] = read_reports(tmp_path / "r.csv")
    assert identifier == "7"
    assert len(text) == 300_000
    with pytest.raises(ValueError, match="columns: uid, report"):
        read_reports(tmp_path / "r.csv", column="findings")
