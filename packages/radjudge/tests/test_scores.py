"""Scores against closed forms on hand-made lists."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radjudge import CATEGORIES, Error, Match
from radjudge.scores import all_scores, count_errors, crimson_like, exp_count, green_like, weighted_score

WEIGHTS = {"urgent": 1.0, "actionable": 0.5, "not_actionable": 0.25, "benign": 0.0}
weights = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), max_size=8)


def error(category="omission", significance="actionable", counted=True):
    return Error(category, "x", "x", ((0, 1),), (), significance, counted=counted)


@pytest.mark.parametrize(
    ("matched", "errors", "expected"),
    [([], [], 1.0), ([1.0], [], 1.0), ([], [1.0], 0.2), ([0.5], [0.5], 0.75 / 1.25), ([1.0, 0.5], [0.25], 1.75 / 2.0)],
)
def test_weighted_score(matched, errors, expected):
    assert weighted_score(matched, errors) == pytest.approx(expected)


def test_epsilon_must_be_positive():
    with pytest.raises(ValueError, match="epsilon must be positive, not 0"):
        weighted_score([], [], epsilon=0)


@given(weights, weights)
def test_weighted_score_is_a_share_and_falls_with_errors(matched, errors):
    value = weighted_score(matched, errors)
    assert 0.0 < value <= 1.0
    assert weighted_score(matched, [*errors, 0.5]) < value
    assert (value == 1.0) == (sum(errors) == 0.0)


@pytest.mark.parametrize(("matched", "significant", "expected"), [(0, 0, 1.0), (0, 2, 0.0), (3, 1, 0.75), (2, 0, 1.0)])
def test_green_like(matched, significant, expected):
    assert green_like(matched, significant) == expected


@pytest.mark.parametrize(
    ("matches", "missed", "false", "expected"),
    [
        ([], [], [], 1.0),
        ([(1.0, 0.0)], [], [], 1.0),
        ([(0.5, 0.5)], [], [], 0.5),
        ([(1.0, 0.0)], [1.0], [], 0.5),
        ([(1.0, 0.0)], [], [0.5], 0.5),
        ([(0.5, 0.0)], [0.5], [1.0], -0.5 / 1.5),
        ([], [], [1.0], -0.5),
        ([(0.5, 0.0)], [], [0.5], 0.0),
        ([(0.0, 0.0)], [], [], 1.0),
    ],
)
def test_crimson_like(matches, missed, false, expected):
    value = crimson_like(matches, missed, false)
    assert value == pytest.approx(expected)
    assert math.copysign(1.0, value) == (-1.0 if expected < 0 else 1.0)


@given(
    st.lists(st.tuples(st.sampled_from([0.25, 0.5, 1.0]), st.sampled_from([0.0, 0.5])), max_size=6), weights, weights
)
def test_crimson_like_stays_in_its_range(matches, missed, false):
    assert -1.0 < crimson_like(matches, missed, false) <= 1.0


def test_exp_count():
    assert exp_count(0) == 1.0
    assert exp_count(3) == pytest.approx(math.exp(-1))
    assert exp_count(-0.5) == 1.0


def test_uncounted_errors_leave_every_score_alone():
    errors = [error(), error("location", "urgent"), error("severity", "benign", counted=False)]
    matches = [Match("x", "x", (), (), 1.0, 0.0)]
    scores = all_scores(errors, matches, WEIGHTS)
    assert scores == all_scores(errors[:2], matches, WEIGHTS)
    assert scores["total_errors"] == 2.0
    assert scores["significant_errors"] == 2.0
    assert scores["score"] == pytest.approx(1.25 / 2.75)
    assert count_errors(errors) == dict.fromkeys(CATEGORIES, 0.0) | {"omission": 1.0, "location": 1.0}
