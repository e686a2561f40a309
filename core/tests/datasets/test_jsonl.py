import fcntl
import gzip
import json
import logging
import math
import os
import select
import signal
import subprocess
import sys
import threading
import time
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenfold_core.datasets import append_jsonl, completed_ids, read_jsonl, write_jsonl

NAMES = ("rows.jsonl", "rows.jsonl.gz")
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
ROWS = st.dictionaries(st.text(), VALUES | st.lists(VALUES), max_size=4)


@pytest.fixture(params=NAMES)
def path(request, tmp_path):
    return tmp_path / request.param


def rows_of(path):
    return list(read_jsonl(path))


# --- writing and reading back


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.lists(ROWS, max_size=4), more=st.lists(ROWS, max_size=3))
def test_written_and_appended_rows_come_back_in_order(path, first, more):
    assert write_jsonl(path, first) == len(first)
    for row in more:
        append_jsonl(path, row)
    assert rows_of(path) == first + more


def test_other_programs_read_the_files(path):
    write_jsonl(path, [{"id": 1, "text": "schön\u2028\n"}])
    append_jsonl(path, {"id": 2})
    append_jsonl(path, {"id": 3})
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    assert [json.loads(line)["id"] for line in content.split(b"\n")[:-1]] == [1, 2, 3]


def test_same_rows_same_bytes(path):
    rows = [{"id": index, "x": np.float32(index)} for index in range(5)]
    write_jsonl(path, rows)
    first = path.read_bytes()
    write_jsonl(path, rows)
    assert path.read_bytes() == first


def test_gzip_is_recognised_by_content_not_by_name(tmp_path):
    path = tmp_path / "misnamed.jsonl"
    path.write_bytes(gzip.compress(b'{"id": 1}\n'))
    append_jsonl(path, {"id": 2})
    assert completed_ids(path) == {1, 2}
    assert gzip.decompress(path.read_bytes()).count(b"\n") == 2


def test_a_row_that_cannot_be_written_changes_nothing(path):
    write_jsonl(path, [{"id": 1}])
    before = path.read_bytes()
    with pytest.raises(TypeError, match="row 2 for"):
        write_jsonl(path, [{"id": 1}, {"id": object()}])
    with pytest.raises(ValueError, match=r"row for .* has no JSON form"):
        append_jsonl(path, {"id": float("nan")})
    with pytest.raises(TypeError, match="must be a mapping, got list"):
        append_jsonl(path, [1, 2])
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_folders_are_made(tmp_path):
    append_jsonl(tmp_path / "a" / "b" / "rows.jsonl", {"id": 1})
    assert completed_ids(tmp_path / "a" / "b" / "rows.jsonl") == {1}


# --- reading what others wrote


def test_blank_lines_and_a_byte_order_mark_are_passed_over(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": 1}\r\n\n  \n{"id": 2}')
    assert rows_of(path) == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"id": 1,}\n', "not a line of JSON"),
        (b'{"id": 2\n', "not a line of JSON"),
        (b"[1, 2]\n", "expected a JSON object, got list"),
        (b'"text"', "expected a JSON object, got str"),
        (b'{"id": "\xff"}\n', "utf-8"),
        (b"# a comment", "not a line of JSON"),
    ],
)
@pytest.mark.parametrize("compress", [False, True])
def test_errors_name_the_file_and_the_line(tmp_path, line, message, compress):
    path = tmp_path / "rows.jsonl"
    content = b'{"id": 0}\n\n' + line
    path.write_bytes(gzip.compress(content) if compress else content)
    with pytest.raises(ValueError, match=rf"rows\.jsonl:3: .*{message}"):
        rows_of(path)


def test_damaged_gzip_is_an_error_with_a_line(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    content = bytearray(gzip.compress(b'{"id": 1}\n' * 3))
    content[-6] ^= 1  # the checksum
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"rows\.jsonl\.gz:\d+: damaged gzip data"):
        rows_of(path)
    with pytest.raises(ValueError, match="damaged gzip data"):
        append_jsonl(path, {"id": 4})


def test_numbers_only_python_writes_are_read(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"low": -Infinity, "high": Infinity}\n')
    assert rows_of(tmp_path / "rows.jsonl") == [{"low": -math.inf, "high": math.inf}]


