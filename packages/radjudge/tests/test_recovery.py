"""Recovery figures by hand, and on real reports beside controls that must lose."""

import hashlib

import numpy as np
import pytest

import radjudge
from radjudge.baselines import load
from radjudge.corruption import Corruption, InjectedError, build_pairs, donor_sentences, triplets
from radjudge.records import CATEGORIES, Judgement
from radjudge.recovery import (
    F1,
    monotone_share,
    per_type_f1,
    rejection_rate,
    tau_with_truth,
    triplets_right,
    truth_of,
)
from radjudge.stress_battery import judge_metric


def made(*categories):
    return Corruption("", tuple(InjectedError(category, "", "x") for category in categories), (), 3, 1)


def said(**counts):
    return Judgement("", "ok", counts={**dict.fromkeys(CATEGORIES, 0.0), **counts})


def test_f1_by_hand():
    truth = [made("omission", "omission"), made("location"), made()]
    found = per_type_f1(truth, [said(omission=1.0), said(location=1.0), said(location=1.0)])
    assert (found["omission"].precision, found["omission"].recall) == (1.0, 0.5)
    assert (found["location"].precision, found["location"].recall) == (0.5, 1.0)
    assert found["severity"] == F1(1.0, 1.0, 1.0, 0)
    assert rejection_rate(truth) == {"draws": 9, "rejected": 3, "rate": pytest.approx(1 / 3)}
    with pytest.raises(ValueError, match="3 corruptions but 1"):
        per_type_f1(truth, [said()])


def test_tau_and_chains_by_hand():
    assert tau_with_truth([0.9, 0.5, 0.1], [0, 1, 2]) == pytest.approx(1.0)
    assert tau_with_truth([0, 1, 2], [0, 1, 2], higher_is_better=False) == pytest.approx(1.0)
    assert tau_with_truth([1, 1, 1], [0, 1, 2]) == 0.0
    assert monotone_share([[0, 1, 1], [0, 2, 3]], higher_is_better=False) == 0.75


@pytest.fixture(scope="module")
def unseen(iu_reports):
    """Half of the reports by hash gives donors, the other half references: no text is on both sides."""
    halves = ([], [])
    for text in iu_reports:
        halves[hashlib.sha256(" ".join(text.lower().split()).encode()).digest()[0] % 2].append(text)
    donors = donor_sentences(halves[0][:400])
    return halves[1], build_pairs(halves[1], 250, 7, rewrites="test", verify="collateral", donors=donors)


def test_real_reports_with_unseen_rewrites(unseen):
    _, pairs = unseen
    results = radjudge.score(references=[p.reference for p in pairs], candidates=[p.candidate for p in pairs])
    assert not results.failed
    truth, counts = truth_of(pairs), [item.total_errors for item in results]
    assert tau_with_truth(counts, truth, higher_is_better=False) >= 0.85
    found = per_type_f1([pair.corruption for pair in pairs], results)
    for category in ("false_finding", "omission"):
        assert found[category].f1 >= 0.85
    # Controls: the judge on other people's candidates, and keyword F1, must lose clearly.
    order = np.random.default_rng(0).permutation(len(pairs))
    assert tau_with_truth(counts, [truth[i] for i in order], higher_is_better=False) < 0.2
    texts = {"references": [p.reference for p in pairs], "candidates": [p.candidate for p in pairs]}
    assert tau_with_truth(load("keyword-f1")(**texts), truth) < 0.85
    assert tau_with_truth(load("bleu-4")(**texts), truth) < 0.85


def test_real_triplets(unseen):
    sharp = triplets(unseen[0], 100, 3)
    assert np.mean(triplets_right(sharp, judge_metric(), higher_is_better=False)) >= 0.85
    assert np.mean(triplets_right(sharp, load("rouge-l"))) < 0.2


def test_tau_falls_little_under_rewriting(iu_reports):
    taus = []
    for rewrites in (None, "test"):
        pairs = build_pairs(iu_reports[:600], 150, 5, rewrites=rewrites, verify="collateral")
        results = radjudge.score(references=[p.reference for p in pairs], candidates=[p.candidate for p in pairs])
        taus.append(tau_with_truth([r.total_errors for r in results], truth_of(pairs), higher_is_better=False))
    assert taus[0] - taus[1] < 0.05
