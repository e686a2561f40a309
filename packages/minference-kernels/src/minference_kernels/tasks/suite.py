"""The tasks by name, and grids of samples over lengths and depths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from minference_kernels.tasks import needles, pairs, structured
from minference_kernels.tasks.haystack import Sample, Tokenizer


class Generator(Protocol):
    """A task: the same arguments give the same sample."""

    def __call__(self, length: int, tokenizer: Tokenizer, *, depth: float = 0.5, seed: int = 0) -> Sample: ...


TASKS: dict[str, Generator] = {
    "passkey": needles.passkey,
    "number_string": needles.number_string,
    "niah_single": needles.niah_single,
    "niah_multikey": needles.niah_multikey,
    "niah_multivalue": needles.niah_multivalue,
    "niah_multiquery": needles.niah_multiquery,
    "kv_retrieval": structured.kv_retrieval,
    "variable_tracking": structured.variable_tracking,
    "common_words": structured.common_words,
    "frequent_words": structured.frequent_words,
    "pairs": pairs.token_pairs,
}


def make_sample(task: str, length: int, tokenizer: Tokenizer, *, depth: float = 0.5, seed: int = 0) -> Sample:
    """One sample of at most `length` tokens, its (first) needle at `depth` in [0, 1]. ValueError for unknown tasks."""
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r}; accepted: {', '.join(TASKS)}")
    if not 0 <= depth <= 1:
        raise ValueError(f"depth must lie in [0, 1], got {depth}")
    return TASKS[task](length, tokenizer, depth=depth, seed=seed)


def make_suite(
    tasks: Sequence[str],
    lengths: Sequence[int],
    depths: Sequence[float],
    samples: int,
    tokenizer: Tokenizer,
    seed: int = 0,
) -> Iterator[Sample]:
    """Every task at every length and depth, `samples` times with different seeds."""
    for task in tasks:
        for length in lengths:
            for i, depth in enumerate(depths):
                for n in range(samples):
                    yield make_sample(task, length, tokenizer, depth=depth, seed=seed * 100_003 + i * 1_009 + n)