def test_a_missing_file_is_an_error_but_has_no_completed_ids(tmp_path):
    with pytest.raises(FileNotFoundError):
        rows_of(tmp_path / "none.jsonl")
    assert completed_ids(tmp_path / "none.jsonl") == set()


def test_completed_ids(path):
    write_jsonl(path, [{"id": "a", "n": 1}, {"id": "b", "n": 1}, {"id": "a", "n": 2}])
    assert completed_ids(path) == {"a", "b"}
    assert completed_ids(path, key="n") == {1, 2}
    with pytest.raises(ValueError, match=r":1: no 'name' in this row, only 'id', 'n'"):
        completed_ids(path, key="name")
    append_jsonl(path, {"id": ["a"]})
    with pytest.raises(ValueError, match=r":4: 'id' must be a string or a number"):
        completed_ids(path)


# --- torn rows


def test_cut_at_any_byte_no_committed_row_is_lost(path, caplog):
    """Wherever the last append was cut, the rows before are read, and the next append repairs the file."""
    rows = [{"id": 0, "text": "ä" * 5}, {"id": 1, "nested": {"a": [1, {"b": "}"}]}}]
    for row in rows:
        append_jsonl(path, row)
    committed = path.stat().st_size
    append_jsonl(path, {"id": 2, "text": 'brace } and "quote"\n'})
    whole = path.read_bytes()
    for cut in range(committed, len(whole)):
        path.write_bytes(whole[:cut])
        seen = rows_of(path)
        assert seen[:2] == rows
        assert len(seen) in (2, 3)
        append_jsonl(path, {"id": 3})
        # What a reader has seen as done stays done.
        assert rows_of(path) == [*seen, {"id": 3}]
    assert "torn last row" in caplog.text


def test_a_first_row_cut_at_any_byte_leaves_a_file_to_append_to(path):
    append_jsonl(path, {"id": 1})
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        seen = rows_of(path)
        assert seen in ([], [{"id": 1}])
        append_jsonl(path, {"id": 2})
        assert rows_of(path) == [*seen, {"id": 2}]


