"""The probe of Vertical-Slash: softmax of the last rows against all keys, summed over columns and diagonals.

``A = softmax(Q[-L:] K^T scale + causal)`` is never held whole for long prompts: one pass over key chunks gives each
row's log-sum-exp, a second the sums, and single cells are computed again on demand. On the CPU the native library runs
both passes where it is available and not overridden; the torch form is the reference.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from minference_kernels.backends.registry import get_backend, requested_name
from minference_kernels.heads import ROW_TILE

_CHUNK = 4096  # keys at a time
_KEEP_BYTES = 8 << 20  # logits of up to this size are kept between the passes
_STRIPES = 8


def stripes(rows: int) -> list[np.ndarray]:
    """The contiguous groups of probe rows by which a column's support is judged: up to eight, of nearly equal size."""
    return np.array_split(np.arange(rows), min(_STRIPES, rows))


class Probe:
    """Attention of the last rows of one head.

    q [Nq, d], k [Nk, d]; scores in float32 (float64 for float64 input). After construction: ``column_mass`` [Nk] and
    ``offset_mass`` [Nk] are sums over the ``rows`` probe rows (their total is ``rows``); ``stripe_max`` [Nk] is the
    largest share of a column's mass that one of up to eight contiguous groups of probe rows contributes.
    """

    def __init__(
        self, q: torch.Tensor, k: torch.Tensor, last_q: int, scale: float, softcap: float | None = None
    ) -> None:
        self.dtype = torch.float64 if q.dtype == torch.float64 else torch.float32
        self.rows = min(last_q, q.shape[0])
        self.num_queries, self.num_keys = q.shape[0], k.shape[0]
        self.positions = np.arange(self.num_keys - self.rows, self.num_keys)
        # copies, so that the bits do not depend on where in a batch or cache the tensors lie
        self._q = q[-self.rows :].to(self.dtype, copy=True).contiguous()
        self._k, self._scale, self._softcap = k, scale, softcap
        if self._native_serves():
            self._native_sum()
        else:
            self.lse = self._row_lse()
            self._sum()

    def cells(self, keys: np.ndarray) -> np.ndarray:
        """A[:, keys], [rows, len(keys)]."""
        chosen = torch.from_numpy(keys).to(self._k.device)
        logits = self._logits(self._k.index_select(0, chosen).to(self.dtype))
        weights = torch.exp(logits - self.lse[:, None]).cpu().numpy()
        weights[self.positions[:, None] < keys[None, :]] = 0
        return weights

    def row_ends(self) -> np.ndarray:
        """Nominal end of the row block of each probe row (int64 [rows])."""
        first = self.num_keys - self.num_queries
        return first + ((self.positions - first) // ROW_TILE + 1) * ROW_TILE

    def _native_serves(self) -> bool:
        if requested_name("auto")[0] not in ("auto", "native") or self._k.device.type != "cpu":
            return False
        backend = get_backend("native")
        return backend.available()[0] and self._k.dtype in backend.capabilities().dtypes

    def _native_sum(self) -> None:
        from minference_kernels.native import binding

        ends = np.cumsum([len(group) for group in stripes(self.rows)]).tolist()
        q = self._q.to(self._k.dtype)  # back to the type it came in: no bit is lost
        sums = binding.probe(q, self._k, scale=self._scale, softcap=self._softcap, group_ends=ends)
        self.lse = sums.row_lse
        self.column_mass, self.stripe_max = sums.column_sums.numpy(), sums.group_maxima.numpy()
        self.offset_mass = sums.offset_sums.numpy()

    def _logits(self, k: torch.Tensor) -> torch.Tensor:
        logits = (self._q @ k.T).mul_(self._scale)
        return logits if self._softcap is None else torch.tanh(logits / self._softcap) * self._softcap

    def _chunk(self, start: int) -> torch.Tensor:
        logits = self._logits(self._k[start : start + _CHUNK].to(self.dtype, copy=True).contiguous())
        masked_from = self.num_keys - self.rows
        if start + logits.shape[1] > masked_from:
            logits += torch.full_like(logits, -torch.inf).triu_(masked_from - start + 1)
        return logits

    def _row_lse(self) -> torch.Tensor:
        keep = self.rows * self.num_keys * self._q.element_size() <= _KEEP_BYTES
        self._kept: list[torch.Tensor] = []
        lse = torch.full((self.rows,), -torch.inf, dtype=self.dtype, device=self._q.device)
        for start in range(0, self.num_keys, _CHUNK):
            logits = self._chunk(start)
            lse = torch.logaddexp(lse, logits.logsumexp(1))
            if keep:
                self._kept.append(logits)
        return lse

    def _chunks(self) -> Iterator[tuple[int, torch.Tensor]]:
        for i, start in enumerate(range(0, self.num_keys, _CHUNK)):
            yield start, self._kept[i] if self._kept else self._chunk(start)
        self._kept.clear()

    def _sum(self) -> None:
        rows, device = self.rows, self._q.device
        columns, largest = (torch.empty(self.num_keys, dtype=self.dtype, device=device) for _ in range(2))
        offsets = torch.zeros(self.num_keys + rows + _CHUNK, dtype=self.dtype, device=device)
        for start, logits in self._chunks():
            width = logits.shape[1]
            # row r goes to the right by rows - 1 - r, so that a diagonal stands in one column
            sheared = torch.zeros(rows * (width + rows - 1), dtype=self.dtype, device=device)
            weights = sheared[rows - 1 :].as_strided((rows, width), (max(width + rows - 2, 1), 1), rows - 1)
            torch.exp(logits.sub_(self.lse[:, None]), out=weights)
            sums = torch.stack([weights[int(g[0]) : int(g[-1]) + 1].sum(0) for g in stripes(self.rows)])
            columns[start : start + width] = sums.sum(0)
            largest[start : start + width] = sums.amax(0)
            # sheared column w holds offset  num_keys - rows - start + (rows - 1 - w)
            top = self.num_keys - start - 1
            diagonal = sheared.view(rows, -1).sum(0).flip(0)  # ascending offset, from top - (width + rows - 2)
            low = top - (width + rows - 2)
            skipped = max(0, -low)  # offsets below 0 are future keys: zeros
            offsets[low + skipped : top + 1] += diagonal[skipped:]
        self.column_mass = columns.cpu().numpy()
        self.stripe_max = largest.cpu().numpy()
        self.offset_mass = offsets[: self.num_keys].cpu().numpy()
