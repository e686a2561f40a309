"""The token classifier: texts in, a keep probability for every tokenizer piece out (LLMLingua-2, section 3.2 and 4).

A text is tokenized in blocks and cut into chunks of at most 510 pieces at sentence ends. Chunks of the same length
share a batch (on a CPU each has its own, so that its scores do not depend, to the last bit, on what else is scored).
Scores of chunks seen before come from a cache.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmlingua2.scoring.backends import BACKENDS, Forward, load_backend, load_module, quiet
from llmlingua2.scoring.pieces import Encoded, PieceTokenizer
from llmlingua2.scoring.windows import CHUNK_END_TOKENS, blocks, chunks
from llmlingua2.text.words import words

__all__ = ["Pieces", "TokenClassifier"]

_DTYPES = ("auto", "float32", "bfloat16", "float16")
_MAX_LENGTH = 512
_WINDOW_PIECES = 1 << 16  # what is scored at once: enough chunks to fill batches
# Model types that number positions from pad_token_id + 1 on.
_OFFSET_POSITIONS = {"camembert", "data2vec-text", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl"}


class Pieces(NamedTuple):
    """The scored pieces of one block of a text."""

    text: int
    """Index of the text."""
    starts: NDArray[np.int32]
    """First character of each piece in the text, [pieces]."""
    ends: NDArray[np.int32]
    """Character after each piece, [pieces]."""
    keep: NDArray[np.float32]
    """Probability that the piece is kept, [pieces]."""
    chunks: NDArray[np.int32]
    """Index of the first piece of each chunk, [chunks]."""


class _Block(NamedTuple):
    text: int
    offset: int
    encoded: Encoded
    chunks: NDArray[np.int32]


class _Chunk(NamedTuple):
    ids: NDArray[np.int32]
    padded: int
    """Length of the input, special tokens and padding included."""
    place: str
    """Where the chunk stands, for messages."""


class TokenClassifier:
    """A keep/drop token classifier and its tokenizer. Safe to use from several threads.

    Weights are loaded when the first text is scored.
    """

    def __init__(
        self,
        directory: Path,
        *,
        device: str = "auto",
        dtype: str = "auto",
        backend: str = "torch",
        cache_size: int = 4096,
    ) -> None:
        import transformers

        if backend not in BACKENDS:
            raise ValueError(f"backend: {backend!r} is not available; choose from {', '.join(sorted(BACKENDS))}")
        if dtype not in _DTYPES:
            raise ValueError(f"dtype: {dtype!r} is not one of {', '.join(_DTYPES)}")
        _check_device(device)
        self.directory = Path(directory)
        if not (self.directory / "config.json").is_file():
            raise FileNotFoundError(f"{directory} is no checkpoint: it has no config.json")
        self.tokenizer = PieceTokenizer(self.directory)
        config = self._config = transformers.AutoConfig.from_pretrained(str(directory), trust_remote_code=False)
        positions = config.max_position_embeddings
        if config.model_type in _OFFSET_POSITIONS:
            positions -= config.pad_token_id + 1
        wrapping = len(self.tokenizer.prefix) + len(self.tokenizer.suffix)
        self.chunk_pieces: int = min(_MAX_LENGTH, positions) - wrapping
        self._pad_id = config.pad_token_id if config.pad_token_id is not None else self.tokenizer.pad_id
        self._load = {"device": device, "dtype": dtype}
        self._backend = backend
        self._forward: Forward | None = None
        self._lock = threading.Lock()
        self._cache = _ChunkCache(cache_size)

    @classmethod
    def from_pretrained(
        cls,
        path_or_hub_id: str | Path,
        *,
        device: str = "auto",
        dtype: str = "auto",
        backend: str = "torch",
        revision: str | None = None,
        local_files_only: bool = False,
    ) -> "TokenClassifier":
        """Open a checkpoint.

        Args:
            path_or_hub_id: folder in hub format (config.json, safetensors, tokenizer.json), also as written by
                `quantization.quantize_checkpoint`; or a hub id.
            device: "auto" (a GPU when there is one), or a torch device.
            dtype: "auto" (bfloat16 on a GPU, else float32), "float32", "bfloat16" or "float16".
            backend: what runs the network: "torch".
            revision: branch, tag or commit on the hub.
            local_files_only: do not use the network.

        Raises:
            FileNotFoundError: the folder lacks a file; pickled weights are not read.
            ValueError: an argument has a value that is not accepted.
        """
        directory = Path(path_or_hub_id)
        if not directory.is_dir():
            directory = _download(str(path_or_hub_id), revision, local_files_only)
        return cls(directory, device=device, dtype=dtype, backend=backend)

    def save_pretrained(self, directory: str | Path) -> None:
        """Write config.json, model.safetensors (float32) and the tokenizer's files to `directory`."""
        import shutil

        directory = Path(directory)
        module: Any = load_module(self.directory)
        with quiet():
            module.save_pretrained(directory)
        for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
            if (self.directory / name).is_file():
                shutil.copyfile(self.directory / name, directory / name)

    def keep_probabilities(
        self,
        texts: Sequence[str],
        spans: Sequence[NDArray[np.int32]] | None = None,
        *,
        chunk_end_tokens: Sequence[str] = CHUNK_END_TOKENS,
    ) -> Iterator[Pieces]:
        """Score the pieces of `texts`, block by block in order, in memory that does not grow with the texts.

        Args:
            texts: any strings.
            spans: their words, as `text.words.words` finds them; chunks do not cut a word that fits in one.
            chunk_end_tokens: strings after which a chunk may end.

        Raises:
            ValueError: the network gave a probability that is not finite; the message names the chunk.
        """
        waiting: list[_Block] = []
        pieces = 0
        for number, text in enumerate(texts):
            found = words(text) if spans is None else spans[number]
            for start, end in blocks(text, found):
                encoded = self.tokenizer.encode(text[start:end])
                if not len(encoded.ids):
                    continue
                first, last = np.searchsorted(found[:, 0], (start, end))
                cuts = chunks(
                    text[start:end], encoded, found[first:last] - np.int32(start), self.chunk_pieces, chunk_end_tokens
                )
                waiting.append(_Block(number, start, encoded, cuts))
                pieces += len(encoded.ids)
                if pieces >= _WINDOW_PIECES:
                    yield from self._score(waiting)
                    waiting, pieces = [], 0
        yield from self._score(waiting)

    def _score(self, blocks: list[_Block]) -> Iterator[Pieces]:
        keys: list[list[bytes]] = []
        unknown: dict[bytes, _Chunk] = {}
        known: dict[bytes, NDArray[np.float32]] = {}
        for block in blocks:
            keys.append([])
            for first, last in pairwise([*block.chunks.tolist(), len(block.encoded.ids)]):
                ids, starts, ends = (column[first:last] for column in block.encoded)
                key = hashlib.blake2b(ids.tobytes(), digest_size=16).digest()
                keys[-1].append(key)
                if key not in known and key not in unknown:
                    cached = self._cache.get(key)
                    if cached is None:
                        place = (
                            f"characters {block.offset + starts[0]} to {block.offset + ends[-1]} of text {block.text}"
                        )
                        unknown[key] = _Chunk(ids, self._padded(len(ids)), place)
                    else:
                        known[key] = cached
        for length, batch in _batches(unknown, self.forward.batch_pieces) if unknown else ():
            for key, keep in zip(batch, self._probabilities([unknown[key].ids for key in batch], length), strict=True):
                if not np.isfinite(keep).all():
                    raise ValueError(
                        f"the network gave probabilities that are not finite for the chunk at {unknown[key].place}"
                    )
                known[key] = keep
                self._cache.put(key, keep)
        for block, chunk_keys in zip(blocks, keys, strict=True):
            encoded, offset = block.encoded, np.int32(block.offset)
            keep = np.concatenate([known[key] for key in chunk_keys])
            yield Pieces(block.text, encoded.starts + offset, encoded.ends + offset, keep, block.chunks)

    def _padded(self, pieces: int) -> int:
        multiple = self.forward.pad_multiple
        return -(-(len(self.tokenizer.prefix) + pieces + len(self.tokenizer.suffix)) // multiple) * multiple

    def _probabilities(self, chunks: list[NDArray[np.int32]], length: int) -> list[NDArray[np.float32]]:
        prefix, suffix = self.tokenizer.prefix, self.tokenizer.suffix
        batch = np.full((len(chunks), length), self._pad_id, np.int64)
        for row, ids in zip(batch, chunks, strict=True):
            wrapped = [*prefix, *ids.tolist(), *suffix]
            row[: len(wrapped)] = wrapped
        lengths = np.array([len(prefix) + len(ids) + len(suffix) for ids in chunks], np.int64)
        keep = self.forward(batch, lengths)
        return [row[len(prefix) : len(prefix) + len(ids)].copy() for row, ids in zip(keep, chunks, strict=True)]

    def __reduce__(self) -> tuple[Any, ...]:
        # What can be loaded again (weights, locks, cached scores) stays behind.
        return partial(type(self), self.directory, backend=self._backend, cache_size=self._cache.size, **self._load), ()

    def clear_cache(self) -> None:
        """Forget the scores of chunks seen before."""
        self._cache = _ChunkCache(self._cache.size)

    def info(self) -> dict[str, Any]:
        """Facts about the checkpoint, as JSON types."""
        return {
            "model": str(self.directory.name),
            "model_type": self._config.model_type,
            "vocabulary": self._config.vocab_size,
            "chunk_pieces": self.chunk_pieces,
            "backend": self._backend,
            **self._load,
        }

    @property
    def forward(self) -> Forward:
        """The loaded network."""
        if self._forward is None:
            with self._lock:
                if self._forward is None:
                    self._forward = load_backend(self._backend, self.directory, **self._load)
        return self._forward


class _ChunkCache:
    """The most recently used chunk scores."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._scores: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> NDArray[np.float32] | None:
        with self._lock:
            if key in self._scores:
                self._scores.move_to_end(key)
            return self._scores.get(key)

    def put(self, key: bytes, keep: NDArray[np.float32]) -> None:
        with self._lock:
            self._scores[key] = keep
            while len(self._scores) > self.size:
                self._scores.popitem(last=False)


def _batches(chunks: Mapping[bytes, _Chunk], batch_pieces: int) -> Iterator[tuple[int, list[bytes]]]:
    """Chunks to score together, with their padded length, which depends on nothing but the chunk."""
    by_length: dict[int, list[bytes]] = {}
    for key, chunk in chunks.items():
        by_length.setdefault(chunk.padded, []).append(key)
    for length, keys in by_length.items():
        number = max(1, batch_pieces // length)
        yield from ((length, keys[first : first + number]) for first in range(0, len(keys), number))


def _check_device(device: str) -> None:
    import torch

    if device != "auto":
        try:
            torch.device(device)
        except RuntimeError:
            raise ValueError(
                f'device: {device!r} is neither "auto" nor a torch device such as "cpu" or "cuda:0"'
            ) from None


def _download(hub_id: str, revision: str | None, local_files_only: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        folder = snapshot_download(
            hub_id,
            revision=revision,
            local_files_only=local_files_only,
            allow_patterns=["*.json", "*.safetensors", "LICENSE*"],
        )
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise FileNotFoundError(
            f"{hub_id!r} is neither a folder nor a checkpoint that the hub gives: {error}"
        ) from error
    return Path(folder)
