"""Writes results/selection.json: recall, error and area of each selection on planted heads. Under a minute."""

from __future__ import annotations

import argparse
import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from minference_kernels.estimators.registry import estimate
from minference_kernels.evaluate import head_quality
from minference_kernels.patterns import AShape, BlockSparse, Pattern, VerticalSlash
from minference_kernels.planted import block_topic_head, column_head, slash_head
from tenfold_core.logging import environment, track

LENGTH, HEADS = 3072, 10
MAKERS = {"column": column_head, "slash": slash_head, "block": block_topic_head}
PATTERNS: dict[str, Pattern] = {
    "Vertical-Slash top-k (120, 160)": VerticalSlash(120, 160),
    "Vertical-Slash cost-aware (120, 160)": VerticalSlash(120, 160, selection="cost_aware"),
    "A-shape (30, 400)": AShape(30, 400),
    "Block-Sparse (8)": BlockSparse(8),
}


def measure(seed: int) -> dict[str, Any]:
    records = []
    for kind, make in MAKERS.items():
        heads = [make(LENGTH, seed=seed + i) for i in range(HEADS)]
        for name, pattern in track(list(PATTERNS.items()), kind):
            found = [head_quality(h.q, h.k, h.v, estimate(h.q, h.k, pattern))[0] for h in heads]
            measures = {m: [getattr(one, m) for one in found] for m in ("recall", "error", "density", "area")}
            records.append({"head": kind, "pattern": name} | measures)
    rows = [
        [r["head"], r["pattern"], f"{np.mean(r['recall']):.4f}", f"{min(r['recall']):.4f}", f"{np.mean(r['error']):.4f}",
         f"{np.mean(r['density']):.1%}", f"{np.mean(r['area']):.1%}"]
        for r in records
    ]  # fmt: skip
    return {
        "command": f"python benchmarks/bench_selection.py --seed {seed}",
        "package": "minference-kernels",
        "version": metadata.version("minference-kernels"),
        "environment": environment("minference-kernels", "torch"),
        "seed": seed,
        "records": records,
        "table": {
            "columns": ["head", "pattern", "recall", "worst", "output error", "cells visible", "cells computed"],
            "rows": rows,
            "caption": f"Planted heads of {LENGTH} tokens, {HEADS} of each kind: attention mass recalled (mean and "
            "worst head), relative output error, shares of the causal cells.",
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=5000)
    result = measure(parser.parse_args().seed)
    path = Path(__file__).parent / "results" / "selection.json"
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(result, indent=1) + "\n")
    os.replace(part, path)
    for row in [result["table"]["columns"], *result["table"]["rows"]]:
        print("  ".join(f"{cell!s:>14}" for cell in row))


if __name__ == "__main__":
    main()
