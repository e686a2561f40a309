"""Timing beside the peer: sparse attention and torch's dense SDPA, same tensors, one thread, one process, interleaved.

The index is fixed in shape, so that the numbers do not move with a selection rule: 1000 columns, 512 local offsets and
nine bands of 48 offsets (scaled down below 8K). What choosing an index costs is timed apart, with the two selections
of `VerticalSlash` at the same budget, and added where a ratio says "with index". Processor time is measured, which
other processes on the machine hardly disturb; read the ratios.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from minference_kernels.area import computed_cells
from minference_kernels.attention import sparse_attention
from minference_kernels.backends.registry import get_backend
from minference_kernels.dense import dense_index
from minference_kernels.estimators.registry import estimate
from minference_kernels.heads import causal_cells
from minference_kernels.index import SparseIndex
from minference_kernels.native import binding
from minference_kernels.patterns import VerticalSlash
from minference_kernels.planted import column_head
from minference_kernels.rows import row_tasks
from tenfold_core.logging import environment, progress
from tenfold_core.metrics import bootstrap_ci

LENGTHS = (8192, 16384, 32768, 65536)
QUICK_LENGTHS = (1024, 2048)
DTYPES = ("float32", "bfloat16", "float16")
_COLUMNS, _LOCAL, _BANDS, _BAND_WIDTH = 1000, 512, 9, 48
_SLOW_LENGTH = 16384  # contenders no faster than dense attention are timed up to here

_SELECTIONS = ("topk", "cost_aware")


@dataclass(frozen=True)
class _Contender:
    """A way to compute attention of q, k, v under an index, to be timed."""

    attend: Callable[..., Any]
    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    index: SparseIndex

    def __call__(self) -> torch.Tensor:
        out = self.attend(self.q, self.k, self.v, self.index)
        return out if isinstance(out, torch.Tensor) else out[0]


def run(
    lengths: Sequence[int] | None = None,
    *,
    head_dim: int = 128,
    quick: bool = False,
    seed: int = 0,
    dtype: str | None = None,
    rounds: int | None = None,
) -> dict[str, Any]:
    """Time one head of Vertical-Slash attention against `scaled_dot_product_attention` in float32 on the CPU.

    Args:
        lengths: tokens; default 8K to 64K (about two minutes), or 1K and 2K with `quick` (seconds).
        head_dim: 1 to 256.
        quick: short lengths and three rounds, to see that everything runs; its ratios say little.
        seed: of the tensors, the order within rounds and the intervals.
        dtype: time the native kernel in this type only; default float32 and bfloat16. The peer is always float32: on
            a CPU it gains nothing from less.
        rounds: interleaved repetitions, at least 2; default by length, 3 at 64K.

    Returns:
        ``records``, one per length and contender: ``length``, ``contender`` ("native float32", ..., "torch float32",
        "dense path"), ``ratio`` (peer's time / this time, median over rounds) with ``low`` and ``high`` (95 %),
        ``seconds`` and ``peer_seconds``, ``area`` (tile-rounded, over the causal half) and ``flop_ratio`` = 1 / area,
        ``flop_share`` = ratio / flop_ratio, ``listed_share`` (the same against the keys actually computed, without
        rounding to tiles), ``error`` (largest against float64 under the same mask, on sampled rows), and for the native
        kernel ``index_share`` (time of `estimate` / time of the kernel) and ``ratio_with_index`` for both selections.
        ``table`` (columns, rows, caption), ``plot`` (lengths, flop_ratio, and a ratio series per contender),
        ``command``, ``environment``, ``instruction_sets``.

    Raises:
        ValueError: a length below 128, or unknown dtype, or fewer than 2 rounds.
    """
    lengths = tuple(lengths or (QUICK_LENGTHS if quick else LENGTHS))
    if min(lengths) < 128:
        raise ValueError(f"lengths must be at least 128, got {min(lengths)}")
    if dtype is not None and dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    if rounds is not None and rounds < 2:
        raise ValueError(f"rounds must be at least 2, got {rounds}")
    dtypes = (dtype,) if dtype else ("float32", "bfloat16")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        records: list[dict[str, Any]] = []
        with torch.no_grad(), progress("timing", total=len(lengths)) as advance:
            for length in lengths:
                count = rounds or (3 if quick or length > 40_000 else 5)
                records += _time_length(length, head_dim, dtypes, count, seed)
                advance()
    finally:
        torch.set_num_threads(threads)
    usable, how = get_backend("native").available()
    options = "".join(f" --length {n}" for n in lengths) + (f" --dtype {dtype}" if dtype else "")
    options += f" --rounds {rounds}" if rounds else ""
    return {
        "command": f"minference-kernels speed{options} --seed {seed}",
        "package": "minference-kernels",
        "environment": environment(),
        "native": how,
        "instruction_sets": list(binding.library().instruction_sets) if usable else [],
        "seed": seed,
        "head_dim": head_dim,
        "records": records,
        "table": _table(records),
        "plot": _plot(records),
    }


def table(result: dict[str, Any]) -> str:
    """The result as plain text, for a terminal."""
    rows = [result["table"]["columns"], *result["table"]["rows"]]
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(str(cell).rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([*lines, result["table"]["caption"]])


def interleaved(
    functions: dict[str, Callable[[], Any]],
    rounds: int,
    seed: int,
    clock: Callable[[], float] = time.process_time,
) -> np.ndarray:
    """Seconds [rounds, functions] of each function, all of them once a round in an order that changes every round.

    Each runs once before, without the clock, except the first (the peer, which is slow and needs no building).
    """
    calls = list(functions.values())
    for call in calls[1:]:
        call()
    generator = np.random.default_rng(seed)
    seconds = np.empty((rounds, len(calls)))
    gc.collect()
    gc.disable()
    try:
        for row in seconds:
            for column in generator.permutation(len(calls)):
                start = clock()
                calls[column]()
                row[column] = clock() - start
    finally:
        gc.enable()
    return seconds


def speed_index(length: int, columns: Sequence[int]) -> SparseIndex:
    """The index that is timed: `columns`, the local offsets, and bands at equal steps over the length."""
    scale = min(1.0, length / LENGTHS[0])
    local, width = max(1, int(_LOCAL * scale)), max(1, int(_BAND_WIDTH * scale))
    starts = [length * (i + 1) // (_BANDS + 1) for i in range(_BANDS)]
    offsets = sorted({*range(local), *(o for start in starts for o in range(start, start + width) if o < length)})
    return SparseIndex.from_columns_offsets(list(columns), offsets, length, length)


def _time_length(length: int, head_dim: int, dtypes: Sequence[str], rounds: int, seed: int) -> list[dict[str, Any]]:
    scale = head_dim**-0.5
    budget = max(8, int(_COLUMNS * min(1.0, length / LENGTHS[0])))
    planted = column_head(length, count=budget, head_dim=head_dim, seed=seed)
    q, k, v = planted.q, planted.k, planted.v
    index = speed_index(length, planted.columns)
    contenders = _contenders(q, k, v, index, dtypes, scale)
    functions: dict[str, Callable[[], Any]] = {
        "sdpa": partial(F.scaled_dot_product_attention, q, k, v, is_causal=True),
        **{s: partial(estimate, q, k, VerticalSlash(budget, budget, selection=s)) for s in _SELECTIONS},
        **contenders,
    }
    times = dict(zip(functions, interleaved(functions, rounds, seed).T, strict=True))
    cells = causal_cells(length, length)
    records = []
    for name, contender in contenders.items():
        area = 1.0 if name == "dense path" else computed_cells(index.head()) / cells
        ratio = bootstrap_ci(times["sdpa"] / times[name], np.median, seed=seed)
        record = {
            "length": length,
            "contender": name,
            "ratio": ratio.estimate,
            "low": ratio.low,
            "high": ratio.high,
            "rounds": rounds,
            "seconds": float(np.median(times[name])),
            "peer_seconds": float(np.median(times["sdpa"])),
            "area": area,
            "flop_ratio": 1 / area,
            "flop_share": ratio.estimate * area,
            "error": _sampled_error(contender, scale),
        }
        if name.startswith("native"):
            record["listed_share"] = ratio.estimate * _listed_cells(index) / cells
            for s in _SELECTIONS:
                record[f"index_seconds_{s}"] = float(np.median(times[s]))
                record[f"index_share_{s}"] = float(np.median(times[s] / times[name]))
                record[f"ratio_with_index_{s}"] = float(np.median(times["sdpa"] / (times[s] + times[name])))
        records.append(record)
    return records


def _contenders(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, index: SparseIndex, dtypes: Sequence[str], scale: float
) -> dict[str, _Contender]:
    length = q.shape[2]
    found: dict[str, _Contender] = {}
    if get_backend("native").available()[0]:
        for dtype in dtypes:
            kind = getattr(torch, dtype)
            found[f"native {dtype}"] = _Contender(_through("native", scale), q.to(kind), k.to(kind), v.to(kind), index)
        if binding.library().instruction_sets[0].startswith("avx512"):
            found["native float32 avx2"] = _Contender(partial(binding.attend, scale=scale, isa="avx2"), q, k, v, index)
    if length <= 2 * _SLOW_LENGTH:
        found["torch float32"] = _Contender(_through("torch", scale), q, k, v, index)
    if length <= _SLOW_LENGTH:
        found["dense path"] = _Contender(_through("auto", scale), q, k, v, dense_index(1, 1, length, length))
    return found


def _through(backend: str, scale: float) -> Callable[..., Any]:
    return partial(sparse_attention, scale=scale, backend=backend)


def _listed_cells(index: SparseIndex) -> int:
    """Rows times the keys dealt to them, as the native kernel computes it: no rounding to tiles."""
    tasks = list(row_tasks(index.head()))
    return sum((t.row_end - t.row_start) * (len(t.columns) + int(np.diff(t.ranges).sum())) for t in tasks)


def _sampled_error(contender: _Contender, scale: float) -> float:
    """Largest difference from float64 attention under the index's mask, over nine row blocks from first to last."""
    out, head, worst = contender()[0, 0], contender.index.head(), 0.0
    q, k, v = contender.q[0, 0], contender.k[0, 0], contender.v[0, 0]
    tasks = list(row_tasks(head))
    for task in (tasks[i] for i in np.linspace(0, len(tasks) - 1, 9).astype(int)):
        keys, rows = task.keys(), slice(task.row_start, task.row_end)
        mask = task.visible(head.shift + np.arange(task.row_start, task.row_end), keys)
        logits = (q[rows].double() @ k[keys].double().T) * scale
        weights = logits.masked_fill(~torch.from_numpy(mask), -torch.inf).softmax(-1)
        worst = max(worst, float((out[rows].double() - weights @ v[keys].double()).abs().max()))
    return worst


def _table(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    rows = []
    for r in records:
        indexed = "ratio_with_index_topk" in r
        share = " / ".join(f"{r[f'index_share_{s}']:.1%}" for s in _SELECTIONS) if indexed else ""
        rows.append(
            [
                f"{r['length']:,}",
                r["contender"],
                f"{r['area']:.3f}",
                f"{r['flop_ratio']:.1f}x",
                f"{r['ratio']:.2f}x [{r['low']:.2f}, {r['high']:.2f}]",
                f"{r['flop_share']:.0%}",
                f"{r['listed_share']:.0%}" if "listed_share" in r else "",
                f"{r['ratio_with_index_topk']:.2f}x" if indexed else "",
                share,
                f"{r['error']:.0e}",
            ]
        )
    return {
        "columns": [
            "tokens",
            "contender",
            "area",
            "FLOP ratio",
            "times faster than SDPA",
            "share of FLOP ratio",
            "of keys computed",
            "with index (topk)",
            "index / kernel (topk / cost_aware)",
            "error",
        ],
        "rows": rows,
        "caption": "One head, one thread, processor time, interleaved with torch's SDPA in float32; median [95 % "
        "interval]. Area and FLOP ratio count 64 x 64 tiles; the native kernel packs keys and computes fewer cells, "
        "hence the second share. Error: largest difference from float64 attention under the same mask.",
    }


def _plot(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Series for a plot of ratio over length; a contender that was not timed at a length has None there."""
    lengths = sorted({r["length"] for r in records})
    sparse = [r for r in records if r["contender"] != "dense path"]
    found = {(r["contender"], r["length"]): r for r in sparse}
    series = {
        name: [found[name, n]["ratio"] if (name, n) in found else None for n in lengths]
        for name in dict.fromkeys(r["contender"] for r in sparse)
    }
    ratios = {r["length"]: r["flop_ratio"] for r in sparse}
    return {"lengths": lengths, "flop_ratio": [ratios[n] for n in lengths], "series": series}
