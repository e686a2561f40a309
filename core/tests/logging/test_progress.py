import os
import pty
import re
import subprocess
import sys

import pytest

from tenfold_core.logging import Advance, progress, track

PROGRAM = """
import sys
from tenfold_core.logging import configure, get_logger, progress, track
configure(quiet={quiet})
for epoch in track(range(3), "epochs"):
    for batch in track((part for part in "abcd"), "[batches]"):
        print(f"result {{epoch}}{{batch}}")
    get_logger("program").warning("message %d", epoch)
with progress("units", total=10) as advance:
    advance()
    advance(9)
"""
RESULTS = "".join(f"result {epoch}{batch}\n" for epoch in range(3) for batch in "abcd")


def run_in_terminal(code, **variables):
    """What a program writes to stdout (a pipe), and what it shows on stderr (a terminal)."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "TENFOLD_QUIET"}
    environment |= {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"} | variables
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs, env=environment, text=True
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not block:
            break
        shown += block
    os.close(ours)
    out, _ = process.communicate()
    assert process.returncode == 0, shown.decode()
    return out, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def test_bars_appear_in_a_terminal_and_never_on_stdout():
    out, shown = run_in_terminal(PROGRAM.format(quiet=False))
    assert out == RESULTS
    assert re.search(r"epochs .*3/3", shown)
    assert "[batches]" in shown
    assert re.search(r"units .*10/10", shown)
    assert all(f"warning: message {epoch}" in shown for epoch in range(3))


@pytest.mark.parametrize(("quiet", "variables"), [(False, {"TENFOLD_QUIET": "1"}), (True, {})])
def test_bars_stay_away_when_unwanted(quiet, variables):
    out, shown = run_in_terminal(PROGRAM.format(quiet=quiet), **variables)
    assert out == RESULTS
    assert shown.split("\r\n")[:-1] == [f"warning: message {epoch}" for epoch in range(3)]


def test_nothing_is_shown_where_stderr_is_no_terminal(capfd):
    assert list(track([1, 2, 3], "numbers")) == [1, 2, 3]
    with progress("numbers", total=3) as advance:
        advance()
        advance(2)
    assert capfd.readouterr() == ("", "")


def test_an_error_inside_leaves_the_terminal_usable():
    code = """
from tenfold_core.logging import progress, track
def fail():
    with progress("outer"), progress("inner"):
        raise RuntimeError("boom")
try:
    fail()
except RuntimeError:
    pass
for item in track(range(5), "left early"):
    break
assert list(track("abc", "again")) == ["a", "b", "c"]
"""
    _, shown = run_in_terminal(code)
    assert re.search(r"again .*3/3", shown)
    assert "Traceback" not in shown


def test_iteration_is_lazy_and_sizes_are_not_needed():
    taken = []

    def numbers():
        for number in range(3):
            taken.append(number)
            yield number

    tracked = track(numbers(), "numbers", total=3)
    assert taken == []
    assert next(tracked) == 0
    assert taken == [0]


def test_advance_takes_fractions():
    with progress("units") as advance:
        checked: Advance = advance
        checked(0.5)
        checked(n=2)
