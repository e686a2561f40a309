"""The question-aware step: what the question is about keeps more of itself, within the same exact budget."""

from itertools import pairwise

import numpy as np
import pytest

from llmlingua2.scores import Scores
from llmlingua2.selection.query import paragraphs, relevance, weights
from llmlingua2.selection.ranking import order, shares
from llmlingua2.text.words import words

TEXTS = [
    "The committee discussed the budget for remote controls and their production cost in detail.",
    "Bananas grow in warm countries, and people eat them raw or baked all over the world.",
    "The weather in Paris is mild in May, with some rain and a lot of sun in the afternoon.",
]


def scored(texts, seed=0):
    spans = [words(text) for text in texts]
    rng = np.random.default_rng(seed)
    return Scores.from_words(texts, spans, [rng.random(len(found)) for found in spans])


def test_bm25_finds_the_text_and_keeps_most_of_it():
    result = scored(TEXTS).compress(rate=0.4, query="What is the weather like in Paris?")
    shares_kept = [len(words(short)) / len(words(text)) for short, text in zip(result.texts, TEXTS, strict=True)]
    assert shares_kept[2] > 0.8
    assert max(shares_kept[:2]) < 0.4
    assert result.compressed_tokens <= 0.4 * result.origin_tokens


def test_kept_sets_are_nested_and_exact_with_a_query():
    scores = scored(TEXTS)
    kept = [scores.compress(rate=rate, query="bananas").kept for rate in (0.1, 0.3, 0.5, 0.7, 0.9)]
    for smaller, larger in pairwise(kept):
        assert not (smaller & ~larger).any()
    assert scores.compress(rate=1.0, query="bananas").texts == TEXTS


def test_any_scorer_can_replace_bm25():
    calls = []

    def scorer(query, texts):
        calls.append((query, texts))
        return [0.0, 1.0, 0.0]

    result = scored(TEXTS).compress(rate=0.35, query="fruit", query_scorer=scorer)
    assert calls == [("fruit", TEXTS)]
    assert len(result.texts[1]) > 0.9 * len(TEXTS[1])
    with pytest.raises(ValueError, match="one finite number each"):
        scored(TEXTS).compress(rate=0.35, query="fruit", query_scorer=lambda query, texts: [1.0])
    with pytest.raises(ValueError, match="no query"):
        scored(TEXTS).compress(rate=0.35, query_scorer=scorer)


def test_whole_texts_can_be_dropped_by_relevance():
    result = scored(TEXTS).compress(rate=0.9, query="budget of the committee", target_context=1)
    assert result.texts[1:] == ["", ""]
    forced = scored(TEXTS).compress(rate=0.9, query="budget", target_context=1, force_context_ids=[1])
    assert forced.texts[0] == forced.texts[2] == ""


def test_a_single_text_is_taken_by_paragraphs():
    text = "\n\n".join(TEXTS)
    result = scored([text]).compress(rate=0.35, query="weather in Paris")
    assert TEXTS[2][:20] in result.text
    parts, index = paragraphs("a\n\nb c\n \n d", words("a\n\nb c\n \n d"))
    assert parts == ["a\n\n", "b c\n \n ", "d"]
    assert index.tolist() == [0, 1, 1, 2]


def test_weights_and_relevance():
    assert relevance("x", []).tolist() == []
    assert weights(np.array([])).tolist() == []
    assert weights(np.array([2.0, 2.0])).tolist() == [1, 1]
    assert weights(np.array([0.0, 5.0, 10.0])) == pytest.approx([0.05, 0.525, 1])
    found = relevance("weather Paris", TEXTS)
    assert found.argmax() == 2


def test_shares_keep_the_same_part_of_each_group():
    rng = np.random.default_rng(0)
    priority, group = rng.random(600), np.repeat([0, 1, 2], [100, 200, 300])
    ranked = order(shares(priority, group, np.ones(600, int)), np.zeros(600, bool))
    for count in (60, 150, 300):
        kept = np.bincount(group[ranked[:count]], minlength=3) / [100, 200, 300]
        assert np.ptp(kept) < 0.02
    within = ranked[group[ranked] == 1]
    assert (np.diff(priority[within]) <= 0).all()
    weighted = shares(priority, group, np.ones(600, int), np.array([1.0, 0.5, 0.1]))
    kept = np.bincount(group[weighted >= -0.6], minlength=3) / [100, 200, 300]
    assert kept == pytest.approx([0.6, 0.3, 0.06], abs=0.01)
    assert len(shares(np.zeros(0), np.zeros(0, int), np.zeros(0, int))) == 0
