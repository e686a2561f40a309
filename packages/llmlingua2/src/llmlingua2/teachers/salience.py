"""What people repeat: how likely a word of a passage is to come back in a human answer about it.

Counted over pairs of passage and answer. For a stem seen often the estimate is its own share; for a rare or unknown one
it leans on the words of the same document frequency, so that "budget" and a name met once both get a sensible value.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmlingua2.text.function_words import is_content
from llmlingua2.text.lemmas import stem

__all__ = ["Salience"]

# Five pseudo-passages of the frequency class: what a stem needs before its own counts speak.
_PRIOR = 5.0


@dataclass(frozen=True)
class Salience:
    """Shares by stem and by frequency class.

    Attributes:
        by_stem: stem -> (answers that used it, passages that held it).
        frequency: stem -> passages of the whole corpus that hold it; class c holds stems met 2^c - 1 to 2^(c+1) - 2
            times.
        by_class: class -> share of answers that used its stems.
        passages: how many passages were counted.
    """

    by_stem: dict[str, tuple[int, int]]
    frequency: dict[str, int]
    by_class: dict[int, float]
    passages: int

    @classmethod
    def fit(cls, pairs: Iterable[tuple[Sequence[str], Sequence[str]]], corpus: Iterable[Sequence[str]]) -> "Salience":
        """Count over (passage words, answer words) pairs; ``corpus`` are the documents that fix the frequencies.

        Raises:
            ValueError: no pair holds a content word.
        """
        frequency: Counter[str] = Counter()
        documents = 0
        for words in corpus:
            frequency.update({stem(word) for word in words})
            documents += 1
        used: Counter[str] = Counter()
        held: Counter[str] = Counter()
        for passage, answer in pairs:
            present = {stem(word) for word in passage if is_content(word)}
            held.update(present)
            used.update(present & {stem(word) for word in answer if is_content(word)})
        if not held:
            raise ValueError("Salience.fit: no passage holds a content word")
        used_in, held_in = Counter[int](), Counter[int]()
        for item, count in held.items():
            used_in[_class(frequency[item])] += used[item]
            held_in[_class(frequency[item])] += count
        overall = sum(used.values()) / sum(held.values())
        by_class = {key: (used_in[key] + overall) / (held_in[key] + 1) for key in held_in}
        return cls({item: (used[item], held[item]) for item in held}, dict(frequency), by_class, documents)

    def probability(self, item: str) -> float:
        """Of a stem, in (0, 1)."""
        key = _class(self.frequency.get(item, 0))
        nearest = min(self.by_class, key=lambda other: (abs(other - key), other))
        used, held = self.by_stem.get(item, (0, 0))
        return (used + _PRIOR * self.by_class[nearest]) / (held + _PRIOR)

    def save(self, path: str | Path) -> None:
        """Write as JSON; the file appears whole or not at all."""
        content = {
            "by_stem": self.by_stem,
            "frequency": self.frequency,
            "by_class": self.by_class,
            "passages": self.passages,
        }
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(content, ensure_ascii=False, sort_keys=True), encoding="utf-8")
        partial.replace(path)

    @classmethod
    def load(cls, path: str | Path) -> "Salience":
        """Read what ``save`` wrote.

        Raises:
            ValueError: the file holds something else.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls(
                {item: (int(used), int(held)) for item, (used, held) in content["by_stem"].items()},
                {item: int(count) for item, count in content["frequency"].items()},
                {int(key): float(share) for key, share in content["by_class"].items()},
                int(content["passages"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} does not hold salience counts ({type(error).__name__}: {error})") from error


def _class(frequency: int) -> int:
    return int(math.log2(frequency + 1))
