"""Task generators: the answer is in the prompt, where it should be, and the length is kept."""

from __future__ import annotations

import json
from collections import Counter

import pytest

import minference_kernels as mk
from minference_kernels.tasks.haystack import ByteTokenizer, Sample, insert_at
from minference_kernels.tasks.suite import TASKS, make_sample, make_suite

BYTES = ByteTokenizer()
TEXT = [name for name in TASKS if name != "pairs"]


@pytest.mark.parametrize("task", TEXT)
@pytest.mark.parametrize("depth", [0.0, 0.5, 1.0])
def test_length_answers_and_repeatability(task: str, depth: float) -> None:
    for length in (1200, 5000):
        sample = make_sample(task, length, BYTES, depth=depth, seed=4)
        assert sample.length == len(BYTES.encode(sample.prompt)) <= length
        assert sample.length >= length - 200  # no more than a unit of filler below
        assert sample.score(sample.prompt) == 1 and sample.score("nothing of the kind") == 0
        assert sample == make_sample(task, length, BYTES, depth=depth, seed=4)
        assert sample.prompt != make_sample(task, length, BYTES, depth=depth, seed=5).prompt
    with pytest.raises(ValueError, match="needs at least"):
        make_sample(task, 20, BYTES)


@pytest.mark.parametrize("task", ["passkey", "number_string", "niah_single", "kv_retrieval"])
def test_needles_lie_at_their_depth(task: str) -> None:
    for depth in (0.0, 0.25, 0.75, 1.0):
        sample = make_sample(task, 6000, BYTES, depth=depth, seed=1)
        place = sample.prompt.index(sample.answers[0]) / len(sample.prompt)
        assert abs(place - depth) < 0.1


def test_multi_needle_tasks_have_the_needles_they_ask_for() -> None:
    key = make_sample("niah_multikey", 4000, BYTES, seed=2)
    assert key.prompt.count("The special number of") == 4 and len(key.answers) == 1
    value = make_sample("niah_multivalue", 4000, BYTES, seed=2)
    assert len(set(value.answers)) == 4
    query = make_sample("niah_multiquery", 4000, BYTES, seed=2)
    assert len(query.answers) == 4 and query.prompt.split("\n")[-1].count(" and ") == 3


def test_key_value_pairs_are_json_and_distinct() -> None:
    sample = make_sample("kv_retrieval", 4000, BYTES, depth=0.3, seed=9)
    pairs = json.loads(sample.prompt.split("\n")[1])
    assert len(pairs) > 20 and len(set(pairs.values())) == len(pairs)
    asked = sample.prompt.split("\n")[2].split('"')[1]
    assert pairs[asked] == sample.answers[0]


def test_variables_form_one_chain() -> None:
    sample = make_sample("variable_tracking", 4000, BYTES, depth=0.2, seed=3)
    value = sample.prompt.rstrip(":").split("value ")[1].split()[0]
    held, order = set(), []
    for line in sample.prompt.split("\n")[1:-1]:
        name, source = line.removeprefix("VAR ").split(" = ")
        if source == value or source.removeprefix("VAR ") in held:
            held.add(name)
            order.append(name)
    assert tuple(order) == sample.answers and len(order) == 5


@pytest.mark.parametrize("task", ["common_words", "frequent_words"])
def test_word_lists_have_a_clear_top_three(task: str) -> None:
    sample = make_sample(task, 4000, BYTES, seed=6)
    counts = Counter(sample.prompt.split("\n")[1].split()[1::2]).most_common(4)
    assert {word for word, _ in counts[:3]} == set(sample.answers)
    assert counts[2][1] > counts[3][1]


def test_scoring_does_not_accept_parts_of_longer_words() -> None:
    sample = Sample("t", "", ("w1", "12345"), 0, 0.0, 0)
    assert sample.score("w12 123456") == 0
    assert sample.score("so it is w1, or 12345.") == 1
    assert sample.score("w1") == 0.5


def test_pairs_need_a_word_tokenizer() -> None:
    tokenizer = mk.RetrievalTokenizer(1000)
    sample = make_sample("pairs", 400, tokenizer, depth=0.5, seed=1)
    assert sample.length == 400
    words = sample.prompt.split()
    assert sample.answers[0] == words[words.index(words[-1]) + 1]
    with pytest.raises(ValueError, match="word tokenizer"):
        make_sample("pairs", 4000, BYTES)


def test_suites_and_bad_names() -> None:
    suite = list(make_suite(["passkey", "kv_retrieval"], [1500, 2500], [0.0, 1.0], 2, BYTES, seed=1))
    assert len(suite) == 16 and len({s.prompt for s in suite}) == 16
    with pytest.raises(ValueError, match="unknown task 'magic'"):
        make_sample("magic", 100, BYTES)
    with pytest.raises(ValueError, match=r"depth must lie in \[0, 1\]"):
        make_sample("passkey", 1000, BYTES, depth=1.5)
    assert insert_at(["a", "b"], ["x", "y"], [1.0, 0.0]) == ["y", "a", "b", "x"]
    assert BYTES.decode(BYTES.encode("käse")) == "käse"
