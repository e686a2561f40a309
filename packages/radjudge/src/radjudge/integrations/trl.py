"""A reward for TRL's trainers: ``reward_fn(key="score")`` gives ``f(completions, ground_truth, **columns) -> list``.

TRL calls a reward with the batch's completions and every column of the data set as keywords; completions are plain
strings or lists of chat messages. Nothing of TRL is imported.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from radjudge.judges import Judge
from radjudge.scores import HIGHER_IS_BETTER, SCORES
from radjudge.scoring import score

Reward = Callable[..., list[float]]


def text_of(completion: str | Sequence[Mapping[str, Any]], where: str = "completion") -> str:
    """The text of a completion: a string, or the last assistant message of a chat.

    Raises:
        TypeError: neither of the two, or a message without text content.
    """
    if isinstance(completion, str):
        return completion
    chat = [item for item in completion if isinstance(item, Mapping)] if isinstance(completion, Sequence) else []
    if chat and len(chat) == len(completion):
        messages = [item for item in chat if item.get("role", "assistant") == "assistant"] or chat
        content = messages[-1].get("content")
        if isinstance(content, str):
            return content
        if isinstance(content, Sequence) and content and all(isinstance(part, Mapping) for part in content):
            parts = [part.get("text") for part in content if part.get("type") == "text"]
            if parts and all(isinstance(part, str) for part in parts):
                return "".join(str(part) for part in parts)
    raise TypeError(f"{where} must be a string or a list of chat messages with text content")


def reward_fn(key: str = "score", *, judge: str | Judge = "structured", column: str = "ground_truth") -> Reward:
    """A reward function on reports; larger is better, so counts come negated.

    Args:
        key: one of ``scoring.SCORES``.
        judge: judge or its name.
        column: the data-set column that holds the reference reports.

    Raises:
        ValueError: unknown ``key``; when called, a pair that could not be judged (never a silent 0).
        TypeError: when called, a completion that is neither text nor chat, or no ``column``.
    """
    if key not in SCORES:
        raise ValueError(f"key must be one of {', '.join(SCORES)}, not {key!r}")
    sign = 1.0 if HIGHER_IS_BETTER[key] else -1.0

    def reward(completions: Sequence[Any], **columns: Any) -> list[float]:
        if column not in columns:
            raise TypeError(f"the batch has no column {column!r}; columns: {', '.join(sorted(columns)) or 'none'}")
        candidates = [text_of(item, f"completions[{place}]") for place, item in enumerate(completions)]
        results = score(references=list(columns[column]), candidates=candidates, judge=judge)
        if results.failed:
            first = results.failed[0]
            raise ValueError(f"{len(results.failed)} of {len(results)} pairs could not be judged: {first.error}")
        return [sign * float(getattr(item, key)) for item in results]

    reward.__name__ = f"radjudge_{key}"  # TRL logs rewards by this name
    return reward
