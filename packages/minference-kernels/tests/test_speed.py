"""The speed comparison: that it times what it says. No ratio is asserted; those depend on the machine."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from minference_kernels import speed
from minference_kernels.native import backend


def test_quick_run_is_complete() -> None:
    threads = torch.get_num_threads()
    result = speed.run([256, 512], quick=True, head_dim=32, rounds=2)
    assert torch.get_num_threads() == threads
    contenders = ["torch float32", "dense path"]
    if backend.available()[0]:
        contenders = ["native float32", "native bfloat16", *contenders]
    for length in (256, 512):
        found = {r["contender"]: r for r in result["records"] if r["length"] == length}
        assert set(contenders) <= set(found)
        for name, record in found.items():
            assert record["low"] <= record["ratio"] <= record["high"]
            assert record["flop_share"] == pytest.approx(record["ratio"] / record["flop_ratio"])
            assert record["error"] < (5e-2 if "bfloat16" in name else 3e-5)
        for name in found:
            if name.startswith("native"):
                # no time can be negative, so adding the index cannot make anything faster
                assert found[name]["ratio_with_index_topk"] <= found[name]["high"]
    assert result["plot"]["lengths"] == [256, 512]
    assert all(len(series) == 2 for series in result["plot"]["series"].values())
    assert result["command"].startswith("minference-kernels speed --length 256 --length 512")
    text = speed.table(result)
    assert all(str(cell) in text for row in result["table"]["rows"] for cell in row)


def test_every_function_runs_in_every_round_in_a_changing_order() -> None:
    ticks = itertools.count()
    order: list[str] = []
    functions = {name: (lambda name=name: order.append(name)) for name in "abc"}
    seconds = speed.interleaved(functions, rounds=6, seed=0, clock=lambda: float(next(ticks)))
    assert np.array_equal(seconds, np.ones((6, 3)))
    rounds = ["".join(order[2 + 3 * i : 5 + 3 * i]) for i in range(6)]  # two warm-up calls come before
    assert all(sorted(r) == ["a", "b", "c"] for r in rounds)
    assert len(set(rounds)) > 1


def test_the_timed_index_has_the_documented_shape_and_area() -> None:
    """The areas at which the speed targets are stated: at most .105 at 32K and .06 at 64K."""
    for length, limit in ((32768, 0.105), (65536, 0.06)):
        columns = np.sort(np.random.default_rng(0).choice(length, 1000, replace=False))
        index = speed.speed_index(length, columns.tolist())
        assert len(index.columns[0][0]) == 1000
        assert len(index.runs[0][0]) == 10
        assert 0.8 * limit < float(index.computed_area()) <= limit


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lengths": [64]}, "at least 128, got 64"),
        ({"dtype": "int8"}, "float32, bfloat16, float16, got 'int8'"),
        ({"rounds": 1}, "rounds must be at least 2, got 1"),
    ],
)
def test_bad_values(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        speed.run(**options)  # type: ignore[arg-type]
