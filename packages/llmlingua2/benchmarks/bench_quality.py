"""Quality of the model inside the package beside baselines; writes results/quality*.json.

    python benchmarks/bench_quality.py [--model FOLDER] [--second FOLDER] [--quick]

Data: QMSum validation (35 meetings), XQuAD (120 paragraphs in each of six languages), the last 300 GSM8K problems (the
recipe trains on the first). The second seed is trained here, by the recipe, unless --second names a checkpoint; that
takes about as long as the rest. The controls are in bench_controls.py.
"""

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

from protocol import PLAIN, Record, baselines, cell, meeting_statistics, opened, options, validation_meetings

from llmlingua2.baselines import Statistics
from llmlingua2.evaluate import RATES, Results, evaluate, from_compressor
from llmlingua2.evaluation.embedding import sentence_embedder
from llmlingua2.evaluation.tasks import answer_task, number_task, retrieval_task, span_task
from llmlingua2.train import train
from llmlingua2.training.prepare import prepare
from llmlingua2.training.recipe import Recipe
from tenfold_core.datasets import read_jsonl, resolve

LANGUAGES = ("en", "de", "es", "ru", "ar", "zh")
SECOND_SEED = 1
UNRULED = "model, no negation rule"


def second_seed(arguments: argparse.Namespace, scratch: Path) -> tuple[Path, dict[str, Any]]:
    """The model of the other seed and what to say about it."""
    if arguments.second:
        return arguments.second, {"note": "Second seed: a checkpoint trained before this run."}
    recipe = Recipe.load("embedded")
    if arguments.quick:
        recipe = dataclasses.replace(recipe, train=dataclasses.replace(recipe.train, max_steps=4, validate_every=0))
    labels = prepare(recipe.data, scratch / "labels", limit=60 if arguments.quick else 0)
    began = time.perf_counter()
    trained = train(labels, scratch / "second", recipe, seed=SECOND_SEED, device="cpu")
    seconds = round(time.perf_counter() - began)
    return trained.model, {
        "seed": SECOND_SEED,
        "training_seconds": seconds,
        "validation_loss": trained.loss,
        "note": f"Second seed: the recipe with seed {SECOND_SEED}, {seconds:,} seconds of training on one core.",
    }


def measured(arguments: argparse.Namespace, second: Path) -> tuple[Results, Results]:
    """Everything; and only the embedding similarity, which sees less."""
    meetings = validation_meetings(arguments.quick)
    xquad = list(read_jsonl(resolve("llmlingua2/xquad_dev.jsonl.gz")))
    problems = list(read_jsonl(resolve("llmlingua2/gsm8k_train.jsonl.gz")))[-300:]
    if arguments.quick:
        problems = problems[:30]
        xquad = [row for row in xquad if row["title"] in {row["title"] for row in xquad[:12]}]
    compressor = opened(arguments.model)
    models = {
        "model": [from_compressor(compressor)],
        UNRULED: [from_compressor(compressor, keep_negation=False)],
        "second seed": [from_compressor(opened(second))],
    }
    counted = meeting_statistics()
    results = evaluate([answer_task(meetings), retrieval_task(meetings)], {**models, **baselines(counted)}, rates=RATES)
    # Elsewhere the baselines know the very texts they are judged on: the strongest form of them.
    for task in (*(span_task(xquad, language=language) for language in LANGUAGES), number_task(problems)):
        english = task.name in ("xquad-en", "numbers")
        known = Statistics.fit(task.texts, stop_words=0 if english else 100)
        used = {name: draws for name, draws in models.items() if name != UNRULED}
        part = evaluate([task], {**used, **baselines(known)}, rates=RATES if english else (0.33,))
        results.items |= part.items
        results.measures |= part.measures
    chosen = {name: (models | baselines(counted))[name][:1] for name in ("model", "stopword", "tfidf", "random")}
    alike = evaluate([answer_task(meetings, embed=sentence_embedder())], chosen, rates=(0.1,))
    return results, alike


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
    parser = options(__doc__)
    parser.add_argument("--model", help="checkpoint folder; default: the one in the package")
    parser.add_argument("--second", type=Path, help="a checkpoint of another seed; default: trained here")
    arguments = parser.parse_args()
    record = Record("bench_quality.py" + " --second FOLDER" * bool(arguments.second), arguments)
    with tempfile.TemporaryDirectory() as scratch:
        second, facts = second_seed(arguments, Path(scratch))
        results, alike = measured(arguments, second)
    quality = main_table(results, facts["note"])
    quality |= {
        "second_seed": facts,
        "values": results.to_dict(),
        "differences": differences(results, RATES),
        "embedding_similarity": alike.to_dict(),
    }
    record.write(
        {"quality": quality, "quality_domains": domain_table(results), "quality_languages": language_table(results)}
    )


def main_table(results: Results, note: str) -> dict[str, Any]:
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
            f"Polarity loss: lower is better. {note}",
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


if __name__ == "__main__":
    main()
