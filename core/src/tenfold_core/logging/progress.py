"""Progress bars on stderr, only where a person looks at them."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")


class Advance(Protocol):
    """What `progress` hands out: call it when `n` more units are done."""

    def __call__(self, n: float = 1) -> None: ...


def track(iterable: Iterable[T], description: str, *, total: float | None = None) -> Iterator[T]:
    """Iterate with a progress bar on stderr.

    Nothing is shown where stderr is no terminal, with `TENFOLD_QUIET=1`, or after `configure(quiet=True)`; stdout is
    never touched.

    Args:
        iterable: what to go through.
        description: what is going on, in a word or two.
        total: number of items; taken from `len(iterable)` where there is one, otherwise the bar only pulses.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with progress(description, total=total) as advance:
        for item in iterable:
            yield item
            advance()


@contextlib.contextmanager
def progress(description: str, *, total: float | None = None) -> Iterator[Advance]:
    """A progress bar for work that is no plain loop; silent where `track` is.

    Bars inside bars share the screen; an inner one goes when it is done.

    Args:
        description: what is going on, in a word or two.
        total: units of work, or None if unknown.

    Example:
        >>> with progress("scoring", total=640) as advance:
        ...     for _ in range(10):
        ...         advance(64)
    """
    if not _shown():
        yield _nothing
        return
    bars = _display.enter()
    task = bars.add_task(description, total=total)

    def advance(n: float = 1) -> None:
        bars.advance(task, n)

    try:
        yield advance
    finally:
        if _display.leave() > 0:
            bars.remove_task(task)


_wanted = True


def show_bars(wanted: bool) -> None:
    """Switch all bars of this process on (where stderr is a terminal) or off."""
    global _wanted
    _wanted = wanted


def _shown() -> bool:
    if not _wanted or os.environ.get("TENFOLD_QUIET", "0") not in ("", "0"):
        return False
    # While a bar is live, rich stands in for sys.stderr, and before version 15 it said it was no terminal.
    return _display.live or (sys.stderr is not None and sys.stderr.isatty())


def _nothing(n: float = 1) -> None:
    return


class _Display:
    """The one live display of the process: two would overwrite each other's lines."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._bars: Progress | None = None

    @property
    def live(self) -> bool:
        return self._bars is not None

    def enter(self) -> "Progress":
        with self._lock:
            if self._bars is None:
                self._bars = _new_bars()
                self._bars.start()
            self._users += 1
            return self._bars

    def leave(self) -> int:
        """Returns how many bars are left."""
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._bars is not None:
                self._bars.stop()
                self._bars = None
            return self._users


def _new_bars() -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        redirect_stdout=False,  # results on stdout are not ours to touch
    )


_display = _Display()
