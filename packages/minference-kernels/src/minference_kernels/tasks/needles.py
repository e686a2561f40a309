"""Needle tasks: passkey, number string, and needles in a haystack (single, multi-key, multi-value, multi-query).

Modelled on the tasks of InfiniteBench and RULER (arXiv 2402.13718, 2404.06654); the texts are this package's own.
"""

from __future__ import annotations

import numpy as np

from minference_kernels.tasks.haystack import Sample, Tokenizer, fit, insert_at, sentences

_NAMES = ("amber", "birch", "cobalt", "delta", "ember", "fjord", "granite", "hazel", "indigo", "juniper", "kelp",
          "larch", "marble", "nectar", "opal", "pewter", "quartz", "rowan", "saffron", "thistle", "umber", "velvet",
          "willow", "yarrow", "zephyr")  # fmt: skip


def _digits(rng: np.random.Generator, count: int) -> str:
    return "".join(map(str, [*rng.integers(1, 10, 1), *rng.integers(0, 10, count - 1)]))


def _haystack(
    task: str, length: int, depth: float, seed: int, tokenizer: Tokenizer, head: str, needles: list[str],
    depths: list[float], question: str, answers: tuple[str, ...],
) -> Sample:  # fmt: skip
    def build(units: int) -> str:
        filler = sentences(np.random.default_rng([seed, 1]), units)
        return f"{head}\n{' '.join(insert_at(filler, needles, depths))}\n{question}"

    prompt, tokens = fit(build, length, tokenizer)
    return Sample(task, prompt, answers, tokens, depth, seed)


def passkey(length: int, tokenizer: Tokenizer, *, depth: float = 0.5, seed: int = 0) -> Sample:
    """A five-digit key in filler text."""
    key = _digits(np.random.default_rng(seed), 5)
    return _haystack(
        "passkey", length, depth, seed, tokenizer, "Somewhere in this text there is a pass key. Remember it.",
        [f"The pass key is {key}. Remember it: {key} is the pass key."], [depth],
        "What is the pass key? The pass key is", (key,),
    )  # fmt: skip


def number_string(length: int, tokenizer: Tokenizer, *, depth: float = 0.5, seed: int = 0) -> Sample:
    """A ten-digit sequence with runs of equal digits, which is harder to copy than it looks."""
    rng = np.random.default_rng(seed)
    number = "".join(_digits(rng, 1) * int(rng.integers(1, 4)) for _ in range(10))[:10]
    return _haystack(
        "number_string", length, depth, seed, tokenizer, "There is a sequence of digits in this text. Remember it.",
        [f"The sequence of digits is {number}. Remember: {number} is the sequence."], [depth],
        "What is the sequence of digits? The sequence of digits is", (number,),
    )  # fmt: skip


def niah_single(length: int, tokenizer: Tokenizer, *, depth: float = 0.5, seed: int = 0) -> Sample:
    """One named number in filler text."""
    return _niah("niah_single", length, tokenizer, depth, seed, keys=1, values=1, asked=1)


def niah_multikey(length: int, tokenizer: Tokenizer, *, depth: float = 0.5, seed: int = 0) -> Sample:
    """Four named numbers, one asked for."""
    return _niah("niah_multikey", length, tokenizer, depth, seed, keys=4, values=1, asked=1)


def niah_multivalue(length: int, tokenizer: Tokenizer, *, depth: float = 0.5, seed: int = 0) -> Sample:
    """One name with four numbers, all asked for."""
    return _niah("niah_multivalue", length, tokenizer, depth, seed, keys=1, values=4, asked=1)


def niah_multiquery(length: int, tokenizer: Tokenizer, *, depth: float = 0.5, seed: int = 0) -> Sample:
    """Four named numbers, all asked for."""
    return _niah("niah_multiquery", length, tokenizer, depth, seed, keys=4, values=1, asked=4)


def _niah(
    task: str, length: int, tokenizer: Tokenizer, depth: float, seed: int, *, keys: int, values: int, asked: int
) -> Sample:
    rng = np.random.default_rng(seed)
    names = [_NAMES[i] for i in rng.permutation(len(_NAMES))[:keys]]
    numbers = [[_digits(rng, 7) for _ in range(values)] for _ in names]
    needles = [f"The special number of {name} is {n}." for name, own in zip(names, numbers, strict=True) for n in own]
    # the first needle stands at the wanted depth, the others anywhere
    depths = [depth, *rng.random(len(needles) - 1).tolist()]
    listed = " and ".join(names[:asked])
    return _haystack(
        task, length, depth, seed, tokenizer, "Special numbers are hidden in this text. Remember them.",
        needles, depths,
        f"What are all the special numbers of {listed}? They are", tuple(n for own in numbers[:asked] for n in own),
    )  # fmt: skip
