"""The command line in-process: words, exit codes, streams; one subprocess smoke test."""

import csv
import json
import subprocess
import sys

import pytest

import radjudge
from radjudge import cli

SECRET = "Zebra-coloured left effusion"
ROWS = [
    {"id": "a", "reference": "Small left effusion.", "candidate": "Small right effusion.", "study": "s1"},
    {"id": "b", "reference": "Mild cardiomegaly.", "candidate": "Mild cardiomegaly.", "study": "s1"},
    {"id": "c", "reference": "Scoliosis.", "candidate": "=cmd() Normal.", "study": "s2"},
]
SPANISH = "El corazon es de tamano normal y los pulmones estan sin infiltrados ni derrame pleural."


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def run(capsys, *arguments):
    """Exit code, standard output, standard error."""
    code = 0
    try:
        cli.main([str(item) for item in arguments])
    except SystemExit as stop:
        code = stop.code or 0
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_score_writes_lines_page_and_table(capsys, pairs, tmp_path):
    output, html, table = tmp_path / "o.jsonl", tmp_path / "r.html", tmp_path / "t.csv"
    code, out, _ = run(capsys, "score", pairs, "--output", output, "--html", html, "--csv", table, "--quiet")
    assert code == 0
    assert "higher is better" in out
    assert "lower is better" in out
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["id"] for line in lines] == ["a", "b", "c"]
    assert lines[0]["counts"]["location"] == 1
    assert {"status", "score", "total_errors", "significant_errors", "errors", "matched", "judge", "version"} <= set(
        lines[0]
    )
    assert html.read_text().startswith("<!doctype html>")
    rows = list(csv.DictReader(table.open()))
    assert rows[2]["candidate"] == "'=cmd() Normal."
    assert rows[0]["location"] == "1.0"


def test_same_input_same_bytes(capsys, pairs, tmp_path):
    for name in ("1", "2"):
        run(capsys, "score", pairs, "--output", tmp_path / f"{name}.jsonl", "--html", tmp_path / f"{name}.html")
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()
    assert (tmp_path / "1.html").read_bytes() == (tmp_path / "2.html").read_bytes()


def test_json_columns_and_fail_under(capsys, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("truth,text\nSmall left effusion.,Small right effusion.\nScoliosis.,Scoliosis.\n")
    code, out, _ = run(capsys, "score", path, "--columns", "ref=truth,cand=text", "--json")
    data = json.loads(out)
    assert code == 0
    assert data["pairs"] == 2
    assert data["higher_is_better"]["total_errors"] is False
    code, _, err = run(capsys, "score", path, "--columns", "ref=truth,cand=text", "--fail-under", "0.99")
    assert (code, err.count("\n")) == (1, 1)
    assert "under 0.99" in err
    assert run(capsys, "score", path, "--columns", "ref=truth,cand=text", "--fail-under", "0.1")[0] == 0


def test_one_pair_is_enough(capsys, tmp_path):
    (tmp_path / "p.jsonl").write_text(json.dumps(ROWS[0]) + "\n")
    code, out, _ = run(capsys, "score", tmp_path / "p.jsonl", "--html", tmp_path / "r.html")
    assert code == 0
    assert "1 pairs, 0 failed" in out


def test_failed_pairs_give_exit_1_with_results_written(capsys, tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text(
        "".join(json.dumps(row) + "\n" for row in [*ROWS, {"id": "d", "reference": SPANISH, "candidate": SPANISH}])
    )
    code, out, err = run(capsys, "score", path, "--output", tmp_path / "o.jsonl")
    assert code == 1
    assert "1 of 4 pairs could not be judged" in err
    assert "4 pairs, 1 failed" in out
    last = json.loads((tmp_path / "o.jsonl").read_text().splitlines()[-1])
    assert (last["status"], last["score"]) == ("failed", None)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["score"], "PAIRS"),
        (["score", "p.jsonl", "--colour"], "--colour"),
        (["score", "PAIRS", "--judge", "oracle"], "oracle"),
        (["score", "PAIRS", "--columns", "x"], "key=column"),
        (["score", "PAIRS", "--resume"], "--output"),
        (["score", "PAIRS", "--fail-under", "2"], "--fail-under"),
        (["compare", "PAIRS", "PAIRS", "--key", "bleu"], "score"),
        (["stress", "--metric", "magic"], "structured"),
        (["stress", "--battery", "magic"], "negation"),
        (["corrupt", "PAIRS", "--ops", "explode"], "explode"),
        (["agree", "unknown", "x"], "rexval"),
        (["paint"], "paint"),
    ],
)
def test_bad_usage_is_exit_2(capsys, pairs, arguments, word):
    code, _, err = run(capsys, *[pairs if item == "PAIRS" else item for item in arguments])
    assert code == 2
    assert word.lower() in err.lower()


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "nowhere.jsonl"],
        ["parse", "nowhere.txt"],
        ["agree", "rexval", "nowhere"],
        ["corrupt", "nowhere.csv"],
        ["compare", "PAIRS", "nowhere.jsonl"],
    ],
)
def test_missing_files_are_bad_usage(capsys, pairs, arguments):
    code, out, err = run(capsys, *[pairs if item == "PAIRS" else item for item in arguments])
    assert (code, out) == (2, "")
    assert "no such file: nowhere" in err


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("p.jsonl", b"", "no pairs"),
        ("p.txt", b"x", "unknown format"),
        ("p.jsonl", b'{"id": 1', "not JSON"),
        ("p.csv", b"reference,candidate\n\xff,x\n", "byte 20"),
        ("p.csv", b"reference\nx\n", "columns: reference"),
    ],
)
def test_broken_files_are_exit_1_with_one_line(capsys, tmp_path, name, content, word):
    (tmp_path / name).write_bytes(content)
    code, _, err = run(capsys, "score", tmp_path / name)
    assert code == 1
    assert err.startswith("radjudge: error: ")
    assert err.count("\n") == 1
    assert word in err


