import logging
import subprocess
import sys

import pytest

from tenfold_core.logging import configure, get_logger


@pytest.fixture
def restored():
    """Leave the process's logging as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    configure()
    root.handlers[:] = handlers
    root.setLevel(level)


def said(code):
    """What a program says on stdout and stderr."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


PROGRAM = """
import logging
from tenfold_core.logging import configure, get_logger
early = get_logger("made_up.early")
{setup}
for logger in (early, get_logger("another.late"), logging.getLogger("foreign")):
    for level in ("debug", "info", "warning", "error"):
        getattr(logger, level)("%s from %s", level, logger.name)
"""


def test_a_library_is_silent_until_the_program_configures_it():
    out, err = said(PROGRAM.format(setup=""))
    assert out == ""
    assert err == "warning from foreign\nerror from foreign\n"  # Python's own last resort, for loggers not ours


def test_messages_go_to_stderr_from_info_on():
    out, err = said(PROGRAM.format(setup="configure()"))
    assert out == ""
    assert err.splitlines() == [
        "info from made_up.early",
        "warning: warning from made_up.early",
        "error: error from made_up.early",
        "info from another.late",
        "warning: warning from another.late",
        "error: error from another.late",
        "warning: warning from foreign",
        "error: error from foreign",
    ]


def test_quiet_leaves_warnings_and_errors():
    _, err = said(PROGRAM.format(setup="configure(); configure(quiet=True)"))
    assert [line.partition(":")[0] for line in err.splitlines()] == ["warning", "error"] * 3


def test_debug_shows_everything_of_ours_with_its_origin():
    _, err = said(PROGRAM.format(setup="configure(debug=True, quiet=True)"))
    lines = err.splitlines()
    assert len(lines) == 4 + 4 + 2
    assert lines[0].endswith(" DEBUG made_up.early: debug from made_up.early")
    assert not any("debug from foreign" in line or "info from foreign" in line for line in lines)


def test_get_logger_changes_nothing_but_the_family_s_null_handler(restored):
    root = logging.getLogger()
    before = list(root.handlers), root.level
    logger = get_logger("family.member")
    get_logger("family.other")
    assert logger is logging.getLogger("family.member")
    assert (list(root.handlers), root.level) == before
    assert [type(handler) for handler in logging.getLogger("family").handlers] == [logging.NullHandler]


def test_messages_follow_stderr_where_it_goes(restored, capsys):
    configure()
    get_logger("family").info("one line")
    configure()
    get_logger("family").info("another, once")
    assert capsys.readouterr().err == "one line\nanother, once\n"
