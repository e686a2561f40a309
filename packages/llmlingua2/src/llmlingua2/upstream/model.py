"""The forward pass: chunk strings in, keep-probabilities per piece out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from .frame import Frame, ScoredChunk
from .tokenizer import PieceTokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

__all__ = ["ChunkScorer", "grow_vocabulary", "load_model", "max_pieces", "resolve_device"]

MAX_PIECES = 512
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


def resolve_device(device_map: str) -> torch.device:
    """``auto`` is the first accelerator there is, else the CPU.

    Raises:
        ValueError: not a device name, or a device this machine lacks.
    """
    if not isinstance(device_map, str):
        raise ValueError(f"device_map must be 'auto' or a device such as 'cpu' or 'cuda:1', not {device_map!r}")
    if device_map in ("auto", "balanced", "sequential"):
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        return torch.device("cpu") if accelerator is None else accelerator
    try:
        device = torch.device(device_map)
    except RuntimeError as error:
        raise ValueError(
            f"device_map must be 'auto' or a device such as 'cpu' or 'cuda:1', not {device_map!r}"
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device_map={device_map!r}, but this machine has no CUDA device; try 'auto' or 'cpu'")
    return device


def load_model(
    model_name: str, config: PreTrainedConfig, options: Mapping[str, object], device: torch.device, dtype: object
) -> PreTrainedModel:
    """The token classifier, in evaluation mode, from safetensors only.

    Raises:
        ValueError: the checkpoint is not a token classifier with at least two labels.
    """
    from transformers import AutoModelForTokenClassification

    architectures = config.architectures or []
    if architectures and not any("ForTokenClassification" in name for name in architectures):
        raise ValueError(f"model_name={model_name!r} holds {', '.join(architectures)}, not a token classifier")
    if (config.num_labels or 0) < 2:
        raise ValueError(f"model_name={model_name!r} has {config.num_labels} label; 2 are needed, drop and keep")
    model, report = AutoModelForTokenClassification.from_pretrained(
        model_name, config=config, dtype=dtype, use_safetensors=True, output_loading_info=True, **options
    )
    if report["missing_keys"]:
        missing = ", ".join(sorted(report["missing_keys"])[:3])
        raise ValueError(f"model_name={model_name!r} lacks weights of a token classifier: {missing}")
    return model.to(device).eval()


def grow_vocabulary(model: PreTrainedModel, size: int) -> None:
    """Gives every piece an embedding row.

    Released checkpoints hold the rows of the placeholders already. Where rows are missing they are drawn as 0.2.2
    draws them, right after seeding with 42; the caller's random state is left as it was.
    """
    if size <= len(model.get_input_embeddings().weight):  # type: ignore[arg-type]  # torch types it as any module
        return
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(42)
        model.resize_token_embeddings(size)


def max_pieces(config: PreTrainedConfig) -> int:
    """Pieces per chunk, frame included: 512, or as many as the model has positions for."""
    positions = getattr(config, "max_position_embeddings", MAX_PIECES + 2)
    if "roberta" in config.model_type:  # its positions start after the padding index
        positions -= (config.pad_token_id or 0) + 1
    return min(MAX_PIECES, positions)
