"""What the quality benchmarks share: the data, the rivals, how a checkpoint is opened and how a result is written."""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from llmlingua2 import __version__
from llmlingua2.baselines import Statistics, baseline
from llmlingua2.compressor import Compressor
from llmlingua2.corpora.meetings import Meeting, load_meetings
from llmlingua2.evaluate import Method, Results, from_scorer
from tenfold_core.datasets import resolve
from tenfold_core.logging import environment

PLAIN = ("random", "truncate", "stopword", "tfidf", "selfinfo", "selfinfo-bigram")
DRAWS = 3


def options(description: str | None) -> argparse.ArgumentParser:
    """The options that every quality benchmark has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a fraction of the data, to see that it runs")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    return parser


def baselines(statistics: Statistics) -> dict[str, list[Method]]:
    """Every baseline; those with random ties in three draws."""
    draws = {name: DRAWS if name in ("random", "stopword") else 1 for name in PLAIN}
    return {
        name: [from_scorer(baseline(name, statistics, seed=seed)) for seed in range(count)]
        for name, count in draws.items()
    }


def opened(path: str | Path | None) -> Compressor:
    """A compressor that counts words; the default without a path."""
    if path is None:
        return Compressor.default(counter="words")
    return Compressor.from_pretrained(path, device="cpu", counter="words")


def validation_meetings(quick: bool) -> list[Meeting]:
    """QMSum's 35 validation meetings, or every seventh."""
    meetings = load_meetings(resolve("llmlingua2/qmsum_val.jsonl.gz"))
    return meetings[::7] if quick else meetings


def meeting_statistics() -> Statistics:
    """Frequencies for the baselines, from passages of QMSum's training meetings."""
    meetings = load_meetings(resolve("llmlingua2/qmsum_train.jsonl.gz"), strict=False)
    return Statistics.fit(text for meeting in meetings for text in passages(meeting))


def passages(meeting: Meeting, turns: int = 10) -> list[str]:
    """The passages over which document frequencies are counted."""
    lines = [text for _, text in meeting.turns]
    return ["\n".join(lines[at : at + turns]) for at in range(0, len(lines), turns)]


def cell(results: Results, task: str, method: str, rate: float, measure: str) -> str:
    """``.712 [.690, .735]``."""
    interval = results.interval(task, method, rate, measure)
    return f"{interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


class Record:
    """One run of a benchmark: started with its arguments, written as one file per table."""

    def __init__(self, script: str, arguments: argparse.Namespace) -> None:
        self.command, self.arguments = f"python benchmarks/{script}", arguments
        self.began = time.perf_counter()
        torch.set_num_threads(1)

    def write(self, contents: Mapping[str, Mapping[str, Any]]) -> None:
        """``name.json`` for each; every one says what made it, on what, and how long that took."""
        shared = {
            "command": self.command,
            "package": "llmlingua2",
            "version": __version__,
            "environment": environment(),
            "seed": self.arguments.seed,
            "seconds": round(time.perf_counter() - self.began),
        }
        self.arguments.output.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            path = self.arguments.output / f"{name}.json"
            path.write_text(json.dumps({**shared, **content}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            print(path, file=sys.stderr)
