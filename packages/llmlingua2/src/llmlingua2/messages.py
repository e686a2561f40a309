"""Chat messages: old turns and tool output shrink to a total, everything else stays as it is."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

from llmlingua2.selection.preserve import is_span
from llmlingua2.selection.prompt import Prompt
from llmlingua2.selection.scored_texts import unscored
from llmlingua2.selection.settings import Options, Settings

if TYPE_CHECKING:
    from llmlingua2.compressor import Compressor

__all__ = ["CompressedMessages", "compress_messages"]

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_TEXT_PARTS = ("text", "input_text", "output_text")


@dataclass(frozen=True)
class CompressedMessages:
    """Messages and what they count.

    Attributes:
        messages: new messages, in the shape of the old.
        origin_tokens: tokens of all text contents before.
        compressed_tokens: tokens of all text contents.
        counter: name of the counter.
    """

    messages: list[dict[str, Any]]
    origin_tokens: int
    compressed_tokens: int
    counter: str

    @property
    def rate(self) -> float:
        """`compressed_tokens / origin_tokens`; 1.0 if there was no text."""
        return self.compressed_tokens / self.origin_tokens if self.origin_tokens else 1.0


class _Text(NamedTuple):
    """A text in the messages: the container that holds it, under which key, and on whose behalf it speaks."""

    holder: dict[str, Any]
    key: str
    role: str


def compress_messages(
    compressor: "Compressor",
    messages: Sequence[Mapping[str, Any]],
    *,
    target_tokens: int | None = None,
    rate: float | None = None,
    roles: Sequence[str] = ("user", "tool"),
    keep_last: int = 2,
    **options: Unpack[Options],
) -> CompressedMessages:
    """Compress the text contents of chat messages to a total.

    Reads messages as OpenAI and Anthropic write them: ``content`` is a string, nothing, or a list of parts, of which
    text parts and tool results (role "tool") are text. Tool calls, images and all other fields are never touched.

    Args:
        compressor: scores and counts.
        messages: the conversation; it is not changed.
        target_tokens: most tokens of all text contents together, those left as they are included; at least 1.
        rate: the same as a share of what they have now, above 0 and at most 1.
        roles: whose texts are compressed. System prompts are not, unless named.
        keep_last: how many messages at the end stay as they are.
        options: see `selection.settings.Options`; not `budget`, the context-level filter, `instruction`, `question`.

    Returns:
        New messages. No text with words becomes empty: services refuse messages without content.

    Raises:
        BudgetError: what stays as it is, with one word of each other text, is above the total, and `on_overflow` is
            not "keep".
        TypeError, ValueError: a message or an argument is not as described; the message says which.
    """
    settings = Settings(target_tokens=target_tokens, rate=rate, **options)
    if settings.budget != "prompt" or settings.filters_contexts or settings.instruction or settings.question:
        raise ValueError(
            "budget, context-level filter, instruction, question: messages share one total, none is left out or added"
        )
    if any(is_span(rule) for rule in settings.preserve):
        raise ValueError("preserve: a span (start, end) does not say in which message; use a function")
    if isinstance(roles, str) or not set(roles) <= set(_ROLES):
        raise ValueError(f"roles: {roles!r} is not a list of some of {', '.join(_ROLES)}")
    if isinstance(keep_last, bool) or not isinstance(keep_last, int) or keep_last < 0:
        raise ValueError(f"keep_last: {keep_last!r} is not a whole number of at least 0")
    copies = [_copied(number, message) for number, message in enumerate(messages)]
    texts: list[_Text] = []
    fixed: list[bool] = []
    for number, message in enumerate(copies):
        last = number >= len(copies) - keep_last
        for text in _texts(message, number):
            texts.append(text)
            fixed.append(last or text.role not in roles)
    contents = [text.holder[text.key] for text in texts]
    loose = [number for number in range(len(texts)) if not fixed[number]]
    scored = iter(compressor.score([contents[number] for number in loose]).scored)
    everything = [unscored(content) if stays else next(scored) for content, stays in zip(contents, fixed, strict=True)]
    prompt = Prompt(everything, settings, compressor.counter, fixed=fixed, separate=True)
    kept = prompt.keep(prompt.choose())
    compressed = prompt.texts_from(kept.slices)
    for number in loose:
        texts[number].holder[texts[number].key] = compressed[number]
    return CompressedMessages(copies, prompt.origin_tokens, kept.tokens, compressor.counter.name)


def _copied(number: int, message: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(message, Mapping) or message.get("role") not in _ROLES:
        raise ValueError(f"messages[{number}]: give a mapping with a role, one of {', '.join(_ROLES)}")
    return {**message, "content": deepcopy(message["content"])} if "content" in message else dict(message)


def _texts(message: dict[str, Any], number: int) -> Iterator[_Text]:
    role = "tool" if message["role"] == "function" else message["role"]
    content = message.get("content")
    if content is None:
        return
    if isinstance(content, str):
        yield _Text(message, "content", role)
    elif isinstance(content, list):
        yield from _texts_of_parts(content, role, number)
    else:
        raise TypeError(f"messages[{number}]: content is {type(content).__name__}, not a string or a list of parts")


def _texts_of_parts(parts: list[Any], role: str, number: int) -> Iterator[_Text]:
    for part in parts:
        if not isinstance(part, dict):
            raise TypeError(f"messages[{number}]: a part of the content is {type(part).__name__}, not a dict")
        if part.get("type") in _TEXT_PARTS and isinstance(part.get("text"), str):
            yield _Text(part, "text", role)
        elif part.get("type") == "tool_result":
            result = part.get("content")
            if isinstance(result, str):
                yield _Text(part, "content", "tool")
            elif isinstance(result, list):
                yield from _texts_of_parts(result, "tool", number)
