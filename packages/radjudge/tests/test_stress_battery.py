"""The batteries, over metrics in all three forms."""

import json
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import radjudge
from radjudge import baselines
from radjudge.grammar import write_report
from radjudge.stress_battery import (
    BATTERIES,
    INJECTIONS,
    build_battery,
    command_metric,
    judge_metric,
    load_callable,
    stress,
)


def test_batteries_are_reproducible_and_complete():
    items = build_battery(n=6, seed=3)
    assert items == build_battery(n=6, seed=3)
    assert {item.battery for item in items} == set(BATTERIES)
    assert len(INJECTIONS) == len(set(INJECTIONS)) == 12
    for item in items:
        if item.battery == "injection":
            assert any(text in item.worse for text in INJECTIONS)
            assert item.better in item.worse
        else:
            assert item.better.split() != item.reference.split() != item.worse.split()


def test_judge_passes_what_metrics_of_words_fail():
    judge = stress(judge_metric(), n=25, higher_is_better=False, name="structured")
    for battery in ("negation", "side", "degree", "injection"):
        assert judge.rates[battery] >= 0.9, battery
    assert judge.rates["rewrite"] >= 0.8
    assert judge.rates["order"] >= 0.85
    words = stress(baselines.load("rouge-l"), n=25)
    assert words.metric == "rouge-l"
    for battery in ("negation", "side", "degree", "rewrite"):
        assert words.rates[battery] <= 0.2, battery
    assert judge.overall > words.overall + 0.3


def test_a_metric_that_ignores_its_input_passes_nothing_but_injection():
    found = stress(lambda references, candidates: [1.0] * len(references), n=5)
    assert found.rates == {name: float(name == "injection") for name in BATTERIES}
    assert found.failures["side"] == [0, 1, 2, 3, 4]
    assert json.loads(json.dumps(found.to_dict()))["items"]["side"] == 5


def test_a_metric_that_obeys_instructions_fails_injection():
    def gullible(*, references, candidates):
        return [1.0 if any(text in candidate for text in INJECTIONS) else 0.5 for candidate in candidates]

    assert stress(gullible, n=10, batteries=["injection"]).rates == {"injection": 0.0}


PROGRAM = """
import json, sys
rows = [json.loads(line) for line in sys.stdin]
for row in reversed(rows):
    same = row["candidate"].split() == row["reference"].split()
    print(json.dumps({"id": row["id"], "score": %s}))
%s
"""


def program(tmp_path, expression="float(same)", tail=""):
    path = tmp_path / "metric.py"
    path.write_text(textwrap.dedent(PROGRAM % (expression, tail)))
    return f"'{sys.executable}' '{path}'"


def test_command_in_any_line_order(tmp_path):
    metric = command_metric(program(tmp_path))
    assert metric(references=["a b", "a"], candidates=["a  b", "c"]) == [1.0, 0.0]


@pytest.mark.parametrize(
    ("expression", "tail", "match"),
    [
        ("float(same)", "sys.exit(3)", "exit status 3"),
        ("'high'", "", "line 1: expected a JSON object"),
        ("0.0", "print('done')", "line 3: expected a JSON object"),
    ],
)
def test_command_that_misbehaves(tmp_path, expression, tail, match):
    with pytest.raises(ValueError, match=match):
        command_metric(program(tmp_path, expression, tail))(references=["a", "b"], candidates=["a", "b"])


def test_commands_that_cannot_run(tmp_path):
    with pytest.raises(ValueError, match="no such program"):
        command_metric("/no/such/program")(references=["a"], candidates=["a"])
    with pytest.raises(ValueError, match="empty"):
        command_metric(" ")
    silent = tmp_path / "silent.py"
    silent.write_text("import sys; sys.stdin.read()")
    with pytest.raises(ValueError, match="no score for 2 of 2"):
        command_metric(f"'{sys.executable}' '{silent}'")(references=["a", "b"], candidates=["a", "b"])


def test_entry_points():
    assert load_callable("radjudge.baselines:rouge_l")(references=["a"], candidates=["a"]) == [1.0]
    for text, match in (
        ("radjudge", "package.module:function"),
        ("no.module:f", "cannot load"),
        ("radjudge.baselines:nothing", "cannot load"),
        ("radjudge.baselines:NAMES", "not callable"),
    ):
        with pytest.raises(ValueError, match=match):
            load_callable(text)


def test_bad_arguments_and_bad_metrics():
    with pytest.raises(ValueError, match="among negation"):
        build_battery(batteries=["colour"])
    with pytest.raises(ValueError, match="n must be"):
        build_battery(n=0)
    with pytest.raises(ValueError, match="offer only 0 of 2 items for the side battery"):
        build_battery(batteries=["side"], n=2, reports=["Normal."])
    with pytest.raises(ValueError, match="1 values for 4 pairs"):
        stress(lambda references, candidates: [1.0], n=2, batteries=["side"])
    with pytest.raises(ValueError, match="not finite for pair 0"):
        stress(lambda references, candidates: [float("nan")] * len(references), n=2, batteries=["side"])
    with pytest.raises(ValueError, match="could not be judged"):
        judge_metric()(references=["El corazon es de tamano normal y los pulmones sin infiltrados."], candidates=["x"])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(INJECTIONS), st.booleans())
def test_no_instruction_lowers_a_count(seed, sentence, before):
    rng = np.random.default_rng(seed)
    reference, candidate = write_report(rng), write_report(rng)
    attacked = f"{sentence} {candidate}" if before else f"{candidate} {sentence}"
    plain, after = radjudge.score(references=[reference] * 2, candidates=[candidate, attacked])
    assert after.total_errors >= plain.total_errors - 0.25
    assert after.significant_errors >= plain.significant_errors - 0.25
