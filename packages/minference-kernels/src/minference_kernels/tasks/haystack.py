"""Filler text, and prompts of a wanted length in tokens.

The filler is written here, by a small grammar: no licence to carry, no network, and it holds no digits or capitals that
a needle could be confused with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

_WHO = ("the gardener", "a ferryman", "the old clerk", "her neighbour", "a young baker", "the night porter",
        "a travelling tailor", "the miller", "his cousin", "the lighthouse keeper")  # fmt: skip
_DID = ("mended", "carried", "counted", "painted", "forgot", "traded", "polished", "weighed", "borrowed", "hid")
_WHAT = ("the copper kettle", "a bundle of reeds", "the garden gate", "two jars of honey", "a folded map",
         "the spare lantern", "a coil of rope", "the church bell", "a basket of pears", "the river stones")  # fmt: skip
_WHEN = ("before the rain came", "while the market was closing", "on the way to the harbour", "as the bread rose",
         "after the last boat had left", "under a pale winter sun", "without telling anyone", "for the third time",
         "while the children slept", "because the road was flooded")  # fmt: skip


class Tokenizer(Protocol):
    """What the generators and the evaluation need of a tokenizer; those of transformers have it."""

    def encode(self, text: str) -> Sequence[int]: ...

    def decode(self, ids: Any, skip_special_tokens: bool = True) -> str: ...


class ByteTokenizer:
    """UTF-8 bytes as ids 0 ... 255: a tokenizer with no vocabulary to ship."""

    bos_token_id = None
    eos_token_id = None
    vocab_size = 256

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, ids: Any, skip_special_tokens: bool = True) -> str:
        return bytes(int(i) for i in ids if 0 <= int(i) < 256).decode(errors="replace")


@dataclass(frozen=True)
class Sample:
    """A prompt and what counts as solved: all of `answers` must appear in the reply, in any order."""

    task: str
    prompt: str
    answers: tuple[str, ...]
    length: int
    depth: float
    seed: int

    def score(self, reply: str) -> float:
        """Share of the answers that appear in `reply`, not as a part of a longer word or number."""
        found = [re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", reply) for answer in self.answers]
        return sum(match is not None for match in found) / len(self.answers)


def sentences(rng: np.random.Generator, count: int) -> list[str]:
    """`count` filler sentences."""
    parts = [[pool[i] for i in rng.integers(len(pool), size=count)] for pool in (_WHO, _DID, _WHAT, _WHEN)]
    return [f"{who.capitalize()} {did} {what} {when}." for who, did, what, when in zip(*parts, strict=True)]


def insert_at(lines: Sequence[str], needles: Sequence[str], depths: Sequence[float]) -> list[str]:
    """`lines` with each needle put at its depth (0: in front, 1: at the end)."""
    placed = sorted(zip((round(depth * len(lines)) for depth in depths), range(len(needles)), strict=True))
    out, start = [], 0
    for place, which in placed:
        out += [*lines[start:place], needles[which]]
        start = place
    return [*out, *lines[start:]]


def fit(build: Callable[[int], str], length: int, tokenizer: Tokenizer, *, least: int = 1) -> tuple[str, int]:
    """The longest ``build(units)`` of at most `length` tokens, and its length; build must grow with its argument.

    Raises ValueError if even ``build(least)`` is longer.
    """

    def size(units: int) -> int:
        return len(tokenizer.encode(build(units)))

    smallest = size(least)
    if smallest > length:
        raise ValueError(f"this task needs at least {smallest} tokens, but length is {length}")
    low, high = least, least + 1
    while size(high) <= length:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if size(middle) <= length:
            low = middle
        else:
            high = middle
    prompt = build(low)
    return prompt, len(tokenizer.encode(prompt))
