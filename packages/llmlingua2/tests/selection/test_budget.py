"""The exact budget: never above, never more than one word below, nested, whatever the counter does."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hostile_text import sentences, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlingua2.scores import Scores
from llmlingua2.selection.budget import BudgetError, fit
from llmlingua2.selection.prompt import Prompt, take
from llmlingua2.selection.settings import Settings
from llmlingua2.text.counters import resolve_counter
from llmlingua2.text.words import words


def wild(text):
    """A counter without any regularity: more text can have fewer tokens."""
    return (len(text) * 7919) % 23 + len(text) // 5


def letters(text):
    return sum(character.isalnum() for character in text)


COUNTERS = {
    name: resolve_counter(c)
    for name, c in {"cl100k_base": "cl100k_base", "words": "words", "letters": letters, "wild": wild}.items()
}


def scored(text, seed, counter, ties=False):
    spans = words(text)
    values = np.random.default_rng(seed).random(len(spans))
    return Scores.from_words(text, spans, np.round(values, 1) if ties else values, counter=counter)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.integers(0, 40), st.integers(0, 40))
def test_fit_is_exact_and_monotone_for_any_sequence_of_counts(counts, one, other):
    """Also for counts that fall as words are added."""
    found = {}
    for target in (one, other):
        calls = []

        def count(kept, calls=calls):
            calls.append(kept)
            return counts[kept]

        if counts[0] > target:
            with pytest.raises(BudgetError) as error:
                fit(count, len(counts) - 1, target)
            assert (error.value.needed, error.value.target) == (counts[0], target)
            found[target] = -1
            continue
        best = fit(count, len(counts) - 1, target)
        assert counts[best] <= target
        assert best == len(counts) - 1 or counts[best + 1] > target
        assert len(calls) <= math.log2(len(counts)) + 2
        found[target] = best
    assert found[min(one, other)] <= found[max(one, other)]


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("whitespace", ["original", "single"])
def test_budget_is_respected_and_maximal(counter, whitespace):
    @settings(max_examples=40, deadline=None)
    @given(texts | sentences, st.integers(0, 5), st.floats(0.01, 1), st.booleans())
    def check(text, seed, rate, negation):
        count = COUNTERS[counter]
        scores = scored(text, seed, count)
        prompt = Prompt(scores.scored, Settings(rate=rate, whitespace=whitespace, keep_negation=negation), count)
        try:
            result = scores.compress(rate=rate, whitespace=whitespace, keep_negation=negation)
        except BudgetError:
            assert counter == "wild"  # even the empty text counts something there
            return
        assert result.compressed_tokens == count(result.text)
        assert result.origin_tokens == count(text)
        assert result.compressed_tokens <= rate * count(text) + 1e-9
        # One word more, the next in the ranking, is too much.
        forced, ranked, _ = prompt.ranking()
        number = int((prompt.choose() & ~forced).sum())
        assert (take(number, forced, ranked) == prompt.choose()).all()
        if number < len(ranked):
            assert prompt.keep(take(number + 1, forced, ranked)).tokens > prompt.target

    check()


@pytest.mark.parametrize("counter", COUNTERS)
def test_kept_sets_are_nested(counter):
    @settings(max_examples=40, deadline=None)
    @given(texts | sentences, st.integers(0, 5), st.lists(st.integers(1, 60), min_size=2, max_size=4), st.booleans())
    def check(text, seed, targets, drop):
        scores = scored(text, seed, COUNTERS[counter], ties=True)
        options = {"force_tokens": ["\n", ".", "not"], "drop_consecutive": drop, "on_overflow": "keep"}
        kept = [scores.compress(target_tokens=target, **options).kept for target in sorted(targets)]
        for smaller, larger in pairwise(kept):
            assert not (smaller & ~larger).any()

    check()


def test_next_word_in_the_ranking_does_not_fit():
    """The definition itself, spelled out with plain words and cl100k."""
    text = "The council approved the budget because nobody objected to the extraordinarily generous appropriation."
    scores = scored(text, 3, COUNTERS["cl100k_base"])
    values = scores.words.scores
    for target in range(1, COUNTERS["cl100k_base"](text)):
        result = scores.compress(target_tokens=target, keep_negation=False)
        ranked = sorted(range(len(values)), key=lambda index: (-values[index], index))
        number = int(result.kept.sum())
        assert set(np.flatnonzero(result.kept)) == set(ranked[:number])
        one_more = np.isin(np.arange(len(values)), ranked[: number + 1])
        prompt = Prompt(scores.scored, Settings(target_tokens=target), scores.counter)
        assert prompt.keep(one_more).tokens > target >= result.compressed_tokens


def test_ties_go_to_the_earlier_word():
    text = "one two three four five six"
    scores = Scores.from_words(text, words(text), np.ones(6))
    assert scores.compress(target_tokens=3).text == "one two three"


@pytest.mark.parametrize("kind", ["original", "single"])
def test_forced_words_are_charged_first(kind):
    text = "alpha beta gamma delta epsilon"
    scores = Scores.from_words(text, words(text), [0.9, 0.8, 0.7, 0.6, 0.1])
    result = scores.compress(target_tokens=3, force_tokens=["epsilon"], whitespace=kind)
    assert result.text == "alpha beta epsilon"
    with pytest.raises(BudgetError, match=r"alone take 3 tokens, above the target of 2"):
        scores.compress(target_tokens=2, force_tokens=["delta", "epsilon", "alpha"])
    kept = scores.compress(target_tokens=2, force_tokens=["delta", "epsilon", "alpha"], on_overflow="keep")
    assert kept.text == "alpha delta epsilon"


def test_budget_of_each_document():
    texts = ["one two three four", "five six seven eight nine ten"]
    scores = Scores.from_words(texts, [words(text) for text in texts], [[9, 8, 7, 6], [1, 2, 3, 4, 5, 6]])
    assert scores.compress(rate=0.5, budget="document").texts == ["one two", "eight nine ten"]
    assert scores.compress(rate=0.5).texts == ["one two three four", "ten"]
    assert scores.compress(target_tokens=1, budget="document").text == "one\n\nten"


def test_budget_error_survives_a_pickle():
    import pickle

    error = pickle.loads(pickle.dumps(BudgetError(5, 3)))
    assert (error.needed, error.target) == (5, 3)
    assert "alone take 5 tokens" in str(error)
