import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, roc_auc_score

from tenfold_core.metrics import accuracy, auroc, expected_calibration_error

# --- accuracy


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_accuracy_agrees_with_scikit_learn(pairs):
    labels, predictions = zip(*pairs, strict=True)
    assert accuracy(labels, predictions) == pytest.approx(accuracy_score(labels, predictions), abs=1e-15)


def test_accuracy_of_names():
    assert accuracy(["cat", "dog", "dog"], np.array(["cat", "dog", "cat"])) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([], [], "labels must be one-dimensional and not empty"),
        ([0, 1], [0], "labels and predictions must be of equal length, got 2 and 1"),
        ([0, 1], [[0, 1]], "predictions must be one-dimensional"),
        ([0.0, 1.0], [0.0, np.nan], r"predictions\[1\] is NaN"),
        ([0, 1], ["0", "1"], "of one kind"),
    ],
)
def test_accuracy_refuses(labels, predictions, message):
    with pytest.raises(ValueError, match=message):
        accuracy(labels, predictions)


# --- AUROC


@st.composite
def scored(draw):
    labels = draw(st.lists(st.integers(0, 1), min_size=2, max_size=60).filter(lambda found: len(set(found)) == 2))
    size = len(labels)
    ties = st.sampled_from([-1e300, -1.0, 0.0, 1e-300, 1.0, 2.0])
    scores = draw(st.lists(ties | st.floats(-1e6, 1e6), min_size=size, max_size=size))
    return np.array(labels), np.array(scores)


def by_pairs(labels, scores):
    wins = [
        (positive > negative) + 0.5 * (positive == negative)
        for positive in scores[labels == 1]
        for negative in scores[labels == 0]
    ]
    return sum(wins) / len(wins)


@given(scored())
def test_auroc_agrees_with_the_definition_and_scikit_learn(data):
    labels, scores = data
    assert auroc(labels, scores) == pytest.approx(by_pairs(labels, scores), abs=1e-12)
    assert auroc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@given(scored())
def test_auroc_mirrors_and_depends_on_order_only(data):
    labels, scores = data
    area = auroc(labels, scores)
    assert auroc(labels, -scores) == pytest.approx(1 - area, abs=1e-12)
    assert auroc(1 - labels, scores) == pytest.approx(1 - area, abs=1e-12)
    ranks = np.unique(scores, return_inverse=True)[1]
    assert auroc(labels.astype(bool), ranks**3) == pytest.approx(area, abs=1e-12)


def test_auroc_of_normal_scores_has_its_closed_form():
    """For unit normals one standard deviation apart the area is Phi(1 / sqrt(2))."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 100_000)
    assert auroc(labels, rng.normal(size=200_000) + labels) == pytest.approx(0.7602499, abs=0.004)


def test_auroc_of_constant_and_infinite_scores():
    assert auroc([0, 1, 0, 1], np.zeros(4)) == 0.5
    assert auroc([0, 1, 1], [-np.inf, np.inf, 0.0]) == 1.0


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([1, 1], [0.1, 0.2], "both classes, got only 1"),
        ([0, 2], [0.1, 0.2], r"labels must be 0 or 1, got \[0, 2\]"),
        (["0", "1"], [0.1, 0.2], "labels must be 0 or 1"),
        ([0, 1], [0.1, np.nan], r"scores\[1\] is NaN"),
        ([0, 1], [0.1], "labels and scores must be of equal length"),
        ([[0, 1]], [0.1, 0.2], "labels must be one-dimensional"),
    ],
)
def test_auroc_refuses(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        auroc(labels, scores)


# --- calibration


def by_bins(hits, confidence, bins):
    """Equation 3 of Guo et al., with half-open bins (low, high]; the first holds 0 too."""
    error = 0.0
    for index in range(bins):
        inside = (confidence > index / bins) & (confidence <= (index + 1) / bins)
        if index == 0:
            inside |= confidence == 0
        if inside.any():
            error += inside.mean() * abs(hits[inside].mean() - confidence[inside].mean())
    return error


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 20))
def test_calibration_error_of_many_classes_follows_the_definition(seed, classes, bins):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), size=40)
    labels = rng.integers(0, classes, 40)
    hits = probabilities.argmax(axis=1) == labels
    expected = by_bins(hits, probabilities.max(axis=1), bins)
    assert expected_calibration_error(labels, probabilities, bins=bins) == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 10_000), st.integers(1, 20))
def test_calibration_error_of_one_probability_follows_the_definition(seed, bins):
    rng = np.random.default_rng(seed)
    probabilities = np.r_[rng.random(40), 0.0, 1.0, 0.5]
    labels = rng.integers(0, 2, 43)
    expected = by_bins(labels, probabilities, bins)
    assert expected_calibration_error(labels, probabilities, bins=bins) == pytest.approx(expected, abs=1e-12)


def test_calibration_error_tells_honest_from_overconfident():
    rng = np.random.default_rng(1)
    honest = rng.uniform(0.5, 1.0, 50_000)
    labels = (rng.random(50_000) < honest).astype(int)
    assert expected_calibration_error(labels, honest) < 0.01
    overconfident = np.full(50_000, 0.99)
    assert expected_calibration_error(labels, overconfident) == pytest.approx(0.99 - labels.mean(), abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "probabilities", "bins", "message"),
    [
        ([0, 1], [0.5, 0.5], 0, "bins must be at least 1, got 0"),
        ([0, 1], [0.5, 1.5], 5, r"probabilities must be in \[0, 1\]"),
        ([0, 1], [0.5, np.nan], 5, r"probabilities must be in \[0, 1\]"),
        ([0, 1], [[0.5, 0.6], [0.5, 0.5]], 5, "row 0 sums to 1.1"),
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], 5, "labels must be class numbers from 0 to 1"),
        ([0.0, 1.0], [[0.5, 0.5], [0.5, 0.5]], 5, "labels must be class numbers"),
        ([0], [[0.5, 0.5], [0.5, 0.5]], 5, "equal length, got 1 and 2"),
        ([0, 2], [0.5, 0.5], 5, "labels must be 0 or 1"),
        ([], [], 5, r"probabilities must have the shape"),
        ([0], [[[1.0]]], 5, r"probabilities must have the shape"),
    ],
)
def test_calibration_error_refuses(labels, probabilities, bins, message):
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(labels, probabilities, bins=bins)
