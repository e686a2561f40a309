"""`evaluate`: a model beside baselines, without a language model; with one, if an endpoint is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmlingua2.commands.options import Debug, Device, Json, Model, Output, Quiet, Seed, emit, load, start

if TYPE_CHECKING:
    from llmlingua2.compressor import Compressor
    from llmlingua2.corpora.meetings import Meeting
    from llmlingua2.evaluate import Method, Results

BASELINES = ("random", "truncate", "stopword", "tfidf", "selfinfo", "selfinfo-bigram")
DRAWS = {"random": 3, "stopword": 3}  # these two break ties at random


def evaluate(
    model: Model = None,
    meetings: Annotated[
        Path | None,
        typer.Option("--meetings", exists=True, help="Meetings in QMSum's layout; none: nine that the package ships."),
    ] = None,
    xquad: Annotated[
        Path | None, typer.Option("--xquad", exists=True, help="Paragraphs with answer spans: survival by language.")
    ] = None,
    rate: Annotated[
        list[float] | None, typer.Option("--rate", "-r", help="Share of the words to keep. Repeatable.")
    ] = None,
    baseline: Annotated[
        list[str] | None, typer.Option("--baseline", help=f"One of {', '.join(BASELINES)}. Repeatable; none: all.")
    ] = None,
    selective_context: Annotated[
        str | None, typer.Option("--selective-context", help="Add Selective-Context with this causal language model.")
    ] = None,
    keep_negation: Annotated[
        bool, typer.Option("--keep-negation/--no-keep-negation", help="The model with its negation rule or without.")
    ] = True,
    judge: Annotated[
        str | None,
        typer.Option("--judge", help="Also let this model of an endpoint read and answer."),
    ] = None,
    base_url: Annotated[str | None, typer.Option("--base-url", help="Of the judge's endpoint.")] = None,
    device: Device = "auto",
    as_json: Json = False,
    output: Output = None,
    seed: Seed = 0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Measure what survives compression: answer words and pairs, findability, answer spans; with intervals."""
    rates = tuple(rate or (0.5, 0.33, 0.2, 0.1, 0.05))
    if any(not 0 < one <= 1 for one in rates):
        raise typer.BadParameter(f"--rate is a share of the words, above 0 and at most 1 (got {rates})")
    if unknown := set(baseline or ()) - set(BASELINES):
        raise typer.BadParameter(f"--baseline is one of {', '.join(BASELINES)} (got {', '.join(sorted(unknown))})")
    start(quiet, debug)
    from llmlingua2.corpora.meetings import load_meetings
    from llmlingua2.demo import sample_meetings
    from llmlingua2.evaluate import evaluate, from_compressor
    from llmlingua2.evaluation.tasks import answer_task, retrieval_task

    compressor = load(model, "words", device)
    chosen = load_meetings(meetings) if meetings else sample_meetings()
    ours = {"model": [from_compressor(compressor, keep_negation=keep_negation)]}
    spoken = [text for meeting in chosen for _, text in meeting.turns]
    methods = ours | rivals(spoken, baseline or BASELINES, selective_context, seed)
    results = evaluate([answer_task(chosen), retrieval_task(chosen)], methods, rates=rates)
    if xquad is not None:
        add_spans(results, xquad, ours, baseline or BASELINES, rates, seed)
    content: dict[str, Any] = {"rates": rates, "seed": seed, "tasks": results.to_dict()}
    if judge is not None:
        content["judged"] = judged(chosen, compressor, rates, judge, base_url)
    emit(json.dumps(content, indent=2) if as_json else table(content), output)


def rivals(
    texts: list[str], names: list[str] | tuple[str, ...], causal: str | None, seed: int, stop_words: int = 0
) -> dict[str, list[Method]]:
    """The baselines, their frequencies counted on the very texts that are compressed: their strongest form."""
    from llmlingua2 import baselines
    from llmlingua2.evaluate import from_scorer

    counted = baselines.Statistics.fit(texts, stop_words=stop_words)
    found = {
        name: [from_scorer(baselines.baseline(name, counted, seed=seed + draw)) for draw in range(DRAWS.get(name, 1))]
        for name in names
    }
    if causal is not None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        reader = AutoModelForCausalLM.from_pretrained(causal, use_safetensors=True).eval()
        scorer = baselines.selective_context(reader, AutoTokenizer.from_pretrained(causal))
        found["selective-context"] = [from_scorer(scorer)]
    return found


def add_spans(
    results: Results,
    path: Path,
    ours: dict[str, list[Method]],
    names: list[str] | tuple[str, ...],
    rates: tuple[float, ...],
    seed: int,
) -> None:
    """One task per language of the file."""
    from llmlingua2.evaluate import evaluate
    from llmlingua2.evaluation.tasks import span_task
    from tenfold_core.datasets import read_jsonl

    rows = list(read_jsonl(path))
    for language in sorted({row["lang"] for row in rows}):
        task = span_task(rows, language=language)
        # Other languages than English take their hundred most frequent words for stop words.
        others = rivals(list(task.texts), names, None, seed, stop_words=0 if language == "en" else 100)
        part = evaluate([task], ours | others, rates=rates)
        results.items |= part.items
        results.measures |= part.measures


def judged(
    meetings: list[Meeting], compressor: Compressor, rates: tuple[float, ...], model: str, base_url: str | None
) -> dict[str, dict[str, str]]:
    """What the judge reads out of the whole and the compressed passages, against the human answers."""
    from llmlingua2.evaluation.judge import Case, ask_openai, read_and_judge

    cases = [
        Case(query.question, (query.answer,), meeting.text(query.turns()), meeting.id)
        for meeting in meetings
        for query in meeting.queries
        if query.turns()
    ]
    ask = ask_openai(model, base_url=base_url)
    found = {"1": read_and_judge(cases, lambda text: text, ask)}
    for rate in rates:

        def shorten(text: str, rate: float = rate) -> str:
            return compressor.compress(text, rate=rate, on_overflow="keep").text

        found[f"{rate:g}"] = read_and_judge(cases, shorten, ask)
    return {rate: {"f1": str(reading.f1), "exact": str(reading.exact)} for rate, reading in found.items()}


def table(content: dict[str, Any]) -> str:
    """Every task and measure as plain text, methods down, rates across."""
    lines = []
    for task, methods in content["tasks"].items():
        first = next(iter(next(iter(methods.values())).values()))
        for measure in first:
            lines += ["", f"{task}: {measure.replace('_', ' ')}"]
            lines.append(f"  {'':<18}" + "".join(f"{rate:>22g}" for rate in content["rates"]))
            for method, by_rate in methods.items():
                cells = (cell(by_rate[f"{rate:g}"][measure]) for rate in content["rates"])
                lines.append(f"  {method:<18}" + "".join(f"{text:>22}" for text in cells))
    for rate, scores in content.get("judged", {}).items():
        lines += ["", f"judged at {rate}: F1 {scores['f1']}, exact {scores['exact']}"]
    return "\n".join(lines[1:])


def cell(entry: dict[str, Any]) -> str:
    if "estimate" not in entry:
        return "-"
    interval = f" [{entry['low']:.3f}, {entry['high']:.3f}]" if "low" in entry else ""
    return f"{entry['estimate']:.3f}{interval}"
