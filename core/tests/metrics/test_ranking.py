import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from tenfold_core.metrics import kendall_tau_b, spearman

VALUES = st.sampled_from([-math.inf, -2.0, 0.0, 1e-9, 1.0, 3.0, math.inf]) | st.floats(-1e9, 1e9)
PAIRS = st.lists(st.tuples(VALUES, VALUES), min_size=2, max_size=80)


def coded(values):
    """The same ranking in small integers: older SciPy takes infinities for missing values."""
    return np.unique(values, return_inverse=True)[1]


def by_pairs(x, y):
    """Kendall's definition, pair by pair."""
    signs = [
        (np.sign((x[i] > x[j]) * 1.0 - (x[i] < x[j])), np.sign((y[i] > y[j]) * 1.0 - (y[i] < y[j])))
        for i in range(len(x))
        for j in range(i)
    ]
    scale = math.sqrt(sum(a != 0 for a, _ in signs) * sum(b != 0 for _, b in signs))
    return sum(a * b for a, b in signs) / scale if scale else math.nan


@given(PAIRS)
def test_tau_b_agrees_with_the_definition_and_scipy(pairs):
    x, y = np.array(pairs).T
    tau = kendall_tau_b(x, y)
    assert tau == pytest.approx(by_pairs(x, y), abs=1e-12, nan_ok=True)
    assert tau == pytest.approx(scipy.stats.kendalltau(coded(x), coded(y)).statistic, abs=1e-12, nan_ok=True)


@given(PAIRS)
def test_spearman_agrees_with_scipy(pairs):
    x, y = np.array(pairs).T
    constant = len(set(x)) == 1 or len(set(y)) == 1
    expected = math.nan if constant else scipy.stats.spearmanr(coded(x), coded(y)).statistic
    assert spearman(x, y) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("levels", [2, 30, 10**9])
def test_both_agree_with_scipy_on_many_values(levels):
    rng = np.random.default_rng(levels)
    x = rng.integers(0, levels, 20_001)
    y = np.where(rng.random(20_001) < 0.3, x, rng.integers(0, levels, 20_001))
    assert kendall_tau_b(x, y) == pytest.approx(scipy.stats.kendalltau(x, y).statistic, abs=1e-12)
    assert spearman(x, y) == pytest.approx(scipy.stats.spearmanr(x, y).statistic, abs=1e-12)


@pytest.mark.parametrize("correlation", [kendall_tau_b, spearman])
@given(pairs=PAIRS)
def test_symmetry_sign_and_invariance(correlation, pairs):
    x, y = np.array(pairs).T
    value = correlation(x, y)
    assert math.isnan(value) == (len(set(x)) == 1 or len(set(y)) == 1)
    if not math.isnan(value):
        assert -1 <= value <= 1
        assert correlation(y, x) == pytest.approx(value, abs=1e-12)
        assert correlation(-x, y) == pytest.approx(-value, abs=1e-12)
        assert correlation(np.arctan(coded(x)), y) == pytest.approx(value, abs=1e-12)
        assert correlation(x, x) == 1.0
        assert correlation(x, -x) == -1.0


def test_bootstrap_null_distribution_of_tau():
    """Under independence, tau of n values without ties has variance 2(2n + 5) / (9n(n - 1)) (Kendall 1938)."""
    rng = np.random.default_rng(3)
    taus = [kendall_tau_b(rng.random(12), rng.random(12)) for _ in range(2000)]
    assert np.var(taus) == pytest.approx(2 * 29 / (9 * 12 * 11), rel=0.1)
    assert abs(np.mean(taus)) < 0.02


@pytest.mark.parametrize("correlation", [kendall_tau_b, spearman])
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1.0], [1.0], "at least 2 values, got 1"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], r"equal length, got \(2,\) and \(3,\)"),
        ([[1.0, 2.0]], [[1.0, 2.0]], "one-dimensional"),
        ([1.0, math.nan], [1.0, 2.0], r"x\[1\] is NaN"),
        ([1.0, 2.0], [math.nan, 2.0], r"y\[0\] is NaN"),
    ],
)
def test_bad_input(correlation, x, y, message):
    with pytest.raises(ValueError, match=message):
        correlation(x, y)
