"""Evaluation: what is judged, how draws are averaged, and intervals over groups."""

import math

import numpy as np
import pytest
from shared_data import shared

from llmlingua2.baselines import Statistics, baseline
from llmlingua2.corpora.meetings import Meeting, Query, load_meetings
from llmlingua2.evaluate import Results, evaluate, from_scorer
from llmlingua2.evaluation.judge import Case, read_and_judge, token_f1
from llmlingua2.evaluation.tasks import Item, answer_task, number_task, retrieval_task, span_task
from llmlingua2.text.words import words


def meeting(name, answer="the budget was cut by the minister"):
    said = [f"filler {index} about nothing much" for index in range(30)]
    said[14] = "well the minister cut the budget in spring"
    return Meeting(
        name,
        "academic",
        tuple(("A", text) for text in said),
        (),
        (Query("What about the budget?", answer, ((13, 15),)),),
    )


def oracle(text, spans):
    """Knows what matters."""
    wanted = ("minister", "cut", "budget")
    return np.array([float(text[start:end] in wanted) for start, end in spans])


def test_answer_task_judges_the_turns_of_the_query():
    task = answer_task([meeting("m1"), meeting("m2")])
    assert len(task.texts) == 2
    assert "minister" in task.texts[0]
    results = evaluate([task], {"oracle": [from_scorer(oracle)]}, rates=(0.2,))
    assert results.values("answers", "oracle", 0.2, "answer_recall").tolist() == [1.0, 1.0]
    assert results.parts("answers") == ["academic"]


def test_retrieval_finds_the_window_only_if_its_words_survive():
    task = retrieval_task([meeting("m1"), meeting("m2")])
    found = evaluate(
        [task],
        {"oracle": [from_scorer(oracle)], "blind": [from_scorer(lambda text, spans: -oracle(text, spans))]},
        rates=(0.5,),
    )
    assert found.mean("retrieval", "oracle", 0.5, "reciprocal_rank") == 1
    # Three windows without the query's words tie: the mean of ranks 1 to 3.
    assert found.mean("retrieval", "blind", 0.5, "reciprocal_rank") == 0.5


def test_spans_and_numbers():
    rows = [
        {"lang": "en", "title": title, "context": "Built in 1889 in Paris .", "qas": [{"answer": "1889", "start": 9}]}
        for title in ("Tower", "Other")
    ]
    task = span_task(rows, language="en")
    results = evaluate(
        [task, number_task([{"question": "Has 3 ?", "answer": "3+4=7"}] * 2)],
        {"late": [from_scorer(lambda text, spans: np.arange(len(spans)))]},
        rates=(0.67, 1.0),
    )
    assert results.mean("xquad-en", "late", 0.67, "span_survival") == 1
    assert results.mean("numbers", "late", 1.0, "number_recall") == 1
    with pytest.raises(ValueError, match="'fr'"):
        span_task(rows, language="fr")


def test_draws_are_averaged_item_by_item():
    task = answer_task([meeting("m1"), meeting("m2")])
    both = evaluate(
        [task],
        {"mix": [from_scorer(oracle), from_scorer(lambda text, spans: -oracle(text, spans))]},
        rates=(0.2,),
    )
    assert both.values("answers", "mix", 0.2, "answer_recall").tolist() == [0.5, 0.5]


def test_differences_leave_out_what_one_side_lacks():
    def items(values):
        return [Item(f"g{index}", "p", {"m": value}) for index, value in enumerate(values)]

    results = Results({"t": {"a": {0.1: items([1, 1, math.nan])}, "b": {0.1: items([0, 0.5, 0.5])}}}, {"t": ("m",)})
    assert results.difference("t", "a", "b", 0.1, "m").estimate == 0.75
    assert results.best_of("t", ["a", "b"], 0.1, "m") == "a"
    entry = results.to_dict()["t"]["a"]["0.1"]["m"]
    assert entry["items"] == 2
    assert entry["estimate"] == 1


def test_bad_calls_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        evaluate([], {})
    with pytest.raises(ValueError, match="rate"):
        evaluate([answer_task([meeting("m")])], {"o": [from_scorer(oracle)]}, rates=(0.0,))


def test_random_stays_at_chance_and_stop_words_beat_it_on_meetings():
    meetings = load_meetings(shared("llmlingua2/qmsum_val.jsonl.gz"))[::12]
    counted = Statistics.fit([])
    results = evaluate(
        [answer_task(meetings)],
        {name: [from_scorer(baseline(name, counted))] for name in ("random", "stopword")},
        rates=(0.1,),
    )
    gap = results.difference("answers", "stopword", "random", 0.1, "answer_recall")
    assert gap.low > 0.15
    assert results.mean("answers", "random", 0.1, "answer_recall") < 0.35


def test_validation_meetings_are_all_there():
    meetings = load_meetings(shared("llmlingua2/qmsum_val.jsonl.gz"))
    assert len(meetings) == 35
    assert sum(len(item.queries) for item in meetings) == 237
    assert {item.domain for item in meetings} == {"academic", "committee", "product"}


def test_token_f1_and_the_reader():
    assert token_f1("The budget was cut", "budget cuts") == 1
    assert token_f1("the weather", "budget") == 0
    cases = [Case("Who cut it?", ("the minister",), f"text {name} minister", name) for name in ("a", "b")]
    asked = []

    def ask(prompt):
        asked.append(prompt)
        return "minister" if "minister" in prompt else "nobody"

    full = read_and_judge(cases, lambda text: text, ask)
    empty = read_and_judge(cases, lambda text: "", ask)
    assert full.f1.estimate == full.exact.estimate == 1
    assert empty.f1.estimate == empty.exact.estimate == 0
    assert "Who cut it?" in asked[0]


def test_words_of_the_passage_are_those_of_the_compressor():
    task = answer_task([meeting("m")])
    kept = np.ones(len(words(task.texts[0])), bool)
    assert task.judge(0, words(task.texts[0]), kept)[0].values["answer_recall"] == 1
