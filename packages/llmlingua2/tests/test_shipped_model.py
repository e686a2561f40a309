"""The model inside the package: small, complete, better than the baselines, and a reader of context."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from shared_data import shared

from llmlingua2.baselines import Statistics, baseline
from llmlingua2.compressor import Compressor
from llmlingua2.corpora.meetings import load_meetings
from llmlingua2.evaluate import evaluate, from_compressor, from_scorer
from llmlingua2.evaluation.tasks import answer_task, span_task
from tenfold_core.datasets import read_jsonl


@pytest.fixture(scope="module")
def compressor():
    return Compressor.default(counter="words")


def test_it_is_small_and_complete():
    folder = Path(str(files("llmlingua2") / "assets" / "model"))
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= {
        path.name for path in folder.iterdir()
    }
    assert sum(path.stat().st_size for path in folder.iterdir()) < 25e6


def test_scores_depend_on_both_sides(compressor):
    def score(text, word):
        return next(item.score for item in compressor.score(text).words if text[item.start : item.end] == word)

    plain = score("they discussed the budget today", "budget")
    assert abs(score("they discussed the budget of the ministry", "budget") - plain) > 1e-3
    assert abs(score("well you know the budget today", "budget") - plain) > 1e-3


def test_later_mentions_count_less(compressor):
    scores = [
        item.score
        for item in compressor.score("The budget was cut . Everyone regretted that the budget shrank .").words
    ]
    assert scores[1] > scores[8]


def test_it_beats_the_baselines_on_meetings_it_never_saw(compressor):
    meetings = []
    for meeting in load_meetings(shared("llmlingua2/qmsum_val.jsonl.gz"))[::2]:
        # Passages of middle length, so that the test is quick; the benchmark reads all of them.
        sizes = [sum(len(meeting.turns[turn][1]) for turn in query.turns()) for query in meeting.queries]
        chosen = [query for query, size in zip(meeting.queries, sizes, strict=True) if 2000 < size < 6000]
        meetings.append(replace(meeting, queries=tuple(chosen[:1])))
    counted = Statistics.fit("\n".join(text for _, text in item.turns) for item in meetings)
    rivals = ("random", "stopword", "tfidf", "selfinfo", "truncate")
    results = evaluate(
        [answer_task(meetings)],
        {"model": [from_compressor(compressor)]} | {name: [from_scorer(baseline(name, counted))] for name in rivals},
        rates=(0.1,),
    )
    for name in rivals:
        for measure in ("answer_recall", "answer_bigram_recall"):
            ours, theirs = (results.mean("answers", method, 0.1, measure) for method in ("model", name))
            assert ours > theirs, (name, measure)
    assert results.mean("answers", "model", 0.1, "polarity_loss") < 0.05


def test_it_keeps_answers_of_another_domain(compressor):
    rows = [row for row in read_jsonl(shared("llmlingua2/xquad_dev.jsonl.gz")) if row["lang"] == "en"][::2]
    task = span_task(rows, language="en")
    counted = Statistics.fit(task.texts)
    results = evaluate(
        [task],
        {"model": [from_compressor(compressor)], "selfinfo": [from_scorer(baseline("selfinfo", counted))]},
        rates=(0.33,),
    )
    assert results.difference("xquad-en", "model", "selfinfo", 0.33, "span_survival").low > 0
