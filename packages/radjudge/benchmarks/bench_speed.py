"""Milliseconds per pair of the structured judge beside the metrics of words, interleaved in one process.

python benchmarks/bench_speed.py [--pairs 300] [--rounds 15]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import radjudge
from radjudge import speed

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    result = speed.run(pairs=options.pairs, rounds=options.rounds, seed=options.seed)
    rows = [
        [
            row["judge"],
            row["peer"],
            round(row["judge_ms"], 3),
            round(row["peer_ms"], 3),
            f"{row['ratio']:.2f} [{row['low']:.2f}, {row['high']:.2f}]",
        ]
        for row in result["rows"]
    ]
    content = {
        "command": "python benchmarks/bench_speed.py",
        "package": "radjudge",
        "version": radjudge.__version__,
        "environment": result.pop("environment"),
        "seed": options.seed,
        "table": {
            "columns": ["sentence cache", "beside", "radjudge ms/pair", "other ms/pair", "other time / radjudge time"],
            "rows": rows,
            "caption": (
                f"{result['pairs']} grammar pairs of {result['words_per_pair']:.0f} words, one core; empty: nothing "
                "parsed before, filled: the same pairs again"
            ),
        },
        **result,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "speed.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(speed.text(result))


if __name__ == "__main__":
    main()
