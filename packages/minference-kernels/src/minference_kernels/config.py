"""`MInferenceConfig`: which pattern each head of a model uses, and from which length on.

It is data only: a validated, versioned JSON object that lives in ``model.config.minference`` (so it is saved with the
model) or in a file of its own. Nothing in it is executed.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from minference_kernels.patterns import (
    AShape,
    BlockSparse,
    Dense,
    Pattern,
    TriShape,
    VerticalSlash,
    is_pattern,
    pattern_from_dict,
    pattern_to_dict,
)
from minference_kernels.published import published_layers

VERSION = 1
DEFAULT_PATTERN = VerticalSlash(1000, 6096)  # what the published code uses for a head it has no entry for
_MIN_SEQ_LEN = {"cpu": 2048}
_MIN_SEQ_LEN_GPU = 8192


@dataclass(frozen=True)
class MInferenceConfig:
    """Patterns and thresholds of a model.

    layers: ``layers[layer][head]`` patterns, by GLOBAL query head; or None for `default` everywhere.
    default: the pattern of every head when `layers` is None.
    min_seq_len: prompts of at most this many keys stay dense; None means 2048 on CPU and 8192 on other devices.
    dense_below: calls with at most this many query rows stay dense (63: less than a row block); decode always is.
    starting_layer: layers before this one stay dense.
    backend: ``"auto"`` or the name of a backend.

    0 switches a threshold off.
    """

    layers: tuple[tuple[Pattern, ...], ...] | None = None
    default: Pattern = DEFAULT_PATTERN
    min_seq_len: int | None = None
    dense_below: int = 63
    starting_layer: int = 0
    backend: str = "auto"

    def __post_init__(self) -> None:
        for name in ("min_seq_len", "dense_below", "starting_layer"):
            value = getattr(self, name)
            if value is None and name == "min_seq_len":
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be an int, got {value!r}")
            if value < 0:
                raise ValueError(f"{name} must not be negative (0 switches it off), got {value}")
        if not isinstance(self.backend, str):
            raise TypeError(f"backend must be a string, got {self.backend!r}")
        if self.layers is not None:
            object.__setattr__(self, "layers", tuple(tuple(row) for row in self.layers))
        for pattern in self._patterns():
            if not is_pattern(pattern):
                raise TypeError(f"unknown pattern {pattern!r} in the configuration")
        if self.layers is not None and (not self.layers or len({len(row) for row in self.layers}) != 1):
            raise ValueError(f"layers must be a full table, got rows of {[len(row) for row in self.layers]} heads")

    def _patterns(self) -> Iterator[Pattern]:
        yield self.default
        for row in self.layers or ():
            yield from row

    # ---- constructors ----------------------------------------------------------------------------------------------

    @classmethod
    def uniform(
        cls,
        pattern: Pattern = DEFAULT_PATTERN,
        *,
        min_seq_len: int | None = None,
        dense_below: int = 63,
        starting_layer: int = 0,
        backend: str = "auto",
    ) -> MInferenceConfig:
        """The same pattern for every head of every layer."""
        return cls(None, pattern, min_seq_len, dense_below, starting_layer, backend)

    @classmethod
    def triangle_mix(
        cls, starting_layer: int = 16, *, n_init: int = 8, n_local: int = 512, n_last: int = 128
    ) -> MInferenceConfig:
        """TriangleMix: dense below `starting_layer`, Tri-shape from there on."""
        return cls.uniform(TriShape(n_init, n_local, n_last), starting_layer=starting_layer)

    @classmethod
    def for_model(cls, name: str) -> MInferenceConfig:
        """The published table for a hub id, e.g. ``"Qwen/Qwen2.5-7B-Instruct-1M"``. ValueError when there is none."""
        return cls.from_official(published_layers(name))

    @classmethod
    def from_official(cls, layers: Sequence[Any]) -> MInferenceConfig:
        """From the published JSON: a list over layers of ``{"head": [type, size, size, score]}`` (or of plain lists).

        Heads missing from a layer get Vertical-Slash (1000, 6096), as in the published code.
        """
        rows = [row if isinstance(row, dict) else dict(enumerate(row)) for row in layers]
        numbered = [{int(head): entry for head, entry in row.items()} for row in rows]
        if not numbered or not any(numbered):
            raise ValueError("a published table must list at least one layer with at least one head")
        heads = 1 + max(head for row in numbered for head in row)
        table = [
            [_from_official(row[head]) if head in row else DEFAULT_PATTERN for head in range(heads)] for row in numbered
        ]
        return cls(tuple(map(tuple, table)))

    @classmethod
    def from_dict(cls, data: Any) -> MInferenceConfig:
        """From `to_dict`'s form. Raises ValueError for another version, an unknown key or pattern."""
        if not isinstance(data, dict):
            raise TypeError(f"a configuration must be an object, got {type(data).__name__}")
        if data.get("version") != VERSION:
            raise ValueError(f"configuration version {data.get('version')!r} is not supported; accepted: {VERSION}")
        accepted = [field.name for field in fields(cls)]
        unknown = sorted(map(str, set(data) - {"version", *accepted}))
        if unknown:
            raise ValueError(f"unknown configuration key {unknown[0]!r}; accepted: version, {', '.join(accepted)}")
        values = {key: value for key, value in data.items() if key != "version"}
        if values.get("layers") is not None:
            if not isinstance(values["layers"], (list, tuple)) or not all(
                isinstance(row, (list, tuple)) for row in values["layers"]
            ):
                raise TypeError("layers must be a list over layers of lists over heads")
            values["layers"] = tuple(tuple(pattern_from_dict(head) for head in row) for row in values["layers"])
        if "default" in values:
            values["default"] = pattern_from_dict(values["default"])
        return cls(**values)

    @classmethod
    def load(cls, path: str | Path) -> MInferenceConfig:
        """From a file: `save`'s form, or a published list of layers. Raises ValueError naming the file."""
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls.from_official(data) if isinstance(data, list) else cls.from_dict(data)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path}: {error}") from error

    # ---- plain forms -----------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The plain (JSON) form, for ``model.config.minference``."""
        layers = None if self.layers is None else [[pattern_to_dict(head) for head in row] for row in self.layers]
        return {
            "version": VERSION,
            "layers": layers,
            "default": pattern_to_dict(self.default),
            "min_seq_len": self.min_seq_len,
            "dense_below": self.dense_below,
            "starting_layer": self.starting_layer,
            "backend": self.backend,
        }

    def save(self, path: str | Path) -> None:
        """Write `to_dict` as JSON, atomically."""
        path = Path(path)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(self.to_dict(), file, indent=1)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def to_official(self) -> list[dict[str, list[Any]]]:
        """The published form (scores, which this package does not use, are 1). Needs `layers`."""
        if self.layers is None:
            raise ValueError("only a configuration with a table of layers has a published form; this one is uniform")
        return [{str(head): _to_official(pattern) for head, pattern in enumerate(row)} for row in self.layers]

    # ---- use -------------------------------------------------------------------------------------------------------

    def replace(self, **changes: Any) -> MInferenceConfig:
        """A copy with some fields changed."""
        return replace(self, **changes)

    def patterns_for(self, layer: int, num_heads: int, rank: int = 0) -> tuple[Pattern, ...]:
        """The patterns of the `num_heads` local heads of a layer.

        Under tensor parallelism rank r holds global heads ``[r num_heads, (r + 1) num_heads)``. Raises ValueError when
        the table does not fit, naming both sizes.
        """
        if layer < self.starting_layer:
            return (Dense(),) * num_heads
        if self.layers is None:
            return (self.default,) * num_heads
        if layer >= len(self.layers):
            raise ValueError(f"the head table has {len(self.layers)} layers, but the model asks for layer {layer}")
        row = self.layers[layer]
        if len(row) % num_heads or (rank + 1) * num_heads > len(row):
            raise ValueError(
                f"the head table has {len(row)} heads per layer, but the model has {num_heads} (rank {rank})"
            )
        return row[rank * num_heads : (rank + 1) * num_heads]

    def stays_dense(self, num_queries: int, num_keys: int, device: str) -> bool:
        """Whether a call of this size is below the thresholds (decode always is)."""
        shortest = self.min_seq_len if self.min_seq_len is not None else _MIN_SEQ_LEN.get(device, _MIN_SEQ_LEN_GPU)
        return num_queries == 1 or num_queries <= self.dense_below or num_keys <= shortest


def _from_official(entry: Any) -> Pattern:
    if not isinstance(entry, (list, tuple)) or len(entry) < 3:
        raise ValueError(f"a published head entry is [type, size, size, score], got {entry!r}")
    kind, first, second = entry[0], int(entry[1]), int(entry[2])
    if kind == "vertical_and_slash":
        return VerticalSlash(first, second)
    if kind == "stream_llm":
        return AShape(first, second)
    if kind == "block_sparse":
        return BlockSparse(first)
    raise ValueError(f"unknown published pattern {kind!r}; accepted: vertical_and_slash, stream_llm, block_sparse")


def _to_official(pattern: Pattern) -> list[Any]:
    match pattern:
        case VerticalSlash(vertical_size=first, slash_size=second):
            if pattern != VerticalSlash(first, second):
                raise ValueError(f"{pattern} has no published form: it holds sizes only")
            return ["vertical_and_slash", first, second, 1]
        case AShape(n_init=first, n_local=second):
            return ["stream_llm", first, second, 1]
        case BlockSparse(top_k=first):
            return ["block_sparse", first, 0, 1]
    raise ValueError(f"{pattern} has no published form")
