"""What a learned compressor must beat: word scores that need no training on labels.

A scorer maps (text, word offsets [n, 2]) to one score per word, [n] float64; the highest are kept. All of them, and the
model, go through the same words and the same budget code, so only the ranking differs.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from llmlingua2.text.function_words import is_content
from llmlingua2.text.words import words

__all__ = ["BASELINES", "Scorer", "Statistics", "baseline", "selective_context"]

Scorer = Callable[[str, np.ndarray], np.ndarray]

BASELINES = ("random", "truncate", "stopword", "tfidf", "selfinfo", "selfinfo-bigram")


@dataclass
class Statistics:
    """Counts over texts of the domain: words (lower-cased), neighbours, and how many texts hold a word."""

    unigrams: Counter[str] = field(default_factory=Counter)
    bigrams: Counter[tuple[str, str]] = field(default_factory=Counter)
    documents: Counter[str] = field(default_factory=Counter)
    texts: int = 0
    stop_words: frozenset[str] | None = None

    @classmethod
    def fit(cls, texts: Iterable[str], *, stop_words: int = 0) -> "Statistics":
        """Count. ``stop_words`` > 0 takes that many most frequent words as the stop list, for other languages than
        English; otherwise the English list of ``function_words`` holds."""
        counts = cls()
        for text in texts:
            items = _lower(text, words(text))
            counts.unigrams.update(items)
            counts.bigrams.update(pairwise(items))
            counts.documents.update(set(items))
            counts.texts += 1
        if stop_words:
            spoken = ((word, count) for word, count in counts.unigrams.items() if _spoken(word))
            ordered = sorted(spoken, key=lambda item: (-item[1], item[0]))
            counts.stop_words = frozenset(word for word, _ in ordered[:stop_words])
        return counts

    def content(self, word: str) -> bool:
        """Not on the stop list, and not punctuation."""
        if self.stop_words is None:
            return is_content(word)
        return _spoken(word) and word.lower() not in self.stop_words


def baseline(name: str, statistics: Statistics, *, seed: int = 0) -> Scorer:
    """A scorer by name.

    - ``random``: uniform, fixed by the text and the seed;
    - ``truncate``: the beginning of the text;
    - ``stopword``: content words before stop words, ties in random order;
    - ``tfidf``: (1 + log tf) x log(N / df), tf in the text, df over the texts of ``statistics``;
    - ``selfinfo``: -log p(word), add-one smoothing;
    - ``selfinfo-bigram``: -log p(word | word before), interpolated half and half with the unigram.

    Punctuation ranks last in all but the first two.

    Raises:
        ValueError: an unknown name.
    """
    if name not in BASELINES:
        raise ValueError(f"baseline must be one of {', '.join(BASELINES)}, not {name!r}")

    def scorer(text: str, spans: np.ndarray) -> np.ndarray:
        if name == "truncate":
            return -np.arange(len(spans), dtype=float)
        ties = _draws(text, seed, len(spans))
        if name == "random":
            return ties
        if name == "stopword":
            items = [text[start:end] for start, end in spans]
            return np.array([float(statistics.content(item)) for item in items]) + ties / 2
        items = _lower(text, spans)
        scores = _STATISTICAL[name](items, statistics)
        return np.where([_spoken(item) for item in items], scores, -1.0) if items else scores

    return scorer


def selective_context(model: Any, tokenizer: Any, *, window: int = 1024) -> Scorer:
    """Self-information under a causal language model (Selective-Context, Li et al., EMNLP 2023, equation 2).

    A word's score is the sum of -log p over the tokens that overlap it, each given all tokens before it in a window.

    Args:
        model: any ``transformers`` causal language model.
        tokenizer: its fast tokenizer (offsets are needed).
        window: tokens per forward pass; the windows do not overlap.

    Raises:
        ValueError: a tokenizer that has no offsets.
    """
    import torch

    if not getattr(tokenizer, "is_fast", False):
        raise ValueError("selective_context needs a fast tokenizer: only those return offsets")

    def scorer(text: str, spans: np.ndarray) -> np.ndarray:
        encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
        scores = np.zeros(len(spans))
        first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        for begin in range(0, len(ids), window):
            part = ids[begin : begin + window]
            given = [first if first is not None else part[0], *part]
            with torch.inference_mode():
                logits = model(torch.tensor([given], device=model.device)).logits[0, :-1]
            chosen = torch.log_softmax(logits.float(), dim=-1).gather(1, torch.tensor([part], device=model.device).T)
            for value, (start, end) in zip(-chosen[:, 0].cpu().numpy(), offsets[begin : begin + window], strict=True):
                inside = (spans[:, 0] < end) & (spans[:, 1] > start)
                scores[inside] += value
        return scores

    return scorer


def _tfidf(items: list[str], counts: Statistics) -> np.ndarray:
    here = Counter(items)
    idf = {item: math.log((counts.texts + 1) / (counts.documents[item] + 0.5)) for item in here}
    return np.array([(1 + math.log(here[item])) * max(idf[item], 0.0) for item in items])


def _selfinfo(items: list[str], counts: Statistics) -> np.ndarray:
    total = counts.unigrams.total() + len(counts.unigrams) + 1
    return np.array([-math.log((counts.unigrams[item] + 1) / total) for item in items])


def _selfinfo_bigram(items: list[str], counts: Statistics) -> np.ndarray:
    unigram = np.exp(-_selfinfo(items, counts))
    scores = -np.log(unigram)
    for index in range(1, len(items)):
        before = items[index - 1]
        seen = counts.unigrams[before]
        conditional = counts.bigrams[before, items[index]] / seen if seen else 0.0
        scores[index] = -math.log(0.5 * conditional + 0.5 * unigram[index])
    return scores


_STATISTICAL: dict[str, Callable[[list[str], Statistics], np.ndarray]] = {
    "tfidf": _tfidf,
    "selfinfo": _selfinfo,
    "selfinfo-bigram": _selfinfo_bigram,
}


def _draws(text: str, seed: int, count: int) -> np.ndarray:
    digest = hashlib.sha256(f"{seed}:".encode() + text.encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big")).random(count)


def _lower(text: str, spans: np.ndarray) -> list[str]:
    return [text[start:end].lower() for start, end in spans]


def _spoken(word: str) -> bool:
    return any(map(str.isalnum, word))
