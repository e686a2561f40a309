"""The teacher's chunks are slices that join to the text, end on full stops or newlines, and are never too long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlingua2.corpora.chunks import split
from llmlingua2.text.words import words


@given(st.text(alphabet="ab. \n,é中", max_size=200), st.integers(1, 12))
def test_chunks_partition_the_text_within_the_size(text, size):
    chunks = list(split(text, words, size=size))
    assert "".join(text[start:end] for start, end in chunks) == text
    assert all(start < end for start, end in chunks)
    counts = [sum(start <= word < end for word, _ in words(text)) for start, end in chunks]
    assert all(count <= size for count in counts)


def test_cut_after_the_last_full_stop_in_reach():
    text = "One two. Three four. Five six seven"
    assert [text[start:end] for start, end in split(text, words, size=7)] == ["One two. Three four. ", "Five six seven"]


def test_a_newline_ends_a_chunk_too():
    text = "one two\nthree four five"
    assert [text[start:end] for start, end in split(text, words, size=4)] == ["one two\n", "three four five"]


def test_without_an_end_in_reach_the_cut_is_hard():
    text = "a b c d e"
    assert [text[start:end] for start, end in split(text, words, size=2)] == ["a b ", "c d ", "e"]


def test_a_full_stop_inside_a_number_is_no_end():
    text = "pay 3.14 now or later"
    assert [text[start:end] for start, end in split(text, words, size=3)] == ["pay 3.14 now ", "or later"]


def test_size_is_checked():
    with pytest.raises(ValueError, match="size"):
        list(split("a", words, size=0))
