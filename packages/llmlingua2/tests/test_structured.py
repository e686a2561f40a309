"""Tagged prompts and JSON: every segment to its own rate, everything else byte for byte."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlingua2.compressor import Compressor
from llmlingua2.selection.budget import BudgetError
from llmlingua2.structured import Segment, parse

MEETING = (
    "<llmlingua, compress=False>Speaker 4:</llmlingua><llmlingua, rate=0.4> Thank you. And can we do the functions for "
    "content? Items I believe are 11, three, 14, 16 and 28, I believe.</llmlingua><llmlingua, compress=False>\n"
    "Speaker 0:</llmlingua><llmlingua, rate=0.4> Item 11 is a communication from Council on Price, recommendation to "
    "increase appropriation in the general fund group in the city manager department by $200.</llmlingua>"
)


@pytest.fixture(scope="module")
def compressor(wordpiece_model):
    return Compressor.from_pretrained(wordpiece_model, device="cpu", counter="cl100k_base")


def test_rates_and_protection_are_honoured_for_each_segment(compressor):
    result = compressor.compress_structured(MEETING)
    count = compressor.counter
    protected, free = [s for s in parse(MEETING) if s.rate == 1], [s for s in parse(MEETING) if s.rate < 1]
    assert (len(protected), len(free)) == (2, 2)
    first, second = result.text.split("\nSpeaker 0:")
    for short, segment in zip((first.removeprefix("Speaker 4:"), second), free, strict=True):
        assert short[0] == " "  # white space at the ends of a segment stays
        whole = count(MEETING[segment.start : segment.end].strip())
        assert 0.4 * whole - 8 < count(short.strip()) <= 0.4 * whole
    assert result.compressed_tokens == count(result.text)
    assert result.origin_tokens == count("".join(MEETING[s.start : s.end] for s in parse(MEETING)))
    assert all("llmlingua" not in MEETING[start:end] for start, end in result.spans)
    assert "".join(result.text.split()) == "".join("".join(MEETING[a:b] for a, b in result.spans).split())


def test_less_than_signs_are_ordinary_text(compressor):
    text = "<llmlingua, compress=False>if a<b. and <b>c</b> < llmlingua</llmlingua>"
    assert compressor.compress_structured(text).text == "if a<b. and <b>c</b> < llmlingua"
    assert compressor.compress_structured("x<y <llmlinguas> z", rate=1.0).text == "x<y <llmlinguas> z"


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.text(alphabet="ab <>{}\n.é我\ud800\"'&/", max_size=20),
            st.sampled_from(["", ", rate=0.5", ", compress=False", ",rate=1"]),
        ),
        max_size=5,
    )
)
def test_protected_segments_are_byte_exact_and_in_order(compressor, parts):
    text = "".join(f"<llmlingua{attributes}>{content}</llmlingua>" for content, attributes in parts)
    result = compressor.compress_structured(text)
    at = 0
    for content, attributes in parts:
        if attributes in (", compress=False", ",rate=1"):
            at = result.text.index(content, at) + len(content)
    if all(attributes in (", compress=False", ",rate=1") for _, attributes in parts):
        assert result.text == "".join(content for content, _ in parts)


def test_text_outside_of_tags_is_a_segment_with_the_default_rate():
    assert parse("a <llmlingua , compress = False , rate=0.3 >b</llmlingua> c", rate=0.7) == [
        Segment(0, 2, 0.7),
        Segment(44, 45, 1.0),
        Segment(57, 59, 0.7),
    ]
    assert parse("") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<llmlingua>a", r"begins at character 11 has no closing tag"),
        ("a</llmlingua>", r"at character 1 closes a segment that was not opened"),
        ("<llmlingua>a<llmlingua>b</llmlingua></llmlingua>", r"at character 12 stands inside the segment"),
        ("<llmlingua, rate=0>a</llmlingua>", r"rate=0 is not accepted; give rate \(above 0 and at most 1\)"),
        ("<llmlingua, rate=x>a</llmlingua>", r"rate=x is not accepted"),
        ("<llmlingua, rate=1.5>a</llmlingua>", r"rate=1.5 is not accepted"),
        ("<llmlingua, compress=no>a</llmlingua>", r"compress=no is not accepted"),
        ("<llmlingua, speed=2>a</llmlingua>", r"speed=2 is not accepted"),
        ("<llmlingua rate=0.5>a</llmlingua>", r"write <llmlingua, rate=0.4"),
    ],
)
def test_bad_tags_are_refused_with_their_place(compressor, text, message):
    with pytest.raises(ValueError, match=message):
        compressor.compress_structured(text)


def test_arguments_of_structured_are_checked(compressor):
    with pytest.raises(ValueError, match=r"rate: 0 is not above 0"):
        compressor.compress_structured("a", rate=0)
    with pytest.raises(TypeError, match="text: list is not str"):
        compressor.compress_structured(["a"])
    with pytest.raises(ValueError, match="sizes of their own"):
        compressor.compress_structured("a", budget="document")
    with pytest.raises(BudgetError):
        compressor.compress_structured(
            "<llmlingua, rate=0.1>force all of it</llmlingua>", force_tokens=["force all of it"]
        )


RECORD = {
    "id": 987987,
    "name": "The fund for the food programme of the city and its districts",
    "note": 'say "yes", a<b, and\n\ttabs as they are',
    "tags": ["general fund appropriation of the council", "food support for all of the districts", 3, None, True],
    "nested": {"deep": {"text": "a recommendation to increase the appropriation in the general fund"}, "n": 1.5},
    "empty": "",
}
CONFIG = {
    "id": {"rate": 0.5, "compress": True, "pair_remove": False, "value_type": "number"},
    "name": {"rate": 0.5, "compress": True, "pair_remove": True, "value_type": "str"},
    "note": {"rate": 1, "compress": False, "pair_remove": False, "value_type": "str"},
    "tags": {"rate": 0.5, "value_type": "list"},
    "nested": {"rate": 0.5, "value_type": "dict"},
    "empty": {},
}


def test_json_keeps_its_shape_and_the_argument(compressor):
    before = copy.deepcopy(RECORD)
    result = compressor.compress_json(RECORD, CONFIG)
    assert before == RECORD
    assert list(result) == list(RECORD)
    assert json.loads(json.dumps(result)) == result
    assert (result["id"], result["note"], result["empty"]) == (RECORD["id"], RECORD["note"], "")
    assert result["tags"][2:] == [3, None, True]
    assert result["nested"]["n"] == 1.5
    count = compressor.counter
    for short, long in (
        (result["name"], RECORD["name"]),
        (result["tags"][0], RECORD["tags"][0]),
        (result["nested"]["deep"]["text"], RECORD["nested"]["deep"]["text"]),
    ):
        assert 0 < count(short) <= count(long) / 2
        assert set(short.split()) <= set(long.split())


def test_json_strings_keep_white_space_at_their_ends(compressor):
    result = compressor.compress_json({"a": "  one two three four \n"}, {"a": {"rate": 0.5}})
    assert result["a"].startswith("  ")
    assert result["a"].endswith(" \n")


def test_json_pairs_can_be_removed(compressor):
    config = {key: {**settings, "pair_remove": key in ("name", "tags")} for key, settings in CONFIG.items()}
    full = compressor.compress_json(RECORD, config, rate=0.2)
    assert set(full) == set(RECORD)
    fewer = compressor.compress_json(RECORD, config, rate=0.2, use_keyvalue_level_filter=True)
    assert set(RECORD) - set(fewer) == {"name", "tags"}  # (0.2 + 1) / 2 of six pairs, rounded up, leaves four
    none = compressor.compress_json(RECORD, CONFIG | {"name": {}}, rate=0.2, use_keyvalue_level_filter=True)
    assert set(none) == set(RECORD)


@pytest.mark.parametrize(
    ("obj", "config", "error", "message"),
    [
        ({"a": 1}, {}, ValueError, r"missing \['a'\]"),
        ({}, {"b": {}}, ValueError, r"not in the object \['b'\]"),
        ({"a": "x"}, {"a": {"rate": 0}}, ValueError, r"config\['a'\]: rate 0"),
        ({"a": "x"}, {"a": {"ratio": 1}}, ValueError, r"\['ratio'\] not accepted"),
        ({"a": "x"}, {"a": {"value_type": "list"}}, ValueError, "value_type 'list' is not that of a str"),
        ({"a": "x"}, {"a": {"value_type": "set"}}, ValueError, "value_type 'set'"),
        (["a"], {}, TypeError, "obj: list"),
        ({"a": "x"}, "config.yaml", TypeError, "config: str"),
    ],
)
def test_bad_json_arguments_are_refused(compressor, obj, config, error, message):
    with pytest.raises(error, match=message):
        compressor.compress_json(obj, config)
