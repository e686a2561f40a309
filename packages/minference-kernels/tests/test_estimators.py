"""Estimators against transcriptions of their definitions, and the properties of selection."""

from __future__ import annotations

import numpy as np
import pytest
import references as ref
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import minference_kernels as mk
from minference_kernels.estimators.probe import Probe
from minference_kernels.estimators.vertical_slash import top_positions
from minference_kernels.evaluate import head_quality
from minference_kernels.planted import block_topic_head, column_head, slash_head

SIZES = [(1, 1), (63, 63), (64, 64), (65, 65), (40, 100), (200, 333), (300, 300), (65, 4200)]


def heads(num_queries: int, num_keys: int, head_dim: int = 16, seed: int = 0):
    g = torch.Generator().manual_seed(seed)
    q = 2 * torch.randn(1, 1, num_queries, head_dim, generator=g)
    return q, 2 * torch.randn(1, 1, num_keys, head_dim, generator=g)


@pytest.mark.parametrize("through", ["auto", "torch"])
@pytest.mark.parametrize(("num_queries", "num_keys"), SIZES)
@pytest.mark.parametrize("last_q", [64, 200])
def test_probe_sums_every_cell_once(monkeypatch, through, num_queries, num_keys, last_q) -> None:
    monkeypatch.setenv("MINFERENCE_BACKEND", through)
    q, k = heads(num_queries, num_keys)
    probe = Probe(q[0, 0], k[0, 0], last_q, 0.3)
    weights = ref.probe(q[0, 0], k[0, 0], last_q, 0.3)
    columns, offsets = ref.column_and_offset_scores(weights, num_keys)
    np.testing.assert_allclose(probe.column_mass, columns, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(probe.offset_mass, offsets, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(probe.cells(np.arange(num_keys)), weights, rtol=1e-4, atol=1e-5)
    parts = np.array_split(np.arange(len(weights)), min(8, len(weights)))
    np.testing.assert_allclose(probe.stripe_max, np.max([weights[p].sum(0) for p in parts], 0), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(("num_queries", "num_keys"), SIZES)
def test_topk_equals_the_transcription(num_queries: int, num_keys: int) -> None:
    for seed in range(4):
        q, k = heads(num_queries, num_keys, seed=seed)
        pattern = mk.VerticalSlash(20, 12, sink=3, local=5)
        index = mk.estimate(q, k, pattern)
        weights = ref.probe(q[0, 0], k[0, 0], 64, 0.25)
        column_score, offset_score = ref.column_and_offset_scores(weights, num_keys)
        columns, gap_c = ref.top(column_score, 20, 3)
        offsets, gap_o = ref.top(offset_score, 12, 5)
        if min(gap_c, gap_o) > 1e-5:
            expected = ref.slash_mask(columns, offsets, num_queries, num_keys)
            assert (index.to_mask()[0, 0].numpy() == expected).all()
            assert set(index.columns[0][0].tolist()) == columns


@pytest.mark.parametrize(("num_queries", "num_keys"), [(1, 1), (64, 64), (65, 65), (130, 333), (400, 400), (500, 777)])
def test_block_sparse_equals_the_transcription(num_queries: int, num_keys: int) -> None:
    for seed, top_k in enumerate((0, 1, 2, 3)):
        q, k = heads(num_queries, num_keys, seed=seed)
        expected, gap = ref.block_mask(q[0, 0], k[0, 0], top_k, 0.25)
        if gap > 1e-5:
            mask = mk.estimate(q, k, mk.BlockSparse(top_k)).to_mask()[0, 0].numpy()
            assert (mask == expected).all()


@pytest.mark.parametrize("pattern", [mk.AShape(7, 60), mk.TriShape(7, 60, 70), mk.Dense()])
def test_static_patterns_equal_their_definition(pattern) -> None:
    q, k = heads(150, 260)
    expected = {
        "a_shape": ref.window_mask(7, 60, 150, 260),
        "tri_shape": ref.window_mask(7, 60, 150, 260, 70),
        "dense": ref.causal_mask(150, 260),
    }[pattern.type]
    assert (mk.estimate(q, k, pattern).to_mask()[0, 0].numpy() == expected).all()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(0, 70), st.integers(0, 70))
def test_top_positions_take_ties_from_the_lowest(values, size, forced) -> None:
    score = np.array(values, np.float32)
    chosen = top_positions(score, size, forced)
    wanted, _ = ref.top(score.astype(float), size, min(forced, len(score)))
    if size >= min(forced, len(score)):
        assert set(chosen.tolist()) == wanted
    assert (np.diff(chosen) > 0).all()


def test_mass_keeps_the_smallest_sets_that_hold_it() -> None:
    score = np.array([0.1, 0.0, 0.4, 0.2, 0.3])
    assert top_positions(score, 5, 1, 0.5).tolist() == [0, 2]
    assert top_positions(score, 5, 1, 0.51).tolist() == [0, 2, 4]
    assert top_positions(score, 5, 1, 0.05).tolist() == [0]
    assert top_positions(score, 2, 1, 1.0).tolist() == [0, 2]  # the size still caps
    head = column_head(2048, seed=1)
    areas = []
    for mass in (0.5, 0.9, 0.99, None):
        for selection in ("topk", "cost_aware"):
            index = mk.estimate(head.q, head.k, mk.VerticalSlash(300, 300, mass=mass, selection=selection))
            areas.append(float(index.density()))
    assert areas[0::2] == sorted(areas[0::2]) and areas[1::2] == sorted(areas[1::2])
    assert areas[0] < areas[6] and areas[1] < areas[7]
    [quality] = head_quality(
        head.q,
        head.k,
        head.v,
        mk.estimate(head.q, head.k, mk.VerticalSlash(300, 300, mass=0.9, selection="cost_aware")),
    )
    assert quality.recall > 0.85


def test_forced_sets_and_their_absence() -> None:
    q, k = heads(500, 500)
    index = mk.estimate(q, k, mk.VerticalSlash(0, 0))  # sizes are raised to sink and local
    assert index.columns[0][0].tolist() == list(range(30)) and index.runs[0][0].tolist() == [[0, 163]]
    index = mk.estimate(q, k, mk.VerticalSlash(0, 0, sink=0, local=0))
    assert index.columns[0][0].numel() == 0 and index.runs[0][0].tolist() == [[0, 64]]  # the diagonal always
    for selection in ("topk", "cost_aware"):
        head = slash_head(1500, seed=2)
        index = mk.estimate(head.q, head.k, mk.VerticalSlash(100, 200, sink=9, local=77, selection=selection))
        i, j = np.arange(1500)[:, None], np.arange(1500)[None]
        forced = (j <= i) & ((j < 9) | (i - j < 77))
        assert index.to_mask()[0, 0].numpy()[forced].all()


@pytest.mark.parametrize("make", [column_head, slash_head, block_topic_head])
@pytest.mark.parametrize("selection", ["topk", "cost_aware"])
def test_a_larger_budget_sees_more_and_errs_less(make, selection: str) -> None:
    head = make(1024, seed=5)
    before, error = None, np.inf
    for size in (100, 140, 200, 300, 500, 1024):
        index = mk.estimate(head.q, head.k, mk.VerticalSlash(size, size, selection=selection))
        mask = index.to_mask()
        assert before is None or not (before & ~mask).any()
        [quality] = head_quality(head.q, head.k, head.v, index)
        assert quality.error <= error + 1e-6
        before, error = mask, quality.error
    assert error < 1e-5


def test_adding_past_positions_shifts_nothing() -> None:
    """The index of a chunk depends on positions only through offsets: shifting keys and queries together moves columns."""
    head = slash_head(700, seed=1)
    q, k = head.q[:, :, -200:], head.k
    index = mk.estimate(q, k, mk.VerticalSlash(0, 150, sink=0, local=30))
    padded = torch.cat([-5 * head.q.mean(2, keepdim=True).expand(-1, -1, 64, -1), k], 2)  # keys nobody attends to
    moved = mk.estimate(q, padded, mk.VerticalSlash(0, 150, sink=0, local=30))
    assert torch.equal(index.runs[0][0], moved.runs[0][0])


@pytest.mark.parametrize("make", [column_head, slash_head])
@pytest.mark.parametrize("seed", [101, 202, 303])
def test_cost_aware_keeps_the_recall_at_half_the_area(make, seed: int) -> None:
    head = make(3072, seed=seed)
    quality = {
        selection: head_quality(
            head.q, head.k, head.v, mk.estimate(head.q, head.k, mk.VerticalSlash(120, 160, selection=selection))
        )[0]
        for selection in ("topk", "cost_aware")
    }
    assert quality["cost_aware"].recall >= quality["topk"].recall - 0.015
    assert quality["cost_aware"].area <= quality["topk"].area / 2
    assert quality["cost_aware"].recall > 0.95
    [plain] = head_quality(head.q, head.k, head.v, mk.estimate(head.q, head.k, mk.AShape(30, 400)))
    assert plain.recall < quality["cost_aware"].recall - 0.1  # a window of a larger area does not do it


def test_cost_aware_budget_is_the_average_cost_per_row() -> None:
    for make in (column_head, slash_head, block_topic_head):
        for seed in range(3):
            head = make(2048, seed=seed)
            index = mk.estimate(head.q, head.k, mk.VerticalSlash(150, 200, selection="cost_aware"))
            runs, columns = index.runs[0][0].long(), index.columns[0][0].long()
            share = (2048 - torch.arange(2048 + 63)).clamp(min=0).double() / 2048
            reach = sum(float(share[lo:hi].sum()) for lo, hi in runs.tolist()) - float(share[:163].sum())
            extra = reach + float(share[columns[columns >= 30]].sum())
            assert extra <= 350 - 130 + 1e-6


def test_planted_heads_are_what_they_say_and_prefer_their_own_pattern() -> None:
    recall = {}
    for make in (column_head, slash_head, block_topic_head):
        head = make(1536, seed=7)
        for name, pattern in (("vs", mk.VerticalSlash(150, 200, selection="cost_aware")), ("block", mk.BlockSparse(6))):
            [quality] = head_quality(head.q, head.k, head.v, mk.estimate(head.q, head.k, pattern))
            recall[make.__name__, name] = quality.recall
    for name in ("column_head", "slash_head"):
        assert recall[name, "vs"] > recall[name, "block"] + 0.1
    assert recall["block_topic_head", "block"] > recall["block_topic_head", "vs"] + 0.1
    head = slash_head(1536, offsets=(100, 700), seed=0)
    assert head.offsets == (100, 700)
    index = mk.estimate(head.q, head.k, mk.VerticalSlash(60, 110, sink=0, local=1))
    runs = index.runs[0][0].tolist()
    assert all(any(lo <= offset and offset + 64 <= hi for lo, hi in runs) for offset in (100, 700))


def test_freeze_keeps_an_index_for_other_prompts() -> None:
    q, k = heads(400, 400)
    index = mk.estimate(q, k, mk.VerticalSlash(20, 80, sink=4, local=20))
    [frozen] = mk.freeze(index)
    assert torch.equal(mk.estimate(q, k, frozen).to_mask(), index.to_mask())
    shorter = mk.estimate(q[:, :, :100], k[:, :, :100], frozen)
    assert torch.equal(shorter.to_mask(), index.to_mask()[..., :100, :100])
    with pytest.raises(ValueError, match="not a Vertical-Slash head"):
        mk.freeze(mk.estimate(q, k, mk.AShape(1, 1)))


def test_estimates_do_not_depend_on_the_backend_that_sums_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    head = slash_head(2048, seed=3)
    found = {}
    for through in ("auto", "torch"):
        monkeypatch.setenv("MINFERENCE_BACKEND", through)
        found[through] = mk.estimate(head.q, head.k, mk.VerticalSlash(40, 110))
    common = (found["auto"].to_mask() & found["torch"].to_mask()).sum() / found["torch"].to_mask().sum()
    assert common > 0.99  # sums differ in the last bit, so only ties at the boundary may differ
