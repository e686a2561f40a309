import inspect
import itertools
import math
import sys

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from tenfold_core.metrics import (
    Interval,
    approximate_randomisation,
    auroc,
    bootstrap_ci,
    paired_difference,
)

NUMBERS = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30)


def ends(interval):
    return interval.low, interval.high


# --- what every interval has


@given(NUMBERS, st.sampled_from([np.mean, np.median, np.max]), st.floats(0.5, 0.99))
def test_an_interval_is_ordered_and_within_the_values(values, statistic, level):
    interval = bootstrap_ci(values, statistic, draws=50, level=level)
    assert interval.estimate == pytest.approx(statistic(values))
    slack = 1e-9 * max(map(abs, values))
    assert min(values) - slack <= interval.low <= interval.high <= max(values) + slack
    assert interval.level == level


@given(NUMBERS, st.integers(0, 99))
def test_same_seed_same_interval_and_wider_level_wider_interval(values, seed):
    narrow, wide = (bootstrap_ci(values, draws=80, level=level, seed=seed) for level in (0.6, 0.95))
    assert narrow == bootstrap_ci(values, draws=80, level=0.6, seed=seed)
    assert wide.low <= narrow.low <= narrow.high <= wide.high


@given(NUMBERS, st.floats(0.1, 10), st.floats(-100, 100))
def test_an_interval_moves_and_stretches_with_the_values(values, scale, shift):
    before = bootstrap_ci(values, draws=60)
    after = bootstrap_ci(np.array(values) * scale + shift, draws=60)
    expected = (before.low * scale + shift, before.high * scale + shift)
    assert ends(after) == pytest.approx(expected, abs=1e-6)


