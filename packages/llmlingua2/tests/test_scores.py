"""Scores: words with their means, one forward for many budgets, results that point into the input."""

import json
import pickle

import numpy as np
import pytest
from hostile_text import sentences, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlingua2.scores import Scores, Word
from llmlingua2.scoring.classifier import TokenClassifier
from llmlingua2.selection.scored_texts import score_texts
from llmlingua2.text.words import words


def scored(text, seed=0, counter="words"):
    spans = words(text)
    return Scores.from_words(text, spans, np.random.default_rng(seed).random(len(spans)), counter=counter)


def visible(text):
    return "".join(text.replace("\u200b", " ").split())


def is_subsequence(short, long):
    characters = iter(long)
    return all(character in characters for character in short)


@settings(deadline=None)
@given(texts | sentences, st.integers(0, 3), st.floats(0.01, 1), st.sampled_from(["original", "single"]))
def test_output_is_a_subsequence_but_for_the_joiner(text, seed, rate, whitespace):
    result = scored(text, seed).compress(rate=rate, whitespace=whitespace)
    spans = result.spans
    joined = "".join(text[start:end] for start, end in spans)
    assert is_subsequence(joined, text)
    # Visible characters come from the spans, in order; white space from the text, or one blank where words would glue.
    assert visible(result.text) == visible(joined)
    if whitespace == "original" and (result.slices[:, 1] >= 0).all():
        assert is_subsequence(result.text, text)


@settings(deadline=None)
@given(texts | sentences, st.integers(0, 3))
def test_rate_one_is_the_identity(text, seed):
    scores = scored(text, seed)
    for result in (
        scores.compress(rate=1.0),
        scores.compress(target_tokens=10_000),
        scores.compress(threshold=0.0),
        scores.compress(rate=1.0, force_tokens=["\n", "."], drop_consecutive=True, preserve=["code", "numbers"]),
    ):
        assert result.text == text
        assert result.rate == 1.0


@settings(deadline=None)
@given(st.lists(texts, min_size=1, max_size=4))
def test_rate_one_is_the_identity_of_lists(many):
    scores = Scores.from_words(many, [words(text) for text in many], [np.ones(len(words(text))) for text in many])
    result = scores.compress(rate=1.0)
    assert result.text == "\n\n".join(many) or not any(many)
    assert result.texts == many


@settings(deadline=None)
@given(texts | sentences, st.integers(0, 3), st.floats(0.05, 0.95))
def test_words_never_glue(text, seed, rate):
    """Every kept word is still there for a reader: no two run together, none is torn."""
    result = scored(text, seed).compress(rate=rate)
    kept = [text[start:end] for (start, end), kept in zip(result.words.tolist(), result.kept, strict=True) if kept]
    found = [result.text[start:end] for start, end in words(result.text).tolist()]
    letters = [word for word in kept if word.isalpha() and word.isascii()]
    assert [word for word in letters if word not in " ".join(found)] == []
    at = 0
    for word in kept:
        at = result.text.index(word, at) + len(word)


@pytest.mark.parametrize(
    ("text", "keep", "expected"),
    [
        ("We met, at noon, in Rome.", "We Rome .", "We Rome."),
        ("We met, at noon, in Rome.", "met noon", "met noon"),
        ("costs (about 5 euros) more", "costs ( euros )", "costs (euros)"),
        ("f(x, y)", "f ( y )", "f(y)"),
        ("3 x,5 y", "3 , 5", "3 ,5"),
        ("foo/bar", "foo bar", "foo bar"),
        ("a\n\nb c\nd", "a d", "a\n\nd"),
        ("a\n\n\n\n  b", "a b", "a\n\n\n\n  b"),
        ("a x\n\n\n\n  b", "a b", "a\n\n  b"),
        ("def f():\n    y = 1\n    return y", "def return", "def\n    return"),
        ("a x\r\nb", "a b", "a\r\nb"),
        ("a\tx\tb", "a b", "a\tb"),
        ("  a b  ", "a b", "  a b  "),
        ("  a b  ", "b", "b  "),
        ("我们今天开会", "我 会", "我会"),
        ("First. Second. Third.", "First . .", "First. ."),
    ],
)
def test_what_stands_between_kept_words(text, keep, expected):
    spans = words(text)
    wanted = keep.split()
    values = np.zeros(len(spans))
    position = len(spans)
    for word in reversed(wanted):
        position = max(i for i in range(position) if text[spans[i, 0] : spans[i, 1]] == word)
        values[position] = 1
    scores = Scores.from_words(text, spans, values)
    assert scores.compress(threshold=0.5).text == expected


def test_single_white_space():
    scores = scored("  a\n\n b\tc  ")
    assert scores.compress(rate=1.0, whitespace="single").text == "a b c"


