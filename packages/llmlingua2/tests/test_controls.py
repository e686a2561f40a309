"""What has learned nothing must not look good: the controls as measured, and one made here."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from llmlingua2.baselines import Statistics, baseline
from llmlingua2.compressor import Compressor
from llmlingua2.demo import sample_meetings
from llmlingua2.evaluate import evaluate, from_compressor, from_scorer
from llmlingua2.evaluation.tasks import answer_task
from llmlingua2.scoring.base_weights import locate
from llmlingua2.training.student import build_student, save_student

MEASURED = Path(__file__).parents[1] / "benchmarks" / "results" / "quality_controls.json"
SHUFFLED, TRUE = "60 steps, shuffled labels", "60 steps"


@pytest.fixture(scope="module")
def measured():
    """(method, rate, measure) -> estimate, low, high."""
    values = json.loads(MEASURED.read_text(encoding="utf-8"))["values"]["answers"]
    return lambda method, rate, measure: values[method][f"{rate:g}"][measure]


@pytest.mark.parametrize("rate", [0.2, 0.1])
@pytest.mark.parametrize("control", ["untrained", SHUFFLED])
def test_measured_controls_are_not_above_chance(measured, control, rate):
    recall, chance = (measured(name, rate, "answer_recall") for name in (control, "random"))
    assert recall["estimate"] <= chance["high"]
    # Scores that say nothing but vary slowly keep neighbours together, as truncation does: that is chance for pairs.
    pairs, chance = (measured(name, rate, "answer_bigram_recall") for name in (control, "truncate"))
    assert pairs["estimate"] <= chance["high"]


@pytest.mark.parametrize("rate", [0.2, 0.1])
def test_the_same_steps_on_true_labels_are_above_chance(measured, rate):
    for measure in ("answer_recall", "answer_bigram_recall"):
        learned, shuffled, random = (measured(name, rate, measure) for name in (TRUE, SHUFFLED, "random"))
        assert learned["low"] > max(shuffled["high"], random["high"]), measure


def shortest(meeting):
    """The query with the shortest passage that is still one to compress, so that the test is quick."""
    lengths = {query: len(meeting.text(query.turns())) for query in meeting.queries}
    return min((query for query in meeting.queries if lengths[query] > 1500), key=lengths.__getitem__)


def test_an_untrained_model_is_not_above_chance(tmp_path):
    base = locate("minilm")
    untrained = []
    for draw in range(4):
        folder = tmp_path / str(draw)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(draw)
            save_student(build_student(base, pretrained=False), base, folder)
        compressor = Compressor.from_pretrained(folder, device="cpu", counter="words")
        untrained.append(from_compressor(compressor, keep_negation=False))
    meetings = [replace(meeting, queries=(shortest(meeting),)) for meeting in sample_meetings()[::2]]
    shipped = from_compressor(Compressor.default(counter="words"), keep_negation=False)
    random = [from_scorer(baseline("random", Statistics.fit([]), seed=seed)) for seed in range(3)]
    results = evaluate(
        [answer_task(meetings)], {"untrained": untrained, "model": [shipped], "random": random}, rates=(0.1,)
    )
    chance = results.interval("answers", "random", 0.1, "answer_recall").high
    assert results.mean("answers", "untrained", 0.1, "answer_recall") <= chance
    assert results.mean("answers", "model", 0.1, "answer_recall") > 1.5 * chance