@given(NUMBERS)
def test_the_fast_mean_draws_what_the_general_way_draws(values):
    """The two ways use the same random numbers, with and without groups, and also when they work in blocks."""
    groups = [index // 2 for index in range(len(values))] if len(values) > 2 else None
    for chosen in (None, groups):
        fast = bootstrap_ci(values, groups=chosen, draws=30)
        general = bootstrap_ci(values, lambda sample: np.mean(sample), groups=chosen, draws=30)
        assert ends(fast) == pytest.approx(ends(general), abs=1e-9)


@given(NUMBERS)
def test_groups_of_one_are_no_groups(values):
    assert bootstrap_ci(values, groups=range(len(values)), draws=50) == bootstrap_ci(values, draws=50)


def test_memory_is_bounded_without_changing_the_draws(monkeypatch):
    values = np.arange(40.0) ** 2
    at_once = bootstrap_ci(values, draws=500)
    test_at_once = approximate_randomisation(values, values[::-1], draws=500)
    monkeypatch.setattr(sys.modules["tenfold_core.metrics.intervals"], "_BLOCK", 100)
    assert bootstrap_ci(values, draws=500) == at_once
    assert approximate_randomisation(values, values[::-1], draws=500) == pytest.approx(test_at_once, abs=0.1)


def test_an_interval_prints_with_the_decimals_it_deserves():
    assert str(Interval(0.8123, 0.79, 0.8333, 0.95)) == "0.812 [0.790, 0.833]"
    assert str(Interval(1234.5, 1100.2, 1300.9, 0.95)) == "1234 [1100, 1301]"
    assert str(Interval(0.0001, 0.00005, 0.00013, 0.95)) == "0.000100 [0.000050, 0.000130]"
    assert str(Interval(0.5, 0.5, 0.5, 0.95)) == "0.500 [0.500, 0.500]"


# --- against SciPy and closed forms


def test_the_bootstrap_distribution_of_three_values_is_hit_exactly():
    """All 27 samples of three values are known; their quantiles at 10 % and 90 % are 4/3 and 10/3."""
    values = [1.0, 2.0, 4.0]
    means = np.sort([np.mean(sample) for sample in itertools.product(values, repeat=3)])
    interval = bootstrap_ci(values, draws=20_000, level=0.8)
    assert ends(interval) == pytest.approx(tuple(np.quantile(means, [0.1, 0.9])), abs=1e-9)
    assert ends(interval) == pytest.approx((4 / 3, 10 / 3), abs=1e-9)


@pytest.mark.parametrize("statistic", [np.mean, np.median, np.std])
def test_intervals_agree_with_scipy(statistic):
    values = np.random.default_rng(5).gamma(2.0, size=60)
    ours = bootstrap_ci(values, statistic, draws=4000)
    generator = "rng" if "rng" in inspect.signature(scipy.stats.bootstrap).parameters else "random_state"
    options = {"n_resamples": 4000, "method": "percentile", generator: np.random.default_rng(1)}
    theirs = scipy.stats.bootstrap((values,), statistic, **options).confidence_interval
    width = theirs.high - theirs.low
    assert ends(ours) == pytest.approx((theirs.low, theirs.high), abs=0.06 * width)


def test_the_mean_of_many_values_has_the_normal_interval():
    values = np.random.default_rng(6).normal(3, 2, size=4000)
    error = values.std() / math.sqrt(len(values))
    expected = (values.mean() - 1.96 * error, values.mean() + 1.96 * error)
    assert ends(bootstrap_ci(values, draws=8000)) == pytest.approx(expected, abs=0.1 * error)


def test_groups_of_equal_size_are_like_their_means():
    rng = np.random.default_rng(7)
    means = rng.normal(size=30)
    values, groups = np.repeat(means, 5), np.repeat(np.arange(30), 5)
    shuffled = rng.permutation(150)
    grouped = bootstrap_ci(values[shuffled], groups=groups[shuffled], draws=8000)
    assert ends(grouped) == pytest.approx(ends(bootstrap_ci(means, draws=8000, seed=1)), abs=0.03)


def test_groups_may_be_names_arrays_or_tensors():
    values, names = np.arange(12.0), list("aabbccddeeff")
    expected = bootstrap_ci(values, groups=names, draws=60)
    numbers = [ord(name) for name in names]
    for groups in (np.array(names), numbers, np.array(numbers), torch.tensor(numbers), list(torch.tensor(numbers))):
        assert bootstrap_ci(values, groups=groups, draws=60) == expected


def test_rows_of_labels_and_scores_stay_together():
    rng = np.random.default_rng(8)
    labels = rng.integers(0, 2, 200)
    scores = labels + rng.normal(size=200)
    interval = bootstrap_ci(np.c_[labels, scores], lambda rows: auroc(rows[:, 0], rows[:, 1]), draws=300)
    assert interval.estimate == auroc(labels, scores)
    # Hanley and McNeil's (1982) standard error, from the area alone.
    area, positives, negatives = interval.estimate, labels.sum(), 200 - labels.sum()
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    error = area * (1 - area) + (positives - 1) * (q1 - area**2) + (negatives - 1) * (q2 - area**2)
    expected = 2 * 1.96 * math.sqrt(error / positives / negatives)
    assert interval.high - interval.low == pytest.approx(expected, rel=0.25)


# --- coverage on simulated data


def coverage(simulate, truth, *, times=400, **options):
    found = [bootstrap_ci(*simulate(np.random.default_rng(trial)), draws=300, **options) for trial in range(times)]
    return np.mean([interval.low <= truth <= interval.high for interval in found])


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_cover_the_truth_as_often_as_they_say(level):
    covered = coverage(lambda rng: (rng.normal(2, 3, size=60),), 2, level=level)
    # Three standard errors of 400 trials, and the percentile interval's known shortfall of about 1 % at n = 60.
    assert abs(covered - level) < 3 * math.sqrt(level * (1 - level) / 400) + 0.015


def test_only_whole_groups_cover_the_truth_when_items_of_a_group_are_alike():
    """40 patients with 6 pictures each; pictures as independent items would promise far too much."""
    groups = np.repeat(np.arange(40), 6)

    def simulate(rng):
        return (np.repeat(rng.normal(size=40), 6) + 0.3 * rng.normal(size=240),)

    assert 0.90 < coverage(simulate, 0, groups=groups) < 0.98
    assert coverage(simulate, 0) < 0.70


def test_paired_difference_covers_a_true_difference():
    inside = []
    for trial in range(300):
        rng = np.random.default_rng(trial)
        ability = rng.normal(size=50)
        a, b = ability + 0.2 + 0.1 * rng.normal(size=50), ability + 0.1 * rng.normal(size=50)
        interval = paired_difference(a, b, draws=300)
        inside.append(interval.low <= 0.2 <= interval.high)
    assert 0.90 < np.mean(inside) < 0.98


@given(NUMBERS, st.integers(0, 9))
def test_paired_difference_is_the_interval_of_the_differences(values, seed):
    a, b = np.array(values), np.array(values)[::-1]
    assert paired_difference(a, b, draws=40, seed=seed) == bootstrap_ci(a - b, draws=40, seed=seed)
    there, back = paired_difference(a, b, draws=41), paired_difference(b, a, draws=41)
    assert there.estimate == pytest.approx(-back.estimate)
    assert ends(there) == pytest.approx((-back.high, -back.low), abs=1e-9)


# --- approximate randomisation


def exact_p(differences):
    """All 2^n swaps."""
    signs = np.array(list(itertools.product([1, -1], repeat=len(differences))))
    totals = np.abs(signs @ differences)
    return np.mean(totals >= abs(differences.sum()) - 1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.4, 1.5])
