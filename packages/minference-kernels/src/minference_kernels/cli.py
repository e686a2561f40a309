"""The command line: `minference-kernels info | check | evaluate | speed | demo`. It parses, calls and prints."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from . import __version__

app = typer.Typer(
    name="minference-kernels",
    help="Dynamic sparse attention for the prefill of long prompts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Also write the JSON object to this file.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, ...")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on standard error but errors.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"minference-kernels {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def info(as_json: Json = False, quiet: Quiet = False, debug: Debug = False) -> None:
    """Devices, backends and why each can or cannot run here, published head tables, recipes."""
    _begin(quiet, debug)
    import torch

    from tenfold_core.logging import environment

    from .backends.registry import backend_names, get_backend
    from .published import published_models
    from .recipes import recipe_names

    backends = {}
    for name in backend_names():
        backend = get_backend(name)
        usable, why = backend.available()
        entry: dict[str, Any] = {"available": usable, "why": why}
        if usable:
            can = backend.capabilities()
            entry |= {
                "dtypes": sorted(str(dtype).removeprefix("torch.") for dtype in can.dtypes),
                "devices": "any" if can.devices is None else sorted(can.devices),
                "head_dim": [can.min_head_dim, can.max_head_dim],
                "backward": can.backward,
                "softcap": can.softcap,
            }
        backends[name] = entry
    devices = ["cpu", *(f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count()))]
    result = {
        "version": __version__,
        "devices": devices,
        "backends": backends,
        "published_tables": list(published_models()),
        "recipes": list(recipe_names()),
        "environment": environment(),
    }
    if as_json:
        print(json.dumps(result, indent=1))
        return
    print(f"minference-kernels {__version__}, torch {torch.__version__}, devices: {', '.join(devices)}")
    for name, entry in backends.items():
        print(f"{name:8} {'yes' if entry['available'] else 'no ':3}  {entry['why']}")
        if entry["available"]:
            low, high = entry["head_dim"]
            gradients = "with gradients" if entry["backward"] else "no gradients"
            print(f"              {', '.join(entry['dtypes'])}; head_dim {low} to {high}; {gradients}")
    print(f"published head tables: {', '.join(result['published_tables'])}")
    print(f"recipes: {', '.join(result['recipes'])}")


@app.command()
def check(
    backend: Annotated[list[str] | None, typer.Option("--backend", help="Only this one; may be repeated.")] = None,
    seed: Seed = 0,
    as_json: Json = False,
    output: Output = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare every backend with masked float64 attention on this machine; exit 1 if one is out of tolerance."""
    _begin(quiet, debug)
    from dataclasses import asdict

    from .backends.registry import backend_names
    from .check import run_checks

    for name in backend or ():
        if name not in backend_names():
            raise typer.BadParameter(f"unknown backend {name!r}; accepted: {', '.join(backend_names())}")
    checks = run_checks(backend, seed=seed)
    failed = [item for item in checks if not item.passed]
    records = [asdict(item) | {"passed": item.passed} for item in checks]
    _write({"checks": records, "failed": len(failed)}, as_json, output)
    if not as_json:
        worst: dict[tuple[str, str], tuple[float, float, float, int]] = {}
        for item in checks:
            error, lse, tolerance, count = worst.get((item.backend, item.dtype), (0.0, 0.0, item.tolerance, 0))
            worst[item.backend, item.dtype] = max(error, item.error), max(lse, item.lse_error), tolerance, count + 1
        print(f"{'backend':8} {'dtype':9} {'cases':>5} {'max error':>10} {'lse error':>10} {'tolerance':>10}")
        for (name, dtype), (error, lse, tolerance, count) in worst.items():
            print(f"{name:8} {dtype:9} {count:5} {error:10.1e} {lse:10.1e} {tolerance:10.0e}")
        for item in failed:
            print(f"FAILED: {item.backend} {item.dtype} {item.pattern} {item.shape}: {item.error:.1e}")
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(checks)} comparisons are out of tolerance")


