import re
import string

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tenfold_core.metrics import best_subspan_em, recall_at_k

# --- recall at k


@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 8), st.data())
def test_recall_without_ties_is_membership_in_the_top_k(seed, queries, candidates, data):
    rng = np.random.default_rng(seed)
    similarity = rng.permuted(np.tile(np.arange(candidates), (queries, 1)), axis=1) / 7
    index = st.integers(0, candidates - 1)
    targets = data.draw(st.lists(index | st.lists(index, min_size=1), min_size=queries, max_size=queries))
    k = data.draw(st.integers(1, candidates))
    top = np.argsort(-similarity, axis=1)[:, :k]
    hits = [bool(set(np.atleast_1d(target)) & set(row)) for target, row in zip(targets, top, strict=True)]
    assert recall_at_k(similarity, targets, k) == pytest.approx(np.mean(hits))


@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 8), st.data())
def test_ties_count_against_the_query(seed, queries, candidates, data):
    rng = np.random.default_rng(seed)
    similarity = rng.integers(0, 3, (queries, candidates))
    index = st.integers(0, candidates - 1)
    targets = data.draw(st.lists(st.lists(index, min_size=1), min_size=queries, max_size=queries))
    k = data.draw(st.integers(1, candidates))
    hits = []
    for row, wanted in zip(similarity, targets, strict=True):
        others = [candidate for candidate in range(candidates) if candidate not in wanted]
        best = max(row[target] for target in wanted)
        hits.append(sum(row[other] >= best for other in others) < k)
    assert recall_at_k(similarity, targets, k) == pytest.approx(np.mean(hits))


def test_a_collapsed_model_finds_nothing():
    assert recall_at_k(np.ones((5, 5)), range(5), 1) == 0.0
    assert recall_at_k(np.eye(5), range(5), 1) == 1.0
    assert recall_at_k(np.ones((5, 5)), range(5), 5) == 1.0


def test_arrays_and_tensors_of_targets():
    similarity = torch.eye(4, dtype=torch.float16)
    assert recall_at_k(similarity, torch.arange(4), 1) == 1.0
    assert recall_at_k(similarity, np.array([[0, 1], [1, 2], [0, 3], [0, 1]]), 1) == 0.5


@pytest.mark.parametrize(
    ("similarity", "targets", "k", "message"),
    [
        ([1.0, 2.0], [0], 1, r"shape \(queries, candidates\), got \(2,\)"),
        (np.zeros((0, 3)), [], 1, "shape"),
        ([["a"]], [0], 1, "similarity must be numbers"),
        ([[1.0, np.nan]], [0], 1, "similarity is NaN for query 0"),
        ([[1.0, 2.0]], [0], 3, r"k must be from 1 to 2 \(the candidates\), got 3"),
        ([[1.0, 2.0]], [0], 0, "k must be from 1 to 2"),
        ([[1.0, 2.0]], [0, 1], 1, "one entry for each of the 1 queries, got 2"),
        ([[1.0, 2.0]], [2], 1, r"targets\[0\] must be an index from 0 to 1 or a list of them, got \[2\]"),
        ([[1.0, 2.0]], [-1], 1, r"targets\[0\] must be an index"),
        ([[1.0, 2.0]], [[]], 1, r"targets\[0\] must be an index"),
        ([[1.0, 2.0]], [0.0], 1, r"targets\[0\] must be an index"),
        ([[1.0, 2.0]], [True], 1, r"targets\[0\] must be an index"),
    ],
)
def test_recall_refuses(similarity, targets, k, message):
    with pytest.raises(ValueError, match=message):
        recall_at_k(similarity, targets, k)


# --- exact match of a sub-span


def reference(prediction, answers):
    """The steps of Lost in the Middle, one after the other."""

    def normalise(text):
        text = "".join(character for character in text.lower() if character not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())

    return float(any(normalise(answer).lower() in normalise(prediction).lower() for answer in answers))


WORDS = st.lists(
    st.sampled_from(["the", "The", "a", "an", "cat,", "Cat", "dog.", "o'clock", "1,000", "é", "", "\t", "a-b"]),
    max_size=6,
).map(" ".join)


@given(WORDS, st.lists(WORDS.filter(lambda text: "o'clock" in text or "dog" in text), min_size=1, max_size=3))
def test_exact_match_follows_lost_in_the_middle(prediction, answers):
    assert best_subspan_em(prediction, answers) == reference(prediction, answers)


@pytest.mark.parametrize(
    ("prediction", "answers", "expected"),
    [
        ("The answer is 14th century.", ["14th Century"], 1.0),
        ("wilhelm conrad röntgen", ["Wilhelm Conrad Röntgen", "Röntgen"], 1.0),
        ("theatre", ["a tre"], 1.0),  # sub-strings, not words: part of the definition
        ("cat", ["dog", "mouse"], 0.0),
        ("", ["dog"], 0.0),
        ("anything", ["The"], 0.0),  # nothing is left of the answer
        ("a", ["The"], 1.0),
    ],
)
def test_exact_match(prediction, answers, expected):
    assert best_subspan_em(prediction, answers) == expected


def test_exact_match_refuses():
    with pytest.raises(TypeError, match="answers must be a sequence of strings, got 'dog'"):
        best_subspan_em("dog", "dog")
    with pytest.raises(TypeError, match="answers must be a sequence of strings"):
        best_subspan_em("dog", [1])
    with pytest.raises(TypeError, match="prediction must be a string, got NoneType"):
        best_subspan_em(None, ["dog"])
    with pytest.raises(ValueError, match="answers is empty"):
        best_subspan_em("dog", [])
