"""Bad input is refused at the door, with the values in the message."""

from __future__ import annotations

import math

import pytest
import torch

import minference_kernels as mk


def qkv(heads=2, kv_heads=1, num_queries=70, num_keys=70, head_dim=16, dtype=torch.float32):
    return (torch.randn(1, heads, num_queries, head_dim, dtype=dtype),
            *(torch.randn(1, kv_heads, num_keys, head_dim, dtype=dtype) for _ in range(2)))  # fmt: skip


def attend(q, k, v, **options):
    return mk.a_shape_attention(q, k, v, n_init=2, n_local=9, **options)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda q, k, v: (q[0], k, v),
            ValueError,
            r"q must be \[batch, heads, length, head_dim\], got shape \(2, 70, 16\)",
        ),
        (lambda q, k, v: (q.tolist(), k, v), TypeError, "q must be a torch.Tensor, got list"),
        (lambda q, k, v: (q.int(), k.int(), v.int()), TypeError, "torch.int32"),
        (lambda q, k, v: (q, k.double(), v), ValueError, "one dtype, got q torch.float32 and k torch.float64"),
        (lambda q, k, v: (q, k.to("meta"), v), ValueError, "one device, got q cpu and k meta"),
        (lambda q, k, v: (q, k, v[:, :, :-1]), ValueError, r"k and v must have the same shape.*\(1, 1, 69, 16\)"),
        (lambda q, k, v: (q, k[..., :8], v[..., :8]), ValueError, "share batch and head_dim"),
        (lambda q, k, v: (q, k.expand(3, -1, -1, -1), v.expand(3, -1, -1, -1)), ValueError, "share batch"),
        (lambda q, k, v: (q, k[:, :, :60], v[:, :, :60]), ValueError, "at least as many keys as queries"),
        (lambda q, k, v: (q[:, :0], k, v), ValueError, "q is empty"),
        (lambda q, k, v: (q[:, :, :0], k, v), ValueError, "q is empty"),
    ],
)
def test_tensors_that_do_not_fit(change, error, message) -> None:
    with pytest.raises(error, match=message):
        attend(*change(*qkv()))


def test_head_counts_and_head_dim() -> None:
    with pytest.raises(ValueError, match=r"multiple of the KV heads, got q \(1, 3, 70, 16\), k \(1, 2"):
        attend(*qkv(heads=3, kv_heads=2))
    with pytest.raises(ValueError, match="at most 256, got 257"):
        attend(*qkv(head_dim=257))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"scale": math.nan}, ValueError, "scale must be finite, got nan"),
        ({"scale": math.inf}, ValueError, "scale must be finite"),
        ({"scale": "1"}, TypeError, "scale must be a number, got str"),
        ({"softcap": 0.0}, ValueError, "softcap must be positive"),
        ({"softcap": math.nan}, ValueError, "softcap must be positive"),
        ({"sinks": torch.zeros(3)}, ValueError, r"sinks must have shape \(2,\).*got \(3,\)"),
        ({"causal": False}, ValueError, "causal only"),
        ({"backend": "cuda"}, ValueError, "unknown backend 'cuda'; accepted: auto, native, torch"),
    ],
)
def test_options(options, error, message) -> None:
    with pytest.raises(error, match=message):
        attend(*qkv(), **options)


def test_backends_refuse_what_they_cannot_do() -> None:
    q, k, v = qkv()
    q.requires_grad_()
    native = mk.explain(*qkv()).reasons["native"]
    if "not available" not in native:
        with pytest.raises(ValueError, match="backend='native' cannot serve this call: has no backward pass"):
            attend(q, k, v, backend="native")
        with pytest.raises(ValueError, match=r"not torch\.float64"):
            attend(*qkv(dtype=torch.float64), backend="native")
    with torch.no_grad():
        attend(q, k, v)
    attend(q, k, v).sum().backward()  # auto takes a backend that can
    assert q.grad is not None


