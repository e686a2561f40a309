"""Cuts a text into chunks that fit the encoder, at the last chunk-end piece of each window."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

__all__ = ["chunk_pieces", "chunk_text"]


def chunk_pieces(pieces: Sequence[str], ends: Container[str], window: int) -> list[tuple[int, int]]:
    """Half-open piece ranges.

    From ``start``, at most ``window`` remaining pieces are the last chunk. Otherwise the cut goes after the last
    chunk-end piece among ``start + 1 .. start + window``, or after ``start + window`` if there is none. That index is
    included, so a chunk holds up to ``window + 1`` pieces.
    """
    ranges: list[tuple[int, int]] = []
    start = 0
    while start < len(pieces):
        last = start + window
        if last >= len(pieces):
            ranges.append((start, len(pieces)))
            break
        cut = next((index for index in range(last, start, -1) if pieces[index] in ends), last)
        ranges.append((start, cut + 1))
        start = cut + 1
    return ranges


def chunk_text(
    text: str,
    ends: Container[str],
    window: int,
    *,
    pieces: Callable[[str], list[str]],
    join: Callable[[list[str]], str],
) -> list[str]:
    """The chunks of one context, each turned back into a string by the tokenizer's decoder."""
    parts = pieces(text)
    return [join(parts[start:end]) for start, end in chunk_pieces(parts, ends, window)]
