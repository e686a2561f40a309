"""Words by offsets: no script, joiner or mark may be torn apart."""

import unicodedata

import numpy as np
import pytest
import regex
from hostile_text import texts
from hypothesis import example, given

from llmlingua2.text.words import inside_pieces, words


def cut(text):
    return [text[start:end] for start, end in words(text).tolist()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t", []),
        ("It isn't 3.14.", ["It", "isn't", "3.14", "."]),
        ("don’t can't", ["don’t", "can't"]),
        ("state-of-the-art foo.bar a@b.com", ["state-of-the-art", "foo.bar", "a@b.com"]),
        ("at 12:30, 1,234 of 1/2", ["at", "12:30", ",", "1,234", "of", "1/2"]),
        ("-5 x-5 (-5) 3 - 5 --5 $3 €3", ["-5", "x-5", "(", "-5", ")", "3", "-", "5", "--", "5", "$3", "€3"]),
        ("Wait... (a)==b", ["Wait", "...", "(", "a", ")", "==", "b"]),
        ("我们 不去。", ["我", "们", "不", "去", "。"]),
        ("コンピュータとラーメン", ["コンピュータ", "と", "ラーメン"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("ไม่เป็น", ["ไม่", "เป็", "น"]),
        ("第3章abc", ["第", "3", "章", "abc"]),
        ("naïve e\u0301te\u0301", ["naïve", "e\u0301te\u0301"]),
        ("👩\u200d👩\u200d👧👍🏽🇩🇪🇫🇷", ["👩\u200d👩\u200d👧", "👍🏽", "🇩🇪", "🇫🇷"]),
        ("הוא לא אמר", ["הוא", "לא", "אמר"]),
        ("a\u200bb", ["a", "b"]),
        ("\ud800x", ["\ud800", "x"]),
    ],
)
def test_words_of_each_script(text, expected):
    assert cut(text) == expected


@given(texts)
@example(" \u0301")
@example("\u0301\n\u0301")
@example("🇩🇪🇫")
def test_words_cover_all_but_white_space_and_never_split_a_grapheme(text):
    spans = words(text)
    assert spans.dtype == np.int32
    assert spans.shape == (len(spans), 2)
    borders = spans.ravel()
    assert (np.diff(borders)[::2] > 0).all()
    assert (np.diff(borders) >= 0).all()
    inside = np.zeros(len(text), bool)
    for start, end in spans.tolist():
        inside[start:end] = True
    for character, covered in zip(text, inside, strict=True):
        assert covered or character.isspace() or character == "\u200b"
    if not any(unicodedata.category(character) in ("Cn", "Cs") for character in text):  # unassigned here, not in regex
        graphemes = {0, *(match.end() for match in regex.finditer(r"\X", text))}
        assert set(borders.tolist()) <= graphemes


@given(texts)
def test_words_do_not_depend_on_what_stands_behind_white_space(text):
    alone = words(text)
    among = words(f"before\n{text}\nbehind")
    assert (among[1:-1] - 7).tolist() == alone.tolist()


def test_a_word_longer_than_a_portion_stays_one_word():
    long = "x" * 700_000
    assert words(f"a {long} b").tolist() == [[0, 1], [2, 700_002], [700_003, 700_004]]
    assert len(words("我" * 100_000)) == 100_000


def test_portions_change_nothing():
    text = "It isn't 3.14, she said. " * 30_000
    assert len(text) > 2 * (1 << 18)
    once = words("It isn't 3.14, she said. ")
    assert words(text).tolist() == [[a + 25 * i, b + 25 * i] for i in range(30_000) for a, b in once.tolist()]


def test_neighbours_in_one_piece_are_found():
    text = "我们开会 abcd"
    spans = words(text)
    starts, ends = np.array([0, 2, 5], np.int32), np.array([2, 4, 9], np.int32)
    assert inside_pieces(text, spans, starts, ends).tolist() == [False, True, False, True, False]
    # An unknown piece over a whole clause joins nothing.
    clause = "我" * 40
    assert not inside_pieces(clause, words(clause), np.array([0], np.int32), np.array([40], np.int32)).any()
    # Nor does a piece over words of a script with spaces.
    assert not inside_pieces("(é)", words("(é)"), np.array([0], np.int32), np.array([3], np.int32)).any()
