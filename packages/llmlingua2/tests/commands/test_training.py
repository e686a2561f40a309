"""`distil`, `label`, `filter` and `train` as a user types them, with good input and bad."""

import json
from importlib.resources import files

import pytest

from llmlingua2.demo import sample_meetings
from tenfold_core.datasets import read_jsonl, write_jsonl

MEETINGS = files("llmlingua2") / "assets" / "meetings.jsonl.gz"
TEXT = "Okay , so Anna said that the budget of the team is 40 euros , and we do not ship before May . "


@pytest.fixture
def documents(tmp_path):
    """Nine short documents of the kind that the tutorial starts from."""
    path = tmp_path / "text.jsonl"
    texts = [meeting.text(range(6)) for meeting in sample_meetings()]
    write_jsonl(path, ({"idx": f"d{number}", "prompt": text} for number, text in enumerate(texts)))
    return path


@pytest.fixture
def recipe(tmp_path, wordpiece_model):
    path = tmp_path / "tiny.toml"
    path.write_text(
        f'[model]\nbase = "{wordpiece_model.as_posix()}"\nmax_length = 64\n[data]\nvalidation = 0.4\n'
        "[train]\nbatch_size = 2\nepochs = 1\nmax_steps = 2\n",
        encoding="utf-8",
    )
    return path


def test_from_text_to_a_compressor(call, documents, recipe, tmp_path, monkeypatch):
    answers, labels, filtered, run = (tmp_path / name for name in ("a.jsonl", "l.jsonl", "f.jsonl", "run"))
    assert call("distil", documents, "-o", answers, "--chunk-size", 50).code == 0
    assert call("label", answers, "-o", labels).code == 0
    assert call("filter", labels, "-o", filtered).code == 0
    usable = sum(row["compressed"] is not None for row in read_jsonl(answers))
    assert 0 < len(list(read_jsonl(filtered))) < len(list(read_jsonl(labels))) == usable
    done = call("train", filtered, "--recipe", recipe, "-o", run, "--int8", "--device", "cpu", "--json")
    assert json.loads(done.out)["step"] == 2
    assert (run / "report.html").is_file()
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))  # one's own model counts as the shipped one does
    short = call("compress", "--model", run / "model-int8", "--rate", 0.5, stdin=TEXT)
    assert 0 < len(short.out.split()) < len(TEXT.split())


def test_an_output_is_gone_on_with_only_on_request(call, documents, tmp_path):
    answers = tmp_path / "a.jsonl"
    call("distil", documents, "-o", answers, "--chunk-size", 50)
    before = answers.read_bytes()
    again = call("distil", documents, "-o", answers, "--chunk-size", 50)
    assert again.code == 2
    assert "--resume" in again.err
    assert "0 answers" in call("distil", documents, "-o", answers, "--chunk-size", 50, "--resume").err
    assert answers.read_bytes() == before


def test_the_salience_teacher_answers_at_each_rate(call, documents, tmp_path):
    answers = tmp_path / "a.jsonl"
    options = ("--teacher", "salience", "--salience", MEETINGS, "--rate", 0.1, "--rate", 0.4)
    done = call("distil", documents, "-o", answers, *options)
    assert done.code == 0
    assert str(MEETINGS) in done.err  # where the counts come from is said
    rows = list(read_jsonl(answers))
    assert {row["teacher"] for row in rows} == {"salience@0.1", "salience@0.4"}
    for row in rows:
        share = len(row["compressed"].split()) / len(row["text"].split())
        assert abs(share - float(row["teacher"].partition("@")[2])) < 0.1
    # The same teacher from counts instead of meetings, at the recipe's rates.
    from llmlingua2.corpora.sources import open_salience

    open_salience(str(MEETINGS)).save(tmp_path / "counts.json")
    call(
        "distil", documents, "-o", tmp_path / "b.jsonl", "--teacher", "salience", "--salience", tmp_path / "counts.json"
    )
    others = {row["id"]: row["compressed"] for row in read_jsonl(tmp_path / "b.jsonl")}
    assert {name.rpartition("@")[2] for name in others} == {"0.05", "0.1", "0.2", "0.33", "0.5"}
    assert all(row["compressed"] == others[row["id"]] for row in rows if row["teacher"] == "salience@0.1")


def test_salience_without_counts_says_where_it_looked(call, documents, tmp_path, monkeypatch):
    monkeypatch.setenv("TENFOLD_DATA", str(tmp_path / "nothing"))
    done = call("distil", documents, "-o", tmp_path / "a.jsonl", "--teacher", "salience")
    assert done.code == 1
    for part in ("TENFOLD_DATA", "--salience", "qmsum_train"):
        assert part in done.err
    assert not (tmp_path / "a.jsonl").exists()


