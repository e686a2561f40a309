"""The command line. Each verb stands in `commands/`; here they become one program with one way to end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from llmlingua2 import __version__
from llmlingua2.commands import compress, evaluation, show, training

app = typer.Typer(
    name="llmlingua2",
    help="Compress long prompts by token classification: the original words, in order, exactly within the budget.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


YOURS = "Your own compressor"
app.command()(compress.compress)
app.command()(compress.score)
app.command()(compress.info)
app.command()(show.demo)
app.command()(show.speed)
app.command(rich_help_panel=YOURS)(training.distil)
app.command(rich_help_panel=YOURS)(training.label)
app.command("filter", rich_help_panel=YOURS)(training.filter_)
app.command(rich_help_panel=YOURS)(training.train)
app.command(rich_help_panel=YOURS)(evaluation.evaluate)


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


if __name__ == "__main__":
    main()
