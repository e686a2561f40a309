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
        rows = [self._row(text, ids) for text, ids in zip(chunks, self._tokenizer.encode(chunks), strict=True)]
        half = self.model.dtype in _HALF
        scored: dict[int, ScoredChunk] = {}
        for batch in self._batches([len(ids) for ids, _ in rows], in_order=half):
            width = self._limit if half else max(len(rows[index][0]) for index in batch)
            for index, keep in zip(batch, self._forward([rows[index] for index in batch], width), strict=True):
                ids, shown = rows[index]
                probabilities = keep[: len(shown)][shown]
                if not np.isfinite(probabilities).all():
                    raise ValueError(f"model_name: the model gave chunk {index} a probability that is not finite")
                scored[index] = ScoredChunk(ids[shown], probabilities)
        return [scored[index] for index in range(len(rows))]

    def _row(self, text: str, ids: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """The framed ids of a chunk, and which of them the model may attend to."""
        frame = self._frame
        room = self._limit - (2 if frame.keep_end else 1)
        row = np.array([frame.start, *ids[:room], frame.end][: self._limit], dtype=np.int64)
        shown = np.ones(len(row), dtype=bool)
        hidden = self._tokenizer.places(frame.hidden_piece, text, ids)
        shown[[1 + place for place in hidden if place < room]] = False
        return row, shown

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

    def _forward(self, rows: Sequence[tuple[np.ndarray, np.ndarray]], width: int) -> np.ndarray:
        ids = np.full((len(rows), width), self._frame.padding, dtype=np.int64)
        mask = np.zeros((len(rows), width), dtype=bool)
        for index, (row, shown) in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = shown
        device = self.model.device
        with torch.inference_mode():
            logits = self.model(
                input_ids=torch.from_numpy(ids).to(device), attention_mask=torch.from_numpy(mask).to(device)
            ).logits
            keep = torch.nn.functional.softmax(logits, dim=-1)[:, :, 1]
            return (keep.float() if keep.dtype == torch.bfloat16 else keep).cpu().numpy()
