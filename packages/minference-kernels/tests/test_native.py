"""The native kernel against float64 attention under `to_mask()`, on every instruction set this processor runs."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
import textwrap
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minference_kernels.heads import HeadIndex, block_head, dilate, slash_head, window_head
from minference_kernels.index import SparseIndex
from minference_kernels.native import backend, binding
from minference_kernels.planted import PlantedHead, column_head
from minference_kernels.planted import slash_head as planted_slash_head

pytestmark = pytest.mark.skipif(not backend.available()[0], reason=backend.available()[1])

SETS = ("generic", "avx2", "avx512", "avx512_bf16")
# Rounding of the output to the type, for outputs of a few units; bfloat16 also rounds the weights (2**-9 each).
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 3e-2, torch.float16: 3e-3}
SHAPES = ((1, 1), (63, 63), (64, 64), (65, 65), (200, 200), (16, 64), (1, 200), (70, 333))


def random_head(rng: np.random.Generator, kind: str, num_queries: int, num_keys: int) -> HeadIndex:
    """A head with a handful of columns and offsets, a window with some dense last rows, or a few blocks a row."""
    if kind == "slash":
        columns = np.unique(rng.integers(0, num_keys, rng.integers(0, 90)))
        offsets = np.unique(np.append(rng.integers(0, num_keys, rng.integers(0, 6)), 0))
        return slash_head(columns, dilate(offsets), num_queries, num_keys)
    if kind == "window":
        sink, local, last = (int(rng.integers(0, high + 1)) for high in (num_keys // 2, num_keys // 2, num_queries))
        return window_head(sink, local, num_queries, num_keys, last_rows=last)
    if kind == "block":
        rows = []
        for start in range(0, num_queries, 64):
            last = (num_keys - num_queries + min(start + 64, num_queries) - 1) // 64
            rows.append(np.unique(np.append(rng.integers(0, last + 1, 2), last)))
        pointer = np.cumsum([0, *(len(row) for row in rows)])
        return block_head(pointer, np.concatenate(rows), num_queries, num_keys)
    raise ValueError(kind)


def random_index(rng: np.random.Generator, batch: int, heads: int, num_queries: int, num_keys: int) -> SparseIndex:
    """Heads of different kinds side by side in one call."""
    kinds = rng.permutation(["slash", "window", "block"] * (batch * heads))[: batch * heads].reshape(batch, heads)
    return SparseIndex.from_heads([[random_head(rng, kind, num_queries, num_keys) for kind in row] for row in kinds])


def masked_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor, scale: float, softcap: float | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention under a bool mask in float64, from its definition; rows without a visible key are zero, lse -inf."""
    group = q.shape[1] // k.shape[1]
    k, v = (t.double().repeat_interleave(group, 1) for t in (k, v))
    logits = torch.einsum("bhqd,bhkd->bhqk", q.double(), k) * scale
    if softcap is not None:
        logits = softcap * torch.tanh(logits / softcap)
    logits = torch.where(mask, logits, -math.inf)
    lse = torch.logsumexp(logits, -1)
    weights = torch.exp(logits - torch.where(lse == -math.inf, 0.0, lse)[..., None])
    return torch.einsum("bhqk,bhkd->bhqd", weights, v), lse


@pytest.fixture(params=SETS)
def isa(request: pytest.FixtureRequest) -> str:
    if request.param not in binding.library().instruction_sets:
        pytest.skip(f"this processor does not run {request.param}")
    return request.param


def _tensors(
    seed: int, batch: int, heads: int, kv_heads: int, shape: tuple[int, int], head_dim: int, dtype: torch.dtype
) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    sizes = ((heads, shape[0]), (kv_heads, shape[1]), (kv_heads, shape[1]))
    return tuple(torch.randn(batch, h, n, head_dim, generator=generator).to(dtype) for h, n in sizes)


