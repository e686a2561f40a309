import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tenfold_core.datasets import fingerprint

DTYPES = st.sampled_from(
    ["bool", "int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64"]
)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
MAPPINGS = st.dictionaries(st.text(max_size=4), ARRAYS, min_size=1, max_size=4)


def described(arrays):
    return {name: (str(value.dtype), value.shape, value.tobytes()) for name, value in arrays.items()}


@given(MAPPINGS, st.randoms())
def test_tensors_arrays_order_and_memory_layout_do_not_matter(arrays, random):
    expected = fingerprint(arrays)
    names = list(arrays)
    random.shuffle(names)
    assert fingerprint({name: np.array(arrays[name], order="F") for name in names}) == expected
    assert fingerprint({name: torch.from_numpy(array.copy()) for name, array in arrays.items()}) == expected
    swapped = {name: array.astype(array.dtype.newbyteorder(">")) for name, array in arrays.items()}
    assert fingerprint(swapped) == expected


@given(MAPPINGS, MAPPINGS)
def test_different_content_has_a_different_fingerprint(one, other):
    assert (fingerprint(one) == fingerprint(other)) == (described(one) == described(other))


def test_the_definition():
    """Written out once by hand, so that no change of the code can change fingerprints that adapters carry."""
    content = (
        b"tenfold fingerprint 1\n"
        b"4:bias:int64:2:16\n" + bytes([1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]) + b"6:weight:float32:2,1:8\n"
        b"\x00\x00\x00\x3f\x00\x00\x80\xbf"
    )
    arrays = {"weight": np.array([[0.5], [-1]], np.float32), "bias": np.array([1, 2])}
    assert fingerprint(arrays) == hashlib.sha256(content).hexdigest()


def test_name_dtype_shape_and_bytes_all_count():
    base = np.zeros(4, np.float32)
    variants = [
        {"a": base},
        {"b": base},
        {"a": base.reshape(2, 2)},
        {"a": base.astype(np.float16)},
        {"a": base.view(np.int32)},
        {"a": -base},
        {"a": base, "b": base},
        {"a": base[:2], "b": base[:2]},
    ]
    assert len({fingerprint(variant) for variant in variants}) == len(variants)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6, dtype=torch.bfloat16).reshape(2, 3),
        torch.tensor(1.5, dtype=torch.bfloat16),
        torch.zeros(0, 3, dtype=torch.bfloat16),
        torch.ones(3).to(torch.float8_e4m3fn),
        torch.nn.Parameter(torch.ones(2, 2)),
        torch.arange(6.0).reshape(2, 3).T,
        torch.tensor([1 + 2j]).conj(),
    ],
    ids=["bfloat16", "scalar", "empty", "float8", "parameter", "transposed", "conjugated"],
)
def test_every_kind_of_tensor_is_read_by_value(tensor):
    copy = tensor.detach().resolve_conj().clone().contiguous()
    assert fingerprint({"x": tensor}) == fingerprint({"x": copy})
    if tensor.numel():
        changed = copy.clone()
        changed.view(-1)[0] = 3
        assert fingerprint({"x": changed}) != fingerprint({"x": tensor})


def test_bfloat16_is_not_float16():
    zeros = torch.zeros(3)
    assert fingerprint({"x": zeros.bfloat16()}) != fingerprint({"x": zeros.half()})


def test_a_state_dict_and_its_copy():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    before = fingerprint(model.state_dict())
    assert fingerprint(dict(reversed(model.state_dict().items()))) == before
    with torch.no_grad():
        model[0].bias[0] += 1
    assert fingerprint(model.state_dict()) != before


def test_what_cannot_be_identified_is_refused():
    with pytest.raises(ValueError, match="arrays is empty"):
        fingerprint({})
    with pytest.raises(TypeError, match="keyed by strings, got the key 3"):
        fingerprint({3: np.zeros(1)})
    with pytest.raises(TypeError, match=r"arrays\['x'\] must be a NumPy array or a torch tensor, got list"):
        fingerprint({"x": [1, 2]})
    for dtype in ("U1", "S1", "O", "V4", [("a", "f4")], "M8[s]", "m8[s]"):
        with pytest.raises(TypeError, match=r"arrays\['x'\] must hold numbers"):
            fingerprint({"x": np.zeros(2, dtype)})
    with pytest.raises(ValueError, match="meta device"):
        fingerprint({"x": torch.zeros(2, device="meta")})
    with pytest.raises(TypeError, match="dense tensor"):
        fingerprint({"x": torch.eye(2).to_sparse()})
    if np.longdouble().itemsize > 8:
        with pytest.raises(TypeError, match="padding bytes are arbitrary"):
            fingerprint({"x": np.zeros(2, np.longdouble)})
