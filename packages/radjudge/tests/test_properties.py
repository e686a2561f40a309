"""Laws that hold for any report, checked over reports written by the grammar and over real ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radjudge import Pair, StructuredJudge, parse_report
from radjudge.corruption import neutral
from radjudge.grammar import write_report

JUDGE = StructuredJudge()
seeds = st.integers(0, 2**32 - 1)
some = settings(max_examples=60, deadline=None)


def judge(reference, candidate):
    return JUDGE.evaluate([Pair(reference, candidate)])[0]


def report(seed):
    return write_report(np.random.default_rng(seed))


@given(seeds)
@some
def test_a_report_equals_itself(seed):
    text = report(seed)
    result = judge(text, text)
    assert (result.total_errors, result.score, result.crimson_like, result.green_like) == (0.0, 1.0, 1.0, 1.0)


@given(seeds, seeds)
@some
def test_false_findings_one_way_are_omissions_the_other(first, second):
    one, other = report(first), report(second)
    there, back = judge(one, other), judge(other, one)
    assert there.counts["false_finding"] == back.counts["omission"]
    assert there.counts["omission"] == back.counts["false_finding"]
    # not sizes: the reference decides what tolerance applies
    for attribute in ("side", "zone", "position", "degree"):
        mine, yours = ([error.attribute for error in result.errors].count(attribute) for result in (there, back))
        assert mine == yours


@given(seeds, seeds)
@some
def test_order_case_and_spacing_change_nothing(seed, draw):
    text = report(seed)
    rng = np.random.default_rng(draw)
    for change in (neutral.reorder, neutral.change_case, neutral.change_spacing, neutral.change_units):
        assert judge(text, change(text, rng)).total_errors == 0.0
        assert judge(change(text, rng), text).total_errors == 0.0


@given(seeds)
@some
def test_an_added_finding_is_one_more_error(seed):
    text = report(seed)
    known = {finding.entity for finding in parse_report(text).findings}
    for entity, sentence in (("dislocation", "Right shoulder dislocation."), ("gallstones", "There are gallstones.")):
        if entity not in known:
            assert judge(text, f"{text} {sentence}").counts["false_finding"] == 1.0
            assert judge(f"{text} {sentence}", text).counts["omission"] == 1.0


@given(seeds, seeds)
@some
def test_spans_slice_to_the_words_they_name(first, second):
    one, other = report(first), report(second)
    for error in judge(one, other).errors:
        for text, spans in ((one, error.reference_spans), (other, error.candidate_spans)):
            for start, end in spans:
                assert 0 <= start < end <= len(text)
                assert text[start:end] == text[start:end].strip()


@given(seeds, seeds)
@some
def test_scores_stay_in_their_ranges(first, second):
    result = judge(report(first), report(second))
    assert 0.0 < result.score <= 1.0
    assert -1.0 < result.crimson_like <= 1.0
    assert 0.0 <= result.green_like <= 1.0
    assert result.significant_errors <= result.total_errors == sum(result.counts.values())


def test_every_real_report_equals_itself(iu_reports):
    for text in iu_reports:
        result = judge(text, text)
        assert (result.status, result.total_errors, result.score) == ("ok", 0.0, 1.0)


def test_real_reports_do_not_depend_on_case_or_order(iu_reports):
    rng = np.random.default_rng(0)
    chosen = [iu_reports[place] for place in rng.choice(len(iu_reports), 400, replace=False)]
    assert all(judge(text, text.upper()).total_errors == 0.0 for text in chosen)
    assert all(judge(text.lower(), text).total_errors == 0.0 for text in chosen)
    moved = [judge(text, neutral.reorder(text, rng)).total_errors == 0.0 for text in chosen]
    assert np.mean(moved) >= 0.99


def test_no_instruction_glued_to_a_real_report_lowers_a_count(iu_reports):
    from radjudge.stress_battery import INJECTIONS

    rng = np.random.default_rng(5)
    for first, second in rng.choice(len(iu_reports), (60, 2)):
        reference, candidate = iu_reports[first], iu_reports[second]
        plain = judge(reference, candidate)
        for sentence in INJECTIONS:
            for text in (f"{candidate} {sentence}", f"{sentence} {candidate}", f"{sentence}\n{candidate}"):
                result = judge(reference, text)
                assert result.status == "ok"
                assert result.total_errors >= plain.total_errors
                assert result.score <= plain.score


@pytest.mark.parametrize(("code", "floor"), [("f1", 0.80), ("side", 0.88)])
def test_expert_codes_are_found_on_real_reports(iu_rows, code, floor):
    """A small form of benchmarks/bench_extractor.py: five common codes, all reports."""
    codes = {
        "cardiomegaly": {"cardiomegaly"},
        "pulmonary atelectasis": {"atelectasis", "collapse", "volume_loss"},
        "pleural effusion": {"pleural_effusion"},
        "calcified granuloma": {"calcified_granuloma"},
        "catheters, indwelling": {"central_line", "picc", "port", "dialysis_catheter", "swan_ganz"},
    }
    sides = {"left": {"left"}, "right": {"right"}, "bilateral": {"left", "right"}}
    hits = extra = missed = sided = right = 0
    for row in iu_rows:
        found = parse_report(f"{row['findings']} {row['impression']}").present
        items = [[part.strip() for part in item.lower().split("/")] for item in row["MeSH"].split(";")]
        if row["MeSH"] == "No Indexing":
            continue
        for head, entities in codes.items():
            coded = [item for item in items if item[0] == head]
            seen = [finding for finding in found if finding.entity in entities]
            hits += bool(coded) and bool(seen)
            missed += bool(coded) and not seen
            extra += bool(seen) and not coded
            wanted = set().union(*(sides.get(part, set()) for item in coded for part in item))
            if wanted and seen:
                sided += 1
                right += set().union(*(finding.sides for finding in seen)) == wanted
    value = 2 * hits / (2 * hits + extra + missed) if code == "f1" else right / sided
    assert value >= floor
