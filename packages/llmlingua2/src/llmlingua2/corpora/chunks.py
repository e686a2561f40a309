"""Cut a text into the pieces that the teacher sees (LLMLingua-2 paper, section 3.1).

Long inputs make a language model over-compress, so a text is cut into chunks of at most ``size`` tokens, each ending on
a full stop or a newline where there is one. Chunks are slices of the text: joined, they are the text.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

__all__ = ["split"]

Offsets = Callable[[str], Sequence[tuple[int, int]] | NDArray[Any]]


def split(text: str, offsets: Offsets, *, size: int = 512, ends: str = ".\n") -> Iterator[tuple[int, int]]:
    """Yield the chunks as (start, end) in characters; together they cover the text exactly.

    Args:
        text: the text to cut.
        offsets: tokens of a text as (start, end) in characters, in order, such as ``text.words.words`` or the offsets
            of a tokenizer. Whitespace between tokens belongs to the chunk before it.
        size: most tokens in a chunk, at least 1 (512 in the paper).
        ends: characters on which a chunk may end: a token that is one of them, or white space after a token that holds
            one. Without any in reach the cut is hard, after ``size`` tokens.
    """
    if size < 1:
        raise ValueError(f"split: size must be at least 1 token, not {size}")
    tokens = [(int(start), int(end)) for start, end in offsets(text)]
    begin, first = 0, 0
    while len(tokens) - first > size:
        after = first + size
        while after > first and not _closes(text, tokens, after - 1, ends):
            after -= 1
        after = after if after > first else first + size
        cut = tokens[after][0]
        yield begin, cut
        begin, first = cut, after
    if begin < len(text):
        yield begin, len(text)


def _closes(text: str, tokens: list[tuple[int, int]], index: int, ends: str) -> bool:
    start, end = tokens[index]
    gap = text[end : tokens[index + 1][0]]
    return text[start:end] in ends or any(character in ends for character in gap)