# Every head dimension, dtype, shape and group size meets; not their product.
CASES = [
    (head_dim, dtype, SHAPES[i % len(SHAPES)], (1, 4, 8)[i % 3])
    for i, (head_dim, dtype) in enumerate((d, t) for d in (16, 33, 64, 72, 80, 96, 128, 192, 256) for t in TOLERANCE)
] + [(128, torch.float32, shape, 2) for shape in SHAPES]


@pytest.mark.parametrize(("head_dim", "dtype", "shape", "group"), CASES)
def test_equals_masked_float64(isa: str, head_dim: int, dtype: torch.dtype, shape: tuple[int, int], group: int) -> None:
    index = random_index(np.random.default_rng(head_dim + sum(shape)), 1, 2 * group, *shape)
    q, k, v = _tensors(head_dim, 1, 2 * group, 2, shape, head_dim, dtype)
    out, lse = binding.attend(q, k, v, index, scale=head_dim**-0.5, isa=isa)
    expected, expected_lse = masked_attention(q, k, v, index.to_mask(), head_dim**-0.5)
    assert out.dtype == dtype
    torch.testing.assert_close(out.double(), expected, rtol=0, atol=TOLERANCE[dtype])
    torch.testing.assert_close(lse.double(), expected_lse, rtol=0, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    num_queries=st.integers(1, 260),
    past=st.sampled_from([0, 0, 1, 63, 64, 130]),
    batch=st.integers(1, 2),
    softcap=st.sampled_from([None, 5.0, 50.0]),
    scale=st.sampled_from([0.25, 1.0, -0.3, 0.0]),
)
def test_any_mixture_of_heads(
    seed: int, num_queries: int, past: int, batch: int, softcap: float | None, scale: float
) -> None:
    shape = (num_queries, num_queries + past)
    index = random_index(np.random.default_rng(seed), batch, 3, *shape)
    q, k, v = _tensors(seed, batch, 3, 1, shape, 24, torch.float32)
    out, lse = binding.attend(q, k, v, index, scale=scale, softcap=softcap)
    expected, expected_lse = masked_attention(q, k, v, index.to_mask(), scale, softcap)
    torch.testing.assert_close(out.double(), expected, rtol=0, atol=2e-5)
    torch.testing.assert_close(lse.double(), expected_lse, rtol=1e-6, atol=2e-5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), num_queries=st.integers(1, 200), past=st.sampled_from([0, 1, 70]))
def test_attends_to_exactly_the_mask(seed: int, num_queries: int, past: int) -> None:
    """One-hot values read back which keys a row attended to; equal weights show that none was counted twice."""
    num_keys = num_queries + past
    index = random_index(np.random.default_rng(seed), 1, 3, num_queries, num_keys)
    q, k = torch.zeros(1, 3, num_queries, 8), torch.randn(1, 1, num_keys, 8)
    one_hot = torch.eye(num_keys)[None, None]
    out, lse = binding.attend(q, k, one_hot, index, scale=1.0)
    mask = index.to_mask()
    count = mask.sum(-1, keepdim=True)
    assert torch.equal(out > 0, mask)
    torch.testing.assert_close(out, mask / count.clamp(min=1), rtol=1e-6, atol=0)
    torch.testing.assert_close(lse.exp(), count.squeeze(-1).float(), rtol=1e-5, atol=0)


def test_bits_do_not_depend_on_threads_batch_or_place(isa: str) -> None:
    index = random_index(np.random.default_rng(5), 2, 4, 300, 330)
    for dtype in TOLERANCE:
        q, k, v = _tensors(5, 2, 4, 2, (300, 330), 72, dtype)
        out, lse = binding.attend(q, k, v, index, scale=0.1, threads=1, isa=isa)
        for threads in (2, 3):
            again = binding.attend(q, k, v, index, scale=0.1, threads=threads, isa=isa)
            assert torch.equal(out, again[0])
            assert torch.equal(lse, again[1])
        # the second sequence alone, out of a padded cache with another memory order and an odd start
        cache = torch.randn(2, 350, 2, 75).to(dtype)
        k_view, v_view = cache[0, 7:337, :, 3:75].transpose(0, 1), cache[1, 7:337, :, 3:75].transpose(0, 1)
        k_view.copy_(k[1])
        v_view.copy_(v[1])
        alone = SparseIndex.from_heads([[index.head(1, h) for h in range(4)]])
        moved = binding.attend(q[1:], k_view[None], v_view[None], alone, scale=0.1, isa=isa)
        assert torch.equal(moved[0][0], out[1])
        assert torch.equal(moved[1][0], lse[1])


