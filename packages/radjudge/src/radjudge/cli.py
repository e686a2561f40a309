"""The command line: ``radjudge score | compare | agree | corrupt | stress | parse | info | speed | demo``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from radjudge import __version__

app = typer.Typer(
    name="radjudge",
    help="Find the errors of a candidate radiology report, offline. A research tool, not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Split(StrEnum):
    TRAIN = "train"
    TEST = "test"
    NONE = "none"


class Source(StrEnum):
    REXVAL = "rexval"
    RADPREF = "radpref"
    CSV = "csv"


def _existing(path: Path) -> Path:
    if str(path) != "-" and not path.exists():
        raise typer.BadParameter(f"no such file: {path}")
    return path


Pairs = Annotated[
    Path,
    typer.Argument(callback=_existing, help="Pairs: .jsonl, .csv (also .gz), or - for JSONL on standard input."),
]
ColumnMap = Annotated[
    str, typer.Option("--columns", help="ref=NAME,cand=NAME,id=NAME,context=NAME,age=NAME,indication=NAME,study=NAME")
]
JudgeName = Annotated[str, typer.Option("--judge", help="Name of a judge.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write here.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on standard error but errors.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"radjudge {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def _start(quiet: bool, debug: bool) -> None:
    from tenfold_core.logging import configure

    configure(quiet=quiet, debug=debug)


def _emit(data: Any, text: str, as_json: bool, output: Path | None = None) -> None:
    content = json.dumps(data, indent=2, ensure_ascii=False) if as_json else text
    if output is None:
        typer.echo(content)
    else:
        output.write_text(content + "\n", encoding="utf-8")


def _columns(text: str) -> Any:
    from radjudge.tables import Columns

    try:
        return Columns.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--columns") from None


def _judge(name: str) -> Any:
    from radjudge.judges import as_judge

    try:
        return as_judge(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--judge") from None


@app.command()
def score(
    pairs: Pairs,
    judge: JudgeName = "structured",
    output: Output = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page, errors marked in both texts.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write one spreadsheet line per pair.")] = None,
    columns: ColumnMap = "",
    resume: Annotated[bool, typer.Option("--resume", help="Continue a killed run on the same --output.")] = False,
    fail_under: Annotated[
        float | None, typer.Option("--fail-under", min=0.0, max=1.0, help="Exit 1 when the mean score is lower.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Judge candidate reports against reference reports. Exit 1 when a pair could not be judged."""
    _start(quiet, debug)
    if resume and output is None:
        raise typer.BadParameter("needs --output", param_hint="--resume")
    from radjudge import printing, report_html, running, tables

    table = tables.read_pairs(pairs, columns=_columns(columns))
    results = running.run(table, judge=_judge(judge), output=output, resume=resume)
    if html is not None:
        report_html.render(results, html)
    if csv is not None:
        tables.write_results_csv(csv, results)
    _emit(printing.summary(results), printing.results_text(results), as_json)
    if results.failed:
        raise RuntimeError(f"{len(results.failed)} of {len(results)} pairs could not be judged (status failed)")
    if fail_under is not None and (results.mean.score is None or results.mean.score < fail_under):
        raise RuntimeError(f"mean score {results.mean.score:.4f} is under {fail_under:g}")


def _judged(path: Path, judge: str, columns: str) -> tuple[Any, dict[str, str]]:
    """Judgements of a results file, or of a file of pairs judged now; and the study of each id."""
    from radjudge import judgement_lines, running, tables

    rows = tables.read_rows(path)
    if rows and {"status", "errors", "counts"} <= set(rows[0]):
        return judgement_lines.read_judgements(path), {}
    table = tables.read_pairs(path, columns=_columns(columns))
    results = running.run(table, judge=_judge(judge))
    return results, dict(zip((pair.id for pair in table.pairs), table.studies, strict=True))


