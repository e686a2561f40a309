"""Attention against float64 references, for every backend, and the properties users rely on."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import references as ref
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import minference_kernels as mk
from minference_kernels.backends.registry import backend_names, get_backend

BACKENDS = [name for name in backend_names() if get_backend(name).available()[0]]
PATTERNS = {
    "topk": mk.VerticalSlash(40, 110, sink=8, local=40),
    "cost_aware": mk.VerticalSlash(40, 110, sink=8, local=40, selection="cost_aware"),
    "block": mk.BlockSparse(2),
    "a_shape": mk.AShape(10, 70),
    "tri_shape": mk.TriShape(10, 70, 90),
    "dense": mk.Dense(),
}
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}


def tensors(batch, heads, kv_heads, num_queries, num_keys, head_dim, dtype=torch.float32, seed=0):
    g = torch.Generator().manual_seed(seed)
    shapes = ((heads, num_queries), (kv_heads, num_keys), (kv_heads, num_keys))
    return tuple(torch.randn(batch, h, n, head_dim, generator=g).to(dtype) for h, n in shapes)


# (backend-independent) rows that together hold every value of every column beside several of the others
CASES = [
    (torch.float32, 16, 1, 1, 1, "topk"),
    (torch.float32, 64, 4, 63, 63, "block"),
    (torch.float32, 80, 8, 64, 64, "cost_aware"),
    (torch.float32, 96, 1, 65, 200, "tri_shape"),
    (torch.float32, 128, 4, 1000, 1000, "cost_aware"),
    (torch.float32, 192, 1, 300, 1000, "block"),
    (torch.float32, 256, 8, 65, 1000, "topk"),
    (torch.float16, 128, 1, 200, 333, "topk"),
    (torch.float16, 80, 4, 1000, 1000, "a_shape"),
    (torch.bfloat16, 64, 8, 200, 1000, "cost_aware"),
    (torch.bfloat16, 256, 1, 65, 65, "dense"),
    (torch.float64, 96, 4, 200, 333, "topk"),
    (torch.float64, 16, 1, 130, 1000, "block"),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("dtype", "head_dim", "group", "num_queries", "num_keys", "pattern"), CASES)
def test_every_backend_equals_masked_float64(backend, dtype, head_dim, group, num_queries, num_keys, pattern) -> None:
    if dtype not in get_backend(backend).capabilities().dtypes:
        with pytest.raises(ValueError, match="takes"):
            mk.pattern_attention(*tensors(1, 1, 1, 2, 2, 16, dtype), mk.Dense(), backend=backend)
        return
    q, k, v = tensors(2, group, 1, num_queries, num_keys, head_dim, dtype)
    index = mk.estimate(q, k, PATTERNS[pattern])
    out, lse = mk.sparse_attention(q, k, v, index, return_lse=True, backend=backend)
    exact, exact_lse = ref.attention(q.double(), k.double(), v.double(), index.to_mask().numpy(), head_dim**-0.5)
    assert out.dtype == dtype and out.is_contiguous()
    assert np.abs(out.double().numpy() - exact).max() <= TOLERANCE[dtype]
    assert np.abs(lse.double().numpy() - exact_lse).max() <= 4 * TOLERANCE[dtype]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("pattern", [p for p in PATTERNS if p != "dense"])
def test_the_mask_is_exactly_what_is_attended_to(backend: str, pattern: str) -> None:
    """One-hot values make the output the row of attention weights: it is positive exactly where the mask is set."""
    num_queries, num_keys = 250, 290
    q, k, _ = tensors(1, 2, 1, num_queries, num_keys, 32)
    index = mk.estimate(q, k, PATTERNS[pattern])
    seen = torch.zeros(1, 2, num_queries, num_keys, dtype=torch.bool)
    for start in range(0, num_keys, 32):
        width = min(32, num_keys - start)
        v = torch.zeros(1, 1, num_keys, 32)
        v[0, 0, start : start + width, :width] = torch.eye(width)
        seen[..., start : start + width] = mk.sparse_attention(q, k, v, index, backend=backend)[..., :width] > 0
    assert torch.equal(seen, index.to_mask())
    total = mk.sparse_attention(q, k, torch.ones(1, 1, num_keys, 32), index, backend=backend)
    torch.testing.assert_close(total, torch.ones_like(total), atol=1e-6, rtol=0)  # and each key counts once


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_that_see_nothing_are_zero(backend: str) -> None:
    from minference_kernels.heads import block_head

    head = block_head(np.array([0, 0, 1]), np.array([1]), 128, 128)
    q, k, v = tensors(1, 1, 1, 128, 128, 16)
    out, lse = mk.sparse_attention(q, k, v, mk.SparseIndex.from_heads([[head]]), return_lse=True, backend=backend)
    assert (out[0, 0, :64] == 0).all() and (lse[0, 0, :64] == -torch.inf).all()
    assert torch.isfinite(out).all() and torch.isfinite(lse[0, 0, 64:]).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_same_input_same_bits_and_results_do_not_depend_on_the_batch(backend: str) -> None:
    q, k, v = tensors(3, 4, 2, 200, 260, 64)
    pattern = PATTERNS["cost_aware"]
    out = mk.pattern_attention(q, k, v, pattern, backend=backend)
    assert torch.equal(out, mk.pattern_attention(q, k, v, pattern, backend=backend))
    order = [2, 0, 1]
    assert torch.equal(out[order], mk.pattern_attention(q[order], k[order], v[order], pattern, backend=backend))
    swapped = mk.pattern_attention(q[:, [2, 3, 0, 1]], k[:, [1, 0]], v[:, [1, 0]], pattern, backend=backend)
    assert torch.equal(out[:, [2, 3, 0, 1]], swapped)
    for b in range(3):
        alone = mk.pattern_attention(q[b : b + 1], k[b : b + 1], v[b : b + 1], pattern, backend=backend)
        assert torch.equal(out[b : b + 1], alone)


@pytest.mark.parametrize("backend", BACKENDS)
def test_memory_layout_does_not_change_the_bits(backend: str) -> None:
    """transformers passes transposed views, and padded batches pass slices of longer tensors."""
    q, k, v = tensors(1, 4, 2, 150, 200, 80)
    expected = mk.pattern_attention(q, k, v, PATTERNS["topk"], backend=backend)
    strided = [t.transpose(1, 2).contiguous().transpose(1, 2) for t in (q, k, v)]
    assert torch.equal(mk.pattern_attention(*strided, PATTERNS["topk"], backend=backend), expected)
    padded = [torch.nn.functional.pad(t, (0, 0, 13, 7))[:, :, 13:-7] for t in (q, k, v)]
    assert torch.equal(mk.pattern_attention(*padded, PATTERNS["topk"], backend=backend), expected)


def test_packed_sequences_equal_each_sequence_alone() -> None:
    lengths_q, lengths_k = [70, 1, 130], [90, 40, 130]
    parts = [tensors(1, 4, 2, a, b, 32, seed=i) for i, (a, b) in enumerate(zip(lengths_q, lengths_k, strict=True))]
    q, k, v = (torch.cat([part[i][0].transpose(0, 1) for part in parts]) for i in range(3))
    cu_q, cu_k = (torch.tensor([0, *np.cumsum(n)], dtype=torch.int32) for n in (lengths_q, lengths_k))
    calls = {
        mk.vertical_slash_attention: (mk.vertical_slash_attention_varlen,
                                      {"vertical_size": 10, "slash_size": 20, "local": 20, "sink": 2}),
        mk.block_sparse_attention: (mk.block_sparse_attention_varlen, {"top_k": 1}),
        mk.a_shape_attention: (mk.a_shape_attention_varlen, {"n_init": 3, "n_local": 9}),
        mk.tri_shape_attention: (mk.tri_shape_attention_varlen, {"n_init": 3, "n_local": 9, "n_last": 5}),
        mk.pattern_attention: (mk.pattern_attention_varlen, {"pattern": mk.AShape(2, 5)}),
    }  # fmt: skip
    for single, (packed, options) in calls.items():
        out, lse = packed(q, k, v, cu_q, cu_k, 130, 130, return_lse=True, **options)
        for i, part in enumerate(parts):
            one, one_lse = single(*part, return_lse=True, **options)
            rows = slice(int(cu_q[i]), int(cu_q[i + 1]))
            assert torch.equal(out[rows], one[0].transpose(0, 1))
            assert torch.equal(lse[:, rows], one_lse[0])


def test_functional_names_agree_with_patterns_and_the_compatibility_names() -> None:
    q, k, v = tensors(1, 2, 1, 300, 300, 32)
    same = torch.equal
    assert same(mk.a_shape_attention(q, k, v, n_init=4, n_local=9), mk.pattern_attention(q, k, v, mk.AShape(4, 9)))
    assert same(mk.streaming_forward(q, k, v, 4, 9), mk.a_shape_attention(q, k, v, n_init=4, n_local=9))
    assert same(mk.block_sparse_attention(q, k, v, 1), mk.pattern_attention(q, k, v, mk.BlockSparse(1)))
    v_idx, s_idx = torch.tensor([[[5, 200], [7, 9]]]), torch.tensor([[[0, 150], [0, 30]]])
    out = mk.vertical_slash_sparse_attention(q, k, v, v_idx, s_idx)
    index = mk.SparseIndex.from_columns_offsets(v_idx, s_idx, 300, 300)
    assert same(out, mk.sparse_attention(q, k, v, index))
    mask = np.stack([[ref.slash_mask(v_idx[0, h].tolist(), s_idx[0, h].tolist(), 300, 300) for h in range(2)]])
    exact, _ = ref.attention(q, k, v, mask, 32**-0.5)
    assert np.abs(out.numpy() - exact).max() < 1e-5


@pytest.mark.parametrize("backend", BACKENDS)
def test_softcap_and_sinks_follow_their_definition(backend: str) -> None:
    q, k, v = tensors(1, 4, 2, 100, 130, 32)
    index = mk.estimate(q, k, PATTERNS["topk"], softcap=2.0)
    sinks = torch.randn(4)
    mask = index.to_mask().numpy()
    if get_backend(backend).capabilities().softcap:
        out = mk.sparse_attention(q, k, v, index, softcap=2.0, backend=backend)
        assert np.abs(out.numpy() - ref.attention(q, k, v, mask, 32**-0.5, 2.0)[0]).max() < 1e-5
    else:
        with pytest.raises(ValueError, match="softcap"):
            mk.sparse_attention(q, k, v, index, softcap=2.0, backend=backend)
    out, lse = mk.sparse_attention(q, k, v, index, sinks=sinks, return_lse=True, backend=backend)
    exact, exact_lse = ref.attention(q, k, v, mask, 32**-0.5)
    joined = np.logaddexp(exact_lse, sinks.numpy()[None, :, None])
    assert np.abs(lse.numpy() - joined).max() < 1e-5
    assert np.abs(out.numpy() - exact * np.exp(exact_lse - joined)[..., None]).max() < 1e-5


def test_lse_lets_partial_attention_be_merged() -> None:
    q, k, v = tensors(1, 2, 2, 64, 200, 32)
    own = mk.pattern_attention(q, k[:, :, -64:], v[:, :, -64:], mk.Dense(), return_lse=True)
    logits = q @ k[:, :, :-64].transpose(2, 3) / 32**0.5
    prefix = logits.softmax(-1) @ v[:, :, :-64], logits.logsumexp(-1)
    out, lse = mk.merge_attention(*own, *prefix)
    whole, whole_lse = mk.pattern_attention(q, k, v, mk.Dense(), return_lse=True)
    torch.testing.assert_close(out, whole, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(lse, whole_lse, atol=1e-5, rtol=1e-5)


def test_gradients_of_the_torch_backend() -> None:
    torch.manual_seed(0)
    q = torch.randn(1, 2, 90, 8, dtype=torch.float64, requires_grad=True)
    k, v = (torch.randn(1, 1, 110, 8, dtype=torch.float64, requires_grad=True) for _ in range(2))
    for pattern, softcap in ((mk.VerticalSlash(9, 10, sink=2, local=3), 2.0), (mk.TriShape(2, 9, 20), None)):
        index = mk.estimate(q, k, pattern)

        def call(q, k, v, index=index, softcap=softcap):
            return mk.sparse_attention(q, k, v, index, return_lse=True, softcap=softcap)

        assert torch.autograd.gradcheck(call, (q, k, v), fast_mode=True)
    assert mk.explain(q.float().detach().requires_grad_(), k.float(), v.float()).chosen == "torch"


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.integers(0, 200), st.sampled_from(["topk", "cost_aware"]), st.integers(0, 9))
def test_budgets_of_the_whole_length_equal_dense(num_queries, extra, selection, seed) -> None:
    num_keys = num_queries + extra
    q, k, v = tensors(1, 2, 1, num_queries, num_keys, 16, seed=seed)
    exact, _ = ref.attention(q, k, v, ref.causal_mask(num_queries, num_keys), 0.25)
    for pattern in (mk.VerticalSlash(num_keys, num_keys, selection=selection), mk.BlockSparse(num_keys),
                    mk.AShape(0, num_keys), mk.AShape(num_keys, 1)):  # fmt: skip
        out = mk.pattern_attention(q, k, v, pattern, backend="torch")
        assert np.abs(out.numpy() - exact).max() < 1e-5


def test_chunked_prefill_with_full_budgets_equals_one_pass() -> None:
    q, k, v = tensors(1, 2, 1, 300, 300, 32)
    full = mk.VerticalSlash(300, 300)
    whole = mk.pattern_attention(q, k, v, full)
    ends = [0, 100, 163, 299, 300]
    parts = [mk.pattern_attention(q[:, :, a:b], k[:, :, :b], v[:, :, :b], full) for a, b in pairwise(ends)]
    torch.testing.assert_close(torch.cat(parts, 2), whole, atol=1e-5, rtol=1e-5)


def test_extra_memory_of_a_64k_call_is_a_few_megabytes() -> None:
    n = 65536
    q, k, v = (torch.randn(1, 1, n, 16) for _ in range(3))
    held = []
    torch.empty(1).numpy()
    with torch.profiler.profile(profile_memory=True, record_shapes=False) as profile:
        mk.vertical_slash_attention(q, k, v, vertical_size=500, slash_size=500)
    now = peak = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
            held.append(now)
    output = q.numel() * 4 + n * 4
    assert held, "the profiler saw no allocations"
    assert peak <= output + (12 << 20), f"{peak - output} bytes beyond the output"


def test_numpy_side_memory_of_an_estimate_is_small() -> None:
    q, k = torch.randn(1, 1, 65536, 16), torch.randn(1, 1, 65536, 16)
    for selection in ("topk", "cost_aware"):
        tracemalloc.start()
        mk.estimate(q, k, mk.VerticalSlash(500, 500, selection=selection))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= 16 << 20


def test_explain_says_why_and_the_environment_overrides_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v = tensors(1, 1, 1, 70, 70, 16)
    why = mk.explain(q, k, v)
    assert why.chosen == BACKENDS[0] and set(why.reasons) == set(backend_names())
    assert f"-> {why.chosen}" in str(why)
    why = mk.explain(q.double(), k.double(), v.double())
    assert why.chosen == "torch"
    monkeypatch.setenv("MINFERENCE_BACKEND", "torch")
    assert mk.explain(q, k, v).chosen == "torch" and "MINFERENCE_BACKEND" in str(mk.explain(q, k, v))
    monkeypatch.setenv("MINFERENCE_BACKEND", "nonsense")
    with pytest.raises(ValueError, match="unknown backend 'nonsense'"):
        mk.pattern_attention(q, k, v, mk.AShape(1, 1))


def test_new_backends_and_estimators_have_one_door(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import dataclass
    from typing import ClassVar

    from minference_kernels import patterns
    from minference_kernels.backends import reference, registry
    from minference_kernels.estimators import registry as estimators
    from minference_kernels.heads import window_head

    calls = []

    class Counting:
        name = "counting"
        available = staticmethod(lambda: (True, "always"))
        capabilities = staticmethod(reference.capabilities)

        @staticmethod
        def forward(*args, **kwargs):
            calls.append(1)
            return reference.forward(*args, **kwargs)

    monkeypatch.setattr(registry, "_BACKENDS", dict(registry._BACKENDS))
    monkeypatch.setattr(estimators, "_ESTIMATORS", dict(estimators._ESTIMATORS))
    monkeypatch.setattr(patterns, "_TYPES", dict(patterns._TYPES))
    mk.register_backend("counting", Counting())

    @dataclass(frozen=True)
    class Nearest:
        count: int = 3
        type: ClassVar[str] = "nearest"

    mk.register_pattern(Nearest)
    mk.register_estimator(Nearest, lambda q, k, p, scale, softcap: window_head(0, p.count, len(q), len(k)))
    q, k, v = tensors(1, 1, 1, 70, 70, 16)
    assert torch.equal(
        mk.pattern_attention(q, k, v, Nearest(5)), mk.a_shape_attention(q, k, v, n_init=0, n_local=5, backend="torch")
    )
    assert calls == [1]
    config = mk.MInferenceConfig.uniform(Nearest(4))
    assert mk.MInferenceConfig.from_dict(config.to_dict()) == config
    for again in (lambda: mk.register_backend("counting", Counting()), lambda: mk.register_pattern(Nearest),
                  lambda: mk.register_estimator(Nearest, None)):  # fmt: skip
        with pytest.raises(ValueError, match="already"):
            again()
