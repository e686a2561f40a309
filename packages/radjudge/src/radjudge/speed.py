"""Time per pair of the structured judge beside BLEU-4 and ROUGE-L, in one process, interleaved.

"empty": no sentence is in the cache and no reference was seen before; "filled": the same pairs again.
"""

from functools import partial
from typing import Any

from radjudge.baselines import load
from radjudge.corruption import build_pairs
from radjudge.grammar import write_reports
from radjudge.judges import StructuredJudge
from radjudge.printing import table
from radjudge.records import Pair
from tenfold_core.logging import environment
from tenfold_core.metrics import paired_benchmark

PEERS = ("bleu-4", "rouge-l")


def _sacrebleu() -> Any | None:
    try:
        from sacrebleu import BLEU
    except ImportError:
        return None
    peer = BLEU(effective_order=True)
    return lambda references, candidates: [
        peer.sentence_score(candidate, [reference]).score
        for reference, candidate in zip(references, candidates, strict=True)
    ]


def run(*, pairs: int = 200, rounds: int = 10, seed: int = 0) -> dict[str, Any]:
    """Milliseconds per pair (median) of the judge and of each peer, and their ratio with its interval.

    Args:
        pairs: pairs per round, at least 2.
        rounds: interleaved repetitions.
    """
    made = build_pairs(write_reports(pairs, seed=seed), pairs, seed, rewrites="test")
    texts = {"references": [item.reference for item in made], "candidates": [item.candidate for item in made]}
    records = [Pair(item.reference, item.candidate, item.id) for item in made]
    judge = StructuredJudge()

    def cold() -> None:
        judge.parser.clear_cache()
        judge._references.clear()
        judge.evaluate(records)

    def cached() -> None:
        judge.evaluate(records)

    peers: dict[str, Any] = {name: load(name) for name in PEERS}
    if (sacrebleu := _sacrebleu()) is not None:
        peers["sacrebleu"] = sacrebleu
    rows = []
    for state, function in (("empty", cold), ("filled", cached)):
        for name, metric in peers.items():
            function()
            found = paired_benchmark(partial(metric, **texts), function, rounds=rounds, seed=seed)
            rows.append(
                {
                    "judge": state,
                    "peer": name,
                    "judge_ms": 1000 * found.b / len(made),
                    "peer_ms": 1000 * found.a / len(made),
                    "ratio": found.ratio,
                    "low": found.low,
                    "high": found.high,
                }
            )
    words = sum(len(text.split()) for item in made for text in (item.reference, item.candidate)) / len(made)
    return {"pairs": len(made), "rounds": rounds, "words_per_pair": words, "rows": rows, "environment": environment()}


def text(result: dict[str, Any]) -> str:
    """The rows of :func:`run` as a table."""
    rows = [
        (
            row["judge"],
            row["peer"],
            f"{row['judge_ms']:.3f}",
            f"{row['peer_ms']:.3f}",
            f"{row['ratio']:.2f} [{row['low']:.2f}, {row['high']:.2f}]",
        )
        for row in result["rows"]
    ]
    columns = ("cache", "peer", "judge ms/pair", "peer ms/pair", "peer time / judge time")
    return f"{result['pairs']} pairs, {result['words_per_pair']:.0f} words a pair\n{table(columns, rows)}"
