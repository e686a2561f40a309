"""Distillation against a server that misbehaves, and a run that is killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from werkzeug import Response

from llmlingua2.distill import distill, estimate
from llmlingua2.teachers.openai_compatible import OpenAICompatibleTeacher
from llmlingua2.teachers.protocol import Answer, BadAnswerError, Chunk
from tenfold_core.datasets import read_jsonl

TEXTS = {name: f"{name} we will ship the new remote in May , said the manager of the team" for name in "abcdefgh"}
CHUNKS = [Chunk(name, text) for name, text in TEXTS.items()]


class Echo:
    """Keeps every second word; knows how often it was asked."""

    name = "echo"

    def __init__(self, concurrency=1, bad=(), crash=()):
        self.concurrency, self.bad, self.crash = concurrency, bad, crash
        self.asked = []
        self.lock = threading.Lock()

    def compress(self, chunk):
        with self.lock:
            self.asked.append(chunk.id)
        if chunk.id in self.crash:
            raise OSError("the line is dead")
        if chunk.id in self.bad:
            raise BadAnswerError("nonsense")
        return Answer(" ".join(chunk.text.split()[::2]), {"n": 1})


@pytest.mark.parametrize("concurrency", [1, 3])
def test_every_answer_is_written_and_none_asked_twice(tmp_path, concurrency):
    path = tmp_path / "d.jsonl"
    first = Echo(concurrency)
    assert vars(distill(CHUNKS[:5], first, path)) == {"answered": 5, "failed": 0, "skipped": 0}
    second = Echo(concurrency)
    assert vars(distill(CHUNKS, second, path)) == {"answered": 3, "failed": 0, "skipped": 5}
    assert sorted(second.asked) == ["f", "g", "h"]
    rows = {row["chunk"]: row for row in read_jsonl(path)}
    assert rows.keys() == TEXTS.keys()
    assert rows["a"]["compressed"] == " ".join(TEXTS["a"].split()[::2])
    assert rows["a"]["teacher"] == "echo"


def test_bad_answers_are_recorded_and_asked_again_only_on_request(tmp_path):
    path = tmp_path / "d.jsonl"
    assert distill(CHUNKS, Echo(bad="bd"), path).failed == 2
    reasons = {row["chunk"]: row["error"] for row in read_jsonl(path) if row["compressed"] is None}
    assert reasons == {"b": "nonsense", "d": "nonsense"}
    assert distill(CHUNKS, Echo(), path).skipped == 8
    again = Echo()
    assert vars(distill(CHUNKS, again, path, retry_failed=True)) == {"answered": 2, "failed": 0, "skipped": 6}
    assert sorted(again.asked) == ["b", "d"]


def test_a_run_of_bad_answers_stops(tmp_path):
    with pytest.raises(RuntimeError, match="3 bad answers in a row"):
        distill(CHUNKS, Echo(bad="abcdefgh"), tmp_path / "d.jsonl", stop_after=3)
    assert len(list(read_jsonl(tmp_path / "d.jsonl"))) == 3


def test_answers_before_a_crash_are_kept(tmp_path):
    path = tmp_path / "d.jsonl"
    with pytest.raises(OSError, match="dead"):
        distill(CHUNKS, Echo(crash="d"), path)
    assert [row["chunk"] for row in read_jsonl(path)] == ["a", "b", "c"]
    assert distill(CHUNKS, Echo(), path).skipped == 3


def test_two_teachers_share_a_file(tmp_path):
    other = Echo()
    other.name = "other"
    distill(CHUNKS[:2], Echo(), tmp_path / "d.jsonl")
    assert distill(CHUNKS[:2], other, tmp_path / "d.jsonl").answered == 2


def test_cost_is_known_before_the_run():
    counted = estimate(
        CHUNKS, input_price=10.0, output_price=30.0, count=lambda text: len(text.split()), output_share=0.5
    )
    words = len(TEXTS["a"].split())
    assert counted.calls == 8
    assert counted.output_tokens == 8 * -(-words // 2)
    assert counted.cost == pytest.approx((counted.input_tokens * 10 + counted.output_tokens * 30) / 1e6)
    assert counted.input_tokens > 8 * words  # the instructions are paid for, too


KILLED = """
import sys, time
from llmlingua2.distill import distill
from llmlingua2.teachers.protocol import Answer, Chunk
class Slow:
    name, concurrency = "slow", 2
    def compress(self, chunk):
        open(sys.argv[2], "a").write(chunk.id + "\\n")
        time.sleep(0.05)
        return Answer(chunk.text[:20])
