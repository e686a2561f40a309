"""The probe of the native kernel against sums over the whole attention map in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minference_kernels.native import backend, binding

pytestmark = pytest.mark.skipif(not backend.available()[0], reason=backend.available()[1])


def whole_map(q: torch.Tensor, k: torch.Tensor, scale: float, softcap: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Attention map [L, Nk] and log-sum-exps [L] of the last rows, float64, from the definition."""
    queries, keys = q.double().numpy(), k.double().numpy()
    logits = queries @ keys.T * scale
    if softcap is not None:
        logits = softcap * np.tanh(logits / softcap)
    rows, num_keys = logits.shape
    position = num_keys - rows + np.arange(rows)
    logits[np.arange(num_keys)[None] > position[:, None]] = -np.inf
    largest = logits.max(1, keepdims=True)
    lse = largest[:, 0] + np.log(np.exp(logits - largest).sum(1))
    return np.exp(logits - lse[:, None]), lse


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.sampled_from([1, 5, 63, 64, 65, 200]),
    past=st.sampled_from([0, 1, 70, 4000, 4096, 9000]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
    softcap=st.sampled_from([None, 4.0]),
    isa=st.sampled_from(["generic", "avx2", "avx512", "avx512_bf16"]),
)
def test_sums_of_the_map(seed: int, rows: int, past: int, dtype: torch.dtype, softcap: float | None, isa: str) -> None:
    isa = isa if isa in binding.library().instruction_sets else "generic"
    generator = torch.Generator().manual_seed(seed)
    q, k = (torch.randn(n, 20, generator=generator).to(dtype) for n in (rows, rows + past))
    groups = [part for part in np.array_split(np.arange(rows), 3) if len(part)]
    found = binding.probe(q, k, scale=0.4, softcap=softcap, group_ends=[part[-1] + 1 for part in groups], isa=isa)
    weights, lse = whole_map(q, k, 0.4, softcap)
    position = past + np.arange(rows)
    offsets = np.zeros(rows + past)
    row, key = np.nonzero(np.arange(rows + past)[None] <= position[:, None])
    np.add.at(offsets, position[row] - key, weights[row, key])
    expected = (lse, weights.sum(0), np.max([weights[part].sum(0) for part in groups], axis=0), offsets)
    actual = (found.row_lse, found.column_sums, found.group_maxima, found.offset_sums)
    for got, wanted in zip(actual, expected, strict=True):
        np.testing.assert_allclose(got.numpy(), wanted, rtol=2e-5, atol=1e-6)


def test_bits_do_not_depend_on_threads_or_place() -> None:
    q, k = torch.randn(64, 40), torch.randn(9000, 40)
    place = torch.randn(9001, 90)
    place[1:, 7:47] = k
    first = binding.probe(q, k, scale=0.2, threads=1)
    for again in (binding.probe(q, k, scale=0.2, threads=3), binding.probe(q, place[1:, 7:47], scale=0.2)):
        for name in vars(first):
            assert torch.equal(getattr(first, name), getattr(again, name)), name


def test_logits_kept_or_computed_twice_are_the_same() -> None:
    """Above 9 MB the second pass computes the logits again: 256 rows of 9,300 keys are, 192 rows are not."""
    q, k = torch.randn(256, 16), torch.randn(9300, 16)
    weights, _ = whole_map(q, k, 0.3, None)
    for rows in (192, 256):
        found = binding.probe(q[-rows:], k, scale=0.3)
        np.testing.assert_allclose(found.column_sums.numpy(), weights[-rows:].sum(0), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("rows", "keys", "ends", "message"),
    [(5, 4, [5], "5 probe rows on 4 keys"), (4, 9, [2, 1, 4], "must end at 4"), (4, 9, [2, 3], "must end at 4")],
)
def test_rows_and_groups_are_checked(rows: int, keys: int, ends: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        binding.probe(torch.randn(rows, 8), torch.randn(keys, 8), scale=1.0, group_ends=ends)
