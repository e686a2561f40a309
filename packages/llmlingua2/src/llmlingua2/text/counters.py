"""What a token is: the counters that budgets are measured with."""

import hashlib
import importlib.util
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from llmlingua2.text.words import words
from tenfold_core.logging import get_logger

__all__ = ["Counter", "default_counter", "resolve_counter"]

_LOG = get_logger(__name__)
_ENCODINGS = ("cl100k_base", "o200k_base", "o200k_harmony", "p50k_base", "p50k_edit", "r50k_base", "gpt2")
# Where tiktoken keeps the vocabulary of cl100k_base once it has it (the SHA-1 of its address), and the file's SHA-256.
_CL100K_FILE = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
_CL100K_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
_SINGLE_BLANK = re.compile(r" (?=\S)(?<=\S )")
_NEEDS_PATTERN = ("  ", " \n", "\n ", "\t", "\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x1f")
_PORTION = 1 << 20  # characters split at once
_CACHED_CHARACTERS = 1 << 23
_announced = False


@runtime_checkable
class Counter(Protocol):
    """Counts the tokens of a text."""

    name: str
    """How results name this counter."""

    def __call__(self, text: str) -> int:
        """Number of tokens in `text`, at least 0."""


class WordCounter:
    """Counts the words of `llmlingua2.text.words`: any script, no vocabulary."""

    name = "words"

    def __call__(self, text: str) -> int:
        return len(words(text))


class TiktokenCounter:
    """Counts with a tiktoken encoding. Names of special tokens in the text ("<|endoftext|>") are ordinary characters.

    The vocabulary is loaded at the first call; tiktoken downloads it if it is not in its cache.

    Raises:
        ImportError: tiktoken is not installed.
    """

    def __init__(self, name: str) -> None:
        try:
            import tiktoken
        except ImportError as error:
            raise ImportError(f'counter {name!r} needs tiktoken: pip install "llmlingua2[tiktoken]"') from error
        self.name = name
        self._get_encoding = tiktoken.get_encoding
        self._known: dict[str, int] = {}
        self._characters = 0  # in the keys of _known

    def __call__(self, text: str) -> int:
        # Every pattern of tiktoken ends a pre-token before a single blank that stands between visible characters, so
        # the count of a text is the sum over its blank-separated fields, and most fields are words seen before.
        if len(text) > _PORTION and (blank := _SINGLE_BLANK.search(text, len(text) // 2)):
            return self(text[: blank.start()]) + self(text[blank.start() :])
        first, *fields = text.split(" ") if _is_plain(text) else _SINGLE_BLANK.split(text)
        known, total = self._known, self._count(first)
        try:
            return total + sum([known[field] for field in fields])
        except KeyError:
            known = self._learn(fields)
            return total + sum([known[field] for field in fields])

    def _learn(self, fields: list[str]) -> dict[str, int]:
        new = [field for field in dict.fromkeys(fields) if field not in self._known]
        self._characters += sum(map(len, new))
        if self._characters > _CACHED_CHARACTERS:  # a new dictionary: another thread may be reading the old one
            self._known, new = {}, list(dict.fromkeys(fields))
            self._characters = sum(map(len, new))
        known = self._known
        known.update((field, self._count(" " + field)) for field in new)
        return known

    def _count(self, text: str) -> int:
        return len(self._encoding.encode_ordinary(text))

    @property
    def _encoding(self) -> Any:
        try:
            return self._get_encoding(self.name)  # tiktoken keeps each encoding once it is loaded
        except OSError as error:
            raise RuntimeError(
                f"tiktoken could not load the vocabulary of {self.name} ({type(error).__name__}); without a network, "
                "set TIKTOKEN_CACHE_DIR to a folder that holds it"
            ) from error

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return type(self), (self.name,)


def _is_plain(text: str) -> bool:
    """Whether every blank stands alone, so that the fast `str.split` finds what the pattern would."""
    return text.isascii() and not any(white in text for white in _NEEDS_PATTERN)


class TokenizerCounter:
    """Counts with a tokenizer of `tokenizers` or `transformers`, without the special tokens it would add."""

    def __init__(self, tokenizer: Any, name: str) -> None:
        self.name = name
        self._tokenizer = tokenizer

    def __call__(self, text: str) -> int:
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        return len(encoded)


class FunctionCounter:
    """Counts with a function from text to a whole number."""

    def __init__(self, function: Callable[[str], int]) -> None:
        self.name = getattr(function, "__name__", type(function).__name__)
        self._function = function

    def __call__(self, text: str) -> int:
        count = self._function(text)
        if isinstance(count, bool) or not hasattr(count, "__index__") or count < 0:
            raise TypeError(f"counter {self.name} must return a whole number of tokens, not {count!r}")
        return int(count)


def resolve_counter(counter: "str | Counter | Callable[[str], int] | Any") -> Counter:
    """Turn what users name a counter by into a counter.

    Args:
        counter: "words"; a tiktoken name such as "cl100k_base"; "hf:" and a folder with a tokenizer.json, or a hub
            id; a tokenizer of `tokenizers` or `transformers`; or a function from text to a whole number.

    Raises:
        ImportError: tiktoken is named and not installed.
        ValueError: a name that is none of these.
    """
    if isinstance(counter, str):
        if counter == "words":
            return WordCounter()
        if counter.startswith("hf:"):
            return TokenizerCounter(_load_tokenizer(counter[3:]), counter)
        if counter in _ENCODINGS:
            return TiktokenCounter(counter)
        raise ValueError(
            f'counter: {counter!r} is not "words", "hf:<folder or hub id>", or one of {", ".join(_ENCODINGS)}'
        )
    if isinstance(counter, Counter):
        return counter
    if hasattr(counter, "encode") and (hasattr(counter, "token_to_id") or hasattr(counter, "convert_tokens_to_ids")):
        return TokenizerCounter(counter, f"hf:{getattr(counter, 'name_or_path', '') or type(counter).__name__}")
    if callable(counter):
        return FunctionCounter(counter)
    raise TypeError(f"counter: {counter!r} is neither a name, a tokenizer nor a function")


def default_counter() -> Counter:
    """cl100k_base if tiktoken and its vocabulary are on this machine, else "words" (said once). Never downloads."""
    global _announced
    if _cl100k_is_here():
        return TiktokenCounter("cl100k_base")
    if not _announced:
        _announced = True
        _LOG.info(
            "tokens are counted as words: tiktoken or its cl100k_base vocabulary is not on this machine "
            '(pip install "llmlingua2[tiktoken]", and set TIKTOKEN_CACHE_DIR if there is no network)'
        )
    return WordCounter()


def _cl100k_is_here() -> bool:
    if importlib.util.find_spec("tiktoken") is None:
        return False
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    file = Path(folder if folder is not None else Path(tempfile.gettempdir()) / "data-gym-cache") / _CL100K_FILE
    # A damaged file would make tiktoken fetch it again.
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == _CL100K_SHA256


def _load_tokenizer(path_or_hub_id: str) -> Any:
    from tokenizers import Tokenizer

    file = Path(path_or_hub_id) / "tokenizer.json"
    if file.is_file():
        return Tokenizer.from_file(str(file))
    if Path(path_or_hub_id).exists():
        raise ValueError(f"counter: {path_or_hub_id} has no tokenizer.json")
    return Tokenizer.from_pretrained(path_or_hub_id)
