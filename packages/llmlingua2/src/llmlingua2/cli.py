"""The command line: `llmlingua2 compress | score | info | demo | speed`. It parses, calls the library and prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import __version__

if TYPE_CHECKING:
    from .compressor import Compressor

app = typer.Typer(
    name="llmlingua2",
    help="Compress long prompts by token classification: the original words, in order, exactly within the budget.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Budget(StrEnum):
    PROMPT = "prompt"
    DOCUMENT = "document"
    CHUNK = "chunk"


Files = Annotated[
    list[Path] | None, typer.Argument(metavar="[FILE]...", help="UTF-8 text; none, or -, reads standard input.")
]
Model = Annotated[
    str | None, typer.Option("--model", help="Local folder or hub id; the default is the model inside the package.")
]
Counter = Annotated[
    str | None, typer.Option("--counter", help="What a token is: a tiktoken name, words, or hf:<folder or id>.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write here instead of standard output.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on standard error but errors.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def print_version(wanted: bool) -> None:
    if wanted:
        print(f"llmlingua2 {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def read_text(file: Path | None) -> str:
    """One text; a file that is not text is refused with the place where it stops being text."""
    if file is None or str(file) == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise typer.BadParameter("give a FILE, or pipe text into standard input")
        name, content = "standard input", sys.stdin.buffer.read()
    else:
        if not file.exists():
            raise typer.BadParameter(f"no such file: {file}")
        name, content = str(file), file.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name} is not UTF-8 text: byte 0x{content[error.start]:02x} at offset {error.start}"
        ) from None
    if "\0" in text:
        raise ValueError(f"{name} looks binary: a zero byte at offset {content.index(0)}")
    return text


def read_texts(files: list[Path] | None) -> list[str]:
    return [read_text(file) for file in (files or [None])]


def load(model: str | None, counter: str | None, device: str) -> Compressor:
    from .compressor import Compressor

    if model is None:
        return Compressor.default(counter=counter, device=device)
    return Compressor.from_pretrained(model, counter=counter or "cl100k_base", device=device)


def emit(text: str, output: Path | None) -> None:
    """To standard output, ending with a newline; or to a file, exactly as it is and atomically."""
    if output is None:
        sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
        sys.stdout.flush()
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(output.name + ".partial")
    partial.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    partial.replace(output)


def start(quiet: bool, debug: bool) -> None:
    from tenfold_core.logging import configure

    configure(quiet=quiet, debug=debug)


def say(message: str, quiet: bool) -> None:
    if not quiet:
        print(message, file=sys.stderr)


@app.command()
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


@app.command()
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


@app.command()
def info(
    model: Model = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show the model, the token counter and the versions in use."""
    start(quiet, debug)
    from tenfold_core.logging import environment

    facts = {**load(model, None, "cpu").info(), "environment": environment()}
    if as_json:
        emit(json.dumps(facts, indent=2), None)
    else:
        flat = {**{k: v for k, v in facts.items() if k != "environment"}, **facts["environment"]}
        emit("".join(f"{key:<16} {value}\n" for key, value in flat.items()), None)


@app.command()
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
    from .demo import run

    result = run(output, seed=seed, quick=quick)
    emit(json.dumps(result, indent=2) if as_json else f"{result['headline']}\n{output / 'report.html'}", None)


@app.command()
def speed(
    tokens: Annotated[
        list[int] | None, typer.Option("--tokens", min=16, help="Prompt lengths in tokens. Repeatable.")
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
    from .speed import run, table

    result = run(tokens or None, rounds=rounds, seed=seed)
    emit(json.dumps(result, indent=2) if as_json else table(result), output)


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: exit code 0; 2 for bad usage; 1 for a failed run; 130 on Ctrl-C; a closed pipe is silent."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(args=arguments, prog_name="llmlingua2")
    except BrokenPipeError:
        # The reader has gone. Python would complain again when it flushes at exit, so give it somewhere to flush to.
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if "--debug" in arguments:
            raise
        print(f"llmlingua2: error: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
        sys.exit(1)