def test_salience_is_counted_on_the_meetings_in_the_data_folder(call, documents, tmp_path, monkeypatch):
    (tmp_path / "data" / "llmlingua2").mkdir(parents=True)
    (tmp_path / "data" / "llmlingua2" / "qmsum_train.jsonl.gz").write_bytes(MEETINGS.read_bytes())
    monkeypatch.setenv("TENFOLD_DATA", str(tmp_path / "data"))
    done = call("distil", documents, "-o", tmp_path / "a.jsonl", "--teacher", "salience", "--rate", 0.2)
    assert done.code == 0
    assert "qmsum_train.jsonl.gz" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--teacher", "gpt-4"),
        ("--teacher", "openai:"),
        ("--teacher", "reference", "--rate", "0.2"),
        ("--teacher", "reference", "--salience", "{documents}"),
        ("--teacher", "salience", "--rate", "0"),
        ("--teacher", "salience", "--rate", "nan"),
        ("--teacher", "salience", "--salience", "no-such-file.json"),
        ("--chunk-size", "0"),
    ],
)
def test_bad_usage_of_distil(call, documents, tmp_path, arguments):
    given = [str(documents) if part == "{documents}" else part for part in arguments]
    done = call("distil", documents, "-o", tmp_path / "a.jsonl", *given)
    assert done.code == 2
    assert arguments[-2] in done.err
    assert not (tmp_path / "a.jsonl").exists()


BAD = {
    "empty": b"",
    "blank": b"\n  \n",
    "no JSON": b"Okay, so the budget.\n",
    "cut": b'{"idx": 1, "prompt": "one two"}\n{"idx": 2, "pro\n',
    "no object": b"[1, 2]\n",
    "not UTF-8": b'{"idx": 1, "prompt": "caf\xe9"}\n',
    "other keys": b'{"a": 1}\n',
    "a number for a text": b'{"id": "a", "idx": 1, "prompt": 7, "text": 7, "chunk": 1, "words": 3}\n',
    "twice the same": b'{"idx": 1, "prompt": "one two"}\n' * 2,
    "a torn last row": b'{"idx": 1, "prom',
}


@pytest.mark.parametrize("verb", ["distil", "label", "filter", "train"])
@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_bad_files_are_refused_in_one_line(call, tmp_path, recipe, verb, content):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(content)
    done = call(verb, source, "-o", output, *(("--recipe", recipe) if verb == "train" else ()))
    assert done.code == 1
    assert done.out == ""
    complaint = [line for line in done.err.splitlines() if not line.startswith("warning:")]
    assert len(complaint) == 1
    assert complaint[0].startswith("llmlingua2: error: ")
    assert not output.exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["in.jsonl", "tiny.toml"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("in.txt", b"caf\xe9", "offset 3"),
        ("in.txt", b"a\0b", "zero byte"),
        ("in.txt", b" \n", "no text"),
        ("in.json", b'[{"prompt": "one"}]', "JSON lines"),
        ("in.txt.gz", b"\x1f\x8b", "JSON lines"),
    ],
)
def test_plain_text_must_be_text(call, tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    done = call("distil", tmp_path / name, "-o", tmp_path / "out.jsonl")
    assert (done.code, len(done.err.splitlines())) == (1, 1)
    assert said in done.err
    assert name in done.err
    assert not (tmp_path / "out.jsonl").exists()


def test_one_huge_line_is_cut_into_chunks(call, tmp_path):
    write_jsonl(tmp_path / "in.jsonl", [{"idx": "long", "prompt": TEXT * 5000}])
    answers, labels = tmp_path / "a.jsonl", tmp_path / "l.jsonl"
    assert call("distil", tmp_path / "in.jsonl", "-o", answers, "--chunk-size", 2000).code == 0
    write_jsonl(answers, list(read_jsonl(answers))[:2])
    assert call("label", answers, "-o", labels).code == 0
    assert all(row["ag"] == 0 for row in read_jsonl(labels))


@pytest.mark.parametrize(
    "arguments", [("--device", "cuda:7"), ("--epochs", "0"), ("--epochs", "nan"), ("--validation", "1")]
)
def test_bad_usage_of_train(call, tmp_path, arguments):
    done = call("train", "-o", tmp_path / "run", *arguments)
    assert done.code == 2
    assert arguments[0] in done.err
    assert not (tmp_path / "run").exists()


def test_a_chunk_too_long_to_align_is_refused_before_the_memory_is_gone(call, tmp_path):
    row = {"id": "a", "chunk": "a", "teacher": "t", "source": "", "group": "g", "text": TEXT * 5000}
    write_jsonl(tmp_path / "a.jsonl", [row | {"compressed": "budget May " * 5000}])
    done = call("label", tmp_path / "a.jsonl", "-o", tmp_path / "l.jsonl")
    assert done.code == 1
    assert "cut the text into chunks" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_teacher_that_never_answers_is_a_failed_run(call, tmp_path):
    (tmp_path / "in.txt").write_text("well you know , it is what it is", encoding="utf-8")
    done = call("distil", tmp_path / "in.txt", "-o", tmp_path / "out.jsonl")
    assert done.code == 1
    assert "no usable answer" in done.err


def test_lone_surrogates_do_not_stop_a_run(call, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"idx": 1, "prompt": "Anna \\ud800 paid 40 euros"}\n', encoding="utf-8")
    assert call("distil", tmp_path / "in.jsonl", "-o", tmp_path / "a.jsonl").code == 0
    assert call("label", tmp_path / "a.jsonl", "-o", tmp_path / "l.jsonl").code == 0


def test_quiet_says_nothing_about_how_tokens_are_counted(call, tmp_path, monkeypatch):
    from llmlingua2.text import counters

    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(counters, "_announced", False)
    assert call("compress", "-q", stdin=TEXT).err == ""
    monkeypatch.setattr(counters, "_announced", False)
    assert "counted as words" in call("compress", stdin=TEXT).err
