"""What a backend can do, and the shape every backend has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch

    from minference_kernels.index import SparseIndex


@dataclass(frozen=True)
class Capabilities:
    """The announcement of a backend. ``devices`` are torch device types; None means any.

    Head dimensions are all integers in ``[min_head_dim, max_head_dim]``.
    """

    dtypes: frozenset[torch.dtype]
    devices: frozenset[str] | None = None
    min_head_dim: int = 1
    max_head_dim: int = 256
    backward: bool = False
    softcap: bool = False


class Backend(Protocol):
    """A way to compute sparse attention. A backend is a module (or object) with these members."""

    name: str

    def available(self) -> tuple[bool, str]:
        """Whether it can run here, and the reason in one line ("g++ 12, AVX-512" / "no C++ compiler found")."""

    def capabilities(self) -> Capabilities:
        """What it accepts; called only when available."""

    def forward(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        index: SparseIndex,
        *,
        scale: float,
        softcap: float | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attention over the index.

        ``q`` [B, Hq, Nq, d], ``k`` and ``v`` [B, Hkv, Nk, d] (checked by the caller; any strides; query head h reads
        KV head ``h // (Hq // Hkv)``). Returns ``out`` like q (contiguous) and the natural-log ``lse`` float32 (float64
        for float64 input) [B, Hq, Nq]. ``softcap`` c means logits ``c tanh(logits / c)``.
        """