def test_cut_gzip_of_another_program_keeps_its_whole_lines(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    rows = [{"id": index, "noise": os.urandom(8).hex()} for index in range(200)]
    whole = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    for cut in range(40, len(whole) - 1, 311):
        path.write_bytes(whole[:cut])
        seen = rows_of(path)
        assert seen == rows[: len(seen)]
        append_jsonl(path, {"id": "new"})
        assert rows_of(path) == [*seen, {"id": "new"}]
        assert gzip.decompress(path.read_bytes()).count(b"\n") == len(seen) + 1


def test_a_whole_last_row_without_newline_is_kept(tmp_path):
    for name, packed in (("a.jsonl", lambda content: content), ("a.jsonl.gz", gzip.compress)):
        path = tmp_path / name
        path.write_bytes(packed(b'{"id": 1}\n{"id": 2}'))
        append_jsonl(path, {"id": 3})
        assert rows_of(path) == [{"id": 1}, {"id": 2}, {"id": 3}]


def test_zeros_left_by_a_power_failure_are_removed(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"id": 1}\n' + bytes(100))
    assert rows_of(path) == [{"id": 1}]
    append_jsonl(path, {"id": 2})
    assert path.read_bytes() == b'{"id": 1}\n{"id": 2}\n'


def test_appending_to_something_else_is_refused_and_harmless(tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("milk\nbread")
    with pytest.raises(ValueError, match="no JSON Lines file: it ends with b'bread'"):
        append_jsonl(notes, {"id": 1})
    assert notes.read_text() == "milk\nbread"
    packed = tmp_path / "whole.gz"
    packed.write_bytes(gzip.compress(b'{"id": 1}\n{"id": '))
    before = packed.read_bytes()
    with pytest.raises(ValueError, match="last row is torn, but its gzip data is whole"):
        append_jsonl(packed, {"id": 2})
    assert packed.read_bytes() == before


def test_padding_between_gzip_members_is_allowed(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id": 1}\n') + bytes(512) + gzip.compress(b'{"id": 2}\n') + bytes(512))
    assert completed_ids(path) == {1, 2}
    append_jsonl(path, {"id": 3})
    assert completed_ids(path) == {1, 2, 3}


def test_a_row_larger_than_any_block_is_found_and_removed_when_torn(tmp_path):
    path = tmp_path / "rows.jsonl"
    append_jsonl(path, {"id": 1})
    with path.open("ab") as file:
        file.write(b'{"text": "' + b"x" * 300_000)
    append_jsonl(path, {"id": 2})
    assert rows_of(path) == [{"id": 1}, {"id": 2}]


def test_a_full_disk_leaves_the_file_as_it_was(path, monkeypatch):
    append_jsonl(path, {"id": 1})
    before = path.read_bytes()

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space left"):
            append_jsonl(path, {"id": 2})
    assert path.read_bytes() == before
    append_jsonl(path, {"id": 3})
    assert completed_ids(path) == {1, 3}


# --- killed writers and writers side by side


WRITER = """
import sys
from tenfold_core.datasets import append_jsonl
path, size = sys.argv[1], int(sys.argv[2])
for index in range(int(sys.argv[3]), 10**9):
    append_jsonl(path, {"id": index, "text": "x" * size})
    print(index, flush=True)
"""


def killed_writer(path, size, start, pause):
    """Let a process append rows, kill it at some moment, and return the last row it reported as written."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, path, str(size), str(start)], stdout=subprocess.PIPE)
    assert select.select([process.stdout], [], [], 60)[0], "the writer wrote nothing"
    time.sleep(pause)
    process.send_signal(signal.SIGKILL)
    reported, _ = process.communicate()
    return int(reported.split()[-1])


@pytest.mark.parametrize(("name", "size"), [("rows.jsonl", 10), ("rows.jsonl", 3_000_000), ("rows.jsonl.gz", 20_000)])
def test_killed_mid_write_nothing_committed_is_lost(tmp_path, name, size):
    path = tmp_path / name
    start = 0
    for pause in (0.0, 0.011, 0.037):
        last = killed_writer(path, size, start, pause)
        ids = [row["id"] for row in read_jsonl(path)]
        assert ids == list(range(len(ids)))
        assert len(ids) > last, "a row that was reported as written is gone"
        start = len(ids)
        assert completed_ids(path) == set(range(start))
    append_jsonl(path, {"id": start})
    assert [row["id"] for row in read_jsonl(path)] == list(range(start + 1))


def test_a_row_follows_the_file_that_took_the_place_of_the_one_it_waited_for(tmp_path):
    path = tmp_path / "rows.jsonl"
    append_jsonl(path, {"id": "old"})
    waiting = threading.Thread(target=append_jsonl, args=(path, {"id": "late"}))
    with path.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting.start()
        time.sleep(0.2)  # long enough to have opened the old file; the test only proves less if it is not
        write_jsonl(path, [{"id": "new"}])
    waiting.join()
    assert [row["id"] for row in read_jsonl(path)] == ["new", "late"]


CROWD = """
import sys
from tenfold_core.datasets import append_jsonl
path, name = sys.argv[1:]
for index in range(40):
    append_jsonl(path, {"id": f"{name}-{index}", "text": name * 3000})
"""


def test_several_processes_append_at_once(path, caplog):
    append_jsonl(path, {"id": "first"})
    with path.open("ab") as file:  # they also meet a torn end, which only one of them may remove
        file.write(zlib.compress(b'{"id": "torn"}\n', wbits=31)[:-9] if path.suffix == ".gz" else b'{"id": "to')
    crowd = [subprocess.Popen([sys.executable, "-c", CROWD, path, name]) for name in "abcd"]
    assert [process.wait(60) for process in crowd] == [0, 0, 0, 0]
    caplog.set_level(logging.WARNING)
    ids = [row["id"] for row in read_jsonl(path)]
    assert caplog.text == ""
    own = [identity for identity in ids if identity not in ("first", "torn")]
    assert len(own) == 160
    for name in "abcd":
        assert [identity for identity in own if identity[0] == name] == [f"{name}-{index}" for index in range(40)]
