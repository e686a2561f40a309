"""Agreement with error counts on pairs that were written apart from the lexicon (benchmarks/pairs).

    python benchmarks/bench_independent.py [--pairs unseen|development]

The table shows the unseen pairs. The control is the judge against counts that were shuffled over the pairs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import radjudge
from radjudge.baselines import load
from radjudge.rater_agreement import agreement
from radjudge.records import CATEGORIES
from tenfold_core.datasets import read_jsonl
from tenfold_core.logging import environment
from tenfold_core.metrics import Interval

HERE = Path(__file__).parent
PEERS = ("bleu-1", "bleu-4", "rouge-l", "meteor", "keyword-f1")


def shown(interval: Interval) -> str:
    """``0.712 [0.650, 0.770]``."""
    return f"{interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def measured(rows: Sequence[dict[str, Any]], seed: int) -> tuple[list[list[str]], dict[str, Any]]:
    """Table rows, and per category what was counted by both."""
    references, candidates = [row["reference"] for row in rows], [row["candidate"] for row in rows]
    studies = [row["study"] for row in rows]
    judged = radjudge.score(references=references, candidates=candidates)
    total = np.array([len(row["errors"]) for row in rows], dtype=float)
    significant = np.array([sum(error["significant"] for error in row["errors"]) for row in rows], dtype=float)
    errors = np.array([item.total_errors for item in judged])
    grave = np.array([item.significant_errors for item in judged])
    scores = {
        "radjudge, errors": (-errors, -grave),
        "radjudge, score": (np.array([item.score for item in judged]),) * 2,
    }
    for name in PEERS:
        scores[name] = (np.array(load(name)(references=references, candidates=candidates)),) * 2
    shuffled = np.random.default_rng(seed).permutation(len(rows))
    table = []
    for name, (for_total, for_significant) in scores.items():
        whole = agreement(for_total, total, groups=studies, seed=seed).tau
        part = agreement(for_significant, significant, groups=studies, seed=seed).tau
        table.append([name, shown(whole), shown(part)])
    control = agreement(-errors, total[shuffled], groups=studies, seed=seed).tau
    part = agreement(-grave, significant[shuffled], groups=studies, seed=seed).tau
    table.append(["control: radjudge, counts shuffled", shown(control), shown(part)])
    by_category = {}
    for category in CATEGORIES:
        truth = np.array([sum(error["category"] == category for error in row["errors"]) for row in rows])
        found = np.array([item.counts[category] for item in judged])
        both = float(np.minimum(truth, found).sum())
        by_category[category] = {"written": int(truth.sum()), "found": float(found.sum()), "both": both}
    extra = {
        "mean_absolute_error": round(float(np.abs(errors - total).mean()), 3),
        "mean_written": round(float(total.mean()), 3),
        "mean_found": round(float(errors.mean()), 3),
        "error_free_pairs": int((total == 0).sum()),
        "error_free_pairs_found": int(((total == 0) & (errors == 0)).sum()),
        "by_category": by_category,
    }
    return table, extra


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", choices=("unseen", "development"), default="unseen")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows = list(read_jsonl(HERE / "pairs" / f"{arguments.pairs}.jsonl"))
    table, extra = measured(rows, arguments.seed)
    for name, *cells in table:
        print(f"{name:<36}", *cells)
    print(json.dumps(extra))
    if arguments.pairs != "unseen":
        return
    counts = "; ".join(
        f"{category.replace('_', ' ')} {part['both']:.0f} of {part['written']} found, {part['found']:.0f} named"
        for category, part in extra["by_category"].items()
    )
    content = {
        "command": "python benchmarks/bench_independent.py",
        "package": "radjudge",
        "version": radjudge.__version__,
        "environment": environment(),
        "seed": arguments.seed,
        "table": {
            "columns": ["metric", "tau-b, all errors [95 %]", "tau-b, significant errors [95 %]"],
            "rows": table,
            "caption": f"{len(rows)} pairs of {len({row['study'] for row in rows})} studies, intervals over studies. Mean absolute "
            f"error of the count {extra['mean_absolute_error']}; {extra['error_free_pairs_found']} of "
            f"{extra['error_free_pairs']} error-free pairs found free of errors. By type: {counts}.",
        },
        **extra,
    }
    path = HERE / "results" / "independent.json"
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
