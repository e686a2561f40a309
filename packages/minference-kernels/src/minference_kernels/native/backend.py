"""The native kernel in the shape of a backend (`backends.capabilities.Backend`)."""

from __future__ import annotations

import functools

import torch

from minference_kernels.backends.capabilities import Capabilities
from minference_kernels.index import SparseIndex
from minference_kernels.native import binding, build

name = "native"


@functools.cache
def available() -> tuple[bool, str]:
    """Whether the library is built or can be, and with what; the first call may compile for a few seconds."""
    try:
        return True, f"{build.compiler_version(build.find_compiler())}, {binding.library().instruction_sets[0]}"
    except build.BuildError as error:
        return False, str(error)


def capabilities() -> Capabilities:
    """float32, bfloat16 and float16 on the CPU, head dimensions 1 to 256, softcap; no backward pass."""
    return Capabilities(frozenset(binding.DATA_TYPES), devices=frozenset({"cpu"}), softcap=True)


def forward(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    index: SparseIndex,
    *,
    scale: float,
    softcap: float | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention over `index`; see `capabilities.Backend.forward`. The bits do not depend on the number of threads."""
    return binding.attend(q, k, v, index, scale=scale, softcap=softcap)
