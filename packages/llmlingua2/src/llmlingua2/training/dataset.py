"""Labelled words as the student sees them: pieces of the surface text, one target per piece.

Where upstream's training code departs from its paper, this module takes the paper's side: pieces come from the text
itself, commas and inflection included, and never from lemmas; a label reaches pieces through character offsets, so
the last word keeps its own; [CLS], [SEP] and padding carry no target and no loss.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from llmlingua2.scoring.pieces import PieceTokenizer
from tenfold_core.datasets import split_by_group
from tenfold_core.logging import get_logger

if TYPE_CHECKING:
    import torch

__all__ = ["IGNORED", "Example", "batches", "collate", "divide", "encode", "shuffled"]

_logger = get_logger(__name__)

IGNORED = -100.0
"""Target of a position that has no label."""


@dataclass(frozen=True)
class Example:
    """One chunk: ``ids`` [n] int64 with the special tokens, ``targets`` [n] float32 in [0, 1] or ``IGNORED``."""

    ids: np.ndarray
    targets: np.ndarray
    source: str = ""
    group: str = ""


def encode(row: Mapping[str, Any], tokenizer: PieceTokenizer, *, max_length: int = 512) -> Example:
    """The example of a (merged) label row; pieces beyond ``max_length`` are cut.

    A piece takes the label of the word it overlaps; a piece that overlaps none (a mark that the word splitter reads as
    white space) is ignored.

    Raises:
        ValueError: as many labels as words is not what the row holds.
    """
    spans = np.asarray(row["words"], dtype=np.int64).reshape(-1, 2)
    labels = np.asarray(row["labels"], dtype=np.float32)
    if len(spans) != len(labels):
        raise ValueError(f"chunk {row.get('chunk')}: {len(labels)} labels for {len(spans)} words")
    pieces = tokenizer.encode(row["text"])
    room = max_length - len(tokenizer.prefix) - len(tokenizer.suffix)
    starts, ends, ids = pieces.starts[:room], pieces.ends[:room], pieces.ids[:room]
    word = np.searchsorted(spans[:, 0], ends, side="left") - 1
    inside = (word >= 0) & (spans[np.maximum(word, 0), 1] > starts) if len(spans) else np.zeros(len(ids), dtype=bool)
    targets = np.where(inside, labels[np.maximum(word, 0)] if len(labels) else 0, IGNORED)
    outer = (np.full(len(tokenizer.prefix), IGNORED), targets, np.full(len(tokenizer.suffix), IGNORED))
    return Example(
        np.concatenate([tokenizer.prefix, ids, tokenizer.suffix]).astype(np.int64),
        np.concatenate(outer).astype(np.float32),
        str(row.get("source", "")),
        str(row.get("group", "")),
    )


def divide(examples: Sequence[Example], share: float, *, seed: int) -> tuple[list[Example], list[Example]]:
    """Training and validation: whole documents (groups), ``share`` of them held out, on either side at least one.

    Raises:
        ValueError: there are not two documents.
    """
    groups = [example.group for example in examples]
    if len(set(groups)) < 2:
        name = repr(groups[0]) if groups else "none"
        raise ValueError(
            f"train: the {len(examples)} chunks are of one document ({name}), and another is needed for validation; "
            "give parts of it names of their own ('idx')"
        )
    parts = split_by_group(groups, {"training": 1 - share, "validation": share}, seed=seed)
    for empty, full in (("validation", "training"), ("training", "validation")):
        if not parts[empty]:  # the split is by hash, and may leave out a side where documents are few
            names = sorted({groups[index] for index in parts[full]})
            moved = names[np.random.default_rng(seed).integers(len(names))]
            _logger.info("%d documents are few to divide: %s is for %s", len(names), moved, empty)
            parts[empty] = [index for index in parts[full] if groups[index] == moved]
            parts[full] = [index for index in parts[full] if groups[index] != moved]
    return [examples[index] for index in parts["training"]], [examples[index] for index in parts["validation"]]


def shuffled(examples: Iterable[Example], *, seed: int) -> Iterator[Example]:
    """The control: each example's targets in random order, so that only the overall keep rate can be learned."""
    rng = np.random.default_rng([seed, 7])
    for example in examples:
        targets = example.targets.copy()
        labelled = targets != IGNORED
        targets[labelled] = rng.permutation(targets[labelled])
        yield Example(example.ids, targets, example.source, example.group)


def batches(lengths: Sequence[int], batch_size: int, *, seed: int, epoch: int, pool: int = 16) -> list[np.ndarray]:
    """The batches of one epoch: every index once, in an order fixed by seed and epoch, neighbours of similar length.

    Chunks are drawn at random into pools of ``pool`` batches and sorted inside, so little is padded and the order still
    varies. The last batch may be smaller.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lengths))
    sizes = np.asarray(lengths)
    found = []
    for start in range(0, len(order), pool * batch_size):
        members = order[start : start + pool * batch_size]
        members = members[np.argsort(sizes[members], kind="stable")]
        found += [members[at : at + batch_size] for at in range(0, len(members), batch_size)]
    return [found[index] for index in rng.permutation(len(found))]


def collate(examples: Sequence[Example], pad_id: int) -> "dict[str, torch.Tensor]":
    """``input_ids``, ``attention_mask`` (int64) and ``targets`` (float32), each [batch, longest]."""
    import torch

    longest = max(len(example.ids) for example in examples)
    ids = np.full((len(examples), longest), pad_id, dtype=np.int64)
    mask = np.zeros((len(examples), longest), dtype=np.int64)
    targets = np.full((len(examples), longest), IGNORED, dtype=np.float32)
    for row, example in enumerate(examples):
        size = len(example.ids)
        ids[row, :size], mask[row, :size], targets[row, :size] = example.ids, 1, example.targets
    return {
        "input_ids": torch.from_numpy(ids),
        "attention_mask": torch.from_numpy(mask),
        "targets": torch.from_numpy(targets),
    }
