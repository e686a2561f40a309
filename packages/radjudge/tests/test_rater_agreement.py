"""Agreement coefficients against SciPy and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from radjudge.rater_agreement import absolute_errors, agreement, ceiling, tau_difference

COUNTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=4, max_size=40)


@settings(max_examples=60, deadline=None)
@given(COUNTS)
def test_coefficients_equal_scipy(rows):
    x, y = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return
    found = agreement(x, y, higher_is_better=False, draws=2)
    assert found.tau.estimate == pytest.approx(stats.kendalltau(x, y).statistic)
    assert found.spearman.estimate == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found.pearson.estimate == pytest.approx(stats.pearsonr(x, y).statistic)


def test_higher_is_better_agreement_whatever_the_direction_of_metric_and_ratings():
    errors = np.array([0, 1, 2, 3, 4, 5.0])
    assert agreement(-errors, errors, draws=2).tau.estimate == pytest.approx(1.0)
    assert agreement(errors, errors, higher_is_better=False, draws=2).tau.estimate == pytest.approx(1.0)
    quality = 5 - errors
    assert agreement(quality, quality, ratings_higher_is_better=True, draws=2).tau.estimate == pytest.approx(1.0)
    assert agreement(errors, errors, draws=2).tau.estimate == pytest.approx(-1.0)


def test_within_study_values_by_hand():
    # Study a: scores 3 > 1, ratings (errors) 0 < 2: right. Study b: scores tied, ratings differ: half.
    found = agreement([3, 1, 2, 2], [0, 2, 1, 3], groups=["a", "a", "b", "b"], draws=20)
    assert found.preference_accuracy.estimate == pytest.approx(0.75)
    # P - Q = 1; one pair untied in the score, two in the rating.
    assert found.within_tau.estimate == pytest.approx(1 / np.sqrt(1 * 2))
    assert found.studies == 2


def test_study_bootstrap_is_wider_than_pair_bootstrap_when_studies_agree():
    rng = np.random.default_rng(0)
    studies = np.repeat(np.arange(30), 6)
    level = rng.normal(size=30)[studies]
    scores, ratings = level + 0.05 * rng.normal(size=180), level + rng.normal(size=30)[studies]
    grouped = agreement(scores, ratings, groups=studies.tolist(), higher_is_better=False, draws=300).tau
    single = agreement(scores, ratings, higher_is_better=False, draws=300).tau
    assert grouped.high - grouped.low > 1.5 * (single.high - single.low)


def test_bootstrap_covers_about_95_percent():
    # A bivariate normal with correlation r has Kendall's tau 2 / pi * arcsin r.
    r, covered, runs = 0.6, 0, 50
    truth = 2 / np.pi * np.arcsin(r)
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=60)
        y = r * x + np.sqrt(1 - r * r) * rng.normal(size=60)
        tau = agreement(x, y, higher_is_better=False, draws=80, seed=seed).tau
        covered += tau.low <= truth <= tau.high
    assert 0.84 <= covered / runs <= 1.0


def test_ceiling_by_hand():
    ratings = np.array([[0, 0, 1], [1, 2, 1], [2, 1, 3], [4, 4, 4.0]])
    found = ceiling(ratings)
    pairs = [stats.kendalltau(ratings[:, i], ratings[:, j]).statistic for i, j in ((0, 1), (0, 2), (1, 2))]
    assert found.inter_rater.mean == pytest.approx(np.mean(pairs))
    assert (found.inter_rater.low, found.inter_rater.high) == pytest.approx((min(pairs), max(pairs)))
    others = ratings[:, 1:].mean(axis=1)
    assert found.leave_one_out.high >= stats.kendalltau(ratings[:, 0], others).statistic - 1e-12
    assert ceiling(ratings[:, :1]) is None
    assert agreement([1, 2, 3, 4], ratings[:, 0], draws=2).ceiling is None


def test_tau_difference_and_absolute_errors():
    ratings = np.arange(12.0)
    noise = np.random.default_rng(1).permutation(12).astype(float)
    found = tau_difference(
        ratings, noise, ratings, first_higher_is_better=False, second_higher_is_better=False, draws=50
    )
    assert found.estimate == pytest.approx(1 - stats.kendalltau(noise, ratings).statistic)
    errors = absolute_errors({"total": [1, 2, 3]}, {"total": [[1, 3], [2, 2], [3, 5]]}, draws=10)
    assert errors["total"].estimate == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="no ratings for omission"):
        absolute_errors({"omission": [1, 2]}, {"total": [1, 2]})


@pytest.mark.parametrize(
    ("scores", "ratings", "match"),
    [
        ([1.0, float("nan")], [1, 2], "leave failed items out"),
        ([1, 2], [1, 2, 3], "ratings must have shape"),
        ([[1, 2]], [1, 2], "one-dimensional"),
        ([1, 2], [1, float("inf")], "ratings must be finite"),
    ],
)
def test_bad_input(scores, ratings, match):
    with pytest.raises(ValueError, match=match):
        agreement(scores, ratings)
    with pytest.raises(ValueError, match="groups must name a study"):
        agreement([1, 2], [1, 2], groups=["a"])
