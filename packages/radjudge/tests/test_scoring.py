"""radjudge.score and Results: what goes in, what comes out, and what never leaks."""

import json
import logging
import math
import os
import subprocess
import sys

import pytest

import radjudge
from radjudge import Context, Judgement, Pair, Results
from radjudge.scores import HIGHER_IS_BETTER, SCORES

SECRET = "Zyxwvut effusion of Mrs Doe"


def test_results_are_a_list_with_corpus_figures():
    results = radjudge.score(
        references=["Left effusion.", "Cardiomegaly.", "Normal chest."],
        candidates=["Left effusion.", "", "Pneumothorax."],
        ids=["a", "b", "c"],
    )
    assert len(results) == 3
    assert [item.id for item in results] == ["a", "b", "c"]
    assert results[0].score == 1.0
    assert [item.id for item in results[1:]] == ["b", "c"]
    assert results.mean.total_errors == pytest.approx(2 / 3)
    assert results.mean.counts["omission"] == pytest.approx(1 / 3)
    assert results.precision == 0.5
    assert results.recall == 0.5
    assert results.ci["score"].low <= results.mean.score <= results.ci["score"].high
    assert set(results.ci) == set(SCORES) == set(HIGHER_IS_BETTER)
    assert "3 pairs, 0 failed" in repr(results)


def test_failed_items_are_shown_and_stay_outside_every_mean():
    spanish = "Derrame pleural izquierdo de tamano moderado. No hay neumotorax en el estudio."
    results = radjudge.score(references=["Left effusion.", spanish, spanish], candidates=["Left effusion.", "", "x"])
    assert [item.status for item in results] == ["ok", "failed", "failed"]
    assert results[1].score is None
    assert results[1].total_errors is None
    assert results[1].error.startswith("UnsupportedLanguageError: the reference is not in English")
    assert results.mean.score == 1.0
    assert len(results.failed) == 2
    everything_failed = radjudge.score(references=[spanish], candidates=[spanish])
    assert everything_failed.mean.score is None
    assert everything_failed.ci == {}
    assert everything_failed.precision is None
    assert "no score" in repr(everything_failed)


def test_groups_resample_studies():
    many = {"references": ["Effusion."] * 40, "candidates": ["Effusion."] * 20 + [""] * 20}
    alone = radjudge.score(**many).ci["score"]
    grouped = radjudge.score(**many, groups=[str(place // 20) for place in range(40)]).ci["score"]
    assert grouped.high - grouped.low > alone.high - alone.low
    with pytest.raises(ValueError, match=r"number of groups \(1\)"):
        radjudge.score(**many, groups=["a"])


def test_arguments_are_keyword_only():
    with pytest.raises(TypeError):
        radjudge.score(["a"], ["b"])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"references": ["a", "b"], "candidates": ["a"]}, ValueError, "number of reports differs: 2 references and 1"),
        ({"references": "a", "candidates": ["a"]}, TypeError, "references must be a list of reports, not one str"),
        ({"references": ["a"], "candidates": [None]}, TypeError, r"candidates\[0\] must be a string, not missing"),
        ({"references": [math.nan], "candidates": ["a"]}, TypeError, r"references\[0\] must be a string, not missing"),
        ({"references": [3], "candidates": ["a"]}, TypeError, "not int"),
        ({"references": [b"ab\xff"], "candidates": ["a"]}, ValueError, "not UTF-8: bad byte at position 2"),
        ({"references": [b"ab"], "candidates": ["a"]}, TypeError, "is bytes; decode it first"),
        ({"references": ["a"], "candidates": ["a"], "ids": ["1", "2"]}, ValueError, r"number of ids \(2\)"),
        (
            {"references": ["a", "b"], "candidates": ["a", "b"], "ids": ["1", "1"]},
            ValueError,
            "'1' repeats at position 1",
        ),
        ({"references": ["a"], "candidates": ["a"], "ids": [None]}, TypeError, r"ids\[0\]"),
        ({"references": ["a"], "candidates": ["a"], "contexts": [{}, {}]}, ValueError, r"number of contexts \(2\)"),
        ({"references": ["a"], "candidates": ["a"], "contexts": [{"sex": "f"}]}, ValueError, r"unknown keys \['sex'\]"),
        ({"references": ["a"], "candidates": ["a"], "contexts": [{"age": 200}]}, ValueError, "must lie in 0 to 130"),
        ({"references": ["a"], "candidates": ["a"], "contexts": [{"age": "old"}]}, TypeError, "number of years"),
        ({"references": ["a"], "candidates": ["a"], "contexts": [Context(indication=3)]}, TypeError, "indication"),
        ({"references": ["a"], "candidates": ["a"], "contexts": ["x"]}, TypeError, "must be a Context"),
        ({"references": ["a"], "candidates": ["a"], "judge": "oracle"}, ValueError, "unknown judge 'oracle'"),
        ({"references": ["a"], "candidates": ["a"], "judge": 3}, TypeError, "evaluate"),
    ],
)
def test_bad_input_is_refused_at_the_door(arguments, error, message):
    with pytest.raises(error, match=message):
        radjudge.score(**arguments)


