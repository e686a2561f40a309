"""Alignment: exact where the teacher obeyed, and at least as good as the reference figures where it did not."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_data import shared

from llmlingua2.align import dp, greedy
from llmlingua2.corpora.meetings import load_meetings
from llmlingua2.teachers.noisy import spoil
from llmlingua2.text.words import words

DISTINCT = st.lists(st.text(alphabet="bcdfghjk", min_size=2, max_size=3), max_size=30, unique=True)


@pytest.mark.parametrize("align", [dp, greedy])
@given(original=DISTINCT, data=st.data())
def test_clean_answer_without_repeated_words_is_recovered_exactly(align, original, data):
    kept = data.draw(st.lists(st.booleans(), min_size=len(original), max_size=len(original)))
    answer = [word for word, keep in zip(original, kept, strict=True) if keep]
    assert align(original, answer, lemma=str.lower) == kept


@pytest.mark.parametrize("align", [dp, greedy])
@given(
    original=st.lists(st.sampled_from("abcd"), max_size=25),
    answer=st.lists(st.sampled_from("abcde"), max_size=25),
)
def test_labels_never_outnumber_what_was_said(align, original, answer):
    labels = align(original, answer)
    assert len(labels) == len(original)
    for word in set(original):
        labelled = sum(label for item, label in zip(original, labels, strict=True) if item == word)
        assert labelled <= answer.count(word)
        if align is dp and len(original) <= 40:
            # Every word that is there can be placed: the search reaches the whole text.
            assert labelled == min(answer.count(word), original.count(word))


@pytest.mark.parametrize("align", [dp, greedy])
def test_inflection_and_case_do_not_matter(align):
    assert align(["The", "Meetings", "stopped"], ["meeting", "stop"]) == [False, True, True]


@pytest.mark.parametrize("align", [dp, greedy])
def test_swapped_words_are_both_found(align):
    assert align(["a", "red", "big", "car"], ["big", "red", "car"]) == [False, True, True, True]


def test_dp_prefers_the_occurrence_beside_its_neighbour():
    original = "the cat saw the dog and the bird".split()
    assert dp(original, ["the", "dog"]) == [False, False, False, True, True, False, False, False]


def test_greedy_looks_no_further_than_its_window():
    assert greedy(["x"] * 9 + ["end"], ["end"], window=5) == [False] * 10
    assert greedy(["x"] * 9 + ["end"], ["end"], window=10)[-1]


def test_greedy_pointer_moves_half_a_window_at_most():
    # "far" is found 8 words ahead; the pointer goes 5, so the earlier "near" is still the closer one.
    original = ["a", "b", "c", "near", "d", "e", "f", "g", "far", "h", "i", "j", "k", "near"]
    labels = greedy(original, ["far", "near"], window=10)
    assert labels[3]
    assert not labels[13]


@pytest.mark.parametrize("align", [dp, greedy])
def test_nothing_to_align(align):
    assert align([], ["a"]) == []
    assert align(["a", "b"], []) == [False, False]


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="window"):
        greedy(["a"], ["a"], window=0)
    with pytest.raises(ValueError, match="reach"):
        dp(["a"], ["a"], reach=-1)


# F1 of recovered labels on 350-word passages: what the better of a window and a subsequence reached on them.
FLOORS = {
    ("clean", 0.45): 0.969,
    ("clean", 0.2): 0.916,
    ("light", 0.45): 0.960,
    ("light", 0.2): 0.906,
    ("heavy", 0.45): 0.945,
    ("heavy", 0.2): 0.879,
}
NOISE = {"clean": (0.0, 0.0, 0.0), "light": (0.1, 0.05, 0.08), "heavy": (0.2, 0.1, 0.16)}


@pytest.fixture(scope="module")
def passages():
    from llmlingua2.text.function_words import is_content

    draw = np.random.default_rng(0)
    found = []
    for meeting in load_meetings(shared("llmlingua2/qmsum_train.jsonl.gz"), strict=False)[::8]:
        text = "\n".join(turn for _, turn in meeting.turns)
        items = [text[start:end] for start, end in words(text)]
        for at in range(0, min(len(items) - 350, 2100), 700):
            passage = items[at : at + 350]
            # Teachers drop function words more often than others.
            found.append((passage, np.array([0.35 * is_content(word) for word in passage]) + draw.random(350)))
    return found


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("rate", [0.45, 0.2])
def test_dp_reaches_the_reference_figures_on_meetings(passages, noise, rate):
    inflection, insertion, swap = NOISE[noise]
    scores = {}
    for align in (dp, greedy):
        rng = random.Random(1)
        right = found = wanted = 0
        for original, value in passages:
            kept = value >= np.sort(value)[int(350 * (1 - rate))]
            answer = " ".join(word for word, keep in zip(original, kept, strict=True) if keep)
            answer, _ = spoil(
                answer, " ".join(original), inflection=inflection, insertion=insertion, swap=swap, random=rng
            )
            labels = np.array(align(original, answer.split()))
            right += (labels & kept).sum()
            found += labels.sum()
            wanted += kept.sum()
        scores[align] = 2 * right / (found + wanted)
    assert scores[dp] >= FLOORS[noise, rate]
    assert scores[dp] > scores[greedy]
