"""Options that several commands share, and how they read and write."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from llmlingua2.compressor import Compressor

Files = Annotated[
    list[Path] | None, typer.Argument(metavar="FILE", help="UTF-8 text; none, or -, reads standard input.")
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
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors on standard error.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


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
    from llmlingua2.text.plain_text import decode

    return decode(content, name)


def read_texts(files: list[Path] | None) -> list[str]:
    return [read_text(file) for file in files] if files else [read_text(None)]


def load(model: str | None, counter: str | None, device: str) -> Compressor:
    from llmlingua2.compressor import Compressor
    from llmlingua2.text.counters import default_counter

    if model is None:
        return Compressor.default(counter=counter, device=device)
    return Compressor.from_pretrained(model, counter=counter or default_counter(), device=device)


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
