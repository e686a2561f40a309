import hashlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold_core.datasets import split_by_group

GROUPS = st.lists(st.text(max_size=3) | st.integers(-5, 5), max_size=40)
SEEDS = st.integers(-(10**9), 10**12)


@st.composite
def fractions(draw):
    weights = draw(st.lists(st.integers(0, 10), min_size=1, max_size=5).filter(any))
    return {f"part{index}": weight / sum(weights) for index, weight in enumerate(weights)}


def part_of(groups, parts):
    return {str(groups[index]): name for name, indices in parts.items() for index in indices}


@given(GROUPS, fractions(), SEEDS)
def test_every_item_is_in_one_part_and_no_group_in_two(groups, shares, seed):
    parts = split_by_group(groups, shares, seed=seed)
    assert list(parts) == list(shares)
    assert sorted(index for indices in parts.values() for index in indices) == list(range(len(groups)))
    assert all(indices == sorted(indices) for indices in parts.values())
    homes = [{str(groups[index]) for index in indices} for indices in parts.values()]
    assert len(set().union(*homes)) == sum(map(len, homes))
    assert all(not parts[name] for name, share in shares.items() if share == 0)


@given(GROUPS, fractions(), SEEDS, st.randoms())
def test_the_order_of_items_and_of_fractions_does_not_matter(groups, shares, seed, random):
    expected = part_of(groups, split_by_group(groups, shares, seed=seed))
    shuffled, names = list(groups), list(shares)
    random.shuffle(shuffled)
    random.shuffle(names)
    reordered = {name: shares[name] for name in names}
    assert part_of(shuffled, split_by_group(shuffled, reordered, seed=seed)) == expected


@given(GROUPS, GROUPS, fractions(), SEEDS)
def test_adding_groups_moves_none_that_was_there(groups, more, shares, seed):
    before = part_of(groups, split_by_group(groups, shares, seed=seed))
    after = part_of(groups + more, split_by_group(groups + more, shares, seed=seed))
    assert before.items() <= after.items()


def test_a_known_split_never_changes():
    """Results published on a split depend on it: this is the split of version 0.1.0."""
    groups = [f"patient{index}" for index in range(12)]
    parts = split_by_group(groups, {"train": 0.5, "val": 0.25, "test": 0.25}, seed=7)
    places = [hashlib.blake2b(group.encode(), key=b"7", digest_size=8).digest()[0] / 256 for group in groups]
    expected = ["test" if place < 0.25 else "train" if place < 0.75 else "val" for place in places]
    assert parts == {name: [i for i in range(12) if expected[i] == name] for name in ("train", "val", "test")}
    assert parts["test"] == [2, 8, 11]


def test_shares_hold_for_many_groups_and_seeds_are_independent():
    count = 20_000
    groups = range(count)
    shares = {"train": 0.8, "val": 0.15, "test": 0.05}
    parts = split_by_group(groups, shares, seed=0)
    for name, share in shares.items():
        assert abs(len(parts[name]) - share * count) < 5 * (count * share * (1 - share)) ** 0.5
    other = set(split_by_group(groups, shares, seed=1)["train"])
    both = len(other & set(parts["train"]))
    assert abs(both - 0.64 * count) < 5 * (count * 0.64 * 0.36) ** 0.5


def test_integers_and_their_names_are_one_group():
    parts = split_by_group([1, "1", np.int64(1), np.str_("1")], {"a": 0.5, "b": 0.5})
    assert Counter(map(len, parts.values())) == Counter([4, 0])


def test_numpy_arrays_of_groups():
    shares = {"a": 0.5, "b": 0.5}
    assert split_by_group(np.arange(9), shares) == split_by_group(list(range(9)), shares)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({}, "fractions is empty"),
        ({"a": 0.5, "b": 0.4}, "must sum to 1, got 0.9"),
        ({"a": 1.5, "b": -0.5}, r"fractions\['a'\] must be in \[0, 1\], got 1.5"),
        ({"a": float("nan")}, r"fractions\['a'\] must be in \[0, 1\], got nan"),
    ],
)
def test_bad_fractions(shares, message):
    with pytest.raises(ValueError, match=message):
        split_by_group(["x"], shares)


@pytest.mark.parametrize("group", [None, 1.0, float("nan"), True, ("a", 1), b"a"])
def test_bad_groups(group):
    with pytest.raises(TypeError, match=r"groups\[1\] must be a string or an integer"):
        split_by_group(["x", group], {"a": 1.0})


def test_one_string_is_no_sequence_of_groups():
    with pytest.raises(TypeError, match="must be a sequence of group names"):
        split_by_group("abc", {"a": 1.0})


def test_bad_seeds():
    with pytest.raises(TypeError, match=r"seed must be an integer, got 0\.5"):
        split_by_group(["x"], {"a": 1.0}, seed=0.5)
    with pytest.raises(ValueError, match="seed must have at most 64 decimal digits"):
        split_by_group(["x"], {"a": 1.0}, seed=10**64)
