"""`distil`, `label`, `filter` and `train`: from text to a compressor of one's own."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmlingua2.commands.options import Debug, Device, Json, Quiet, Seed, emit, say, start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmlingua2.teachers.protocol import Teacher

Source = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON lines; .gz is understood.")]
Destination = Annotated[Path, typer.Option("--output", "-o", help="The file to write.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an output that is there already.")]


class Align(StrEnum):
    DP = "dp"
    GREEDY = "greedy"


class Lemmas(StrEnum):
    STEM = "stem"
    SPACY = "spacy"


class Limits(StrEnum):
    PERCENTILE = "percentile"
    VALUE = "value"


def refuse_existing(output: Path, resume: bool) -> None:
    if output.exists() and not resume:
        raise typer.BadParameter(f"{output} exists; give --resume to go on with it, or another --output")


def open_teachers(
    name: str, *, base_url: str | None, concurrency: int, device: str, salience: Path | None, rates: list[float] | None
) -> Sequence[Teacher]:
    """The teacher that is named; the salience teacher once per rate."""
    kind, _, model = name.partition(":")
    if kind == "openai" and model:
        from llmlingua2.teachers.openai_compatible import OpenAICompatibleTeacher

        return [OpenAICompatibleTeacher(model, base_url=base_url, concurrency=concurrency)]
    if kind == "hf" and model:
        from llmlingua2.teachers.local import TransformersTeacher

        return [TransformersTeacher.from_pretrained(model, device=device)]
    if name == "reference":
        from llmlingua2.teachers.reference import ReferenceTeacher

        return [ReferenceTeacher()]
    if name == "salience":
        return salience_teachers(salience, rates)
    raise typer.BadParameter(f"--teacher is openai:<model>, hf:<folder or id>, reference or salience (got {name!r})")


def salience_teachers(counts: Path | None, rates: list[float] | None) -> Sequence[Teacher]:
    """The teacher of the embedded recipe, at its rates unless others are given."""
    from llmlingua2.corpora.sources import open_salience
    from llmlingua2.teachers.reference import SalienceTeacher
    from llmlingua2.training.recipe import Recipe

    settings = Recipe.load("embedded").data
    try:
        salience = open_salience(counts)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            "--teacher salience counts what people repeat on QMSum's training meetings, which are not here: set "
            f"TENFOLD_DATA, or name counts or meetings of your own with --salience ({error})"
        ) from error
    chosen = dict.fromkeys(rates or settings.rates)
    return [SalienceTeacher(salience, rate=rate, neighbour=settings.neighbour) for rate in chosen]


def distil(
    documents: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="JSON lines with idx and prompt, or one plain text.")
    ],
    output: Destination,
    teacher: Annotated[
        str, typer.Option("--teacher", help="openai:<model>, hf:<folder or id>; offline: reference, salience.")
    ] = "reference",
    salience: Annotated[
        Path | None,
        typer.Option(
            "--salience",
            exists=True,
            dir_okay=False,
            help="Of --teacher salience: counts (.json) or meetings in QMSum's layout to count on (.jsonl); "
            "none: QMSum's training meetings under TENFOLD_DATA.",
        ),
    ] = None,
    rate: Annotated[
        list[float] | None,
        typer.Option(
            "--rate", "-r", help="Of --teacher salience: share of the words. Repeatable; none: .05 .1 .2 .33 .5."
        ),
    ] = None,
    base_url: Annotated[str | None, typer.Option("--base-url", help="Of an OpenAI-compatible endpoint.")] = None,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, help="Calls at a time.")] = 8,
    chunk_size: Annotated[int, typer.Option("--chunk-size", min=1, help="Largest chunk, in words.")] = 512,
    estimate: Annotated[bool, typer.Option("--estimate", help="Only say what the run would cost.")] = False,
    input_price: Annotated[float, typer.Option("--input-price", min=0, help="Per million tokens sent.")] = 0.0,
    output_price: Annotated[float, typer.Option("--output-price", min=0, help="Per million tokens answered.")] = 0.0,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Ask again where the answer was bad.")] = False,
    resume: Resume = False,
    device: Device = "cpu",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Have a teacher compress text chunk by chunk; keys come from the environment (OPENAI_API_KEY)."""
    if teacher != "salience" and (salience or rate):
        raise typer.BadParameter(f"--salience and --rate go with --teacher salience (got --teacher {teacher})")
    if any(not 0 < one <= 1 for one in rate or ()):
        raise typer.BadParameter(f"--rate is a share of the words, above 0 and at most 1 (got {rate})")
    start(quiet, debug)
    from llmlingua2 import distill
    from llmlingua2.corpora.sources import document_chunks, read_documents

    chunks = list(document_chunks(read_documents(documents), size=chunk_size))
    if not chunks:
        raise ValueError(f"{documents} holds no text")
    if estimate:
        cost = distill.estimate(chunks, input_price=input_price, output_price=output_price)
        emit(
            f"{cost.calls:,} calls, about {cost.input_tokens:,} tokens sent and {cost.output_tokens:,} answered, "
            f"cost {cost.cost:,.2f}",
            None,
        )
        return
    refuse_existing(output, resume)
    teachers = open_teachers(
        teacher, base_url=base_url, concurrency=concurrency, device=device, salience=salience, rates=rate
    )
    done = [distill.distill(chunks, one, output, retry_failed=retry_failed) for one in teachers]
    answered, failed, skipped = (sum(getattr(one, part) for one in done) for part in ("answered", "failed", "skipped"))
    if failed and not answered + skipped:
        raise RuntimeError(f"no usable answer; the reasons are in {output}")
    say(f"{answered:,} answers, {failed:,} bad, {skipped:,} there already: {output}", quiet)


