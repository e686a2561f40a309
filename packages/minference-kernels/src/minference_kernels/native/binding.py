"""Calls the built library through ctypes: tensors and index arrays go in by address, without copies.

The structured types mirror ``abi.h`` field by field (every field is 8 bytes wide); the library reports its own layout
and a mismatch is refused at load time.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from minference_kernels.index import SparseIndex
from minference_kernels.native import build

ISA_VARIABLE = "MINFERENCE_NATIVE_ISA"
DATA_TYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}

_HEAD_FIELDS = """
    query key value output lse query_stride key_stride value_stride output_stride num_queries num_keys
    kind sink local dense_from runs num_runs columns num_columns block_start block_index num_blocks
"""
_PROBE_FIELDS = """
    query key group_ends row_lse column_sums group_maxima offset_sums query_stride key_stride
    num_rows num_keys num_groups
"""
HEAD_JOB = np.dtype([(name, np.int64) for name in _HEAD_FIELDS.split()])
PROBE_JOB = np.dtype([(name, np.int64) for name in _PROBE_FIELDS.split()])
_MESSAGE_BYTES = 512


class Call(ctypes.Structure):
    """What all heads of a call share (``struct Call``)."""

    _fields_ = (
        ("head_dim", ctypes.c_int64),
        ("value_dim", ctypes.c_int64),
        ("data_type", ctypes.c_int64),
        ("scale", ctypes.c_double),
        ("softcap", ctypes.c_double),
    )


class Library:
    """The loaded library. Raises `build.BuildError` when it does not match this binding."""

    def __init__(self, path: Path) -> None:
        try:
            self._c = ctypes.CDLL(str(path))
        except OSError as error:
            raise build.BuildError(f"cannot load {path}: {error}") from error
        self._c.mk_layout.restype = ctypes.c_int64
        if self._c.mk_layout() != (HEAD_JOB.itemsize * 1000 + ctypes.sizeof(Call)) * 1000 + PROBE_JOB.itemsize:
            raise build.BuildError(f"{path} was built from other sources; delete it")
        text = ctypes.create_string_buffer(_MESSAGE_BYTES)
        self._c.mk_instruction_sets(text, ctypes.c_int64(_MESSAGE_BYTES))
        self.instruction_sets: tuple[str, ...] = tuple(text.value.decode().split())

    def attend(self, call: Call, jobs: np.ndarray, *, threads: int, instruction_set: str) -> None:
        """Run attention of all `jobs` (`HEAD_JOB` records). Raises ValueError with the library's reason."""
        count = ctypes.c_int64(len(jobs))
        self._run(self._c.mk_attend, call, ctypes.c_void_p(jobs.ctypes.data), count, threads, instruction_set)

    def probe(self, call: Call, job: np.ndarray, *, threads: int, instruction_set: str) -> None:
        """Run one probe (one `PROBE_JOB` record). Raises ValueError with the library's reason."""
        self._run(self._c.mk_probe, call, ctypes.c_void_p(job.ctypes.data), threads, instruction_set)

    def _run(self, function: Any, call: Call, *arguments: Any) -> None:
        *rest, threads, instruction_set = arguments
        text = ctypes.create_string_buffer(_MESSAGE_BYTES)
        how = (ctypes.c_int64(threads), instruction_set.encode(), text, ctypes.c_int64(_MESSAGE_BYTES))
        if function(ctypes.byref(call), *rest, *how):
            raise ValueError(f"native kernel: {text.value.decode()}")


@functools.cache
def library() -> Library:
    """The library, built on the first call of the first process. Raises `build.BuildError` where that cannot be."""
    return Library(build.library())


def instruction_set() -> str:
    """The instruction set in use: ``MINFERENCE_NATIVE_ISA`` if set, else the best that this processor runs."""
    known = library().instruction_sets
    named = os.environ.get(ISA_VARIABLE, "")
    if named and named not in known:
        raise ValueError(f"{ISA_VARIABLE}={named!r} is not one of what this processor runs: {', '.join(known)}")
    return named or known[0]


