"""A teacher with known faults, for measuring alignment and filters against the truth.

It changes the answer of another teacher the way language models do: inflected words, invented words, swapped
neighbours. The defaults are the light noise of this package's alignment benchmark.
"""

import hashlib
import random
import re
from dataclasses import dataclass

from llmlingua2.teachers.protocol import Answer, Chunk, Teacher

__all__ = ["NoisyTeacher"]


@dataclass
class NoisyTeacher:
    """Wraps ``teacher`` and spoils its answers.

    Args:
        teacher: whose answers to spoil.
        inflection: share of words whose ending is changed ("report" -> "reported").
        insertion: share of words followed by an invented one, half of them from the text, half not.
        swap: share of neighbours exchanged.
        seed: the faults of a chunk depend on the seed and the chunk's id alone, not on the order of calls.
    """

    teacher: Teacher
    inflection: float = 0.10
    insertion: float = 0.05
    swap: float = 0.08
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("inflection", "insertion", "swap"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"NoisyTeacher: {name} must lie in [0, 1], not {getattr(self, name)}")
        self.name = f"noisy-{self.teacher.name}"
        self.concurrency = self.teacher.concurrency

    def compress(self, chunk: Chunk) -> Answer:
        """The wrapped teacher's answer with faults; ``details["faults"]`` counts them by kind."""
        answer = self.teacher.compress(chunk)
        digest = hashlib.sha256(f"{self.seed}:{chunk.id}".encode()).digest()
        text, faults = spoil(
            answer.text,
            chunk.text,
            inflection=self.inflection,
            insertion=self.insertion,
            swap=self.swap,
            random=random.Random(digest),
        )
        return Answer(text, {**answer.details, "faults": faults})


def spoil(
    answer: str, original: str, *, inflection: float, insertion: float, swap: float, random: random.Random
) -> tuple[str, dict[str, int]]:
    """The answer with faults drawn from ``random``, and how many of each kind went in."""
    source = re.findall(r"\w+", original) or ["word"]
    faults = {"inflection": 0, "insertion": 0, "swap": 0}
    words: list[str] = []
    for word in answer.split():
        if len(word) > 3 and word.isalpha() and random.random() < inflection:
            word += random.choice(("s", "ed", "ing"))
            faults["inflection"] += 1
        words.append(word)
        if random.random() < insertion:
            words.append(random.choice(source) if random.random() < 0.5 else f"{random.choice(source)}ish")
            faults["insertion"] += 1
    index = 0
    while index < len(words) - 1:
        if random.random() < swap:
            words[index], words[index + 1] = words[index + 1], words[index]
            faults["swap"] += 1
            index += 1
        index += 1
    return " ".join(words), faults
