"""`Compressor`: prompts in, shorter prompts out."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any, Unpack

from llmlingua2.messages import CompressedMessages, compress_messages
from llmlingua2.result import CompressionResult
from llmlingua2.scores import Scores
from llmlingua2.scoring.classifier import TokenClassifier
from llmlingua2.scoring.windows import CHUNK_END_TOKENS
from llmlingua2.selection.scored_texts import score_texts
from llmlingua2.selection.settings import Options, Settings, check_strings
from llmlingua2.structured import compress_json, compress_structured
from llmlingua2.text.counters import Counter, default_counter, resolve_counter

__all__ = ["Compressor"]


class Compressor:
    """Compresses prompts to an exact budget by keeping the words a token classifier wants to keep.

    Safe to use from several threads. Weights are loaded when they are first needed.

    Example:
        >>> compressor = Compressor.default()
        >>> result = compressor.compress(prompt, rate=0.33)
        >>> result.text, result.compressed_tokens, result.spans

    Args:
        classifier: the model.
        counter: what a token is; see `text.counters.resolve_counter`.
    """

    def __init__(
        self, classifier: TokenClassifier, *, counter: "str | Counter | Callable[[str], int]" = "cl100k_base"
    ) -> None:
        self.classifier = classifier
        self.counter = resolve_counter(counter)

    @classmethod
    def from_pretrained(
        cls,
        path_or_hub_id: str | Path,
        *,
        device: str = "auto",
        dtype: str = "auto",
        backend: str = "torch",
        counter: "str | Counter | Callable[[str], int]" = "cl100k_base",
        revision: str | None = None,
        local_files_only: bool = False,
    ) -> "Compressor":
        """Open a checkpoint: see `TokenClassifier.from_pretrained`; `counter`: see `text.counters.resolve_counter`."""
        counter = resolve_counter(counter)
        classifier = TokenClassifier.from_pretrained(
            path_or_hub_id,
            device=device,
            dtype=dtype,
            backend=backend,
            revision=revision,
            local_files_only=local_files_only,
        )
        return cls(classifier, counter=counter)

    @classmethod
    def default(
        cls, *, counter: "str | Counter | Callable[[str], int] | None" = None, device: str = "cpu"
    ) -> "Compressor":
        """The small English model inside this package; no network.

        Args:
            counter: cl100k_base if tiktoken and its vocabulary are on this machine, else "words", unless named.
            device: "cpu", "auto", or a torch device.
        """
        folder = files("llmlingua2").joinpath("assets/model")
        classifier = TokenClassifier.from_pretrained(Path(str(folder)), device=device)
        return cls(classifier, counter=default_counter() if counter is None else counter)

    def score(self, texts: str | Sequence[str], *, chunk_end_tokens: Sequence[str] = CHUNK_END_TOKENS) -> Scores:
        """Score the words of one text or several; compress the result to any number of sizes.

        Args:
            texts: the texts.
            chunk_end_tokens: strings after which the model's input may be cut; sentence ends by default.
        """
        began = time.perf_counter()
        listed = _listed("texts", texts)
        check_strings("chunk_end_tokens", chunk_end_tokens)
        scored = score_texts(self.classifier, listed, chunk_end_tokens=chunk_end_tokens)
        return Scores(scored, self.counter, single=isinstance(texts, str), seconds=time.perf_counter() - began)

    def compress(
        self,
        context: str | Sequence[str],
        *,
        rate: float | None = None,
        target_tokens: int | None = None,
        threshold: float | None = None,
        chunk_end_tokens: Sequence[str] = CHUNK_END_TOKENS,
        **options: Unpack[Options],
    ) -> CompressionResult:
        """Compress one text, or several into one prompt, to a size: `score` and `Scores.compress` in one."""
        settings = Settings(rate=rate, target_tokens=target_tokens, threshold=threshold, **options)
        settings.check_texts(len(_listed("context", context)))  # complain before the work, not after it
        return self.score(context, chunk_end_tokens=chunk_end_tokens).apply(settings)

    def compress_batch(
        self,
        prompts: Sequence[str | Sequence[str]],
        *,
        rate: float | None = None,
        target_tokens: int | None = None,
        threshold: float | None = None,
        chunk_end_tokens: Sequence[str] = CHUNK_END_TOKENS,
        **options: Unpack[Options],
    ) -> list[CompressionResult]:
        """Compress independent prompts, each to the size; their texts are scored together."""
        settings = Settings(rate=rate, target_tokens=target_tokens, threshold=threshold, **options)
        if isinstance(prompts, str):
            raise TypeError("prompts: give a list of prompts; compress takes one")
        contexts = [_listed(f"prompts[{number}]", prompt) for number, prompt in enumerate(prompts)]
        for context in contexts:
            settings.check_texts(len(context))
        scores = self.score([text for context in contexts for text in context], chunk_end_tokens=chunk_end_tokens)
        scored = iter(scores.scored)
        return [
            Scores(list(islice(scored, len(context))), self.counter, single=isinstance(prompt, str)).apply(settings)
            for prompt, context in zip(prompts, contexts, strict=True)
        ]

    def compress_messages(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        target_tokens: int | None = None,
        rate: float | None = None,
        roles: Sequence[str] = ("user", "tool"),
        keep_last: int = 2,
        **options: Unpack[Options],
    ) -> CompressedMessages:
        """Compress chat messages to a total: see `messages.compress_messages`."""
        return compress_messages(
            self, messages, target_tokens=target_tokens, rate=rate, roles=roles, keep_last=keep_last, **options
        )

    def compress_structured(self, text: str, *, rate: float = 0.5, **options: Unpack[Options]) -> CompressionResult:
        """Compress segments marked with tags, each to its own rate: see `structured.compress_structured`."""
        return compress_structured(self, text, rate=rate, **options)

    def compress_json(
        self,
        obj: Mapping[str, Any],
        config: Mapping[str, Mapping[str, Any]],
        *,
        rate: float = 0.5,
        use_keyvalue_level_filter: bool = False,
        **options: Unpack[Options],
    ) -> dict[str, Any]:
        """Compress the strings of a JSON object, each key's to its own rate: see `structured.compress_json`."""
        return compress_json(
            self, obj, config, rate=rate, use_keyvalue_level_filter=use_keyvalue_level_filter, **options
        )

    def clear_cache(self) -> None:
        """Forget the scores of chunks seen before."""
        self.classifier.clear_cache()

    def info(self) -> dict[str, Any]:
        """Facts about the model and the counter, as JSON types."""
        return {**self.classifier.info(), "counter": self.counter.name}


def _listed(name: str, texts: Any) -> list[str]:
    if isinstance(texts, str):
        return [texts]
    if isinstance(texts, bytes) or not isinstance(texts, Iterable):
        raise TypeError(f"{name}: {type(texts).__name__} is neither a str nor a list of them")
    listed = list(texts)
    for number, text in enumerate(listed):
        if not isinstance(text, str):
            raise TypeError(f"{name}: item {number} is {type(text).__name__}, not str")
    return listed
