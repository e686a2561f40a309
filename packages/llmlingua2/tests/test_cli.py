"""The command line: what a user types, with good input and bad."""

import json
import os
import subprocess
import sys

import pytest

from llmlingua2 import cli

TEXT = (
    "Okay, so, um, the marketing team did not approve the new remote control design, because the production cost was "
    "above twelve euros fifty, which is, you know, more than we had agreed on in March.\n"
)


@pytest.fixture
def note(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_compresses_a_file_to_a_rate(call, note):
    done = call("compress", "--rate", "0.33", "--counter", "words", note)
    assert done.code == 0
    kept, words = done.out.split(), TEXT.split()
    assert 0 < len(kept) < len(words) / 2
    assert "words" in done.err


def test_compresses_standard_input_to_a_number_of_tokens(call):
    done = call("compress", "--target-tokens", "12", "--counter", "cl100k_base", "--json", stdin=TEXT)
    result = json.loads(done.out)
    assert result["compressed_tokens"] <= 12 < result["origin_tokens"]
    assert result["counter"] == "cl100k_base"


def test_rate_one_gives_the_file_back(call, note):
    assert call("compress", "--rate", "1", "--counter", "words", note).out == TEXT


def test_dash_is_standard_input(call):
    assert call("compress", "--rate", "1", "--counter", "words", "-", stdin=TEXT).out == TEXT


def test_several_files_share_one_budget(call, note, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("The weather in Utrecht was fine.", encoding="utf-8")
    result = json.loads(call("compress", "--rate", "0.5", "--counter", "words", "--json", note, other).out)
    assert len(result["spans"]) == 2
    assert result["compressed_tokens"] <= 0.5 * result["origin_tokens"]


@pytest.mark.parametrize("rate", ["0", "-0.5", "1.5", "nan", "half"])
def test_bad_rates_are_bad_usage(call, note, rate):
    done = call("compress", "--rate", rate, note)
    assert done.code == 2
    assert done.out == ""
    assert "rate" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--target-tokens", "0"),
        ("--rate", "0.5", "--target-tokens", "9"),
        ("--threshold", "2"),
        ("--json", "--labels"),
        ("no-such-file.txt",),
        ("--counter", "no-such-counter"),
        ("--preserve", "(unbalanced"),
    ],
)
def test_other_bad_usage(call, note, arguments):
    done = call("compress", *arguments, note)
    assert done.code in (1, 2)
    assert done.out == ""
    assert len(done.err.strip()) > 10
    assert "Traceback" not in done.err


def test_binary_files_are_refused_with_the_place(call, tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    done = call("compress", path)
    assert done.code == 1
    assert done.err.startswith("llmlingua2: error:")
    assert "offset 0" in done.err


def test_zero_bytes_are_refused(call):
    assert "zero byte" in call("compress", stdin=b"abc\0def").err


def test_empty_input_gives_empty_output(call):
    done = call("compress", "--rate", "0.5", stdin="")
    assert (done.code, done.out) == (0, "")


def test_output_goes_to_a_file_whole(call, note, tmp_path):
    target = tmp_path / "out" / "short.txt"
    done = call("compress", "--rate", "1", "--counter", "words", "--output", target, note)
    assert done.out == ""
    assert target.read_text(encoding="utf-8") == TEXT
    assert [path.name for path in target.parent.iterdir()] == ["short.txt"]


def test_labels_and_html(call, note, tmp_path):
    page = tmp_path / "kept.html"
    done = call("compress", "--rate", "0.5", "--counter", "words", "--labels", "--html", page, note)
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert {label for label, _ in rows} == {"0", "1"}
    assert "<mark>" in page.read_text(encoding="utf-8")


def test_force_token_and_preserve(call, note):
    done = call(
        "compress", "--rate", "0.4", "--counter", "words", "--force-token", "um", "--preserve", "in March", note
    )
    assert "um" in done.out.split()
    assert "in March" in done.out


def test_score_gives_every_word_its_place(call, note):
    rows = [json.loads(line) for line in call("score", "--json", note).out.splitlines()]
    assert all(TEXT[row["start"] : row["end"]] == row["word"] for row in rows)
    assert "".join(row["word"] for row in rows) == "".join(TEXT.split())
    assert all(0 <= row["score"] <= 1 for row in rows)


def test_info_names_model_and_counter(call):
    facts = json.loads(call("info", "--json").out)
    assert facts["model_type"] == "bert"
    assert facts["counter"] in ("cl100k_base", "words")
    assert "torch" in facts["environment"]["packages"]
    assert "version" in call("info").out


def test_unknown_model_is_one_clear_line(call, note, tmp_path):
    done = call("compress", "--model", tmp_path / "nowhere", note)
    assert done.code == 1
    assert len(done.err.strip().splitlines()) == 1


def test_debug_shows_the_traceback(note, tmp_path, capsys):
    with pytest.raises(Exception, match="nowhere"):
        cli.main(["compress", "--debug", "--model", str(tmp_path / "nowhere"), str(note)])


def test_quick_demo_writes_its_report(call, tmp_path):
    done = call("demo", "--quick", "--output", tmp_path)
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert done.out.startswith(result["headline"])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page or "data:image" in page
    assert "http-equiv" in page
    assert (tmp_path / "manifest.json").exists()
    measures = result["results"]["measures"]["answers"]
    recall = {name: measures[name]["0.2"]["answer_recall"]["estimate"] for name in measures}
    assert recall["model"] > recall["random"]


def test_as_a_program_a_closed_pipe_is_silent(note):
    program = [sys.executable, "-m", "llmlingua2.cli", "score", str(note)]
    assert subprocess.run([*program[:3], "--version"], capture_output=True).returncode == 0
    reader, writer = os.pipe()
    process = subprocess.Popen(program, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    os.close(reader)
    _, err = process.communicate(timeout=120)
    assert err == b""