def test_patterns() -> None:
    q, k, _ = qkv()
    for pattern in (None, "a_shape", mk.VerticalSlash, [mk.Dense(), "dense"]):
        with pytest.raises((TypeError, ValueError), match=r"unknown pattern|accepted"):
            mk.estimate(q, k, pattern)
    with pytest.raises(ValueError, match="3 patterns given for 2 query heads"):
        mk.estimate(q, k, [mk.Dense()] * 3)
    bad = [
        (lambda: mk.VerticalSlash(-1, 5), ValueError, "vertical_size must be at least 0, got -1"),
        (lambda: mk.VerticalSlash(1.5, 5), TypeError, "vertical_size must be an int, got 1.5"),
        (lambda: mk.VerticalSlash(1, 5, last_q=0), ValueError, "last_q must be at least 1"),
        (lambda: mk.VerticalSlash(1, 5, selection="best"), ValueError, "topk"),
        (lambda: mk.VerticalSlash(1, 5, mass=0.0), ValueError, r"mass must lie in \(0, 1\]"),
        (lambda: mk.AShape(1, 0), ValueError, "n_local must be at least 1"),
        (lambda: mk.TriShape(1, 5, -1), ValueError, "n_last"),
        (lambda: mk.BlockSparse(True), TypeError, "top_k must be an int"),
        (lambda: mk.Static((3, 1)), ValueError, "sorted"),
        (lambda: mk.Static((), ((1, 80),))
         , ValueError, "must begin with a run"),
        (lambda: mk.Static((), ((0, 64), (60, 90))), ValueError, "disjoint"),
    ]  # fmt: skip
    for make, error, message in bad:
        with pytest.raises(error, match=message):
            make()


def test_indices() -> None:
    make = mk.SparseIndex.from_columns_offsets
    bad = [
        (([70], [0], 70, 70), ValueError, r"columns must lie in \[0, 70\), got 70"),
        (([-1], [0], 70, 70), ValueError, "columns must lie in"),
        (([0], [-3], 70, 70), ValueError, "offsets must lie in"),
        (([0], [70], 70, 70), ValueError, "got 70"),
        (([0.5], [0], 70, 70), TypeError, "columns must be integers"),
        (([0], [0], 71, 70), ValueError, "1 <= num_queries <= num_keys"),
        (([0], [0], 0, 70), ValueError, "1 <= num_queries <= num_keys"),
        (([[0], [1]], [[0]], 70, 70), ValueError, "same batch and heads"),
        ((3, [0], 70, 70), TypeError, "columns must be a list"),
        ((torch.zeros(1, 1, 1, 1), [0], 70, 70), ValueError, "1 to 3 dimensions"),
    ]
    for arguments, error, message in bad:
        with pytest.raises(error, match=message):
            make(*arguments)
    q, k, v = qkv()
    with pytest.raises(ValueError, match=r"idx is for .* = \(1, 1, 70, 70\), but q and k have \(1, 2, 70, 70\)"):
        mk.sparse_attention(q, k, v, make([0], [0], 70, 70))
    with pytest.raises(TypeError, match="idx must be a SparseIndex, got Tensor"):
        mk.sparse_attention(q, k, v, torch.zeros(3))
    with pytest.raises(ValueError, match=r"head \(0, 5\) is outside"):
        make([0], [0], 70, 70).head(0, 5)
    with pytest.raises(ValueError, match="full"):
        mk.SparseIndex.from_heads([])


def test_packed_sequences() -> None:
    q, k, v = (t[0].transpose(0, 1) for t in qkv())
    cu = torch.tensor([0, 30, 70], dtype=torch.int32)
    bad = [
        ((q[None], k, v, cu, cu), ValueError, "q must be"),
        ((q, k, v, cu[:2], cu), ValueError, r"cu_seqlens_q must rise from 0 to the total length 70, got \[0, 30\]"),
        ((q, k, v, torch.tensor([0, 40, 30, 70]), cu), ValueError, "must rise"),
        ((q, k, v, cu, torch.tensor([0, 10, 20, 70])), ValueError, "2 sequences, cu_seqlens_k 3"),
        ((q, k, v, cu.float(), cu), TypeError, "cu_seqlens_q must be"),
        ((q, k, v, cu, cu, 39, 70), ValueError, "max_seqlen_q is 39 but a sequence has length 40"),
        ((q, k, v, cu, torch.tensor([0, 20, 70])), ValueError, "at least as many keys"),
    ]
    for arguments, error, message in bad:
        with pytest.raises(error, match=message):
            mk.a_shape_attention_varlen(*arguments)


def test_official_class_and_tables() -> None:
    with pytest.raises(ValueError, match="unknown attn_type 'inf_llm'; accepted: minference, dense"):
        mk.MInference("inf_llm")
    with pytest.raises(ValueError, match="no published head table for 'gpt2'"):
        mk.MInference("minference", "gpt2")
