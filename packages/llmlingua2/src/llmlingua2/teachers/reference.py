"""Teachers that need no language model: they read what people wrote about the text.

``ReferenceTeacher`` keeps the words that human answers, questions or topics use, the numbers and operators, and the
negations. ``SalienceTeacher`` ranks all words by what people tend to repeat and writes the best share of them; asked
at several rates, it gives graded labels. Both are deterministic and write plain text, which goes through the same
alignment and filters as a language model's answer.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from llmlingua2.teachers.protocol import Answer, BadAnswerError, Chunk
from llmlingua2.teachers.salience import Salience
from llmlingua2.text.function_words import is_content
from llmlingua2.text.lemmas import stem
from llmlingua2.text.words import words

__all__ = ["ReferenceTeacher", "SalienceTeacher"]

_NEGATION = re.compile(
    r"(?:not|no|never|nor|neither|none|nobody|nothing|nowhere|without|cannot|.*n['’]t)", re.IGNORECASE
)
_OPERATORS = frozenset("+-−*×/÷=<>%$€£")
_CLAUSE_END = frozenset(".,;:!?()\n")
# How far a negation reaches, in words: "not going to be able to ship".
_SCOPE = 4


@dataclass(frozen=True)
class ReferenceTeacher:
    """Keeps (a) words whose stem occurs in a hint about their place, (b) numbers, operators and, without hints, names,
    (c) every negation.

    A chunk with no word to keep is a ``BadAnswerError``: there is no evidence about it.
    """

    name: str = "reference"
    concurrency: int = 1

    def compress(self, chunk: Chunk) -> Answer:
        """The kept words, separated by single spaces."""
        spans = words(chunk.text)
        items = [chunk.text[start:end] for start, end in spans]
        hinted = _hinted(chunk, spans)
        chosen = [
            word
            for index, word in enumerate(items)
            if (is_content(word) and stem(word) in hinted[index])
            or _has_digit(word)
            or word in _OPERATORS
            or _NEGATION.fullmatch(word)
            or (not chunk.hints and _is_name(items, index))
        ]
        if not chosen:
            wanted = "word named by a hint" if chunk.hints else "name"
            raise BadAnswerError(f"no word to keep: no {wanted}, number or negation in the chunk")
        return Answer(" ".join(chosen))


class SalienceTeacher:
    """Writes the ``rate`` most salient words of a chunk, in order.

    A content word counts for its salience (``Salience.probability``), more when the text repeats its stem, when a
    human answer about this very place uses it, or when it is a number or a name. Only the first mention of a stem
    counts in full: repetition is what a compressor should save. Neighbours lend each other a share, so that phrases
    stay readable and the words between two kept words come along. A negation counts as much as the best word that it
    may negate.

    Args:
        salience: counted on training data only.
        rate: share of the words to write, in (0, 1].
        sharpness: exponent of the salience; below 1, rare words and names gain on the favourites of the training data.
        repeats: exponent of the stem's count in the chunk.
        later: factor of a mention after the first.
        hinted: factor of a word that a hint about its place uses.
        number: factor of a word with a digit (and of operators, where there is no hint).
        name: factor of a word capitalised inside a sentence.
        neighbour: share that a word gets of each neighbour's value.

    Raises:
        ValueError: a rate outside (0, 1].
    """

    concurrency = 1

    def __init__(
        self,
        salience: Salience,
        *,
        rate: float,
        sharpness: float = 0.7,
        repeats: float = 0.3,
        later: float = 0.1,
        hinted: float = 2.0,
        number: float = 3.0,
        name: float = 1.5,
        neighbour: float = 0.5,
    ) -> None:
        if not 0 < rate <= 1:
            raise ValueError(f"SalienceTeacher: rate must lie in (0, 1], not {rate}")
        self.name = f"salience@{rate:g}"
        self.rate = rate
        self._salience, self._sharpness = salience, sharpness
        self._repeats, self._later, self._hinted = repeats, later, hinted
        self._number, self._name, self._neighbour = number, name, neighbour

    def compress(self, chunk: Chunk) -> Answer:
        """The kept words, separated by single spaces."""
        spans = words(chunk.text)
        items = [chunk.text[start:end] for start, end in spans]
        values = self.values(chunk, spans, items)
        budget = math.ceil(self.rate * len(items))
        order = np.argsort(-values, kind="stable")[:budget]
        chosen = np.sort(order[values[order] > 0])
        if not len(chosen):
            raise BadAnswerError("the chunk holds no content word")
        return Answer(" ".join(items[index] for index in chosen))

    def values(self, chunk: Chunk, spans: np.ndarray, items: list[str]) -> np.ndarray:
        """[len(items)] float: what each word counts for; 0 for punctuation."""
        stems = [stem(word) for word in items]
        hinted = _hinted(chunk, spans)
        count = Counter(stems)
        seen: set[str] = set()
        own = np.zeros(len(items))
        content = np.zeros(len(items), dtype=bool)
        for index, (word, item) in enumerate(zip(items, stems, strict=True)):
            number = _has_digit(word) or (word in _OPERATORS and not chunk.hints)
            content[index] = number or is_content(word)
            if not content[index]:
                continue
            own[index] = self._salience.probability(item) ** self._sharpness
            if number:
                # A figure said twice is two figures: no discount.
                own[index] *= self._number
            else:
                own[index] *= count[item] ** self._repeats
                own[index] *= self._name if _is_name(items, index) else 1.0
                own[index] *= self._later if item in seen else 1.0
            if item in hinted[index]:
                own[index] *= self._hinted
            seen.add(item)
        lent = np.append(own[1:], 0) + np.append(0, own[:-1])
        spoken = np.array([any(map(str.isalnum, word)) for word in items], dtype=bool)
        values = np.where(content, own + self._neighbour * lent, np.where(spoken, self._neighbour * lent, 0.0))
        for index, word in enumerate(items):
            if _NEGATION.fullmatch(word):
                values[index] = max(values[index], _best_in_scope(items, values, index))
        return values


def _best_in_scope(items: list[str], values: np.ndarray, index: int) -> float:
    best = 0.0
    for follower in range(index + 1, min(index + 1 + _SCOPE, len(items))):
        if items[follower] in _CLAUSE_END:
            break
        best = max(best, float(values[follower]))
    return best


def _hinted(chunk: Chunk, spans: np.ndarray) -> list[frozenset[str]]:
    """For each word the stems of the hints that speak about its place."""
    marks: list[set[str]] = [set() for _ in spans]
    for first, last, hint in chunk.hints:
        stems = {stem(hint[start:end]) for start, end in words(hint)}
        inside = np.flatnonzero((spans[:, 0] >= first) & (spans[:, 1] <= last)) if len(spans) else ()
        for index in inside:
            marks[index] |= stems
    return [frozenset(mark) for mark in marks]


def _has_digit(word: str) -> bool:
    return any(map(str.isdigit, word))


def _is_name(items: list[str], index: int) -> bool:
    """Capitalised inside a sentence."""
    return index > 0 and items[index][:1].isupper() and items[index - 1] not in _CLAUSE_END and is_content(items[index])
