"""Maximum-weight matching of small, sparse tables: exact, without SciPy on the path that nearly every report takes."""

from __future__ import annotations

from functools import cache

Edge = tuple[int, int, float]
_MOST_ROWS = 8  # of a component's smaller side; above this, SciPy's Hungarian method takes over


def assign(edges: list[Edge]) -> list[tuple[int, int]]:
    """The set of disjoint edges (row, column) whose positive weights sum highest; ties go to earlier rows and columns.

    Components of the graph are solved apart: a single edge at once, small ones by dynamic programming over subsets,
    large ones by :func:`scipy.optimize.linear_sum_assignment`.
    """
    if not edges:
        return []
    if len(edges) == 1:
        return [edges[0][:2]]
    chosen: list[tuple[int, int]] = []
    for component in _components(edges):
        if len(component) == 1:
            chosen.append(component[0][:2])
        else:
            chosen.extend(_solve(component))
    return sorted(chosen)


def _components(edges: list[Edge]) -> list[list[Edge]]:
    parent: dict[tuple[str, int], tuple[str, int]] = {}

    def root(node: tuple[str, int]) -> tuple[str, int]:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for row, column, _ in edges:
        parent[root(("r", row))] = root(("c", column))
    groups: dict[tuple[str, int], list[Edge]] = {}
    for edge in edges:
        groups.setdefault(root(("r", edge[0])), []).append(edge)
    return list(groups.values())


def _solve(edges: list[Edge]) -> list[tuple[int, int]]:
    rows = sorted({row for row, _, _ in edges})
    columns = sorted({column for _, column, _ in edges})
    if len(columns) <= _MOST_ROWS:
        return _subsets(rows, columns, {(row, column): weight for row, column, weight in edges})
    if len(rows) <= _MOST_ROWS:
        turned = _subsets(columns, rows, {(column, row): weight for row, column, weight in edges})
        return [(row, column) for column, row in turned]
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    table = np.zeros((len(rows), len(columns)))
    for row, column, weight in edges:
        table[rows.index(row), columns.index(column)] = weight
    picked = zip(*linear_sum_assignment(table, maximize=True), strict=True)
    return [(rows[r], columns[c]) for r, c in picked if table[r, c] > 0]


def _subsets(rows: list[int], columns: list[int], weights: dict[tuple[int, int], float]) -> list[tuple[int, int]]:
    """Dynamic programming over the sets of columns used so far."""

    @cache
    def best(index: int, used: int) -> tuple[float, int]:
        """Best total from row ``index`` on, and the column it takes (-1 for none)."""
        if index == len(rows):
            return 0.0, -1
        total, choice = best(index + 1, used)[0], -1
        for bit, column in enumerate(columns):
            weight = weights.get((rows[index], column), 0.0)
            if weight > 0 and not used >> bit & 1:
                value = weight + best(index + 1, used | 1 << bit)[0]
                if value > total + 1e-12 or (choice == -1 and value >= total - 1e-12):
                    total, choice = value, bit
        return total, choice

    picked: list[tuple[int, int]] = []
    used = 0
    for index, row in enumerate(rows):
        choice = best(index, used)[1]
        if choice >= 0:
            picked.append((row, columns[choice]))
            used |= 1 << choice
    return picked
