"""What must stay, stays byte for byte."""

import re

import numpy as np
import pytest
from hostile_text import sentences, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlingua2.scores import Scores
from llmlingua2.selection.preserve import PRESETS, preserved_spans, read_rules
from llmlingua2.text.words import words


def preserved(text, *rules):
    return [text[start:end] for start, end in preserved_spans(text, read_rules(rules)).tolist()]


def low(text):
    spans = words(text)
    return Scores.from_words(text, spans, np.zeros(len(spans)))


@pytest.mark.parametrize(
    ("preset", "text", "expected"),
    [
        ("code", "Run `pip  install x` or\n```py\na  =  1\n```\nnow", ["`pip  install x`", "```py\na  =  1\n```"]),
        ("code", "open\n~~~\nx\n", ["~~~\nx\n"]),
        ("code", "``a ` b`` and ` c", ["``a ` b``"]),
        (
            "urls",
            "See https://a.io/b?c=(1. And www.x.org, <http://y.z>",
            ["https://a.io/b?c=(1", "www.x.org", "http://y.z"],
        ),
        ("emails", "to a.b+c@d-e.co.uk.", ["a.b+c@d-e.co.uk"]),
        ("numbers", "it cost $1,250.00, -5 or 3.5 % in 2024-05-01 (v2)", ["$1,250.00", "-5", "3.5 %", "2024-05-01"]),
        ("headings", "# One\ntext\n### Two words\n#no", ["# One", "### Two words"]),
        ("json_keys", '{"a b": 1, "c": "d", "e\\"": []}', ['"a b"', '"c"', '"e\\""']),
        (
            "citations",
            "shown [3], [4, 5-7] and (Smith et al., 2024, p. 3) (see 2024)",
            ["[3]", "[4, 5-7]", "(Smith et al., 2024, p. 3)"],
        ),
    ],
)
def test_presets(preset, text, expected):
    assert preserved(text, preset) == expected


def test_every_preset_is_linear_in_hostile_text():
    """A quadratic pattern would take minutes here."""
    for hostile in ("`" * 100_000, "` " * 50_000, '"' * 100_000, '"a' * 50_000, "(A" * 50_000, "[1," * 30_000, "1," * 50_000,
                    "a." * 50_000 + "@", "#" * 100_000, "```\n" * 20_000, "http://" * 15_000, "-" * 100_000):  # fmt: skip
        for preset in PRESETS:
            preserved(hostile, preset)


def test_rules_of_every_kind_join():
    text = "keep this and THAT and 42 there"
    found = preserved(text, r"keep \w+", re.compile("THAT"), (19, 20), lambda t: [(t.index("42"), t.index("42") + 2)])
    assert found == ["keep this", "THAT", "a", "42"]
    assert preserved(text, (0, 6), (4, 9)) == ["keep this"]
    assert preserved(text, r"x*") == []


def test_a_preset_protects_through_compression():
    text = "Please run `pip  install  x` before\nthe meeting  starts, see https://a.io/b."
    result = low(text).compress(target_tokens=14, preserve=["code", "urls"])
    assert "`pip  install  x`" in result.text
    assert "https://a.io/b" in result.text
    assert result.compressed_tokens <= 14


@settings(deadline=None)
@given(texts | sentences, st.data())
def test_protected_spans_are_there_byte_for_byte_and_in_order(text, data):
    places = st.integers(0, len(text))
    spans = sorted({tuple(sorted(pair)) for pair in data.draw(st.lists(st.tuples(places, places), max_size=4))})
    spans = [(start, end) for start, end in spans if start < end]
    result = low(text).compress(rate=0.3, preserve=spans, on_overflow="keep")
    at = 0
    for start, end in preserved_spans(text, read_rules(spans)).tolist():
        at = result.text.index(text[start:end], at)
        assert any(a <= start and end <= b for a, b in [*result.spans, (start, end)])


@settings(deadline=None)
@given(sentences, st.sampled_from([[".", "not"], ["\n"], ["committee approves"], ["3.14", "\n\n", "?"]]))
def test_force_tokens_are_kept_wherever_they_occur_as_words(text, tokens):
    result = low(text).compress(rate=0.3, force_tokens=tokens, on_overflow="keep")
    for token in tokens:
        if token.isspace():
            assert result.text.count(token) >= 1 or token not in text.strip() or text.count(token) == 0
        else:
            pattern = re.compile(rf"(?<![\w.'’@-]){re.escape(token)}(?![\w'’@-]|\.\w)") if token[0].isalnum() else None
            if pattern is not None:
                assert len(pattern.findall(result.text)) >= len(pattern.findall(text))


def test_forced_white_space_is_kept_at_each_occurrence_and_charged():
    text = "a b\nc d\n\ne f"
    scores = Scores.from_words(text, words(text), [1, 0, 1, 0, 1, 0], counter=len)
    result = scores.compress(target_tokens=6, force_tokens=["\n"])
    assert result.text == "a\nc\n\ne"
    assert scores.compress(target_tokens=4, force_tokens=["\n"]).text == "a\n\n\n"


def test_force_tokens_are_words_not_letters():
    text = "The theme is 3.14. He said so... ok"
    kept = low(text).compress(target_tokens=2, force_tokens=["he", "."]).text
    assert kept == ". ..."  # not "The", "theme" or "3.14"
    assert low(text).compress(target_tokens=2, force_tokens=["is 3.14"]).text == "is 3.14"


def test_digits_can_be_forced():
    assert (
        low("it took 3 days and a4 paper, ٣ pens").compress(target_tokens=3, force_reserve_digit=True).text == "3 a4 ٣"
    )


@pytest.mark.parametrize(
    ("rules", "error", "message"),
    [
        (["[unclosed"], ValueError, "neither one of citations, code"),
        ([(3, 3)], ValueError, r"the span \(3, 3\) is empty"),
        ([(0, 99)], ValueError, r"does not lie in a text of 3 characters"),
        ([3.5], TypeError, "not a preset"),
        ("code", TypeError, "give a list of rules"),
        ([lambda text: [(2, 1)]], ValueError, "does not lie"),
    ],
)
def test_bad_rules_are_refused(rules, error, message):
    with pytest.raises(error, match=message):
        low("abc").compress(rate=0.5, preserve=rules)