def test_a_word_scores_the_mean_of_its_pieces(wordpiece_model):
    classifier = TokenClassifier.from_pretrained(wordpiece_model)
    text = "The council's appropriation isn't final; 我们不能投票. Überdachungen 3.14"
    scores = score_texts(classifier, [text])[0]
    pieces = [
        np.concatenate(parts)
        for parts in zip(*(block[1:4] for block in classifier.keep_probabilities([text])), strict=True)
    ]
    for (start, end), score in zip(scores.spans.tolist(), scores.scores.tolist(), strict=True):
        inside = (pieces[0] < end) & (pieces[1] > start)
        assert inside.any()
        assert score == pytest.approx(pieces[2][inside].mean(), abs=1e-6)


def test_pieces_of_unspaced_scripts_make_words(unigram_model):
    classifier = TokenClassifier.from_pretrained(unigram_model)
    text = "市议会的预算还没有最后确定。"
    scores = score_texts(classifier, [text])[0]
    encoded = classifier.tokenizer.encode(text)
    long = [(s, e) for s, e in zip(encoded.starts.tolist(), encoded.ends.tolist(), strict=True) if e - s > 1]
    for start, end in long:
        if text[start:end].isalpha():
            assert [start, end] in scores.spans.tolist()


def test_words_have_start_end_and_score():
    scores = Scores.from_words("a bc", [[0, 1], [2, 4]], [0.25, 0.5])
    assert scores.words[1] == Word(2, 4, 0.5)
    assert list(scores.words) == [(0, 1, 0.25), (2, 4, 0.5)]
    assert len(scores.words[:1]) == 1
    many = Scores.from_words(["a", "bc"], [[[0, 1]], [[0, 2]]], [[0.1], [0.2]])
    assert [len(part) for part in many.words] == [1, 1]


@pytest.mark.parametrize(
    ("spans", "scores", "message"),
    [
        ([[0, 1]], [1, 2], "as many scores"),
        ([[0, 1]], [1], "leave out visible"),
        ([[0, 1], [0, 4]], [1, 2], "in order"),
        ([[0, 1], [2, 9]], [1, 2], "inside a text of 4"),
        ([[0, 1], [2, 4]], [1, float("nan")], "not finite"),
    ],
)
def test_word_scores_from_elsewhere_are_checked(spans, scores, message):
    with pytest.raises(ValueError, match=message):
        Scores.from_words("a bc", spans, scores)


def test_a_result_says_what_was_kept_and_dropped():
    text = "The budget was <not> approved"
    scores = Scores.from_words(text, words(text), [0, 1, 0, 0, 1, 0, 1])
    result = scores.compress(threshold=0.5, return_word_label=True)
    assert result.text == "budget not approved"
    assert result.spans == [(4, 10), (16, 19), (21, 29)]
    assert result.dropped == [(0, 4), (10, 16), (19, 21)]
    assert result.labels() == [("The", 0), ("budget", 1), ("was", 0), ("<", 0), ("not", 1), (">", 0), ("approved", 1)]
    assert result.recover("budget not") == "budget was <not"
    assert result.recover("t approved") == "t> approved"
    with pytest.raises(ValueError, match="not a part"):
        result.recover("was")
    as_json = json.loads(json.dumps(result.to_dict()))
    assert as_json["spans"] == [[4, 10], [16, 19], [21, 29]]
    assert as_json["labels"][0] == ["The", 0]
    assert "<mark>budget</mark> was &lt;<mark>not</mark>&gt;" in result.html()
    copy = pickle.loads(pickle.dumps(result))
    assert (copy.text, copy.spans) == (result.text, result.spans)


@settings(deadline=None)
@given(st.lists(texts, min_size=1, max_size=3), st.floats(0.1, 0.9))
def test_results_of_lists_refer_to_each_text(many, rate):
    scores = Scores.from_words(
        many, [words(text) for text in many], [np.random.default_rng(1).random(len(words(t))) for t in many]
    )
    result = scores.compress(rate=rate)
    assert len(result.spans) == len(result.texts) == len(many)
    for text, spans, dropped, short in zip(many, result.spans, result.dropped, result.texts, strict=True):
        assert sorted(spans + dropped) == [(a, b) for a, b in sorted(spans + dropped) if 0 <= a < b <= len(text)]
        assert sum(b - a for a, b in spans + dropped) == len(text)
        assert visible(short) == visible("".join(text[a:b] for a, b in spans))
    if result.rate < 1:
        assert result.text == "\n\n".join(short for short in result.texts if short)
    assert result.html().count("<div>") == len(many)


def test_drop_consecutive():
    text = "a\nb\n\nc ? ? d"
    scores = Scores.from_words(text, words(text), [1, 0, 1, 0, 0, 0])
    assert scores.compress(threshold=0.5, force_tokens=["\n", "?"]).text == "a\n\n\nc ? ?"
    assert scores.compress(threshold=0.5, force_tokens=["\n", "?"], drop_consecutive=True).text == "a\nc ?"


def test_instruction_and_question_pass_through_and_count():
    scores = scored("one two three four five six")
    result = scores.compress(target_tokens=6, instruction="Sum up:", question="Who?")
    assert result.text.startswith("Sum up:\n\n")
    assert result.text.endswith("\n\nWho?")
    assert result.compressed_tokens <= 6
    assert result.origin_tokens == 11
    assert len(result.labels()) == 6
