"""The engine keeps its word: k errors, each where it says, nothing else touched; rewrites that mean the same."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import radjudge
from radjudge.corruption import (
    NEUTRAL,
    OPERATORS,
    WEIGHTS,
    CannotCorruptError,
    build_pairs,
    corrupt,
    donor_sentences,
    graded_chain,
    neutral_edit,
    triplets,
)
from radjudge.corruption.edits import Edit, NotApplicable, apply, matching_case, tidy
from radjudge.corruption.tables import insertions, rewrite_rules
from radjudge.corruption.verification import signature
from radjudge.grammar import write_report, write_reports
from radjudge.records import CATEGORIES

SEEDS = st.integers(0, 10_000)
EXAMPLES = {
    "insert_finding": "Heart size is normal. No pleural effusion or pneumothorax. The lungs are clear.",
    "insert_donor_sentence": "Heart size is normal.",
    "flip_to_present": "The heart is not enlarged. There is no pneumothorax.",
    "delete_finding": "Small left effusion and right basilar atelectasis. IMPRESSION: Small left effusion.",
    "flip_to_absent": "There is a small left effusion. Heart size normal.",
    "swap_side": "FINDINGS: Small left effusion. IMPRESSION: Left-sided effusion.",
    "swap_zone": "Consolidation in the right upper lobe.",
    "change_extent": "Bilateral pleural effusions.",
    "change_device_position": "Right PICC terminates in the superior vena cava.",
    "change_degree": "There is mild cardiomegaly.",
    "scale_measurement": "8 mm nodule in the left upper lobe.",
    "add_trajectory": "There is a small left effusion.",
    "reverse_trajectory": "Left effusion has improved.",
    "strip_trajectory": "Stable mild cardiomegaly. The lungs are clear.",
    "change_device_type": "A right PICC is in place.",
}


def rng(seed=0):
    return np.random.default_rng(seed)


def test_every_operator_has_an_example():
    assert set(EXAMPLES) == set(OPERATORS)
    assert set(WEIGHTS) == set(CATEGORIES)
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("operator", EXAMPLES)
def test_operator_makes_what_it_is_named_after(operator):
    reference = EXAMPLES[operator]
    k = 2 if operator == "change_device_type" else 1
    made = corrupt(reference, k, rng(1), ops=[operator], donors=["Large hiatal hernia."])
    assert made.log == (operator,)
    assert made.candidate != reference
    expected = {OPERATORS[operator][0]} | ({"omission"} if operator == "change_device_type" else set())
    assert {error.category for error in made.errors} == expected
    [judged] = radjudge.score(references=[reference], candidates=[made.candidate])
    if operator != "change_device_type":
        assert dict(judged.counts) == made.counts, made.candidate


def test_every_mention_is_edited():
    made = corrupt(EXAMPLES["swap_side"], 1, rng(), ops=["swap_side"])
    assert made.candidate == "FINDINGS: Small right effusion. IMPRESSION: Right-sided effusion."


def test_insertion_takes_back_what_denies_it():
    for seed in range(30):
        made = corrupt(EXAMPLES["insert_finding"], 1, rng(seed), ops=["insert_finding"])
        entity = made.errors[0].entity
        absent = radjudge.parse_report(made.candidate).absent
        assert not any(entity in finding.denies for finding in absent), made.candidate


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(1, 4))
def test_exactly_k_errors_on_different_findings(seed, k):
    reference = write_report(rng(seed), findings=4)
    try:
        made = corrupt(reference, k, rng(seed))
    except CannotCorruptError:
        return
    assert len(made.errors) == k == sum(made.counts.values())
    assert len({error.entity for error in made.errors}) == k
    assert made.candidate != reference
    before, after = (Counter(map(signature, radjudge.parse_report(t).present)) for t in (reference, made.candidate))
    touched = {error.entity for error in made.errors}
    assert {entry[0] for entry in (before - after) + (after - before)} <= touched


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_same_generator_same_corruption(seed):
    reference = write_report(rng(seed), findings=3)
    first, second = (corrupt(reference, 1, rng(seed), rewrites="train") for _ in range(2))
    assert first == second


def test_k_zero_is_the_reference_and_rewrites_alone_inject_nothing():
    reference = write_report(rng(5), findings=3)
    assert corrupt(reference, 0, rng()).candidate == reference
    made = corrupt(reference, 0, rng(), rewrites="test")
    assert made.errors == ()
    assert made.candidate != reference


def test_round_trip_on_grammar_text():
    pairs = build_pairs(write_reports(200, seed=11), 200, seed=4)
    judged = radjudge.score(references=[p.reference for p in pairs], candidates=[p.candidate for p in pairs])
    right = sum(dict(item.counts) == pair.corruption.counts for pair, item in zip(pairs, judged, strict=True))
    assert right / len(pairs) >= 0.95
    assert {len(pair.corruption.errors) for pair in pairs} >= {0, 1, 2, 3}


def test_build_pairs_follows_the_weights_of_the_study():
    pairs = build_pairs(write_reports(300, seed=1), 300, seed=2, errors=(1, 2, 3))
    found = Counter(error.category for pair in pairs for error in pair.corruption.errors)
    # Insertions and deletions dominate as they do among radiologists; text limits the rest.
    assert found["false_finding"] > found["location"] > 0
    assert found["omission"] > found["severity"] > 0
    with pytest.raises(ValueError, match="at least one report"):
        build_pairs([], 3)


def test_chains_grow_by_one_and_share_their_beginning():
    chain = graded_chain(write_report(rng(2), findings=4), rng(2), length=4)
    assert [len(item.errors) for item in chain] == [0, 1, 2, 3, 4]
    assert all(later.errors[: len(earlier.errors)] == earlier.errors for earlier, later in itertools.pairwise(chain))
    with pytest.raises(ValueError, match=r"0\.\.6"):
        graded_chain("", rng(), length=7)


def test_triplets_hold_one_wrong_word():
    made = triplets(write_reports(60, seed=9), 20, seed=1)
    assert len(made) == 20
    for item in made:
        assert item.wrong != item.reference
        assert item.rewritten.split() != item.reference.split()


def test_train_and_test_tables_are_disjoint():
    sentences = [{insertion.template for insertion in insertions(split)} for split in ("train", "test")]
    assert not sentences[0] & sentences[1]
    wordings = [
        {replacement.lower() for rule in rewrite_rules(split) for replacement in rule.replacements}
        for split in ("train", "test")
    ]
    assert not wordings[0] & wordings[1]
    with pytest.raises(ValueError, match="'train' or 'test'"):
        rewrite_rules("dev")


def test_insertion_tables_name_entities_of_the_lexicon():
    from radjudge.lexicon import load_lexicon

    for split in ("train", "test"):
        for insertion in insertions(split):
            assert insertion.entity in load_lexicon().entities


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from([*NEUTRAL, "rewrite"]))
def test_neutral_operators_make_no_error(seed, operator):
    reference = write_report(rng(seed))
    edited = neutral_edit(reference, rng(seed), split="train", operators=[operator])
    [judged] = radjudge.score(references=[reference], candidates=[edited])
    assert judged.total_errors == 0, (operator, edited)


def test_unseen_rewrites_are_free_of_errors_in_95_percent():
    reports = write_reports(300, seed=21)
    edited = [neutral_edit(text, rng(i), split="test") for i, text in enumerate(reports)]
    judged = radjudge.score(references=reports, candidates=edited)
    assert np.mean([item.total_errors == 0 for item in judged]) >= 0.95
    assert np.mean([item.total_errors for item in judged]) < 0.1


def test_donors_are_sentences_with_one_finding():
    donors = donor_sentences(["Heart size is normal. There is a large left effusion. Mild edema and rib fracture."])
    assert donors == ["There is a large left effusion."]


def test_edits_tidy_and_case():
    assert apply("abcdef", [Edit(1, 2, "X"), Edit(4, 6)]) == "aXcd"
    with pytest.raises(NotApplicable):
        apply("abcdef", [Edit(1, 4), Edit(3, 5)])
    assert tidy("There is a  8 mm nodule . small , effusion") == "There is an 8 mm nodule. Small, effusion"
    assert matching_case("LEFT", "right") == "RIGHT"
    assert matching_case("Left", "right") == "Right"
    assert matching_case("SVC", "right atrium") == "right atrium"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"k": 7}, r"0\.\.6"),
        ({"k": 1, "ops": ["explode"]}, "explode"),
        ({"k": 1, "ops": []}, "none"),
        ({"k": 1, "rewrites": "dev"}, "'train', 'test' or None"),
        ({"k": 1, "verify": "maybe"}, "exact, collateral, off"),
    ],
)
def test_bad_arguments(options, match):
    with pytest.raises(ValueError, match=match):
        corrupt("Left effusion.", options.pop("k"), rng(), **options)
    with pytest.raises(ValueError, match="unknown neutral operator"):
        neutral_edit("x", rng(), operators=["shout"])


def test_too_few_findings_is_an_error_not_fewer_errors():
    with pytest.raises(CannotCorruptError, match="only 0 of 1 errors fit"):
        corrupt("Heart size is normal.", 1, rng(), ops=["swap_side"])
