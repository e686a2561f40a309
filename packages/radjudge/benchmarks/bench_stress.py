"""The stress battery over the judge and the metrics of words, on reports of the grammar.

python benchmarks/bench_stress.py [-n 200] [--seed 0]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import radjudge
from radjudge.baselines import load
from radjudge.stress_battery import BATTERIES, judge_metric, stress
from tenfold_core.logging import environment

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    metrics = [("radjudge, errors", judge_metric(), False), ("radjudge, score", judge_metric(key="score"), True)]
    metrics += [(name, load(name), True) for name in ("bleu-4", "rouge-l", "meteor", "keyword-f1")]
    found = [
        stress(metric, name=name, higher_is_better=higher, n=options.n, seed=options.seed)
        for name, metric, higher in metrics
    ]
    constant = stress(lambda references, candidates: [0.0] * len(references), name="control: a constant", n=options.n)
    rows = [
        [item.metric, *(f"{100 * item.rates[name]:.0f} %" for name in BATTERIES), f"{100 * item.overall:.0f} %"]
        for item in [*found, constant]
    ]
    content = {
        "command": "python benchmarks/bench_stress.py",
        "package": "radjudge",
        "version": radjudge.__version__,
        "environment": environment(),
        "seed": options.seed,
        "table": {
            "columns": ["metric", *BATTERIES, "overall"],
            "rows": rows,
            "caption": f"share of {options.n} items passed per battery, higher is better; test rewrites, grammar text",
        },
        "rates": {item.metric: item.rates for item in found},
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "stress.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()
