"""The LLM-free measures on cases small enough to count by hand."""

import math

import numpy as np
import pytest

from llmlingua2.evaluation.measures import (
    answer_bigram_recall,
    answer_recall,
    number_recall,
    polarity_loss,
    span_survival,
)
from llmlingua2.selection.bm25 import bm25, reciprocal_rank
from llmlingua2.text.words import words

TEXT = "the new budget was cut by the minister . she did not explain the cut".split()


def kept(*names):
    return np.array([word in names for word in TEXT])


def test_answer_recall_counts_stems_that_the_text_holds():
    answer = "The minister cuts budgets in spring".split()
    # "spring" is not in the text, "the" and "in" are no content: minister, cut, budget remain.
    assert answer_recall(answer, TEXT, kept("budget", "cut")) == pytest.approx(2 / 3)
    assert answer_recall(answer, TEXT, kept()) == 0
    assert answer_recall(answer, TEXT, np.ones(len(TEXT), bool)) == 1


def test_nothing_to_find_is_not_a_success():
    assert math.isnan(answer_recall(["spring"], TEXT, kept("cut")))
    assert math.isnan(answer_bigram_recall(["spring", "cut"], TEXT, kept("cut")))


def test_bigrams_need_their_neighbours():
    answer = "explain the cut by the minister".split()
    # Pairs of the answer in the text with a content word: explain the, the cut, cut by, the minister.
    everything = np.ones(len(TEXT), bool)
    assert answer_bigram_recall(answer, TEXT, everything) == 1
    assert answer_bigram_recall(answer, TEXT, kept("explain", "the", "cut")) == pytest.approx(2 / 4)
    assert answer_bigram_recall(answer, TEXT, kept("explain", "cut")) == 0


def test_span_survival_is_all_or_nothing():
    text = "It cost 12.50 euros in Berlin"
    spans = words(text)
    start = text.index("12.50 euros")
    everything = np.ones(len(spans), bool)
    assert span_survival(spans, everything, start, start + len("12.50 euros")) == 1
    without = everything.copy()
    without[3] = False
    assert span_survival(spans, without, start, start + len("12.50 euros")) == 0
    assert span_survival(spans, without, 0, 2) == 1
    assert math.isnan(span_survival(spans, everything, 2, 3))


def test_number_recall():
    items = ["3", "apples", "and", "4.5", "pears"]
    assert number_recall(items, np.array([True, True, True, False, True])) == 0.5
    assert math.isnan(number_recall(["none"], np.array([True])))


@pytest.mark.parametrize(
    ("sentence", "left", "loss"),
    [
        ("we do not ship it", "we ship it", 1.0),
        ("we do not ship it", "not ship", 0.0),
        ("we don't ship it", "ship it", 1.0),
        ("nothing breaks . we never test", "nothing breaks test", 0.5),
    ],
)
def test_polarity_is_lost_when_the_negated_word_stays_alone(sentence, left, loss):
    items = sentence.split()
    assert polarity_loss(items, np.array([item in left.split() for item in items])) == loss


@pytest.mark.parametrize(
    ("sentence", "left"), [("not a word , ship", "ship"), ("we do not ship it", "we it"), ("ship it", "ship")]
)
def test_no_polarity_to_lose(sentence, left):
    items = sentence.split()
    if sentence.startswith("not a"):
        # "word" is the object; it went with its negation, and the comma ends the clause before "ship".
        left = left.replace("word", "")
    assert math.isnan(polarity_loss(items, np.array([item in left.split() for item in items])))


def test_bm25_against_its_formula():
    passages = [["a", "b", "a"], ["b", "c"], ["d"]]
    scores = bm25(["a"], passages)
    idf = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    assert scores[0] == pytest.approx(idf * 2 * 2.5 / (2 + 1.5 * (0.25 + 0.75 * 3 / 2)))
    assert scores[1:].tolist() == [0, 0]
    assert bm25(["zz"], passages).tolist() == [0, 0, 0]
    assert bm25(["a"], [[], []]).tolist() == [0, 0]


def test_reciprocal_rank_shares_ties():
    assert reciprocal_rank(np.array([3.0, 2.0, 1.0]), [1]) == 1 / 2
    assert reciprocal_rank(np.array([3.0, 2.0, 1.0]), [2, 0]) == 1
    assert reciprocal_rank(np.array([0.0, 0.0, 0.0]), [2]) == 1 / 2