def test_errors_hold_no_report_text(caplog):
    caplog.set_level(logging.DEBUG)
    for arguments in (
        {"references": [SECRET, SECRET], "candidates": [SECRET]},
        {"references": [SECRET], "candidates": [SECRET.encode() + b"\xff"]},
        {"references": SECRET, "candidates": [SECRET]},
    ):
        with pytest.raises((ValueError, TypeError)) as caught:
            radjudge.score(**arguments)
        assert "Zyxwvut" not in str(caught.value)
    radjudge.score(references=[SECRET], candidates=["Derrame pleural izquierdo sin neumotorax en el " + SECRET])
    assert "Zyxwvut" not in caplog.text


@pytest.mark.parametrize(
    "text", ["", "   ", "\r\n\r\n", "\u00a0", "\u200b", "XXXX", "___", "Left effusion.\r\nHeart\u00a0normal."]
)
def test_odd_but_legal_reports(text):
    [result] = radjudge.score(references=[text], candidates=[text])
    assert (result.status, result.total_errors, result.score) == ("ok", 0.0, 1.0)


def test_both_empty_is_flagged():
    assert radjudge.score(references=[""], candidates=[" "])[0].flags == ("empty",)
    assert radjudge.score(references=["Effusion."], candidates=[""])[0].flags == ()


def test_a_judge_of_ones_own():
    class Nought:
        fingerprint = "nought-1"

        def evaluate(self, pairs):
            return [Judgement(pair.id, "failed", error="ValueError: no opinion") for pair in pairs]

    results = radjudge.score(references=["a"], candidates=["b"], judge=Nought())
    assert results.judge == "nought-1"
    assert results.failed[0].error == "ValueError: no opinion"


def test_jsonl_holds_everything_but_the_text(tmp_path):
    results = radjudge.score(references=["Small left effusion."], candidates=["Large right effusion."], ids=["x1"])
    path = results.to_jsonl(tmp_path / "out.jsonl")
    [line] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert line["id"] == "x1"
    assert line["status"] == "ok"
    assert line["counts"] == {
        "false_finding": 0,
        "omission": 0,
        "location": 1,
        "severity": 1,
        "spurious_comparison": 0,
        "omitted_comparison": 0,
    }
    assert {error["attribute"] for error in line["errors"]} == {"side", "degree"}
    assert line["judge"] == results.judge
    assert line["version"] == radjudge.__version__


def test_pandas_table():
    pytest.importorskip("pandas")
    table = radjudge.score(
        references=["Effusion.", "Herz normal. Keine Infiltrate und kein Erguss."], candidates=["", ""]
    ).to_pandas()
    assert list(table["status"]) == ["ok", "failed"]
    assert table["omission"][0] == 1.0
    assert table["score"].isna().tolist() == [False, True]


def test_html_page(tmp_path):
    results = radjudge.score(references=["Small <left> effusion."], candidates=["Right effusion."])
    page = results.to_html(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "&lt;left&gt;" in page
    assert "<left>" not in page


def test_lengths_must_fit():
    with pytest.raises(ValueError, match=r"number of pairs \(1\)"):
        Results([Pair("a", "b")], [])


def test_bytes_are_the_same_in_every_process(tmp_path):
    """Hash randomisation must not show: same input, same version, same bytes."""
    code = (
        "import radjudge, sys, json\n"
        "a = ['Small left effusion and bibasilar atelectasis. Stable cardiomegaly. 5 mm nodule in the RUL.', 'Normal chest.']\n"
        "b = ['Bilateral effusions, right greater than left. New cardiomegaly. ETT 3 cm above the carina.', 'Left pneumothorax.']\n"
        "for r in radjudge.score(references=a + b, candidates=b + a): print(json.dumps(r.to_dict()))\n"
        "print(json.dumps(radjudge.parse_report(b[0]).to_dict()))\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "12345")
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].count(b"\n") == 5


def test_importing_pulls_nothing_heavy():
    heavy = ("torch", "transformers", "scipy", "sklearn", "matplotlib", "pandas", "pydantic", "numpy")
    code = f"import radjudge, sys; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert found.strip() == "[]"
