"""Inflected forms meet; different words and other languages do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlingua2.text.lemmas import lemmatiser, stem


@pytest.mark.parametrize(
    "forms",
    [
        "report reports reported reporting",
        "stop stops stopped stopping",
        "use uses used using",
        "make makes made making",
        "have has had having",
        "decide decides decided deciding",
        "study studies studied",
        "pass passes passed passing",
        "box boxes boxed",
        "quick quickly",
        "be is are was were been being",
        "not n't",
        "Meeting meetings MEETING",
        "agree agrees agreed agreeing",
        "disagree disagrees disagreed disagreeing",
        "guarantee guarantees guaranteed guaranteeing",
        "free frees freed freeing",
        "flee flees fled fleeing",
        "see sees saw seen seeing",
        "need needs needed needing",
        "proceed proceeds proceeded proceeding",
        "committee committees",
        "die dies died dying",
        "lie lies lied lying",
        "tie ties tied tying",
        "try tries tried trying",
    ],
)
def test_forms_of_a_word_meet(forms):
    assert len({stem(form) for form in forms.split()}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("nation", "national"),
        ("bus", "bu"),
        ("this", "thi"),
        ("sing", "s"),
        ("agreed", "agreement"),
        ("freed", "freedom"),
        ("employee", "employed"),
        ("committee", "committed"),
        ("seed", "see"),
        ("greed", "agreed"),
        ("died", "dyed"),
        ("dying", "dye"),
    ],
)
def test_different_words_stay_apart(one, other):
    assert stem(one) != stem(other)


@pytest.mark.parametrize("word", ["Häuser", "книги", "2025s", "会議"])
def test_other_scripts_are_only_lower_cased(word):
    assert stem(word) == word.lower()


@given(st.text(max_size=12))
def test_any_text_has_a_stem(word):
    assert isinstance(stem(word), str)


def test_kinds():
    assert lemmatiser("stem") is stem
    with pytest.raises(ValueError, match="kind"):
        lemmatiser("porter")


def test_spacy_is_named_when_it_is_missing():
    try:
        import spacy
    except ImportError:
        with pytest.raises(ImportError, match="spacy"):
            lemmatiser("spacy")
    else:
        if spacy.util.is_package("en_core_web_sm"):
            assert lemmatiser("spacy")("Meetings") == "meeting"
        else:
            with pytest.raises(ImportError, match="en_core_web_sm"):
                lemmatiser("spacy")