def test_head_dimension_that_is_not_contiguous() -> None:
    q, k, v = (
        t.transpose(2, 3).contiguous().transpose(2, 3) for t in _tensors(0, 1, 2, 2, (90, 90), 16, torch.float32)
    )
    index = random_index(np.random.default_rng(0), 1, 2, 90, 90)
    out, _ = binding.attend(q, k, v, index, scale=0.25)
    expected, _ = masked_attention(q, k, v, index.to_mask(), 0.25)
    torch.testing.assert_close(out.double(), expected, rtol=0, atol=1e-5)


def test_rows_without_a_key_are_zero(isa: str) -> None:
    index = SparseIndex.from_heads([[window_head(0, 0, 70, 70, last_rows=5)]])
    q, k, v = _tensors(0, 1, 1, 1, (70, 70), 16, torch.float32)
    out, lse = binding.attend(q, k, v, index, scale=0.25, isa=isa)
    assert torch.equal(out[..., :65, :], torch.zeros(1, 1, 65, 16))
    assert (lse[..., :65] == -torch.inf).all()
    assert lse[..., 65:].isfinite().all()


def test_logits_of_any_size(isa: str) -> None:
    """Thousands of units apart: nothing overflows, and the largest logit takes all."""
    index = SparseIndex.from_heads([[window_head(0, 200, 200, 200)]])
    q, k, v = _tensors(3, 1, 1, 1, (200, 200), 32, torch.float32)
    out, lse = binding.attend(q * 300, k, v, index, scale=1.0, isa=isa)
    expected, expected_lse = masked_attention(q * 300, k, v, index.to_mask(), 1.0)
    assert out.isfinite().all()
    torch.testing.assert_close(lse.double(), expected_lse, rtol=1e-6, atol=0)
    torch.testing.assert_close(out.double(), expected, rtol=0, atol=5e-3)  # float32 logits near 5000 are 5e-4 apart


def test_a_poisoned_key_shows_where_it_is_seen(isa: str) -> None:
    q, k, v = _tensors(1, 1, 1, 1, (200, 200), 32, torch.float32)
    k[0, 0, 100, 3] = torch.nan
    index = SparseIndex.from_heads([[window_head(0, 200, 200, 200)]])
    out, lse = binding.attend(q, k, v, index, scale=1.0, isa=isa)
    assert out[0, 0, :100].isfinite().all()
    assert out[0, 0, 100:].isnan().all()
    assert lse[0, 0, 100:].isnan().all()


@pytest.mark.parametrize("plant", [column_head, planted_slash_head])
def test_planted_heads_with_large_logits(isa: str, plant: Callable[..., PlantedHead]) -> None:
    head = plant(700)
    columns, offsets = head.columns or (0,), (*range(100), *head.offsets)
    index = SparseIndex.from_columns_offsets(list(columns), list(offsets), 700, 700)
    out, _ = binding.attend(head.q, head.k, head.v, index, scale=128**-0.5, isa=isa)
    expected, _ = masked_attention(head.q, head.k, head.v, index.to_mask(), 128**-0.5)
    torch.testing.assert_close(out.double(), expected, rtol=0, atol=3e-5)


def _broken(**arrays: list[object]) -> SparseIndex:
    """A slash head on 128 keys with some index arrays replaced, past the checks of the constructors."""
    index = SparseIndex.from_heads([[slash_head(np.array([3, 90]), np.array([[0, 64]]), 128, 128)]])
    tensors = {name: torch.tensor(values, dtype=getattr(index, name).dtype) for name, values in arrays.items()}
    return dataclasses.replace(index, **tensors)


