"""What a teacher is: something that answers a chunk of text with a shorter version of it."""

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

__all__ = ["INSTRUCTION", "SYSTEM", "Answer", "BadAnswerError", "Chunk", "Teacher", "prompt", "read_answer"]

# The five rules are the paper's (section 3.1 and appendix); the wording is our own.
SYSTEM = "You are a linguist who is very good at shortening passages of text without losing what they say."
INSTRUCTION = """Shorten the text below for a reader who is a language model. Delete the words it can do without.
Follow these rules strictly:
1. Only delete unimportant words. Do nothing else.
2. Keep the remaining words in their order.
3. Do not change any word.
4. Do not use abbreviations or emoji.
5. Do not add words or symbols.
Delete as much as you can while keeping as much of the information as you can. If you cannot decide, keep the words.
Reply with the shortened text only.

Text:
"""


@dataclass(frozen=True)
class Chunk:
    """A piece of a document on its way to the teacher.

    Attributes:
        id: unique in the corpus; the key by which a stopped run resumes.
        text: what to compress.
        hints: facts about the text that people wrote down (answers, questions, topics), for teachers that read them;
            each is (first character, end character, text): it speaks about that part of ``text`` only.
        source: the data set the chunk is from, and ``group`` the document: splits never cut through a group.
    """

    id: str
    text: str
    hints: tuple[tuple[int, int, str], ...] = ()
    source: str = ""
    group: str = ""


@dataclass(frozen=True)
class Answer:
    """A teacher's answer and what is worth recording about it (tokens used, finish reason ...)."""

    text: str
    details: dict[str, Any] = field(default_factory=dict)


class BadAnswerError(ValueError):
    """The teacher answered, but with something that cannot be used; the message is the reason that is recorded."""


@runtime_checkable
class Teacher(Protocol):
    """Anything with a ``name`` and ``compress(chunk) -> Answer``.

    ``compress`` raises ``BadAnswerError`` for an answer that cannot be used: ``distill`` records it and goes on.
    Any other exception stops the run, which can be resumed. ``concurrency`` is how many threads may call at once.
    """

    @property
    def name(self) -> str: ...

    @property
    def concurrency(self) -> int: ...

    def compress(self, chunk: Chunk) -> Answer: ...


def prompt(text: str) -> list[dict[str, str]]:
    """The chat messages of one request."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": INSTRUCTION + text}]


def read_answer(original: str, answer: str | None, *, shortest: float = 0.02) -> str:
    """The usable text of a language model's answer.

    Args:
        original: the text that was sent.
        answer: the reply; white space around it is dropped.
        shortest: an answer with a smaller share of the original's characters is refused: the model summarised the
            text or gave up (the paper saw up to 20x per sentence, not per chunk).

    Raises:
        BadAnswerError: nothing came back, the answer is longer than the text, or it is over-compressed.
    """
    text = (answer or "").strip()
    if not text:
        raise BadAnswerError("empty answer")
    if len(text) > len(original) * 1.2 + 20:
        raise BadAnswerError(f"answer of {len(text)} characters for a text of {len(original)}")
    if len(text) < shortest * len(original):
        raise BadAnswerError(f"over-compressed: {len(text)} of {len(original)} characters")
    return text
