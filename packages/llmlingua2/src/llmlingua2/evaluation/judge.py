"""Question answering on compressed text by a language model, for people with an endpoint (paper, section 5).

The model answers each question from the original and from the compressed passage; answers are compared with the human
one by token F1 and by best-subspan exact match, so the judge is arithmetic and the model only a reader.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llmlingua2.text.function_words import is_content
from llmlingua2.text.lemmas import stem
from llmlingua2.text.words import words
from tenfold_core.metrics import Interval, best_subspan_em, bootstrap_ci

__all__ = ["Case", "Reading", "ask_openai", "read_and_judge", "token_f1"]

_PROMPT = """Answer the question from the text only, in as few words as you can.

Text:
{text}

Question: {question}
Answer:"""


@dataclass(frozen=True)
class Case:
    """A question, the accepted answers, the passage, and the document it is from."""

    question: str
    answers: tuple[str, ...]
    text: str
    group: str


@dataclass(frozen=True)
class Reading:
    """Mean scores with 95 % intervals over documents."""

    f1: Interval
    exact: Interval


def token_f1(prediction: str, answer: str) -> float:
    """F1 of the content stems that prediction and answer share, in [0, 1]; 1 if neither holds any."""
    found, wanted = (Counter(_stems(text)) for text in (prediction, answer))
    if not found or not wanted:
        return float(found == wanted)
    shared = (found & wanted).total()
    return 2 * shared / (found.total() + wanted.total())


def read_and_judge(cases: Sequence[Case], compress: Callable[[str], str], ask: Callable[[str], str]) -> Reading:
    """Let the model answer every question from the compressed passage.

    Args:
        cases: at least two, of two documents.
        compress: text -> shorter text; the identity gives the ceiling.
        ask: prompt -> reply, such as ``ask_openai(...)``.
    """
    f1, exact = [], []
    for case in cases:
        reply = ask(_PROMPT.format(text=compress(case.text), question=case.question))
        f1.append(max(token_f1(reply, answer) for answer in case.answers))
        exact.append(float(best_subspan_em(reply, case.answers)))
    groups = [case.group for case in cases]
    return Reading(bootstrap_ci(f1, groups=groups), bootstrap_ci(exact, groups=groups))


def ask_openai(
    model: str, *, base_url: str | None = None, key_variable: str = "OPENAI_API_KEY"
) -> Callable[[str], str]:
    """A reader behind an OpenAI-compatible server, at temperature 0; the key comes from the environment only.

    Raises:
        ImportError: the ``llm`` extra is missing.
        ValueError: no key and no ``base_url``.
    """
    from llmlingua2.teachers.openai_compatible import OpenAICompatibleTeacher

    client = OpenAICompatibleTeacher(
        model, base_url=base_url, key_variable=key_variable, temperature=0.0, max_tokens=200, concurrency=1
    )
    return client.reply


def _stems(text: str) -> list[str]:
    found = (text[start:end] for start, end in words(text))
    return [stem(word) for word in found if is_content(word)]