def test_the_p_value_approaches_the_exact_one(shift):
    rng = np.random.default_rng(9)
    a, b = rng.normal(shift, 1, size=10), rng.normal(size=10)
    expected = exact_p(a - b)
    found = approximate_randomisation(a, b, draws=20_000)
    assert found == pytest.approx(expected, abs=4 * math.sqrt(expected / 20_000) + 1e-4)
    theirs = scipy.stats.permutation_test(
        (a, b), lambda x, y: abs(np.mean(x - y)), permutation_type="samples", n_resamples=np.inf, alternative="greater"
    )
    assert expected == pytest.approx(theirs.pvalue)


def test_groups_swap_together():
    rng = np.random.default_rng(10)
    a, b = rng.normal(0.5, 1, size=24), rng.normal(size=24)
    groups = np.repeat(list("abcdefgh"), 3)
    expected = exact_p((a - b).reshape(8, 3).sum(axis=1))
    assert approximate_randomisation(a, b, draws=20_000, groups=groups) == pytest.approx(expected, abs=0.02)


@given(NUMBERS, st.integers(0, 99))
def test_p_values_are_valid_and_two_sided(values, seed):
    a, b = np.array(values), np.zeros(len(values))
    p = approximate_randomisation(a, b, draws=99, seed=seed)
    assert 1 / 100 <= p <= 1
    assert p == approximate_randomisation(b, a, draws=99, seed=seed)
    assert approximate_randomisation(a, a, draws=99) == 1.0


def test_the_smallest_p_value_is_never_zero():
    assert approximate_randomisation(np.ones(40), np.zeros(40), draws=999) == 1 / 1000


def test_false_alarms_are_as_rare_as_they_should_be():
    rng = np.random.default_rng(11)
    p_values = [approximate_randomisation(*rng.normal(size=(2, 20)), draws=199) for _ in range(600)]
    alarms = np.mean(np.array(p_values) <= 0.05)
    assert abs(alarms - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 600)


# --- bad input


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([1.0], {}, r"values must hold at least 2 items, got the shape \(1,\)"),
        (3.0, {}, "values must hold at least 2 items"),
        ([1.0, math.nan], {}, r"values must not hold NaN, got one at \[1\]"),
        (["a", "b"], {}, "values must be numbers"),
        ([1, 2], {"draws": 0}, "draws must be at least 1, got 0"),
        ([1, 2], {"level": 1.0}, r"level must be in \(0, 1\), got 1.0"),
        ([1, 2], {"level": 95}, r"level must be in \(0, 1\), got 95"),
        ([1, 2], {"groups": ["a"]}, "one group for each of the 2 items, got 1"),
        ([1, 2], {"groups": ["a", "a"]}, "at least 2 different groups, got only 'a'"),
        ([1, 2], {"groups": ["a", None]}, r"groups\[1\] is None"),
        ([1, 2], {"groups": [1.0, math.nan]}, r"groups\[1\] is nan"),
        ([1, 2], {"statistic": lambda sample: math.nan}, "NaN for 1000 of 1000 bootstrap samples and for the values"),
    ],
)
def test_bad_input(values, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_ci(values, **options)


def test_a_statistic_undefined_for_some_samples_is_an_error():
    def spread(sample):
        return math.nan if np.ptp(sample) == 0 else 1.0

    with pytest.raises(ValueError, match=r"statistic is NaN for \d+ of 200 bootstrap samples: too few"):
        bootstrap_ci([1.0, 2.0], spread, draws=200)


def test_pairs_must_match():
    for function in (paired_difference, approximate_randomisation):
        with pytest.raises(ValueError, match=r"a and b must be one-dimensional and of equal length"):
            function([1.0, 2.0], [1.0, 2.0, 3.0])
        with pytest.raises(ValueError, match="b must not hold NaN"):
            function([1.0, 2.0], [1.0, math.nan])
        with pytest.raises(ValueError, match="draws must be at least 1"):
            function([1.0, 2.0], [1.0, 2.0], draws=0)
