"""`demo` and `speed`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from llmlingua2.commands.options import Debug, Json, Output, Quiet, Seed, emit, start


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the report.")] = Path(
        "runs/demo/llmlingua2"
    ),
    quick: Annotated[bool, typer.Option("--quick", help="A smaller run, under 15 seconds.")] = False,
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compress real meetings at several budgets beside baselines; write result.json and report.html."""
    start(quiet, debug)
    from llmlingua2.demo import run

    result = run(output, seed=seed, quick=quick)
    emit(json.dumps(result, indent=2) if as_json else f"{result['headline']}\n{output / 'report.html'}", None)


def speed(
    words: Annotated[
        list[int] | None, typer.Option("--words", min=16, help="Prompt lengths in words. Repeatable.")
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", min=2, help="Interleaved repetitions.")] = 7,
    as_json: Json = False,
    output: Output = None,
    seed: Seed = 0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Time this package beside llmlingua 0.2.2 (if installed), same weights, one process, interleaved."""
    start(quiet, debug)
    from llmlingua2.speed import run, table

    result = run(words or None, rounds=rounds, seed=seed)
    emit(json.dumps(result, indent=2) if as_json else table(result), output)
