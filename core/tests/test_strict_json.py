import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tenfold_core._strict_json import dumps

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 2]))
def test_json_values_come_back_as_they_were(value, indent):
    assert json.loads(dumps(value, what="value", indent=indent).decode()) == value


@given(st.text(st.characters(min_codepoint=0xD800, max_codepoint=0xDBFF, categories=["Cs"]), min_size=1))
def test_lone_surrogates_survive(text):
    assert json.loads(dumps({"text": text}, what="value")) == {"text": text}


def test_numbers_of_numpy_and_torch_and_paths_become_plain():
    value = {
        "float": np.float32(0.5),
        "integer": np.int64(3),
        "truth": np.bool_(True),
        "array": np.arange(4).reshape(2, 2),
        "tensor": torch.tensor([1.0, 2.0], dtype=torch.bfloat16),
        "path": Path("a/b"),
    }
    assert json.loads(dumps(value, what="value")) == {
        "float": 0.5,
        "integer": 3,
        "truth": True,
        "array": [[0, 1], [2, 3]],
        "tensor": [1.0, 2.0],
        "path": "a/b",
    }


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), np.float32("nan"), np.array([np.inf])])
def test_numbers_that_are_not_finite_are_refused(number):
    with pytest.raises(ValueError, match="row 3 has no JSON form"):
        dumps({"x": [number]}, what="row 3")


@pytest.mark.parametrize("value", [{1, 2}, object(), 1j, b"bytes"])
def test_values_without_a_json_form_are_refused_by_type(value):
    with pytest.raises(TypeError, match=f"row 3 has no JSON form: a value of type {type(value).__name__}"):
        dumps({"x": value}, what="row 3")
