"""Tasks without natural text: key-value retrieval, variable tracking, common and frequent words.

Key-value retrieval is the one on which static and block patterns fail (InfiniteBench); the others follow RULER.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from minference_kernels.tasks.haystack import Sample, Tokenizer, fit

_SYLLABLES = ("ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "zu")


def _uuids(seed: int, count: int) -> list[str]:
    rng = np.random.default_rng([seed, 2])
    return [str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in range(count)]


def kv_retrieval(length: int, tokenizer: Tokenizer, *, depth: float = 0.5, seed: int = 0) -> Sample:
    """A JSON object of random UUID pairs; the value of the key at `depth` is asked for."""

    def at(units: int) -> int:
        return min(units - 1, round(depth * (units - 1)))

    def build(units: int) -> str:
        ids = _uuids(seed, 2 * units)
        pairs = dict(zip(ids[::2], ids[1::2], strict=True))
        return (
            f"Extract the value of the key from this JSON object.\n{json.dumps(pairs)}\n"
            f'Key: "{ids[2 * at(units)]}"\nThe value of this key is "'
        )

    prompt, tokens = fit(build, length, tokenizer)
    pairs = json.loads(prompt.split("\n")[1])
    key = prompt.split("\n")[2].split('"')[1]
    return Sample("kv_retrieval", prompt, (pairs[key],), tokens, depth, seed)


def variable_tracking(length: int, tokenizer: Tokenizer, *, depth: float = 0.5, seed: int = 0, hops: int = 4) -> Sample:
    """A chain of assignments among unrelated ones; every variable that holds the first value is asked for.

    The chain begins at `depth` and its links follow in order at random places behind it.
    """
    rng = np.random.default_rng(seed)
    codes = rng.permutation(26**3)
    names = ["".join(chr(65 + code // 26**i % 26) for i in (2, 1, 0)) for code in codes]
    value = str(rng.integers(10000, 100000))
    chain = names[: hops + 1]
    links = [f"VAR {chain[0]} = {value}", *(f"VAR {b} = VAR {a}" for a, b in pairwise(chain))]

    def build(units: int) -> str:
        other = np.random.default_rng([seed, 3])
        spare = names[hops + 1 :]
        lines = [f"VAR {spare[i % len(spare)]} = {other.integers(10000, 100000)}" for i in range(units)]
        places = np.sort(round(depth * units) + (other.random(hops) * (units + 1 - round(depth * units))).astype(int))
        for place, link in zip(places[::-1], links[:0:-1], strict=True):
            lines.insert(int(place), link)
        lines.insert(round(depth * units), links[0])
        return "Track the variables.\n" + "\n".join(lines) + f"\nAll variables that hold the value {value} are:"

    prompt, tokens = fit(build, length, tokenizer)
    return Sample("variable_tracking", prompt, tuple(chain), tokens, depth, seed)


def common_words(length: int, tokenizer: Tokenizer, *, depth: float = 0.5, seed: int = 0) -> Sample:
    """A numbered list in which three words come up ten times as often as the rest. `depth` has no meaning here."""
    return _words("common_words", length, tokenizer, depth, seed, _common)


def frequent_words(length: int, tokenizer: Tokenizer, *, depth: float = 0.5, seed: int = 0) -> Sample:
    """Words drawn from a Zipf law (exponent 2); the three most frequent are asked for. `depth` has no meaning here."""
    return _words(
        "frequent_words", length, tokenizer, depth, seed, lambda rng, units: np.minimum(rng.zipf(2.0, units), 400)
    )


def _common(rng: np.random.Generator, units: int) -> np.ndarray:
    often = np.repeat(np.arange(1, 4), max(2, units // 10))[:units]
    rare = np.arange(4, 4 + units - len(often))
    return rng.permutation(np.concatenate([often, rare]))


def _words(
    task: str, length: int, tokenizer: Tokenizer, depth: float, seed: int,
    draw: Callable[[np.random.Generator, int], np.ndarray],
) -> Sample:  # fmt: skip
    order = np.random.default_rng(seed).permutation(len(_SYLLABLES) ** 3)

    def listed(units: int) -> list[str]:
        ranks = draw(np.random.default_rng([seed, 4]), units)
        codes = order[ranks % len(order)]
        return ["".join(_SYLLABLES[code // 15**i % 15] for i in range(3)) for code in codes]

    def build(units: int) -> str:
        body = " ".join(f"{i + 1}. {word}" for i, word in enumerate(listed(units)))
        return f"Read this list of words.\n{body}\nThe three words that appear most often in the list are:"

    prompt, tokens = fit(build, length, tokenizer, least=30)
    words = prompt.split("\n")[1].split()[1::2]
    top = tuple(word for word, _ in Counter(words).most_common(3))
    return Sample(task, prompt, top, tokens, depth, seed)
