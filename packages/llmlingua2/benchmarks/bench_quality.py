"""Quality of the model inside the package beside baselines and controls; writes results/quality*.json.

    python benchmarks/bench_quality.py [--model FOLDER] [--quick]

Data: QMSum validation (35 meetings), XQuAD (120 paragraphs in each of six languages), the last 300 GSM8K problems (the
recipe trains on the first). The controls are trained here, for a few steps on a small part of the recipe's data: once
on the labels, once on shuffled labels; with no training at all; and for the second seed, by --second FOLDER.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from llmlingua2 import __version__
from llmlingua2.base_weights import locate
from llmlingua2.baselines import Statistics, baseline
from llmlingua2.compressor import Compressor
from llmlingua2.embedding import sentence_embedder
from llmlingua2.evaluate import RATES, Method, Results, evaluate, from_compressor, from_scorer
from llmlingua2.meetings import load_meetings
from llmlingua2.prepare import prepare
from llmlingua2.recipe import Recipe
from llmlingua2.student import build_student, save_student
from llmlingua2.tasks import answer_task, number_task, retrieval_task, span_task
from llmlingua2.train import train
from tenfold_core.datasets import read_jsonl, resolve
from tenfold_core.logging import environment

LANGUAGES = ("en", "de", "es", "ru", "ar", "zh")
PLAIN = ("random", "truncate", "stopword", "tfidf", "selfinfo", "selfinfo-bigram")
DRAWS = 3
CONTROL_STEPS = 60
UNRULED = "model, no negation rule"


def baselines(statistics: Statistics) -> dict[str, list[Method]]:
    """Every baseline; those with random ties in three draws."""
    draws = {name: DRAWS if name in ("random", "stopword") else 1 for name in PLAIN}
    return {
        name: [from_scorer(baseline(name, statistics, seed=seed)) for seed in range(count)]
        for name, count in draws.items()
    }


def controls(directory: Path, seed: int, steps: int) -> dict[str, list[Method]]:
    """Models that must not be good: no training, and training on shuffled labels beside the same steps on true ones."""
    base = locate("minilm")
    untrained = [directory / f"untrained-{draw}" for draw in range(DRAWS)]
    for draw, folder in enumerate(untrained):
        torch.manual_seed(seed + draw)
        save_student(build_student(base), base, folder)
    recipe = Recipe.load("embedded")
    labels = prepare(recipe.data, directory / "labels", limit=5 * steps)
    found = {"untrained": untrained}
    for name, shuffle in ((f"{steps} steps", False), (f"{steps} steps, shuffled labels", True)):
        settings = dataclasses.replace(recipe.train, max_steps=steps, shuffle_labels=shuffle, validate_every=0)
        done = train(labels, directory / name.replace(" ", "-"), dataclasses.replace(recipe, train=settings), seed=seed)
        found[name] = [done.model]
    return {
        name: [from_compressor(opened(path), keep_negation=False) for path in paths] for name, paths in found.items()
    }


def opened(path: str | Path | None) -> Compressor:
    """A compressor that counts words; the default without a path."""
    if path is None:
        return Compressor.default(counter="words")
    return Compressor.from_pretrained(path, device="cpu", counter="words")


def measured(arguments: argparse.Namespace, scratch: Path) -> tuple[Results, Results, Results]:
    """Everything; only the controls and only the embedding similarity, which see less."""
    meetings = load_meetings(resolve("llmlingua2/qmsum_val.jsonl.gz"))
    xquad = list(read_jsonl(resolve("llmlingua2/xquad_dev.jsonl.gz")))
    problems = list(read_jsonl(resolve("llmlingua2/gsm8k_train.jsonl.gz")))[-300:]
    if arguments.quick:
        meetings, problems = meetings[::7], problems[:30]
        xquad = [row for row in xquad if row["title"] in {row["title"] for row in xquad[:12]}]
    compressor = opened(arguments.model)
    models = {
        "model": [from_compressor(compressor)],
        UNRULED: [from_compressor(compressor, keep_negation=False)],
    }
    if arguments.second:
        models["second seed"] = [from_compressor(opened(arguments.second))]
    talk = [
        text
        for meeting in load_meetings(resolve("llmlingua2/qmsum_train.jsonl.gz"), strict=False)
        for text in meeting_windows(meeting)
    ]
    counted = Statistics.fit(talk)
    results = evaluate(
        [answer_task(meetings), retrieval_task(meetings)], {**models, **baselines(counted)}, rates=arguments.rates
    )
    # Elsewhere the baselines know the very texts they are judged on: the strongest form of them.
    for task in (*(span_task(xquad, language=language) for language in LANGUAGES), number_task(problems)):
        english = task.name in ("xquad-en", "numbers")
        known = Statistics.fit(task.texts, stop_words=0 if english else 100)
        rates = arguments.rates if english else (0.33,)
        used = {name: draws for name, draws in models.items() if name != UNRULED}
        part = evaluate([task], {**used, **baselines(known)}, rates=rates)
        results.items |= part.items
        results.measures |= part.measures
    held = answer_task(meetings)
    chance = evaluate(
        [held],
        {
            **controls(scratch, arguments.seed, 4 if arguments.quick else CONTROL_STEPS),
            "random": baselines(counted)["random"],
        },
        rates=(0.2, 0.1),
    )
    chosen = {name: (models | baselines(counted))[name][:1] for name in ("model", "stopword", "tfidf", "random")}
    alike = evaluate([answer_task(meetings, embed=sentence_embedder())], chosen, rates=(0.1,))
    return results, chance, alike


def meeting_windows(meeting: Any, turns: int = 10) -> list[str]:
    """The passages over which document frequencies are counted."""
    lines = [text for _, text in meeting.turns]
    return ["\n".join(lines[at : at + turns]) for at in range(0, len(lines), turns)]


def cell(results: Results, task: str, method: str, rate: float, measure: str) -> str:
    """``.712 [.690, .735]``."""
    interval = results.interval(task, method, rate, measure)
    return f"{interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def differences(results: Results, rates: tuple[float, ...]) -> list[dict[str, Any]]:
    """The model minus the best baseline, paired, for every task, measure and rate."""
    rows = []
    for task, measures in results.measures.items():
        for measure in measures:
            if measure == "polarity_loss":
                continue
            for rate in sorted(set(rates) & set(results.items[task]["model"]), reverse=True):
                best = results.best_of(task, PLAIN, rate, measure)
                gap = results.difference(task, "model", best, rate, measure)
                rows.append(
                    {
                        "task": task,
                        "measure": measure,
                        "rate": rate,
                        "best_baseline": best,
                        "difference": round(gap.estimate, 4),
                        "low": round(gap.low, 4),
                        "high": round(gap.high, 4),
                    }
                )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="checkpoint folder; default: the one in the package")
    parser.add_argument("--second", help="a checkpoint trained with another seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a fraction of the data, to see that it runs")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    arguments = parser.parse_args()
    arguments.rates = RATES
    torch.set_num_threads(1)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        results, chance, alike = measured(arguments, Path(scratch))
    shared = {
        "command": "python benchmarks/bench_quality.py" + (" --second FOLDER" if arguments.second else ""),
        "package": "llmlingua2",
        "version": __version__,
        "environment": environment(),
        "seed": arguments.seed,
        "seconds": round(time.perf_counter() - began),
    }
    for name, content in {
        "quality": main_table(results)
        | {
            "values": results.to_dict(),
            "differences": differences(results, arguments.rates),
            "embedding_similarity": alike.to_dict(),
        },
        "quality_domains": domain_table(results),
        "quality_languages": language_table(results),
        "quality_controls": control_table(chance) | {"values": chance.to_dict()},
    }.items():
        arguments.output.mkdir(parents=True, exist_ok=True)
        path = arguments.output / f"{name}.json"
        path.write_text(json.dumps(shared | content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(path, file=sys.stderr)


def main_table(results: Results) -> dict[str, Any]:
    """One row per method, the leading measures."""
    shown = [
        ("answer recall @.2", "answers", 0.2, "answer_recall"),
        ("answer recall @.1", "answers", 0.1, "answer_recall"),
        ("bigram recall @.1", "answers", 0.1, "answer_bigram_recall"),
        ("polarity loss @.2", "answers", 0.2, "polarity_loss"),
        ("BM25 MRR @.1", "retrieval", 0.1, "reciprocal_rank"),
        ("XQuAD-en survival @.33", "xquad-en", 0.33, "span_survival"),
        ("GSM8K numbers @.33", "numbers", 0.33, "number_recall"),
    ]
    methods = list(next(iter(results.items.values())))
    rows = [
        [
            name,
            *(
                cell(results, task, name, rate, measure) if name in results.items[task] else ""
                for _, task, rate, measure in shown
            ),
        ]
        for name in methods
    ]
    return {
        "table": {
            "columns": ["method", *(title for title, *_ in shown)],
            "rows": rows,
            "caption": "QMSum validation (35 meetings, 237 queries), XQuAD-en (24 articles), 300 GSM8K problems; 95 % "
            "bootstrap intervals over meetings, articles, problems. Random and stop-word are means of three draws. "
            "Polarity loss: lower is better.",
        }
    }


def domain_table(results: Results) -> dict[str, Any]:
    """Answer recall and bigram recall at .1 by kind of meeting."""
    parts = results.parts("answers")
    rows = [
        [
            name,
            *(
                f"{results.mean('answers', name, 0.1, measure, part=part):.3f}"
                for part in parts
                for measure in ("answer_recall", "answer_bigram_recall")
            ),
        ]
        for name in results.items["answers"]
    ]
    columns = ["method", *(f"{part}: {short}" for part in parts for short in ("recall", "bigrams"))]
    return {"table": {"columns": columns, "rows": rows, "caption": "QMSum validation at rate .1, by kind of meeting."}}


def language_table(results: Results) -> dict[str, Any]:
    """XQuAD span survival by language; the embedded model is English."""
    rows = [
        [name, *(f"{results.mean(f'xquad-{language}', name, 0.33, 'span_survival'):.3f}" for language in LANGUAGES)]
        for name in results.items["xquad-en"]
    ]
    caption = "Share of XQuAD answers whose words are all kept at rate .33. The embedded model reads English."
    return {"table": {"columns": ["method", *LANGUAGES], "rows": rows, "caption": caption}}


def control_table(chance: Results) -> dict[str, Any]:
    """What must stay at chance, and what a few steps on true labels do."""
    rows = [
        [
            name,
            *(
                cell(chance, "answers", name, rate, measure)
                for rate in (0.2, 0.1)
                for measure in ("answer_recall", "answer_bigram_recall")
            ),
        ]
        for name in chance.items["answers"]
    ]
    columns = ["control", "recall @.2", "bigrams @.2", "recall @.1", "bigrams @.1"]
    caption = (
        f"QMSum validation, no negation rule. Trained for {CONTROL_STEPS} steps on 600 chunks, once with the labels "
        "shuffled. Untrained: the mean of three random heads on the pretrained encoder; such a head is no coin, it likes or "
        "dislikes whole classes of words."
    )
    return {"table": {"columns": columns, "rows": rows, "caption": caption}}


if __name__ == "__main__":
    main()
