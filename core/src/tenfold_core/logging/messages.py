"""What a library says: quiet unless the program that uses it asks."""

import logging
import sys

from tenfold_core.logging.progress import show_bars

_families: set[str] = set()
"""Top-level names handed out by get_logger: what `configure` calls ours."""
_level: int | None = None
"""Level of our loggers, once `configure` has chosen one."""


def get_logger(name: str) -> logging.Logger:
    """The logger of a library module; call it with `__name__`.

    It prints nothing until the program configures logging, through `configure` or in its own way.
    """
    family = name.partition(".")[0]
    _families.add(family)
    top = logging.getLogger(family)
    if not any(isinstance(handler, logging.NullHandler) for handler in top.handlers):
        top.addHandler(logging.NullHandler())
    if _level is not None:
        top.setLevel(_level)
    return logging.getLogger(name)


def configure(*, quiet: bool = False, debug: bool = False) -> None:
    """Send messages to stderr.  For programs, called once; calling again replaces the earlier choice.

    Loggers from `get_logger` speak from INFO on; other libraries from WARNING on.

    Args:
        quiet: only warnings and errors, and no progress bars.
        debug: everything our loggers say, each line with its time and origin.  Wins over `quiet`, except for bars.
    """
    global _level
    _level = logging.DEBUG if debug else logging.WARNING if quiet else logging.INFO
    for family in _families | {"tenfold_core"}:
        logging.getLogger(family).setLevel(_level)
    show_bars(not quiet)
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _StderrHandler)]:
        root.removeHandler(handler)
    handler = _StderrHandler()
    handler.setFormatter(_Debug() if debug else _Plain())
    root.addHandler(handler)


class _StderrHandler(logging.Handler):
    """Writes to what `sys.stderr` is at that moment: a progress bar or a test may have put something in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if sys.stderr is not None:
                sys.stderr.write(self.format(record) + "\n")
                sys.stderr.flush()
        except Exception:
            self.handleError(record)


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.levelno < logging.WARNING else f"{record.levelname.lower()}: {text}"


class _Debug(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
