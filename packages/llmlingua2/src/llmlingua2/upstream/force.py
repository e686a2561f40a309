"""Force tokens: which strings must stay, and the placeholders that carry them through the tokenizer.

A force token that the tokenizer does not keep as exactly one piece cannot be found again among the pieces. It is
replaced in the text by ``[NEWi]`` (``i`` = its place in the list), which the tokenizer knows as one added token, and
turned back afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

__all__ = ["ForceTokens", "placeholder_names"]


def placeholder_names(count: int) -> list[str]:
    """``[NEW0]`` to ``[NEW<count-1>]``, the added tokens of the released checkpoints."""
    return [f"[NEW{index}]" for index in range(count)]


@dataclass(frozen=True)
class ForceTokens:
    """The force tokens of one call.

    Attributes:
        tokens: what the caller gave. A plain string is kept as one: ``in`` is then a substring test, as in 0.2.2.
        placeholders: force token -> ``[NEWi]``, in list order, for those that are not one piece.
    """

    tokens: str | tuple[str, ...]
    placeholders: dict[str, str]

    @classmethod
    def read(cls, tokens: Sequence[str] | None, pieces: Callable[[str], list[str]], limit: int) -> ForceTokens:
        """Checks the list and finds which of its tokens need a placeholder.

        Raises:
            ValueError: more tokens than ``limit``, something that is not a string, or a string that is not Unicode.
        """
        if tokens is None:
            tokens = ()
        if not isinstance(tokens, str):
            if not isinstance(tokens, Collection):
                raise ValueError(f"force_tokens must be a list of strings, not {type(tokens).__name__}")
            tokens = tuple(tokens)
        if len(tokens) > limit:
            raise ValueError(
                f"force_tokens has {len(tokens)} entries; at most {limit} are possible "
                "(llmlingua2_config={'max_force_token': ...})"
            )
        names = placeholder_names(len(tokens))
        placeholders: dict[str, str] = {}
        for name, token in zip(names, tokens, strict=True):
            if not isinstance(token, str):
                raise ValueError(f"force_tokens must hold strings only, not {token!r}")
            try:
                token.encode()
            except UnicodeEncodeError as error:
                raise ValueError(f"force_tokens holds {token!r}, which has a lone surrogate in it") from error
            if len(pieces(token)) != 1:
                placeholders[token] = name
        return cls(tokens, placeholders)

    @property
    def names(self) -> frozenset[str]:
        """The placeholders in use."""
        return frozenset(self.placeholders.values())

    def hide(self, text: str) -> str:
        """The text with each mapped force token replaced by its placeholder, one token after the other."""
        for token, name in self.placeholders.items():
            text = text.replace(token, name)
        return text

    def show(self, text: str) -> str:
        """The text with placeholders turned back."""
        for token, name in self.placeholders.items():
            text = text.replace(name, token)
        return text

    def chunk_ends(self, tokens: Iterable[str]) -> frozenset[str]:
        """The pieces a chunk may end on: ``tokens``, and the placeholders of those that are mapped.

        Raises:
            ValueError: ``tokens`` is not a collection of strings.
        """
        try:
            ends = list(tokens)
            return frozenset(ends) | {self.placeholders[end] for end in ends if end in self.placeholders}
        except TypeError as error:
            raise ValueError(f"chunk_end_tokens must be a list of strings, not {tokens!r}") from error
