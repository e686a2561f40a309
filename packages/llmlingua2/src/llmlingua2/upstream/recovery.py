"""Puts the words of the original prompt back into an answer that was given to the compressed one."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence

__all__ = ["recover"]

_LARGEST_GAP = 10


def recover(
    original_prompt: str,
    compressed_prompt: str,
    response: str,
    *,
    encode: Callable[[str], list[int]],
    decode: Callable[[Sequence[int]], str],
) -> str:
    """The response with each run of words copied from the compressed prompt replaced by its original passage.

    From left to right, the longest run of space-separated words that occurs in the compressed prompt is taken. Its
    original passage is the span of the original prompt that holds most of its tokens in order, with at most ten tokens
    from one to the next; of several, the shortest, then the first. Other words stay as they are.
    """
    positions: defaultdict[int, list[int]] = defaultdict(list)
    original = encode(original_prompt)
    for position, token in enumerate(original):
        positions[token].append(position)
    words = response.split(" ")
    recovered: list[str] = []
    start = 0
    while start < len(words):
        end = start
        while end < len(words) and " ".join(words[start : end + 1]) in compressed_prompt:
            end += 1
        run = " ".join(words[start:end])
        span = _passage(encode(run), positions) if run else None
        recovered.append(words[start] if end == start else run if span is None else decode(original[slice(*span)]))
        start = max(end, start + 1)
    return " ".join(recovered)


def _passage(tokens: Sequence[int], positions: defaultdict[int, list[int]]) -> tuple[int, int] | None:
    """The half-open span that matches ``tokens`` best, or None if the first of them does not occur."""
    best: tuple[int, int] | None = None
    best_rank = (0, 0)
    for first in positions[tokens[0]] if tokens else ():
        last, matched = first, 1
        for token in tokens[1:]:
            later = positions[token]
            index = bisect_right(later, last)
            if index < len(later) and later[index] - last <= _LARGEST_GAP:
                last, matched = later[index], matched + 1
        rank = (matched, first - last)
        if best is None or rank > best_rank:
            best, best_rank = (first, last + 1), rank
    return best
