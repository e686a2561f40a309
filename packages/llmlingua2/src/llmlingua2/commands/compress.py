"""`compress`, `score` and `info`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from llmlingua2 import __version__
from llmlingua2.commands.options import (
    Counter,
    Debug,
    Device,
    Files,
    Json,
    Model,
    Output,
    Quiet,
    emit,
    load,
    read_texts,
    say,
    start,
)


class Budget(StrEnum):
    PROMPT = "prompt"
    DOCUMENT = "document"
    CHUNK = "chunk"


def compress(
    files: Files = None,
    rate: Annotated[
        float | None, typer.Option("--rate", "-r", help="Share of the tokens to keep, above 0 and at most 1.")
    ] = None,
    target_tokens: Annotated[int | None, typer.Option("--target-tokens", "-t", min=1, help="Tokens to keep.")] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Keep every word with at least this keep probability.")
    ] = None,
    force_token: Annotated[
        list[str] | None, typer.Option("--force-token", help=r"Always keep this; \n and \t are understood. Repeatable.")
    ] = None,
    force_digits: Annotated[bool, typer.Option("--force-digits", help="Always keep words with a digit.")] = False,
    preserve: Annotated[
        list[str] | None,
        typer.Option(
            "--preserve", help="Keep these whole: code, urls, numbers, ... or a regular expression. Repeatable."
        ),
    ] = None,
    query: Annotated[str | None, typer.Option("--query", help="Prefer the files that this question is about.")] = None,
    budget: Annotated[
        Budget, typer.Option("--budget", help="What the budget covers: everything, each file, or each chunk.")
    ] = Budget.PROMPT,
    keep_negation: Annotated[
        bool, typer.Option("--keep-negation/--no-keep-negation", help="Drop a negation only with what it negates.")
    ] = True,
    model: Model = None,
    counter: Counter = None,
    device: Device = "auto",
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write a page with the kept words in colour.")
    ] = None,
    labels: Annotated[bool, typer.Option("--labels", help="Print one word and its 0 or 1 a line.")] = False,
    as_json: Json = False,
    output: Output = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compress text to a budget: exactly one of --rate, --target-tokens, --threshold (without one: --rate 0.5)."""
    given = [
        name
        for name, value in (("--rate", rate), ("--target-tokens", target_tokens), ("--threshold", threshold))
        if value is not None
    ]
    if len(given) > 1:
        raise typer.BadParameter(f"give only one of --rate, --target-tokens, --threshold (got {' and '.join(given)})")
    if not given:
        rate = 0.5
    if rate is not None and not 0 < rate <= 1:
        raise typer.BadParameter(f"--rate is a share of the tokens, above 0 and at most 1 (got {rate:g})")
    if threshold is not None and not 0 <= threshold <= 1:
        raise typer.BadParameter(f"--threshold is a probability from 0 to 1 (got {threshold:g})")
    if as_json and labels:
        raise typer.BadParameter("give only one of --json and --labels")
    start(quiet, debug)
    texts = read_texts(files)
    result = load(model, counter, device).compress(
        texts[0] if len(texts) == 1 else texts,
        rate=rate,
        target_tokens=target_tokens,
        threshold=threshold,
        force_tokens=[unescape(token) for token in force_token or ()],
        force_reserve_digit=force_digits,
        preserve=preserve or (),
        query=query,
        budget=budget.value,
        keep_negation=keep_negation,
    )
    if html is not None:
        emit(result.html(), html)
    if as_json:
        emit(json.dumps(result.to_dict(), ensure_ascii=False, indent=2), output)
    elif labels:
        emit("".join(f"{int(kept)}\t{word}\n" for word, kept in result.labels()), output)
    else:
        emit(result.text, output)
    say(f"{result.origin_tokens:,} -> {result.compressed_tokens:,} tokens ({result.rate:.1%}), {result.counter}", quiet)


def unescape(token: str) -> str:
    return token.replace("\\n", "\n").replace("\\t", "\t")


def score(
    files: Files = None,
    model: Model = None,
    device: Device = "auto",
    as_json: Json = False,
    output: Output = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Print each word's keep probability: start, end (characters), probability, word; separated by tabs."""
    start(quiet, debug)
    texts = read_texts(files)
    scores = load(model, "words", device).score(texts)
    rows: list[dict[str, Any]] = []
    for number, (text, words) in enumerate(zip(texts, scores.words_by_text(), strict=True)):
        rows += [
            {"text": number, "start": w.start, "end": w.end, "score": round(w.score, 6), "word": text[w.start : w.end]}
            for w in words
        ]
    if as_json:
        emit("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), output)
    else:
        lines = (f"{row['start']}\t{row['end']}\t{row['score']:.4f}\t{row['word']}\n" for row in rows)
        emit("".join(lines), output)


def info(
    model: Model = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show the model, the token counter and the versions in use."""
    start(quiet, debug)
    from tenfold_core.logging import environment

    facts = {"version": __version__, **load(model, None, "cpu").info()}
    if as_json:
        emit(json.dumps({**facts, "environment": environment()}, indent=2), None)
    else:
        surroundings = environment()
        facts |= {key: surroundings[key] for key in ("python", "cpu", "cpu_count")} | surroundings["packages"]
        emit("".join(f"{key:<20} {value}\n" for key, value in facts.items()), None)