def test_no_report_text_in_messages(capsys, tmp_path, caplog):
    path = tmp_path / "p.jsonl"
    row = {"id": "1", "reference": SECRET, "candidate": SECRET}
    path.write_text(2 * (json.dumps(row) + "\n"))
    code, out, err = run(capsys, "score", path)
    assert code == 1
    path.write_text(json.dumps(row) + "\n")
    _, more_out, more_err = run(capsys, "score", path, "--debug", "--output", tmp_path / "o.jsonl")
    assert not any("Zebra" in text for text in (out, err, more_out, more_err, caplog.text))


def test_debug_shows_the_traceback(capsys, tmp_path):
    (tmp_path / "p.jsonl").touch()
    with pytest.raises(ValueError, match="no pairs"):
        cli.main(["score", str(tmp_path / "p.jsonl"), "--debug"])
    capsys.readouterr()


def test_compare_files_of_pairs_or_of_results(capsys, pairs, tmp_path):
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps({**row, "candidate": "Large left pneumothorax."}) + "\n" for row in ROWS))
    code, out, _ = run(capsys, "compare", pairs, other)
    assert code == 0
    assert "pairs per study: 2 wins, 0 ties, 0 losses" in out
    for path in (pairs, other):
        run(capsys, "score", path, "--output", path.with_suffix(".out.jsonl"))
    code, out, _ = run(
        capsys,
        "compare",
        pairs.with_suffix(".out.jsonl"),
        other.with_suffix(".out.jsonl"),
        "--json",
        "--key",
        "total_errors",
    )
    assert json.loads(out)["pairs"] == 3


def test_corrupt_then_score_finds_the_errors(capsys, tmp_path):
    reports = tmp_path / "r.csv"
    reports.write_text(
        "id,report\n1,There is a small left effusion. Heart size normal.\n2,Mild cardiomegaly. Scoliosis.\n"
    )
    code, _, _ = run(capsys, "corrupt", reports, "-k", 1, "--seed", 3, "--output", tmp_path / "p.jsonl")
    assert code == 0
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert [len(row["errors"]) for row in rows] == [1, 1]
    _, out, _ = run(capsys, "score", tmp_path / "p.jsonl", "--json")
    assert json.loads(out)["mean"]["total_errors"] == 1.0
    code, out, err = run(capsys, "corrupt", reports, "-k", 1, "--ops", "scale_measurement")
    assert code == 1
    assert "2 of 2 reports do not offer 1 independent errors" in err


def test_stress_parse_info_and_speed(capsys, tmp_path):
    metrics = ("structured", "rouge-l", "radjudge.baselines:bleu")
    code, out, _ = run(capsys, "stress", *(item for name in metrics for item in ("-m", name)), "-n", 4, "--json")
    assert code == 0
    assert tuple(item["metric"] for item in json.loads(out)) == metrics
    (tmp_path / "r.txt").write_text("Small left effusion, 8 mm nodule.")
    code, out, _ = run(capsys, "parse", tmp_path / "r.txt")
    assert "pleural effusion" in out
    _, out, _ = run(capsys, "parse", tmp_path / "r.txt", "--json")
    assert {item["entity"] for item in json.loads(out)["findings"]} == {"pleural_effusion", "nodule"}
    _, out, _ = run(capsys, "info", "--json")
    assert json.loads(out)["radjudge"] == radjudge.__version__
    code, out, _ = run(capsys, "speed", "--pairs", 4, "--rounds", 2, "--json")
    assert {row["judge"] for row in json.loads(out)["rows"]} == {"empty", "filled"}


def test_agree_csv(capsys, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text(
        "reference,candidate,study,rater1,rater2\n"
        "Left effusion.,Left effusion.,a,0,0\nLeft effusion.,Right effusion.,a,1,2\n"
        "Scoliosis.,Hiatal hernia.,b,2,2\nScoliosis.,Scoliosis.,b,0,1\n"
    )
    code, out, _ = run(capsys, "agree", "csv", path, "-m", "rouge-l", "--draws", 20)
    assert code == 0
    assert "human ceiling (2 raters" in out
    assert "tau of the judge minus tau of rouge-l" in out
    _, out, _ = run(capsys, "agree", "csv", path, "--draws", 20, "--json")
    assert json.loads(out)["agreement"]["radjudge total_errors"]["tau"][0] > 0.7


def test_version_help_and_ctrl_c(capsys, monkeypatch, pairs):
    assert run(capsys, "--version")[1].strip() == f"radjudge {radjudge.__version__}"
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert "not a medical device" in " ".join(out.split())

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("radjudge.running.run", interrupted)
    assert run(capsys, "score", pairs)[0] == 130


def test_closed_pipe_is_silent_and_modules_are_light(tmp_path, pairs):
    command = f"'{sys.executable}' -m radjudge corrupt '{tmp_path}/many.csv' -k 1 --quiet | head -n 1"
    (tmp_path / "many.csv").write_text("report\n" + "There is a small left effusion. Mild cardiomegaly.\n" * 3000)
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    code = (
        "import sys, radjudge\nfrom radjudge import cli\n"
        "try: cli.main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'scipy', 'sklearn', 'matplotlib', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    light = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert light.returncode == 0, light.stderr