@app.command()
def compare(
    first: Annotated[
        Path, typer.Argument(callback=_existing, help="System A: a file of pairs, or what score --output wrote.")
    ],
    second: Annotated[Path, typer.Argument(callback=_existing, help="System B, with the same ids.")],
    key: Annotated[str, typer.Option("--key", help="Score to compare.")] = "score",
    judge: JudgeName = "structured",
    columns: ColumnMap = "",
    seed: Seed = 0,
    as_json: Json = False,
    output: Output = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare two systems on the same studies: paired interval, randomisation test, wins and losses."""
    _start(quiet, debug)
    from radjudge import comparison, printing
    from radjudge.scores import SCORES

    if key not in SCORES:
        raise typer.BadParameter(f"must be one of {', '.join(SCORES)}", param_hint="--key")
    (a, studies), (b, _) = _judged(first, judge, columns), _judged(second, judge, columns)
    result = comparison.compare(a, b, key=key, groups=studies, seed=seed)
    _emit(result.to_dict(), printing.comparison_text(result, first.stem, second.stem), as_json, output)


@app.command()
def agree(
    source: Annotated[Source, typer.Argument(help="Format of the ratings.")],
    path: Annotated[Path, typer.Argument(callback=_existing, help="Folder of the data set, or the CSV file.")],
    metric: Annotated[
        list[str] | None, typer.Option("--metric", "-m", help="Metric beside the judge, e.g. rouge-l. Repeatable.")
    ] = None,
    target: Annotated[str, typer.Option("--target", help="total, significant, or quality (RadPref).")] = "total",
    incomplete: Annotated[bool, typer.Option("--incomplete", help="Accept a part of ReXVal.")] = False,
    columns: Annotated[str, typer.Option("--columns", help="CSV: ref=..,cand=..,id=..,study=..")] = "",
    judge: JudgeName = "structured",
    draws: Annotated[int, typer.Option("--draws", min=10, help="Bootstrap samples.")] = 1000,
    seed: Seed = 0,
    as_json: Json = False,
    output: Output = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Agreement with radiologists, with intervals over studies, beside the human ceiling."""
    _start(quiet, debug)
    from radjudge import printing, rating_report, ratings

    if target not in rating_report.TARGETS:
        raise typer.BadParameter(f"must be one of {', '.join(rating_report.TARGETS)}", param_hint="--target")
    if source is Source.REXVAL:
        loaded = ratings.load_rexval(path, complete=not incomplete)
    elif source is Source.RADPREF:
        loaded = ratings.load_radpref(path)
    else:
        names = _columns(columns)
        roles = {"reference": names.reference, "candidate": names.candidate, "identifier": names.id}
        given = {**roles, "study": names.study}
        loaded = ratings.load_ratings_csv(path, **{key: value for key, value in given.items() if value is not None})
    report = rating_report.measure(
        loaded, judge=_judge(judge), metrics=metric or (), target=target, draws=draws, seed=seed
    )
    _emit(report.to_dict(), printing.agreement_text(report.agreements, report.title) + report.notes(), as_json, output)


@app.command()
def corrupt(
    reports: Annotated[Path, typer.Argument(callback=_existing, help="Reports: .csv or .jsonl with a column report.")],
    k: Annotated[int, typer.Option("-k", min=0, max=6, help="Errors per report.")] = 1,
    column: Annotated[str, typer.Option("--column", help="Column that holds the report.")] = "report",
    ops: Annotated[str, typer.Option("--ops", help="Operators to draw from, separated by commas.")] = "",
    rewrites: Annotated[Split, typer.Option("--rewrites", help="Also put sentences in other words.")] = Split.NONE,
    seed: Seed = 0,
    output: Output = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write pairs with known errors: id, reference, candidate, errors, as JSON lines."""
    _start(quiet, debug)
    import numpy as np

    from radjudge import corruption, tables

    names = [name.strip() for name in ops.split(",") if name.strip()] or None
    unknown = [name for name in names or () if name not in corruption.OPERATORS]
    if unknown:
        raise typer.BadParameter(
            f"unknown {', '.join(unknown)}; known: {', '.join(corruption.OPERATORS)}", param_hint="--ops"
        )
    texts = tables.read_reports(reports, column=column)
    rng = np.random.default_rng(seed)
    rows, short = [], 0
    split: Any = None if rewrites is Split.NONE else rewrites.value
    for identifier, text in texts:
        try:
            made = corruption.corrupt(text, k, rng, ops=names, rewrites=split)
        except corruption.CannotCorruptError:
            short += 1
            continue
        errors = [error._asdict() for error in made.errors]
        rows.append({"id": identifier, "reference": text, "candidate": made.candidate, "errors": errors})
    tables.write_lines(output, rows)
    if short:
        raise RuntimeError(f"{short} of {len(texts)} reports do not offer {k} independent errors and were left out")


@app.command()
def stress(
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", "-m", help="structured, bleu-4, rouge-l ... or module:function. Repeatable."),
    ] = None,
    command: Annotated[
        list[str] | None, typer.Option("--command", help="Program: JSON lines in, {id, score} lines out. Repeatable.")
    ] = None,
    lower: Annotated[bool, typer.Option("--lower-is-better", help="For functions and commands.")] = False,
    battery: Annotated[list[str] | None, typer.Option("--battery", "-b", help="Battery to run. Repeatable.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Items per battery.")] = 50,
    seed: Seed = 0,
    as_json: Json = False,
    output: Output = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run negation, side, degree, rewrite, order and injection batteries over any metric."""
    _start(quiet, debug)
    from radjudge import baselines, printing
    from radjudge import stress_battery as battery_module

    batteries = tuple(battery or battery_module.BATTERIES)
    unknown = [name for name in batteries if name not in battery_module.BATTERIES]
    if unknown:
        raise typer.BadParameter(f"known: {', '.join(battery_module.BATTERIES)}", param_hint="--battery")
    chosen: list[tuple[str, Any, bool]] = []
    for name in metric or ([] if command else ["structured"]):
        if name == "structured":
            chosen.append((name, battery_module.judge_metric(), False))
        elif ":" in name:
            chosen.append((name, battery_module.load_callable(name), not lower))
        elif name in baselines.NAMES:
            chosen.append((name, baselines.load(name), True))
        else:
            known = ", ".join(("structured", *baselines.NAMES))
            raise typer.BadParameter(f"{name!r}; known: {known}, or package.module:function", param_hint="--metric")
    chosen += [(text, battery_module.command_metric(text), not lower) for text in command or ()]
    reports = [
        battery_module.stress(function, name=name, higher_is_better=higher, batteries=batteries, n=n, seed=seed)
        for name, function, higher in chosen
    ]
    _emit([item.to_dict() for item in reports], printing.stress_text(reports), as_json, output)


@app.command()
def parse(
    report: Annotated[Path, typer.Argument(callback=_existing, help="A text file, or - for standard input.")],
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Print what a report says: findings with polarity, side, zone, degree, size, change and spans."""
    _start(quiet, debug)
    from radjudge import parsing, printing, tables

    parsed = parsing.parse_report(tables.read_text(report))
    _emit(parsed.to_dict(), printing.report_text(parsed), as_json)


@app.command()
def info(as_json: Json = False, quiet: Quiet = False, debug: Debug = False) -> None:
    """Versions, judge fingerprint, size of the lexicon, metrics and operators."""
    _start(quiet, debug)
    from radjudge import baselines, corruption, judges
    from radjudge.lexicon import load_lexicon

    data = {
        "radjudge": __version__,
        "judge": judges.as_judge("structured").fingerprint,
        "entities": len(load_lexicon().entities),
        "metrics": list(baselines.NAMES),
        "operators": list(corruption.OPERATORS),
        "notice": "A research tool, not a medical device.",
    }
    lines = [f"{name:10} {', '.join(value) if isinstance(value, list) else value}" for name, value in data.items()]
    _emit(data, "\n".join(lines), as_json)


@app.command()
def speed(
    pairs: Annotated[int, typer.Option("--pairs", min=2, help="Pairs per round.")] = 200,
    rounds: Annotated[int, typer.Option("--rounds", min=2, help="Interleaved repetitions.")] = 10,
    seed: Seed = 0,
    as_json: Json = False,
    output: Output = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Time per pair of the structured judge with an empty and a filled cache, beside BLEU and ROUGE-L, interleaved."""
    _start(quiet, debug)
    from radjudge import speed as timing

    result = timing.run(pairs=pairs, rounds=rounds, seed=seed)
    _emit(result, timing.text(result), as_json, output)


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run.")] = Path("runs/demo/radjudge"),
    seed: Seed = 0,
    quick: Annotated[bool, typer.Option("--quick", help="A small run, under 15 s.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show the judge at work on made reports with known errors; writes report.html."""
    _start(quiet, debug)
    from radjudge import demo as demonstration

    result = demonstration.run(output, seed=seed, quick=quick)
    _emit(result, f"{result['headline']}\n{output / 'report.html'}", as_json)


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: exit code 0; 2 for bad usage; 1 for a failed run; 130 on Ctrl-C; a closed pipe is silent."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(args=arguments, prog_name="radjudge")
    except BrokenPipeError:
        # The reader has gone. Python would complain again when it flushes at exit, so give it somewhere to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if "--debug" in arguments:
            raise
        print(f"radjudge: error: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
        sys.exit(1)
