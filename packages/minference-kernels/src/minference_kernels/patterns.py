"""The attention patterns of a head, as frozen dataclasses (MInference, arXiv 2407.02490, section 3; SCBench).

A pattern says how the visible keys of a head are chosen; `estimate` turns it into a `SparseIndex` for given q and k.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any, ClassVar


def _whole(pattern: object, **minimum: int) -> None:
    for name, least in minimum.items():
        value = getattr(pattern, name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{type(pattern).__name__}.{name} must be an int, got {value!r}")
        if value < least:
            raise ValueError(f"{type(pattern).__name__}.{name} must be at least {least}, got {value}")


@dataclass(frozen=True)
class Dense:
    """Every causal key."""

    type: ClassVar[str] = "dense"


@dataclass(frozen=True)
class AShape:
    """Static: key j is visible to position i iff ``j <= i and (j < n_init or i - j < n_local)``."""

    n_init: int = 1024
    n_local: int = 4096
    type: ClassVar[str] = "a_shape"

    def __post_init__(self) -> None:
        _whole(self, n_init=0, n_local=1)


@dataclass(frozen=True)
class TriShape:
    """`AShape`, and the last ``n_last`` query rows see every causal key."""

    n_init: int = 8
    n_local: int = 512
    n_last: int = 128
    type: ClassVar[str] = "tri_shape"

    def __post_init__(self) -> None:
        _whole(self, n_init=0, n_local=1, n_last=0)


@dataclass(frozen=True)
class VerticalSlash:
    """Dynamic: columns and diagonals chosen from the attention of the last ``last_q`` queries.

    Args:
        vertical_size: how many columns ``selection="topk"`` takes (raised to `sink`).
        slash_size: how many offsets it takes (raised to `local`). For ``"cost_aware"`` the sum of the two is the kernel
            cost per row, in keys.
        last_q: probe rows. Questions spread over more rows than this are not seen.
        sink: the first columns, always taken, inside the budget.
        local: the smallest offsets, always taken, inside the budget.
        selection: ``"topk"`` is the paper's; ``"cost_aware"`` takes mass per kernel cost from the residual.
        mass: stop when this share of the probe's attention mass is taken (0 < mass <= 1); None spends the budget.
    """

    vertical_size: int = 1000
    slash_size: int = 6096
    last_q: int = 64
    sink: int = 30
    local: int = 100
    selection: str = "topk"
    mass: float | None = None
    type: ClassVar[str] = "vertical_slash"

    def __post_init__(self) -> None:
        _whole(self, vertical_size=0, slash_size=0, last_q=1, sink=0, local=0)
        if self.selection not in ("topk", "cost_aware"):
            raise ValueError(f'VerticalSlash.selection must be "topk" or "cost_aware", got {self.selection!r}')
        if self.mass is not None and not 0 < self.mass <= 1:
            raise ValueError(f"VerticalSlash.mass must lie in (0, 1], got {self.mass!r}")


@dataclass(frozen=True)
class BlockSparse:
    """Dynamic: per 64-row block the ``top_k`` 64-key blocks of the mean-pooled scores, and block 0 and the diagonal."""

    top_k: int = 100
    type: ClassVar[str] = "block_sparse"

    def __post_init__(self) -> None:
        _whole(self, top_k=0)


@dataclass(frozen=True)
class Static:
    """An ablation: the columns and reach runs of a first prompt, kept for every later one (see `freeze`).

    The paper's point is that this fails: columns of one prompt recall little of another's attention.
    """

    columns: tuple[int, ...] = ()
    runs: tuple[tuple[int, int], ...] = ((0, 64),)
    type: ClassVar[str] = "static"

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(int(c) for c in self.columns))
        object.__setattr__(self, "runs", tuple((int(lo), int(hi)) for lo, hi in self.runs))
        if any(b <= a for a, b in zip((-1, *self.columns), self.columns, strict=False)):
            raise ValueError("Static.columns must be sorted, unique and not negative")
        if not self.runs or self.runs[0][0] != 0 or self.runs[0][1] < 64:
            raise ValueError(f"Static.runs must begin with a run that covers [0, 64), got {self.runs[:1]}")
        ends = [edge for run in self.runs for edge in run]
        if any(b <= a for a, b in pairwise(ends)):
            raise ValueError("Static.runs must be sorted, disjoint, non-touching half-open runs")


Pattern = Dense | AShape | TriShape | VerticalSlash | BlockSparse | Static

_TYPES: dict[str, type[Any]] = {cls.type: cls for cls in (Dense, AShape, TriShape, VerticalSlash, BlockSparse, Static)}


def pattern_to_dict(pattern: Pattern) -> dict[str, Any]:
    """The plain (JSON) form of a pattern: its fields and ``"type"``."""
    return {"type": pattern.type, **asdict(pattern)}


def pattern_from_dict(data: Any) -> Pattern:
    """The pattern a plain form stands for. Raises ValueError for an unknown type or field."""
    if not isinstance(data, dict):
        raise TypeError(f"a pattern must be an object with a type, got {data!r}")
    cls = _TYPES.get(str(data.get("type")))
    if cls is None:
        raise ValueError(f"unknown pattern type {data.get('type')!r}; accepted: {', '.join(_TYPES)}")
    accepted = [field.name for field in fields(cls)]
    unknown = sorted(set(data) - {"type", *accepted})
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r} of pattern {cls.type!r}; accepted: {', '.join(accepted)}")
    return cls(**{name: value for name, value in data.items() if name != "type"})


def is_pattern(value: object) -> bool:
    """Whether `value` is an instance of a pattern class."""
    return type(value) in _TYPES.values() or getattr(type(value), "type", None) in _TYPES


def register_pattern(cls: type[Any]) -> None:
    """Make a new frozen dataclass with a ``type`` name known to configurations. Its estimator is registered apart."""
    if cls.type in _TYPES:
        raise ValueError(f"pattern type {cls.type!r} is already known")
    _TYPES[cls.type] = cls
