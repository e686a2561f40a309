"""Runs that are killed, resumed, or given other texts."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import radjudge
from radjudge.grammar import write_reports
from radjudge.judgement_lines import from_dict, read_judgements, write_judgements
from radjudge.running import input_hash, run
from radjudge.tables import read_pairs


def write_pairs(path, n, seed=0):
    texts = write_reports(2 * n, seed=seed)
    rows = [{"id": f"p{i}", "reference": texts[2 * i], "candidate": texts[2 * i + 1]} for i in range(n)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


class Counting:
    """A judge that counts what it is asked and can die."""

    fingerprint = "counting-1"

    def __init__(self, die_after=None):
        self.asked, self.die_after = [], die_after

    def evaluate(self, pairs):
        from dataclasses import replace

        if self.die_after is not None and len(self.asked) >= self.die_after:
            raise KeyboardInterrupt
        self.asked += [pair.id for pair in pairs]
        inner = radjudge.StructuredJudge().evaluate(pairs)
        return [replace(item, judge=self.fingerprint) for item in inner]


def test_resume_does_only_what_is_missing_and_restores_the_order(tmp_path):
    table, output = read_pairs(write_pairs(tmp_path / "p.jsonl", 30)), tmp_path / "o.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run(table, judge=Counting(die_after=20), output=output, batch=10)
    assert not output.exists()
    part = tmp_path / "o.jsonl.part"
    assert len(part.read_text().splitlines()) == 20
    with part.open("a") as file:
        file.write('{"id": "p29", "sta')  # torn by the kill
    with pytest.raises(FileExistsError, match="--resume"):
        run(table, judge=Counting(), output=output)
    second = Counting()
    results = run(table, judge=second, output=output, resume=True)
    assert second.asked == [f"p{i}" for i in range(20, 30)]
    assert [item.id for item in results] == [f"p{i}" for i in range(30)]
    assert not part.exists()
    fresh = run(table, judge=Counting(), output=tmp_path / "fresh.jsonl")
    assert output.read_bytes() == (tmp_path / "fresh.jsonl").read_bytes()
    assert list(fresh) == list(results)


def test_other_texts_or_another_judge_are_not_taken_over(tmp_path):
    path, output = write_pairs(tmp_path / "p.jsonl", 6), tmp_path / "o.jsonl"
    run(read_pairs(path), judge=Counting(), output=output)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[2]["candidate"] = "Large hiatal hernia."
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    again = Counting()
    run(read_pairs(path), judge=again, output=output, resume=True)
    assert again.asked == ["p2"]
    other = Counting()
    other.fingerprint = "counting-2"
    run(read_pairs(path), judge=other, output=output, resume=True)
    assert len(other.asked) == 6


def test_kill_9_in_mid_run_loses_at_most_the_batch_in_flight(tmp_path):
    path, output = write_pairs(tmp_path / "p.jsonl", 600), tmp_path / "o.jsonl"
    command = [sys.executable, "-m", "radjudge", "score", str(path), "--output", str(output), "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    part = tmp_path / "o.jsonl.part"
    while process.poll() is None and not (part.exists() and part.stat().st_size > 0):
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    saved = [line for line in part.read_text().splitlines() if line] if part.exists() else []
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = read_judgements(output)
    assert [item.id for item in lines] == [f"p{i}" for i in range(600)]
    # Whole lines of the killed run stand unchanged in the output; the last may have been torn.
    assert set(saved[:-1]) <= set(output.read_text().splitlines())


def test_lines_come_back_as_they_were_and_hold_no_report_text(tmp_path):
    texts = ["Small left effusion, increased. 8 mm nodule.", "Large right effusion. Scoliosis of the spine."]
    results = radjudge.score(references=texts, candidates=texts[::-1], ids=["a", "b"])
    assert [from_dict(json.loads(json.dumps(item.to_dict()))) for item in results] == list(results)
    write_judgements(tmp_path / "o.jsonl", results)
    assert read_judgements(tmp_path / "o.jsonl") == list(results)
    content = (tmp_path / "o.jsonl").read_text()
    assert "Small left" not in content
    assert "of the spine" not in content


def test_broken_lines_are_named(tmp_path):
    path = tmp_path / "o.jsonl"
    path.write_text('{"id": "a", "status": "ok"}\n')
    with pytest.raises(ValueError, match="line 1: not a judgement line"):
        read_judgements(path)
    [judgement] = radjudge.score(references=["x"], candidates=["y"])
    line = json.dumps(judgement.to_dict()) + "\n"
    path.write_text(line * 2)
    with pytest.raises(ValueError, match="line 2: an id repeats"):
        read_judgements(path)
    with pytest.raises(ValueError, match="status must be"):
        from_dict({**judgement.to_dict(), "status": "fine"})


def test_hashes_and_arguments(tmp_path):
    pair = radjudge.Pair("a", "b", "1")
    assert input_hash(pair) == input_hash(radjudge.Pair("a", "b", "2"))
    assert input_hash(pair) != input_hash(radjudge.Pair("ab", "", "1"))
    assert input_hash(pair) != input_hash(radjudge.Pair("a", "b", "1", radjudge.Context(age=70)))
    table = read_pairs(write_pairs(tmp_path / "p.jsonl", 2))
    with pytest.raises(ValueError, match="batch"):
        run(table, batch=0)
    with pytest.raises(ValueError, match="resume needs an output"):
        run(table, resume=True)