def _broken_blocks(pointer: list[int], blocks: list[int]) -> SparseIndex:
    return SparseIndex.from_heads([[block_head(np.array(pointer), np.array(blocks), 128, 128)]])


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (lambda: _broken(column_data=[3, 128]), r"head 0: column 128 lies outside \[0, 128\)"),
        (lambda: _broken(column_data=[-1, 3]), "column -1 lies outside"),
        (lambda: _broken(column_data=[9, 9]), "columns must ascend, got 9 after 9"),
        (lambda: _broken(run_data=[[0, 193]]), r"run \[0, 193\) lies outside \[0, 192\)"),
        (lambda: _broken(run_data=[[64, 64]]), r"run \[64, 64\) lies outside"),
        (lambda: _broken(run_ptr=[0, 2], run_data=[[0, 64], [60, 70]]), "runs must ascend without overlap"),
        (lambda: _broken(dense_from=[129]), r"dense_from is 129, outside \[0, 128\]"),
        (lambda: _broken(kinds=[7]), "unknown kind 7"),
        (lambda: _broken_blocks([0, 1, 2], [0, 2]), r"key block 2 lies outside \[0, 2\)"),
        (lambda: _broken_blocks([0, 1, 3], [0, 1, 1]), "key blocks must ascend, got 1 after 1"),
        (lambda: _broken_blocks([0, 1, 4], [0, 0, 1]), r"row block 1 has block list \[1, 4\) of 3"),
    ],
)
def test_an_index_that_points_outside_is_refused(index: object, message: str) -> None:
    q, k, v = _tensors(0, 1, 1, 1, (128, 128), 16, torch.float32)
    with pytest.raises(ValueError, match=message):
        binding.attend(q, k, v, index(), scale=0.25)  # type: ignore[operator]


def test_an_instruction_set_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(binding.ISA_VARIABLE, "generic")
    assert binding.instruction_set() == "generic"
    monkeypatch.setenv(binding.ISA_VARIABLE, "avx9000")
    with pytest.raises(ValueError, match=r"'avx9000' is not one of what this processor runs: .*generic"):
        binding.instruction_set()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="page protection as on Linux")
def test_never_reads_beyond_the_tensors() -> None:
    """Tensors that end where unreadable memory begins: one byte too far kills the child process."""
    program = """
        import ctypes, mmap
        import numpy as np, torch
        from minference_kernels.native import binding
        from minference_kernels.heads import slash_head
        from minference_kernels.index import SparseIndex

        libc = ctypes.CDLL(None, use_errno=True)
        keep = []

        def guarded(shape, dtype):
            size = int(np.prod(shape)) * dtype.itemsize
            pages = -(-size // mmap.PAGESIZE) + 1
            memory = mmap.mmap(-1, pages * mmap.PAGESIZE)
            keep.append(memory)
            address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
            last = address + (pages - 1) * mmap.PAGESIZE
            assert libc.mprotect(ctypes.c_void_p(last), mmap.PAGESIZE, 0) == 0, ctypes.get_errno()
            offset = (pages - 1) * mmap.PAGESIZE - size
            flat = torch.frombuffer(memory, dtype=dtype, count=size // dtype.itemsize, offset=offset)
            return flat.normal_().view(shape)

        for isa in binding.library().instruction_sets:
            for dtype in (torch.float32, torch.bfloat16, torch.float16):
                for d in (16, 33, 40, 72, 128):
                    for rows in (1, 67):
                        q, k, v = (guarded((1, 1, n, d), dtype) for n in (rows, 131, 131))
                        head = slash_head(np.arange(0, 131, 3), np.array([[0, 64], [80, 100]]), rows, 131)
                        index = SparseIndex.from_heads([[head]])
                        out, _ = binding.attend(q, k, v, index, scale=0.1, isa=isa)
                        assert out.isfinite().all()
        print("whole")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip() == "whole", done.stderr[-2000:]
