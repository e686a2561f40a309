"""Key-value retrieval in single tokens: the task the hand-compiled model of `retrieval` solves exactly."""

from __future__ import annotations

import numpy as np

from minference_kernels.tasks.haystack import Sample, Tokenizer


def token_pairs(length: int, tokenizer: Tokenizer, *, depth: float = 0.5, seed: int = 0) -> Sample:
    """Words ``k1 v1 k2 v2 ... q`` of a `RetrievalTokenizer`; the answer is the word that followed q at `depth`."""
    vocabulary = getattr(tokenizer, "vocab_size", 0) - 1
    count = (length - 2) // 2
    if count < 1 or 2 * count > vocabulary:
        raise ValueError(
            f"pairs needs a word tokenizer with {max(2, 2 * count)} words for {length} tokens, got {vocabulary}"
        )
    words = [f"w{i}" for i in np.random.default_rng(seed).permutation(vocabulary)[: 2 * count]]
    asked = min(count - 1, round(depth * (count - 1)))
    prompt = " ".join([*words, words[2 * asked]])
    return Sample("pairs", prompt, (words[2 * asked + 1],), len(tokenizer.encode(prompt)), depth, seed)
