"""Controls of the quality benchmark: what must not be good; writes results/quality_controls.json.

    python benchmarks/bench_controls.py [--quick]

Data: QMSum validation (35 meetings). Made here: models without any training (every weight random) and models trained
for a few steps on a small part of the recipe's data, once on the labels and once on shuffled labels. For information,
pretrained encoders under a random head. `tests/test_controls.py` fails where an untrained or shuffled control is above
chance in the file that this writes.
"""

import argparse
import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import torch
from protocol import Record, baselines, cell, meeting_statistics, opened, options, validation_meetings

from llmlingua2.evaluate import Method, Results, evaluate, from_compressor
from llmlingua2.evaluation.tasks import answer_task
from llmlingua2.scoring.base_weights import locate
from llmlingua2.train import train
from llmlingua2.training.prepare import prepare
from llmlingua2.training.recipe import Recipe
from llmlingua2.training.student import build_student, save_student

RATES = (0.2, 0.1)
MEASURES = ("answer_recall", "answer_bigram_recall")
DRAWS = {"untrained": 4, "pretrained encoder, random head": 3}
STEPS = 60
CAPTION = (
    "QMSum validation, no negation rule. Untrained: the model's architecture with every weight random, mean of four "
    f"draws. Trained for {STEPS} steps on 600 chunks, once with the labels shuffled. Recall at chance is random's; for "
    "bigrams it is truncate's, which keeps neighbours whatever they say. For information: a random head on the "
    "pretrained encoder, mean of three; it is no coin, because the encoder's features tell classes of words apart."
)


def random_models(directory: Path, seed: int) -> dict[str, list[Path]]:
    """Checkpoints that have learned nothing of the task."""
    base = locate("minilm")
    found: dict[str, list[Path]] = {}
    for name, draws in DRAWS.items():
        found[name] = [directory / f"{name.replace(' ', '-')}-{draw}" for draw in range(draws)]
        for draw, folder in enumerate(found[name]):
            torch.manual_seed(seed + draw)
            save_student(build_student(base, pretrained=name != "untrained"), base, folder)
    return found


def briefly_trained(directory: Path, seed: int, steps: int) -> dict[str, list[Path]]:
    """The same few steps on true labels and on shuffled ones."""
    recipe = Recipe.load("embedded")
    labels = prepare(recipe.data, directory / "labels", limit=5 * steps)
    found = {}
    for name, shuffle in ((f"{steps} steps", False), (f"{steps} steps, shuffled labels", True)):
        settings = dataclasses.replace(recipe.train, max_steps=steps, shuffle_labels=shuffle, validate_every=0)
        done = train(labels, directory / name.replace(" ", "-"), dataclasses.replace(recipe, train=settings), seed=seed)
        found[name] = [done.model]
    return found


def measured(arguments: argparse.Namespace, scratch: Path) -> Results:
    """Every control beside the two baselines that say what chance is."""
    checkpoints = random_models(scratch, arguments.seed)
    checkpoints |= briefly_trained(scratch, arguments.seed, 4 if arguments.quick else STEPS)
    methods: dict[str, list[Method]] = {
        name: [from_compressor(opened(path), keep_negation=False) for path in paths]
        for name, paths in checkpoints.items()
    }
    chance = baselines(meeting_statistics())
    methods |= {name: chance[name] for name in ("random", "truncate")}
    return evaluate([answer_task(validation_meetings(arguments.quick))], methods, rates=RATES)


def table(results: Results) -> dict[str, Any]:
    """Controls down, recall and bigrams across."""
    rows = [
        [name, *(cell(results, "answers", name, rate, measure) for rate in RATES for measure in MEASURES)]
        for name in results.items["answers"]
    ]
    columns = [
        "control",
        *(f"{short} @{rate:.1g}".replace("0.", ".") for rate in RATES for short in ("recall", "bigrams")),
    ]
    return {"table": {"columns": columns, "rows": rows, "caption": CAPTION}}


def main() -> None:
    arguments = options(__doc__).parse_args()
    record = Record("bench_controls.py", arguments)
    with tempfile.TemporaryDirectory() as scratch:
        results = measured(arguments, Path(scratch))
    record.write({"quality_controls": table(results) | {"values": results.to_dict()}})


if __name__ == "__main__":
    main()
