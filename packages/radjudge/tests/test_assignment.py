"""The matching of findings is the best there is: compared with SciPy's solver on random tables."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from radjudge.assignment import assign


@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**32 - 1), st.floats(0.1, 1.0))
@settings(max_examples=200)
def test_total_weight_is_optimal(rows, columns, seed, density):
    rng = np.random.default_rng(seed)
    table = np.where(rng.random((rows, columns)) < density, rng.choice([0.5, 0.7, 1.0, 1.1], (rows, columns)), 0.0)
    edges = [(r, c, float(table[r, c])) for r in range(rows) for c in range(columns) if table[r, c] > 0]
    pairs = assign(edges)
    best = table[linear_sum_assignment(table, maximize=True)].sum()
    assert sum(table[pair] for pair in pairs) == pytest.approx(best)
    assert len({r for r, _ in pairs}) == len({c for _, c in pairs}) == len(pairs)


@pytest.mark.parametrize(("rows", "columns"), [(12, 12), (3, 15), (15, 3), (10, 25)])
def test_large_tables_too(rows, columns):
    table = np.random.default_rng(0).random((rows, columns)) + 0.1
    pairs = assign([(r, c, float(table[r, c])) for r in range(rows) for c in range(columns)])
    assert sum(table[pair] for pair in pairs) == pytest.approx(table[linear_sum_assignment(table, maximize=True)].sum())


def test_nothing_to_match():
    assert assign([]) == []


def test_ties_go_to_text_order():
    assert assign([(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.0)]) == [(0, 0), (1, 1)]