def label(
    answers: Source,
    output: Destination,
    align: Annotated[Align, typer.Option("--align", help="dp, or greedy (upstream's window).")] = Align.DP,
    lemmas: Annotated[Lemmas, typer.Option("--lemmas", help="How words are compared.")] = Lemmas.STEM,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Turn a teacher's answers into labels on the original words."""
    start(quiet, debug)
    from llmlingua2.training.labels import label_file

    count = label_file(answers, output, method=align.value, lemmas=lemmas.value)
    say(f"{count:,} answers labelled: {output}", quiet)


def filter_(
    labels: Source,
    output: Destination,
    vr: Annotated[float, typer.Option("--vr", min=0, help="Variation rate: per cent dropped, or highest value.")] = 5.0,
    ag: Annotated[float, typer.Option("--ag", min=0, help="Alignment gap: per cent dropped, or highest value.")] = 10.0,
    by: Annotated[Limits, typer.Option("--by", help="What the two limits are.")] = Limits.PERCENTILE,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Drop the chunks whose answers invented words (variation rate) or do not align (alignment gap)."""
    start(quiet, debug)
    from llmlingua2.training.labels import filter_file

    selection = filter_file(labels, output, vr=vr, ag=ag, by=by.value)
    limits = f"variation rate up to {selection.vr_limit:.3f}, alignment gap up to {selection.ag_limit:.3f}"
    say(f"{int(selection.kept.sum()):,} of {len(selection.kept):,} kept ({limits}): {output}", quiet)


def train(
    labels: Annotated[
        Path | None,
        typer.Argument(exists=True, dir_okay=False, help="Label rows; none: the recipe's data, in <output>-data."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", file_okay=False, help="Folder of the run; the model is in model/.")
    ] = Path("runs/train"),
    recipe: Annotated[
        str, typer.Option("--recipe", help="embedded, paper, paper-small, or a .toml file.")
    ] = "embedded",
    base: Annotated[
        str | None, typer.Option("--base", help="Folder or hub id to start from, not the recipe's.")
    ] = None,
    epochs: Annotated[float | None, typer.Option("--epochs", help="Passes over the data; none: the recipe's.")] = None,
    max_steps: Annotated[
        int | None,
        typer.Option("--max-steps", min=0, help="End there at the latest; none: the recipe's; 0: no limit."),
    ] = None,
    validation: Annotated[
        float | None, typer.Option("--validation", help="Share of the documents held out; none: the recipe's.")
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Also write model-int8/, a quarter of the size.")] = False,
    resume: Resume = False,
    seed: Seed = 0,
    device: Annotated[str, typer.Option("--device", help="auto (what accelerate finds) or cpu.")] = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train a token classifier on labels."""
    if device not in ("auto", "cpu"):
        raise typer.BadParameter(f"--device is auto or cpu (got {device})")
    if epochs is not None and not 0 < epochs < 1e6:
        raise typer.BadParameter(f"--epochs is a number above 0 (got {epochs:g})")
    if validation is not None and not 0 < validation < 1:
        raise typer.BadParameter(f"--validation is a share, above 0 and below 1 (got {validation:g})")
    first = os.environ.get("RANK", "0") == "0"  # of several processes one speaks
    start(quiet or not first, debug)
    from dataclasses import asdict, replace

    from llmlingua2 import train as training
    from llmlingua2.scoring.quantization import quantize_checkpoint
    from llmlingua2.training.recipe import Recipe

    if first and not resume and output.exists() and any(output.iterdir()):
        raise typer.BadParameter(f"{output} holds a run; give --resume to go on with it, or another --output")
    settings = Recipe.load(recipe)
    if base is not None:
        settings = replace(settings, model=replace(settings.model, base=base))
    if validation is not None:
        settings = replace(settings, data=replace(settings.data, validation=validation))
    given: dict[str, Any] = {"epochs": epochs, "max_steps": max_steps}
    changed = {name: value for name, value in given.items() if value is not None}
    settings = replace(settings, train=replace(settings.train, **changed))
    trained = training.train(labels, output, settings, seed=seed, device=device, resume=resume)
    if not first:
        return
    if int8:
        quantize_checkpoint(trained.model, output / "model-int8")
    if as_json:
        emit(json.dumps({**asdict(trained), "model": str(trained.model)}, indent=2), None)
    else:
        emit(
            f"{trained.model}: step {trained.step:,}, {trained.examples:,} chunks, "
            f"validation loss {trained.loss:.3f}, accuracy {trained.accuracy:.1%} "
            f"(commoner label: {trained.majority:.1%})\n{output / 'report.html'}",
            None,
        )
