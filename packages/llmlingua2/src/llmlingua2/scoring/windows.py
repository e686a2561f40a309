"""What is processed at once: blocks of a text that are tokenized, and chunks of pieces that the network sees."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from llmlingua2.scoring.pieces import Encoded

__all__ = ["CHUNK_END_TOKENS", "blocks", "chunks"]

CHUNK_END_TOKENS = (".", "!", "?", "\n", "。", "！", "？", "؟", "۔", "।")
"""Where a chunk may end, unless told otherwise."""

_BLOCK_CHARACTERS = 1 << 16  # bounds memory


def blocks(text: str, spans: NDArray[np.int32]) -> Iterator[tuple[int, int]]:
    """Cut a text into blocks for the tokenizer, (start, end) in characters, that together cover it.

    A block ends after a line, else before a word, and inside a word only if that is longer than a block. Where it ends
    does not depend on what follows, so that a text that grows keeps its blocks.

    Args:
        text: the text.
        spans: its words, int32 [n, 2].
    """
    start = 0
    while len(text) - start > _BLOCK_CHARACTERS:
        end = start + _BLOCK_CHARACTERS
        line = text.rfind("\n", start + _BLOCK_CHARACTERS // 2, end) + 1
        word = int(spans[np.searchsorted(spans[:, 0], end, side="right") - 1, 0]) if len(spans) else start
        cut = line or (word if word > start else end)
        yield start, cut
        start = cut
    yield start, len(text)


def chunks(
    text: str, encoded: Encoded, spans: NDArray[np.int32], size: int, end_tokens: Sequence[str]
) -> NDArray[np.int32]:
    """Cut a block into chunks for the network: after the last sentence end in reach, else before a word, else anywhere.

    Args:
        text: the block.
        encoded: its pieces.
        spans: its words, int32 [n, 2].
        size: most pieces in a chunk.
        end_tokens: strings that end a sentence; inside a word ("3.14") they do not.

    Returns:
        Index of the first piece of each chunk, int32.
    """
    pieces = len(encoded.ids)
    if pieces <= size:
        return np.zeros(1, np.int32)
    opens_word = np.isin(encoded.starts, spans[:, 0])
    ends = np.array(sorted({end for token in end_tokens for end in _ends(text, token)}), np.int32)
    # Not inside a word: as many words begin before the place as end up to it.
    ends = ends[np.searchsorted(spans[:, 0], ends, side="left") == np.searchsorted(spans[:, 1], ends, side="right")]
    after_end = np.searchsorted(encoded.starts, ends, side="left")
    after_end = after_end[after_end < pieces]
    cuts_by_preference = (after_end[opens_word[after_end]], np.flatnonzero(opens_word))
    found = [0]
    while pieces - found[-1] > size:
        limit = found[-1] + size
        for cuts in cuts_by_preference:
            position = np.searchsorted(cuts, limit, side="right") - 1
            if position >= 0 and cuts[position] > found[-1]:
                limit = int(cuts[position])
                break
        found.append(limit)
    return np.array(found, np.int32)


def _ends(text: str, token: str) -> Iterator[int]:
    at = text.find(token)
    while at >= 0:
        yield at + len(token)
        at = text.find(token, at + len(token))