@app.command()
def evaluate(
    model: Annotated[
        str | None, typer.Option("--model", help="Local folder or hub id; default: the built-in retrieval model.")
    ] = None,
    config: Annotated[
        str, typer.Option("--config", help="A recipe, a JSON file, a hub id with a published table, or dense.")
    ] = "demo",
    tasks: Annotated[str | None, typer.Option("--tasks", help="Comma-separated tasks, or all.")] = None,
    lengths: Annotated[str | None, typer.Option("--lengths", help="Comma-separated lengths in tokens.")] = None,
    depths: Annotated[str | None, typer.Option("--depths", help="Comma-separated depths in [0, 1].")] = None,
    samples: Annotated[int | None, typer.Option("--samples", min=1, help="Samples per cell of the grid.")] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Take the grid from the [evaluate] table of a recipe.")
    ] = None,
    seed: Seed = 0,
    device: Device = "cpu",
    as_json: Json = False,
    output: Output = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Score retrieval suites with sparse prefill: exact answers by task, length and depth."""
    _begin(quiet, debug)
    from dataclasses import asdict

    from tenfold_core.logging import track

    from .evaluate import evaluate_suite, load_model, parse_config, score_table
    from .recipes import load_recipe, recipe_names
    from .tasks.suite import TASKS, make_suite

    grid: dict[str, Any] = {"lengths": [512, 1024], "depths": [0.0, 0.5, 1.0], "samples": 2, "max_new_tokens": 64}
    grid["tasks"] = ["pairs"] if model is None else [name for name in TASKS if name != "pairs"]
    if model is None:
        grid["max_new_tokens"] = 1
    if recipe is not None:
        if recipe not in recipe_names() or "evaluate" not in load_recipe(recipe):
            raise typer.BadParameter(
                f"no recipe {recipe!r} with an [evaluate] table; recipes: {', '.join(recipe_names())}"
            )
        grid |= load_recipe(recipe)["evaluate"]
    if tasks is not None:
        grid["tasks"] = list(TASKS) if tasks == "all" else tasks.split(",")
        unknown = [task for task in grid["tasks"] if task not in TASKS]
        if unknown:
            raise typer.BadParameter(f"unknown task {unknown[0]!r}; accepted: {', '.join(TASKS)}")
    if lengths is not None:
        grid["lengths"] = _numbers(lengths, int, "--lengths")
    if depths is not None:
        grid["depths"] = _numbers(depths, float, "--depths")
    if samples is not None:
        grid["samples"] = samples
    try:
        chosen = parse_config(config)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    loaded, tokenizer = load_model(model, device, seed)
    suite = list(make_suite(grid["tasks"], grid["lengths"], grid["depths"], grid["samples"], tokenizer, seed))
    answers = evaluate_suite(
        loaded, tokenizer, track(suite, "evaluate", total=len(suite)), chosen, max_new_tokens=grid["max_new_tokens"]
    )
    table = score_table(answers)
    score = sum(answer.score for answer in answers) / len(answers)
    result = {
        "model": model or "retrieval-llama", "config": chosen.to_dict(), "score": score, "table": table,
        "answers": [asdict(answer) for answer in answers],
    }  # fmt: skip
    _write(result, as_json, output)
    if not as_json:
        print(f"{'task':18} {'length':>7} {'depth':>6} {'samples':>8} {'score':>6}")
        for row in table:
            print(f"{row['task']:18} {row['length']:7} {row['depth']:6.2f} {row['samples']:8} {row['score']:6.2f}")
        print(f"mean score {score:.3f} over {len(answers)} samples")


@app.command()
def speed(
    length: Annotated[list[int] | None, typer.Option("--length", help="Tokens; may be repeated.")] = None,
    dtype: Annotated[str | None, typer.Option("--dtype", help="Time the native kernel in this type only.")] = None,
    rounds: Annotated[int | None, typer.Option("--rounds", min=2, help="Interleaved repetitions.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Short lengths, to see that everything runs.")] = False,
    seed: Seed = 0,
    as_json: Json = False,
    output: Output = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Time sparse attention against torch's SDPA: one process, interleaved, index time apart and included."""
    _begin(quiet, debug)
    from .speed import DTYPES, run, table

    if dtype is not None and dtype not in DTYPES:
        raise typer.BadParameter(f"--dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    result = run(length or None, quick=quick, seed=seed, dtype=dtype, rounds=rounds)
    _write(result, as_json, output)
    if not as_json:
        print(table(result))


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for report.html and result.json.")] = Path(
        "runs/demo/minference-kernels"
    ),
    seed: Seed = 0,
    quick: Annotated[bool, typer.Option("--quick", help="A smaller version, in seconds.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """What each pattern keeps, answers and costs, on this machine and offline: a report with figures."""
    _begin(quiet, debug)
    from .demo import run

    result = run(output, seed=seed, quick=quick)
    if as_json:
        print(json.dumps(result))
    else:
        print(result["headline"])
        print(f"report: {output / 'report.html'}")


def _numbers(text: str, kind: type, option: str) -> list[Any]:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"{option} must be comma-separated numbers, got {text!r}") from error


def _begin(quiet: bool, debug: bool) -> None:
    from tenfold_core.logging import configure

    configure(quiet=quiet, debug=debug)
    if quiet:
        os.environ["TENFOLD_QUIET"] = "1"


def _write(result: dict[str, Any], as_json: bool, output: Path | None) -> None:
    text = json.dumps(result, indent=1)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        temporary = output.with_name(output.name + ".tmp")
        temporary.write_text(text + "\n", encoding="utf-8")
        os.replace(temporary, output)
    if as_json:
        print(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: 0 done, 1 failed with one line, 2 wrong usage, 130 interrupted."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(args=arguments, prog_name="minference-kernels")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if "--debug" in arguments:
            raise
        print(f"minference-kernels: error: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
        sys.exit(1)
