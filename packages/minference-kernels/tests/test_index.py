"""The index: what it says is visible, what it costs, and its other formats."""

from __future__ import annotations

import numpy as np
import pytest
import references as ref
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import minference_kernels as mk
from minference_kernels.area import computed_cells, visible_cells
from minference_kernels.exports import head_mask
from minference_kernels.heads import block_head, causal_cells, window_head
from minference_kernels.rows import row_tasks


@st.composite
def slashes(draw):
    num_keys = draw(st.integers(1, 400))
    num_queries = draw(st.integers(1, num_keys))
    position = st.integers(0, num_keys - 1)
    return draw(st.sets(position, max_size=12)), draw(st.sets(position, max_size=5)) | {0}, num_queries, num_keys


@settings(max_examples=80, deadline=None)
@given(slashes())
def test_rows_follow_the_definition_and_counts_follow_the_mask(case) -> None:
    columns, offsets, num_queries, num_keys = case
    index = mk.SparseIndex.from_columns_offsets(sorted(columns), sorted(offsets), num_queries, num_keys)
    mask = index.to_mask()[0, 0].numpy()
    assert (mask == ref.slash_mask(columns, offsets, num_queries, num_keys)).all()
    head = index.head()
    assert visible_cells(head) == mask.sum()
    assert float(index.density()) == mask.sum() / causal_cells(num_queries, num_keys)
    tiles = sum(
        sum(-(-(end - start) // 64) for start, end in task.ranges.tolist()) + -(-len(task.columns) // 64)
        for task in row_tasks(head)
    )
    assert computed_cells(head) == tiles * 64 * 64
    assert index.flops(128) == 4 * 128 * tiles * 64 * 64
    for task in row_tasks(head):
        keys = task.keys()
        assert len(np.unique(keys)) == len(keys)  # no key twice
        assert keys.min() >= 0 and keys.max() < num_keys
        assert (task.columns < num_keys - num_queries + task.row_start).all()  # gathered columns need no mask


@settings(max_examples=40, deadline=None)
@given(slashes(), st.integers(0, 60), st.integers(1, 90), st.integers(0, 130))
def test_window_heads_follow_the_definition(case, sink, local, last_rows) -> None:
    _, _, num_queries, num_keys = case
    head = window_head(sink, local, num_queries, num_keys, last_rows)
    expected = ref.window_mask(sink, local, num_queries, num_keys, last_rows)
    assert (head_mask(head) == expected).all()
    assert visible_cells(head) == expected.sum()


def test_block_heads_count_only_the_causal_part() -> None:
    head = block_head(np.array([0, 1, 3, 5]), np.array([0, 0, 1, 1, 2]), 150, 150)
    mask = head_mask(head)
    expected = np.zeros((150, 150), bool)
    expected[:64, :64] = expected[64:128, :128] = expected[128:, 64:] = True
    assert (mask == (expected & ref.causal_mask(150, 150))).all()
    assert visible_cells(head) == mask.sum()
    assert computed_cells(head) == (1 + 2 + 2) * 64 * 64  # neighbouring blocks are one range, no tile more


def test_order_and_repeats_do_not_matter_and_the_layouts_agree() -> None:
    one = mk.SparseIndex.from_columns_offsets([7, 3, 7, 90], [64, 0, 64], 128, 128)
    heads = mk.SparseIndex.from_columns_offsets(torch.tensor([[90, 7, 3]]), [[64]], 128, 128)
    batch = mk.SparseIndex.from_columns_offsets(np.array([[[3, 7, 90]]]), [[[0, 64]]], 128, 128)
    assert torch.equal(one.to_mask(), heads.to_mask()) and torch.equal(one.to_mask(), batch.to_mask())
    assert one.columns[0][0].tolist() == [3, 7, 90] and one.runs[0][0].tolist() == [[0, 128]]
    assert "1 slash" in repr(one)


def test_index_is_immutable_and_moves_between_devices() -> None:
    index = mk.SparseIndex.from_columns_offsets([1], [0], 64, 64)
    with pytest.raises(AttributeError):
        index.batch = 2
    assert torch.equal(index.to("cpu").to_mask(), index.to_mask())
    assert index.device.type == "cpu"


def test_a_million_tokens_take_less_than_a_megabyte_per_head() -> None:
    rng = np.random.default_rng(0)
    n = 1 << 20
    columns, offsets = (np.sort(rng.choice(n, size, replace=False)) for size in (1000, 6096))
    index = mk.SparseIndex.from_columns_offsets(columns, offsets, n, n)
    assert index.nbytes <= 1 << 20
    assert 0 < float(index.density()) <= float(index.computed_area())


def test_official_export_covers_the_index_and_never_repeats_a_key() -> None:
    rng = np.random.default_rng(1)
    for num_queries, num_keys in ((500, 500), (130, 333), (1, 70)):
        columns, offsets = rng.integers(0, num_keys, 20), rng.integers(0, num_keys, 6)
        index = mk.SparseIndex.from_columns_offsets(columns.tolist(), offsets.tolist(), num_queries, num_keys)
        block_count, block_offset, column_count, column_index = index.to_official()
        mask = index.to_mask()[0, 0].numpy()
        assert block_count.shape == (1, 1, -(-num_queries // 64)) and block_count.dtype == torch.int32
        for block in range(block_count.shape[2]):
            tiles = block_offset[0, 0, block, : block_count[0, 0, block]].tolist()
            single = column_index[0, 0, block, : column_count[0, 0, block]].tolist()
            keys = [key for tile in tiles for key in range(tile, tile + 64)] + single
            assert len(set(keys)) == len(keys)
            rows = slice(64 * block, 64 * block + 64)
            assert set(np.flatnonzero(mask[rows].any(0))) <= set(keys)
            assert len(keys) <= mask[rows].any(0).sum() + 64 * (1 + len(index.runs[0][0]))


def test_bsr_export_rebuilds_the_mask() -> None:
    q, k = torch.randn(1, 2, 200, 16), torch.randn(1, 1, 260, 16)
    index = mk.estimate(q, k, [mk.VerticalSlash(20, 80, sink=4, local=20), mk.TriShape(5, 30, 70)])
    plan = index.to_bsr()
    for h in range(2):
        full = np.zeros((plan["M"], plan["N"]), bool)
        indptr, indices, cells = (plan[name][0][h].numpy() for name in ("indptr", "indices", "mask"))
        for block in range(len(indptr) - 1):
            for at in range(indptr[block], indptr[block + 1]):
                full[64 * block : 64 * block + 64, 64 * indices[at] : 64 * indices[at] + 64] = cells[at]
        assert (full[:200, :260] == index.to_mask()[0, h].numpy()).all()


def test_block_mask_is_exact_under_flex_attention() -> None:
    from torch.nn.attention.flex_attention import flex_attention

    q, k, v = torch.randn(1, 2, 150, 16), torch.randn(1, 2, 190, 16), torch.randn(1, 2, 190, 16)
    index = mk.estimate(q, k, [mk.VerticalSlash(20, 80, sink=4, local=20), mk.BlockSparse(1)])
    out = flex_attention(q, k, v, block_mask=index.to_block_mask())
    torch.testing.assert_close(out, mk.sparse_attention(q, k, v, index), atol=1e-5, rtol=1e-5)
