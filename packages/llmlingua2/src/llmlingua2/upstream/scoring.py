"""The forward pass: chunk strings in, keep-probabilities per piece out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from .frame import Frame, ScoredChunk
from .tokenizer import PieceTokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["ChunkScorer"]

_HALF = (torch.float16, torch.bfloat16)


class ChunkScorer:
    """Scores chunk strings in batches of similar length.

    0.2.2 pads every chunk to 512 pieces. Here a batch is as long as its longest chunk; the texts that come out are the
    same. Half-precision weights are the exception: their probabilities are so coarse that a word often sits exactly on
    the threshold, where the last bit, which depends on the padding, decides. They keep the shapes of 0.2.2.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PieceTokenizer, frame: Frame, *, limit: int, max_batch_size: int
    ) -> None:
        self.model = model
        self._tokenizer = tokenizer
        self._frame = frame
        self._limit = limit
        self._max_batch_size = max_batch_size

    def score(self, chunks: Sequence[str]) -> list[ScoredChunk]:
        """One forward pass over all chunks; results in the order of ``chunks``.

        Raises:
            ValueError: the model returned a probability that is not finite.
        """
        rows: list[np.ndarray] = []
        shown: list[np.ndarray] = []
        hidden = self._frame.hidden_piece
        for encoding in self._tokenizer.encode(chunks):
            row = np.array(self._frame.row(encoding.ids, self._limit), dtype=np.int64)
            mask = np.ones(len(row), dtype=bool)
            if hidden in (pieces := encoding.tokens):
                at = [index + 1 for index, piece in enumerate(pieces) if piece == hidden and index + 1 < len(row)]
                mask[at] = False
            rows.append(row)
            shown.append(mask)
        scored: list[ScoredChunk | None] = [None] * len(rows)
        half = self.model.dtype in _HALF
        for batch in self._batches([len(row) for row in rows], in_order=half):
            width = self._limit if half else max(len(rows[index]) for index in batch)
            probabilities = self._forward([rows[index] for index in batch], [shown[index] for index in batch], width)
            for index, values in zip(batch, probabilities, strict=True):
                mask = shown[index]
                values = values[: len(mask)][mask]
                if not np.isfinite(values).all():
                    raise ValueError(f"model_name: the model gave chunk {index} a probability that is not finite")
                scored[index] = ScoredChunk(rows[index][mask], values)
        return [chunk for chunk in scored if chunk is not None]

    def _batches(self, lengths: Sequence[int], *, in_order: bool) -> Iterator[list[int]]:
        """Indices by falling length; a batch ends when full, or before a chunk that would be a quarter padding."""
        order = list(range(len(lengths)))
        if not in_order:
            order.sort(key=lengths.__getitem__, reverse=True)
        batch: list[int] = []
        for index in order:
            short = not in_order and batch and 4 * lengths[index] < 3 * lengths[batch[0]]
            if short or len(batch) == self._max_batch_size:
                yield batch
                batch = []
            batch.append(index)
        if batch:
            yield batch

    def _forward(self, rows: Sequence[np.ndarray], shown: Sequence[np.ndarray], width: int) -> np.ndarray:
        ids = np.full((len(rows), width), self._frame.padding, dtype=np.int64)
        mask = np.zeros((len(rows), width), dtype=bool)
        for index, (row, visible) in enumerate(zip(rows, shown, strict=True)):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = visible
        device = self.model.device
        with torch.inference_mode():
            logits = self.model(
                input_ids=torch.from_numpy(ids).to(device), attention_mask=torch.from_numpy(mask).to(device)
            ).logits
            keep = torch.nn.functional.softmax(logits, dim=-1)[:, :, 1]
            return (keep.float() if keep.dtype == torch.bfloat16 else keep).cpu().numpy()
