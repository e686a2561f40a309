import gc

import pytest

from tenfold_core.metrics import Comparison, paired_benchmark


class Machine:
    """A clock that only moves when a function works, and a record of who worked when."""

    def __init__(self, *, noise=()):
        self.now = 0.0
        self.calls = []
        self.noise = dict(noise)

    def clock(self):
        return self.now

    def work(self, name, seconds):
        def function():
            self.calls.append(name)
            self.now += seconds * self.noise.get(len(self.calls), 1.0)

        return function


def test_ratio_and_times_are_those_of_the_functions():
    machine = Machine()
    found = paired_benchmark(machine.work("a", 3.0), machine.work("b", 2.0), rounds=6, clock=machine.clock)
    assert found == Comparison(ratio=1.5, low=1.5, high=1.5, a=3.0, b=2.0, rounds=6)


def test_functions_take_turns_and_so_does_who_is_first():
    machine = Machine()
    paired_benchmark(machine.work("a", 1.0), machine.work("b", 1.0), rounds=4, warmup=2, clock=machine.clock)
    assert "".join(machine.calls) == "abab" + "abbaabba"


def test_a_disturbance_of_one_round_does_not_move_the_ratio():
    # Calls 9 and 10 are a whole round at a tenth of the speed, call 13 hits one function alone.
    machine = Machine(noise={9: 10.0, 10: 10.0, 13: 50.0})
    found = paired_benchmark(machine.work("a", 4.0), machine.work("b", 1.0), rounds=10, warmup=0, clock=machine.clock)
    assert found.ratio == 4.0
    assert (found.a, found.b) == (4.0, 1.0)


def test_the_interval_shows_the_spread_between_rounds():
    machine = Machine(noise={index: 1.0 + (index * 7 % 5) / 10 for index in range(1, 200)})
    found = paired_benchmark(machine.work("a", 2.0), machine.work("b", 1.0), rounds=40, clock=machine.clock)
    assert found.low < found.ratio < found.high
    machine.calls.clear()
    again = paired_benchmark(machine.work("a", 2.0), machine.work("b", 1.0), rounds=40, clock=machine.clock)
    assert again.ratio == pytest.approx(found.ratio)
    assert (again.low, again.high) == pytest.approx((found.low, found.high))


@pytest.mark.parametrize("clock", ["process", "wall"])
def test_real_clocks_run(clock):
    found = paired_benchmark(lambda: sum(range(3000)), lambda: sum(range(3000)), rounds=3, clock=clock)
    assert found.low <= found.ratio <= found.high
    assert min(found.a, found.b) > 0


def test_garbage_collection_is_off_while_the_clock_runs_and_restored():
    states = []
    clock = Machine()
    work = clock.work("a", 1.0)

    def observed():
        states.append(gc.isenabled())
        work()

    paired_benchmark(observed, work, rounds=2, warmup=1, clock=clock.clock)
    assert states == [True, False, False]
    assert gc.isenabled()

    def fail():
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        paired_benchmark(fail, work, warmup=0, clock=clock.clock)
    assert gc.isenabled()


def test_too_quick_for_the_clock():
    machine = Machine()
    with pytest.raises(ValueError, match="b is too quick for the clock"):
        paired_benchmark(machine.work("a", 1.0), machine.work("b", 0.0), clock=machine.clock)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rounds": 1}, "rounds must be at least 2, got 1"),
        ({"warmup": -1}, "warmup must be at least 0, got -1"),
        ({"clock": "cpu"}, "clock must be 'process', 'wall' or a function, got 'cpu'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        paired_benchmark(lambda: None, lambda: None, **options)