def _rows(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor itself if the numbers of a row lie next to each other, else a copy."""
    return tensor if tensor.stride(-1) == 1 or tensor.shape[-1] == 1 else tensor.contiguous()


def _head_addresses(tensor: torch.Tensor, heads_per_tensor_head: int = 1) -> np.ndarray:
    """Address of the first row of every (batch, head), int64 [B * H]; each head of `tensor` serves several in turn."""
    batch, heads = tensor.shape[:2]
    step_b, step_h = (step * tensor.element_size() for step in tensor.stride()[:2])
    head = np.repeat(np.arange(heads, dtype=np.int64), heads_per_tensor_head)
    return (tensor.data_ptr() + np.arange(batch, dtype=np.int64)[:, None] * step_b + head * step_h).ravel()


def _parts(pointers: torch.Tensor, data: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Addresses and lengths of the ragged parts of an index array."""
    bounds = pointers.numpy()
    row_bytes = data.stride(0) * data.element_size()
    return data.data_ptr() + bounds[:-1] * row_bytes, np.diff(bounds)


def attend(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    index: SparseIndex,
    *,
    scale: float,
    softcap: float | None = None,
    threads: int | None = None,
    isa: str | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention of q [B, Hq, Nq, d] over k [B, Hkv, Nk, d] and v [B, Hkv, Nk, dv] as `index` says, on the CPU.

    Returns the output [B, Hq, Nq, dv] in q's dtype and the natural-log LSE float32 [B, Hq, Nq]. Any batch, head and row
    strides; only a head dimension that is not contiguous is copied. `threads` defaults to torch's; the result does
    not depend on it. Raises ValueError for an index that points outside the tensors.
    """
    q, k, v = _rows(q), _rows(k), _rows(v)
    batch, heads, num_queries, head_dim = q.shape
    num_keys, value_dim = v.shape[2:]
    group = heads // k.shape[1]
    output = torch.empty(batch, heads, num_queries, value_dim, dtype=q.dtype)
    lse = torch.empty(batch, heads, num_queries, dtype=torch.float32)

    index = index.to("cpu")
    jobs = np.zeros(batch * heads, HEAD_JOB)
    jobs["query"], jobs["output"], jobs["lse"] = _head_addresses(q), _head_addresses(output), _head_addresses(lse)
    jobs["key"], jobs["value"] = _head_addresses(k, group), _head_addresses(v, group)
    jobs["query_stride"], jobs["key_stride"], jobs["value_stride"] = q.stride(2), k.stride(2), v.stride(2)
    jobs["output_stride"] = value_dim
    jobs["num_queries"], jobs["num_keys"] = num_queries, num_keys
    jobs["kind"], jobs["sink"], jobs["local"] = index.kinds.numpy(), index.sinks.numpy(), index.locals.numpy()
    jobs["dense_from"] = index.dense_from.numpy()
    jobs["runs"], jobs["num_runs"] = _parts(index.run_ptr, index.run_data)
    jobs["columns"], jobs["num_columns"] = _parts(index.column_ptr, index.column_data)
    jobs["block_start"], _ = _parts(index.block_head_ptr, index.block_ptr)
    jobs["block_index"], jobs["num_blocks"] = _parts(index.block_data_ptr, index.block_data)

    call = Call(head_dim, value_dim, DATA_TYPES[q.dtype], scale, softcap or 0.0)
    library().attend(call, jobs, threads=threads or torch.get_num_threads(), instruction_set=isa or instruction_set())
    return output, lse


@dataclass(frozen=True)
class ProbeSums:
    """Sums over the attention map of probe rows, float32: ``row_lse`` [L]; over columns, the largest such sum over one
    group of rows, and over diagonals (by query position - key position), each [Nk]."""

    row_lse: torch.Tensor
    column_sums: torch.Tensor
    group_maxima: torch.Tensor
    offset_sums: torch.Tensor


def probe(
    q: torch.Tensor,
    k: torch.Tensor,
    *,
    scale: float,
    softcap: float | None = None,
    group_ends: Sequence[int] | None = None,
    threads: int | None = None,
    isa: str | None = None,
) -> ProbeSums:
    """Attention of the last rows q [L, d] over all keys k [Nk, d], causal, summed without building the map.

    `group_ends` ascends to L and cuts the rows into contiguous groups (default: one). Scores and sums are float32; the
    bits do not depend on threads, strides or what lies around the tensors. Extra memory: 9 MB at most for logits kept
    between the two passes, plus about 8 bytes a key.
    """
    q, k = _rows(q), _rows(k)
    (rows, head_dim), num_keys = q.shape, k.shape[0]
    ends = torch.tensor([rows] if group_ends is None else list(group_ends), dtype=torch.int64)
    sums = ProbeSums(torch.empty(rows), *(torch.empty(num_keys) for _ in range(3)))
    job = np.zeros(1, PROBE_JOB)
    job["query"], job["key"], job["group_ends"] = q.data_ptr(), k.data_ptr(), ends.data_ptr()
    job["row_lse"], job["column_sums"] = sums.row_lse.data_ptr(), sums.column_sums.data_ptr()
    job["group_maxima"], job["offset_sums"] = sums.group_maxima.data_ptr(), sums.offset_sums.data_ptr()
    job["query_stride"], job["key_stride"] = q.stride(0), k.stride(0)
    job["num_rows"], job["num_keys"], job["num_groups"] = rows, num_keys, len(ends)
    call = Call(head_dim, head_dim, DATA_TYPES[q.dtype], scale, softcap or 0.0)
    library().probe(call, job, threads=threads or torch.get_num_threads(), instruction_set=isa or instruction_set())
    return sums
