"""The embedded default, end to end: an exact retrieval model, sparse prefill, and what each pattern keeps of it.

Every claim stands beside a control: A-shape, block-only and a frozen index run at a similar or larger area and must
fail; a 64-row probe must miss questions that a 256-row probe finds.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch

from minference_kernels.attention import explain, pattern_attention, sparse_attention
from minference_kernels.config import MInferenceConfig
from minference_kernels.estimators.registry import estimate
from minference_kernels.evaluate import PairResult, evaluate_pairs, frozen_config
from minference_kernels.patterns import AShape, BlockSparse, Dense, Pattern, TriShape, VerticalSlash
from minference_kernels.pictures import pattern_figure, speed_figure
from minference_kernels.planted import block_topic_head, column_head, slash_head
from minference_kernels.recipes import load_recipe
from minference_kernels.retrieval import build_retrieval_llama, pair_prompt
from tenfold_core.logging import Figure, Run, Section, Table, report
from tenfold_core.metrics import paired_benchmark

PACKAGE = "minference-kernels"


def run(out_dir: Path, *, seed: int = 0, quick: bool = False) -> dict[str, Any]:
    """Run the demo into `out_dir` (result.json, report.html, manifest.json) and return its result."""
    recipe = load_recipe("demo")
    if quick:
        recipe["retrieval"] |= {key: recipe["quick"][key] for key in ("length", "prompts")}
        recipe["speed"] |= {key: recipe["quick"][key] for key in ("lengths", "rounds")}
    with Run(out_dir, arguments={"quick": quick}, seed=seed, device="cpu", overwrite=True) as run_:
        model = build_retrieval_llama(seed=seed)
        retrieval = retrieval_table(model, seed=seed, **recipe["retrieval"])
        probe = probe_table(model, seed=seed, **recipe["probe"])
        speed = speed_table(seed=seed, **recipe["speed"])
        headline = _headline(retrieval, probe, speed)
        results = {
            "retrieval": {name: result.to_dict() for name, result in retrieval.items()},
            "probe": {name: result.to_dict() for name, result in probe.items()},
            "speed": speed,
        }
        result = {"package": PACKAGE, "headline": headline, "results": results, "seed": seed, "quick": quick}
        run_.save_artifact("result.json", result)
        run_.save_artifact("report.html", _report(headline, recipe, retrieval, probe, speed))
    return result


def configurations(model: Any, length: int, seed: int) -> dict[str, MInferenceConfig]:
    """The patterns the demo compares, by name; the frozen index comes from a prompt of its own."""

    def uniform(pattern: Pattern) -> MInferenceConfig:
        return MInferenceConfig.uniform(pattern, min_seq_len=0, dense_below=0)

    other, _, _ = pair_prompt(length, seed=seed + 10_007, vocab_size=model.config.vocab_size)
    top = uniform(VerticalSlash(160, 100))
    return {
        "dense": uniform(Dense()),
        "Vertical-Slash, top-k (160, 100)": top,
        "Vertical-Slash, cost-aware (160, 100)": uniform(VerticalSlash(160, 100, selection="cost_aware")),
        "A-shape (128, 256)": uniform(AShape(128, 256)),
        "Block-Sparse (8)": uniform(BlockSparse(8)),
        "static: another prompt's index": frozen_config(model, other, top),
    }


def retrieval_table(model: Any, *, length: int, prompts: int, questions: int, seed: int) -> dict[str, PairResult]:
    """Questions answered under each pattern, on the same prompts."""
    vocabulary = model.config.vocab_size
    asked = [
        pair_prompt(length, questions=questions, seed=seed * 1009 + i, vocab_size=vocabulary) for i in range(prompts)
    ]
    return {name: evaluate_pairs(model, asked, config) for name, config in configurations(model, length, seed).items()}


def probe_table(
    model: Any, *, length: int, questions: int, span: int, vertical_size: int, slash_size: int, last_q: list[int],
    seed: int,
) -> dict[str, PairResult]:  # fmt: skip
    """Many questions over more rows than a short probe reads: same sizes, different probes."""
    prompt = pair_prompt(length, questions=questions, span=span, seed=seed, vocab_size=model.config.vocab_size)
    return {
        f"last_q={rows}": evaluate_pairs(
            model,
            [prompt],
            MInferenceConfig.uniform(VerticalSlash(vertical_size, slash_size, last_q=rows), min_seq_len=0),
        )
        for rows in last_q
    }


def speed_table(
    *, lengths: list[int], vertical_size: int, slash_size: int, rounds: int, seed: int, head_dim: int = 128
) -> dict[str, Any]:
    """One planted slash head per length, sparse against torch SDPA: processor time, interleaved."""
    pattern = VerticalSlash(vertical_size, slash_size, selection="cost_aware")
    rows = []
    for length in lengths:
        head = slash_head(length, seed=seed, head_dim=head_dim)
        q, k, v = head.q, head.k, head.v
        index = estimate(q, k, pattern)

        dense = partial(torch.nn.functional.scaled_dot_product_attention, q, k, v, is_causal=True)
        kernel = paired_benchmark(partial(sparse_attention, q, k, v, index), dense, rounds=rounds, warmup=1)
        whole = paired_benchmark(partial(pattern_attention, q, k, v, pattern), dense, rounds=rounds, warmup=1)
        area = float(index.computed_area())
        rows.append({
            "length": length, "area": area, "flop_ratio": 1 / area, "kernel_speedup": 1 / kernel.ratio,
            "speedup_with_index": 1 / whole.ratio, "dense_seconds": kernel.b, "kernel_seconds": kernel.a,
        })  # fmt: skip
    return {
        "backend": explain(q, k, v).chosen,
        "clock": "process",
        "pattern": f"Vertical-Slash, cost-aware ({vertical_size}, {slash_size})",
        "rows": rows,
    }


def _headline(retrieval: dict[str, PairResult], probe: dict[str, PairResult], speed: dict[str, Any]) -> str:
    dense, top, aware, a_shape, block, static = retrieval.values()
    short, wide = probe.values()
    last = speed["rows"][-1]
    return (
        f"Of {dense.asked} questions dense attention answers {dense.correct}, Vertical-Slash {aware.correct} at "
        f"{aware.area:.1%} of the area (top-k {top.correct} at {top.area:.1%}), A-shape {a_shape.correct}, block-only "
        f"{block.correct}, another prompt's index {static.correct}; of {wide.asked} spread questions a 64-row probe "
        f"finds {short.correct}, a 256-row probe {wide.correct}; at {last['length'] // 1024}K tokens the "
        f"{speed['backend']} kernel is {last['kernel_speedup']:.1f}x as fast as SDPA ({last['flop_ratio']:.1f}x fewer "
        "operations)."
    )


def _report(
    headline: str, recipe: dict[str, Any], retrieval: dict[str, PairResult], probe: dict[str, PairResult],
    speed: dict[str, Any],
) -> str:  # fmt: skip
    columns = ["pattern", "answered", "asked", "cells visible", "cells computed"]

    def rows(results: dict[str, PairResult]) -> list[list[Any]]:
        return [[name, r.correct, r.asked, f"{r.density:.1%}", f"{r.area:.1%}"] for name, r in results.items()]

    slash, column, block = slash_head(1024, seed=3), column_head(1024, count=24, seed=3), block_topic_head(1024, seed=3)
    panels: list[tuple[str, Any, Pattern]] = [
        ("Vertical-Slash on slashes", slash, VerticalSlash(64, 200, selection="cost_aware")),
        ("Vertical-Slash on columns", column, VerticalSlash(60, 100, selection="cost_aware")),
        ("Block-Sparse on topics", block, BlockSparse(4)),
        ("A-shape on slashes", slash, AShape(32, 192)),
        ("Tri-shape on columns", column, TriShape(32, 128, 128)),
    ]
    times = [
        [r["length"], f"{r['area']:.1%}", r["flop_ratio"], r["kernel_speedup"], r["speedup_with_index"]]
        for r in speed["rows"]
    ]
    figure = speed_figure(
        [r["length"] for r in speed["rows"]],
        {
            f"{speed['backend']} kernel": [r["kernel_speedup"] for r in speed["rows"]],
            "with the index": [r["speedup_with_index"] for r in speed["rows"]],
        },
        [r["flop_ratio"] for r in speed["rows"]],
        "torch SDPA, fp32",
    )
    sections = [
        Section(
            "Retrieval",
            "A two-layer Llama with written-down weights answers key-value questions exactly at any length. It needs a "
            "slash head, sink heads and a head that follows content, so a pattern that cannot follow content fails. "
            f"Prompts of {recipe['retrieval']['length']} tokens; the last ones ask {recipe['retrieval']['questions']} "
            "keys. The frozen index is the control of the method itself: right for its own prompt, useless for others.",
            tables=[Table(columns, rows(retrieval), "Questions answered")],
        ),
        Section(
            "The probe",
            f"{recipe['probe']['questions']} questions over the last {recipe['probe']['span']} positions: the index is "
            "estimated from the last rows only, so questions before them are not seen.",
            tables=[Table(columns, rows(probe), "Same sizes, different probes")],
        ),
        Section(
            "What each pattern keeps",
            "Heads with a planted pattern, 1024 tokens. Above: attention. Below: what the index keeps and misses.",
            figures=[Figure(pattern_figure(panels), "Each pattern over its attention map, and two that do not fit")],
        ),
        Section(
            "Speed",
            f"One head of dimension 128, {speed['pattern']}, one thread, processor time, interleaved with torch SDPA.",
            figures=[
                Figure(
                    figure,
                    "Speed-up over length. The dashed line counts whole 64 x 64 tiles; a kernel that packs the keys of "
                    "short ranges together does less work than that and can lie above it",
                )
            ],
            tables=[
                Table(["tokens", "computed", "operations ratio", "kernel", "with index"], times, "Speed-up over SDPA")
            ],
        ),
    ]
    return report("minference-kernels: sparse prefill", sections, footer=headline)