distill([Chunk(f"c{n}", "some text to shorten here") for n in range(40)], Slow(), sys.argv[1])
"""


def test_kill_and_resume_repeats_no_finished_call(tmp_path):
    output, calls = tmp_path / "d.jsonl", tmp_path / "calls.txt"
    command = [sys.executable, "-c", KILLED, str(output), str(calls)]
    process = subprocess.Popen(command, env={**os.environ, "TENFOLD_QUIET": "1"})
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not output.exists() or output.read_bytes().count(b"\n") < 5):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = {row["chunk"] for row in read_jsonl(output)}
    assert 5 <= len(finished) < 40
    before = len(calls.read_text().split())
    subprocess.run(command, check=True, env={**os.environ, "TENFOLD_QUIET": "1"})
    assert not finished & set(calls.read_text().split()[before:])
    rows = [row["chunk"] for row in read_jsonl(output)]
    assert len(rows) == len(set(rows)) == 40


def completion(text, finish="stop"):
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }  # fmt: skip


@pytest.fixture
def teacher(httpserver, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-secret-value")
    made = OpenAICompatibleTeacher(
        "m", base_url=httpserver.url_for("/v1"), key_variable="SOME_KEY", retries=2, concurrency=2, timeout=10
    )
    # The client's pauses between attempts are its own business; the test need not sit through them.
    monkeypatch.setattr(made._client, "_calculate_retry_timeout", lambda *_, **__: 0.0)
    return made


def respond(httpserver, answers):
    """Answer by the first word of the text; each name has a list of replies, the last one for ever."""
    asked: dict[str, int] = {}
    lock = threading.Lock()

    def handler(request):
        text = request.get_json()["messages"][-1]["content"].rpartition("Text:\n")[2]
        name = text.split()[0]
        with lock:
            turn = asked[name] = asked.get(name, 0) + 1
        reply = answers[name][min(turn, len(answers[name])) - 1]
        if isinstance(reply, int):
            return Response("{}", status=reply, content_type="application/json")
        if isinstance(reply, bytes):
            return Response(reply, content_type="application/json")
        return Response(json.dumps(reply), content_type="application/json")

    httpserver.expect_request("/v1/chat/completions").respond_with_handler(handler)
    return asked


def test_a_misbehaving_server(httpserver, teacher, tmp_path):
    good = "we ship new remote May said manager team"
    asked = respond(
        httpserver,
        {
            "a": [429, completion(good)],
            "b": [500, 503, completion(good)],
            "c": [500],
            "d": [b'{"choices": '],
            "e": [completion("")],
            "f": [completion("x")],
            "g": [completion(good, finish="length")],
            "h": [{"unexpected": True}],
        },
    )
    path = tmp_path / "d.jsonl"
    summary = distill(CHUNKS, teacher, path)
    rows = {row["chunk"]: row for row in read_jsonl(path)}
    assert (summary.answered, summary.failed) == (2, 6)
    assert rows["a"]["compressed"] == rows["b"]["compressed"] == good
    assert rows["a"]["details"] == {"input_tokens": 10, "output_tokens": 5}
    assert asked == {"a": 2, "b": 3, "c": 3, "d": 1, "e": 1, "f": 1, "g": 1, "h": 1}
    reasons = {name: rows[name]["error"] for name in "cdefgh"}
    assert "after retries" in reasons["c"]
    assert "malformed" in reasons["d"]
    assert reasons["e"] == "empty answer"
    assert "over-compressed" in reasons["f"]
    assert "cut at 4096" in reasons["g"]
    assert "malformed" in reasons["h"]
    # A second run asks for nothing.
    assert distill(CHUNKS, teacher, path).skipped == 8
    assert sum(asked.values()) == 13
    assert "sk-secret" not in path.read_text()


def test_a_refused_key_stops_the_run(httpserver, teacher, tmp_path):
    import openai

    asked = respond(httpserver, {name: [401] for name in TEXTS})
    with pytest.raises(openai.AuthenticationError):
        distill(CHUNKS, teacher, tmp_path / "d.jsonl")
    assert sum(asked.values()) <= 8
    assert not (tmp_path / "d.jsonl").exists()


def test_the_paper_settings_and_the_key_are_sent(httpserver, teacher):
    seen = []

    def handler(request):
        seen.append((request.headers["Authorization"], request.get_json()))
        return Response(json.dumps(completion("we ship remote May manager")), content_type="application/json")

    httpserver.expect_request("/v1/chat/completions").respond_with_handler(handler)
    assert teacher.compress(CHUNKS[0]).text.startswith("we ship")
    key, body = seen[0]
    assert key == "Bearer sk-secret-value"
    assert (body["model"], body["temperature"], body["top_p"], body["max_tokens"]) == ("m", 0.3, 1.0, 4096)
    assert teacher.tokens_used == {"input": 10, "output": 5}


def test_no_key_is_an_error_that_names_the_variable(monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(ValueError, match="NO_SUCH_KEY"):
        OpenAICompatibleTeacher("m", key_variable="NO_SUCH_KEY")
    with pytest.raises(ValueError, match="concurrency"):
        OpenAICompatibleTeacher("m", base_url="http://localhost:1", concurrency=0)
