"""Which of two functions is faster, on a machine that is never quiet."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tenfold_core.metrics.intervals import bootstrap_ci

_CLOCKS: dict[str, Callable[[], float]] = {"process": time.process_time, "wall": time.perf_counter}


@dataclass(frozen=True)
class Comparison:
    """The outcome of `paired_benchmark`.

    Attributes:
        ratio: median over rounds of time(a) / time(b); above 1, b is the faster.
        low, high: 95 % bootstrap interval of that median.
        a, b: median time of each, in seconds.
        rounds: how many pairs were timed.
    """

    ratio: float
    low: float
    high: float
    a: float
    b: float
    rounds: int


def paired_benchmark(
    a: Callable[[], Any],
    b: Callable[[], Any],
    *,
    rounds: int = 20,
    warmup: int = 2,
    clock: Literal["process", "wall"] | Callable[[], float] = "process",
    seed: int = 0,
) -> Comparison:
    """Time two functions in turn and compare them round by round.

    Both run once in every round, a b in one and b a in the next, so that neither has the cooler processor or the
    warmer cache; each round gives one ratio, in which a disturbance that lasts longer than a round cancels.  Garbage
    collection is off while the clock runs.

    Args:
        a, b: called without arguments.  For work on an accelerator they must wait for it to finish.
        rounds: pairs to time, at least 2.
        warmup: pairs to run before, at least 0.
        clock: "process" for the processor time of all threads of this process, which other processes hardly disturb;
            "wall" for elapsed time, needed where an accelerator, a child process or a network does the work; or a
            function that returns seconds.
        seed: for the bootstrap of the interval.

    Raises:
        ValueError: `rounds`, `warmup` or `clock` out of range, or a function too quick for the clock.

    Example:
        >>> ticks = iter(range(100))
        >>> paired_benchmark(lambda: next(ticks), lambda: None, rounds=4, warmup=0, clock=lambda: next(ticks)).ratio
        2.0
    """
    if rounds < 2:
        raise ValueError(f"rounds must be at least 2, got {rounds}")
    if warmup < 0:
        raise ValueError(f"warmup must be at least 0, got {warmup}")
    if callable(clock):
        now = clock
    elif clock in _CLOCKS:
        now = _CLOCKS[clock]
    else:
        raise ValueError(f"clock must be 'process', 'wall' or a function, got {clock!r}")
    for _ in range(warmup):
        a()
        b()
    times = np.empty((rounds, 2))
    for index in range(rounds):
        for column in (0, 1) if index % 2 == 0 else (1, 0):
            times[index, column] = _elapsed((a, b)[column], now)
    if times.min() <= 0:
        name = "ab"[int(times.min(axis=0).argmin())]
        raise ValueError(f"{name} is too quick for the clock: repeat its work within one call")
    interval = bootstrap_ci(times[:, 0] / times[:, 1], np.median, seed=seed)
    median_a, median_b = np.median(times, axis=0)
    return Comparison(interval.estimate, interval.low, interval.high, float(median_a), float(median_b), rounds)


def _elapsed(function: Callable[[], Any], now: Callable[[], float]) -> float:
    enabled = gc.isenabled()
    gc.disable()
    try:
        start = now()
        function()
        return now() - start
    finally:
        if enabled:
            gc.enable()
