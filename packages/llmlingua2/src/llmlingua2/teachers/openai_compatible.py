"""A teacher behind any server that speaks OpenAI's chat protocol (the paper used GPT-4-32k that way)."""

import json
import os
import threading
from typing import Any

from llmlingua2.teachers.protocol import Answer, BadAnswerError, Chunk, prompt, read_answer

__all__ = ["OpenAICompatibleTeacher"]


class OpenAICompatibleTeacher:
    """Asks a chat model to shorten each chunk, with the paper's rules and sampling settings.

    The API key is read from the environment only and never stored, logged or written. Rate limits (429), server errors
    (5xx) and time-outs are retried by the client with growing pauses that respect ``Retry-After``; what still fails is
    a ``BadAnswerError`` for that chunk. A refused key, an unknown model or a malformed request stops the run: no later
    chunk would fare better.

    Args:
        model: the server's name of the model.
        base_url: such as ``http://localhost:8000/v1``; default: the client's (``OPENAI_BASE_URL`` or openai.com).
        key_variable: environment variable that holds the key. It may be unset only for a ``base_url`` of your own,
            since local servers want none.
        temperature, top_p, max_tokens: 0.3, 1.0 and 4,096 in the paper.
        concurrency: requests in flight at once.
        retries: further attempts after the first.
        timeout: seconds for one attempt.
        shortest: see ``read_answer``.

    Raises:
        ImportError: the ``llm`` extra is missing.
        ValueError: no key, or a setting out of range.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        key_variable: str = "OPENAI_API_KEY",
        temperature: float = 0.3,
        top_p: float = 1.0,
        max_tokens: int = 4096,
        concurrency: int = 8,
        retries: int = 5,
        timeout: float = 120.0,
        shortest: float = 0.02,
    ) -> None:
        for name, value in (("concurrency", concurrency), ("max_tokens", max_tokens)):
            if value < 1:
                raise ValueError(f"OpenAICompatibleTeacher: {name} must be at least 1, not {value}")
        if retries < 0:
            raise ValueError(f"OpenAICompatibleTeacher: retries must be at least 0, not {retries}")
        if not os.environ.get(key_variable) and base_url is None:
            raise ValueError(f"OpenAICompatibleTeacher: set the environment variable {key_variable} to your API key")
        try:
            import openai
        except ImportError as error:
            raise ImportError('OpenAICompatibleTeacher needs: pip install "llmlingua2[llm]"') from error
        self.name, self.concurrency = model, concurrency
        self._openai, self._shortest = openai, shortest
        self._client = openai.OpenAI(
            api_key=os.environ.get(key_variable) or "none", base_url=base_url, max_retries=retries, timeout=timeout
        )
        self._settings: dict[str, Any] = {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens}
        self._lock = threading.Lock()
        self.tokens_used = {"input": 0, "output": 0}

    def compress(self, chunk: Chunk) -> Answer:
        """One request; ``details`` holds the tokens billed.

        Raises:
            BadAnswerError: see the class; also a reply that is not a chat completion, or one cut at ``max_tokens``.
            openai.APIStatusError: 400, 401, 403, 404, 422: the run cannot go on.
        """
        text, usage = self._chat(prompt(chunk.text))
        return Answer(read_answer(chunk.text, text, shortest=self._shortest), usage)

    def reply(self, request: str) -> str:
        """The plain answer to one user message, for other uses of the same server; raises as ``compress``."""
        return (self._chat([{"role": "user", "content": request}])[0] or "").strip()

    def _chat(self, messages: list[dict[str, str]]) -> tuple[str | None, dict[str, int]]:
        openai = self._openai
        try:
            reply = self._client.chat.completions.create(
                model=self.name,
                messages=messages,  # type: ignore[arg-type]
                **self._settings,
            )
        except (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError) as error:
            raise BadAnswerError(f"no answer after retries: {type(error).__name__}") from error
        except (openai.APIResponseValidationError, json.JSONDecodeError) as error:
            raise BadAnswerError(f"malformed reply: {type(error).__name__}") from error
        try:
            choice = reply.choices[0]
            content, reason = choice.message.content, choice.finish_reason
        except (AttributeError, IndexError, TypeError) as error:
            raise BadAnswerError("malformed reply: not a chat completion") from error
        usage = self._record(reply.usage)
        if reason == "length":
            raise BadAnswerError(f"answer cut at {self._settings['max_tokens']} tokens")
        if reason == "content_filter":
            raise BadAnswerError("answer withheld by the server's content filter")
        return content, usage

    def _record(self, usage: Any) -> dict[str, int]:
        if usage is None:
            return {}
        used = {"input_tokens": usage.prompt_tokens or 0, "output_tokens": usage.completion_tokens or 0}
        with self._lock:
            self.tokens_used["input"] += used["input_tokens"]
            self.tokens_used["output"] += used["output_tokens"]
        return used
