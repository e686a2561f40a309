"""Gzip files that grow: a row appended is a member of its own (RFC 1952, section 2.2: members may be concatenated)."""

import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO

MAGIC = b"\x1f\x8b"
SEAL = bytes.fromhex("1f8b08000000000002ff 0300 00000000 00000000")
"""An empty member that ends every write, as in the BGZF format: a file that ends with it was not torn, and knowing that
takes a look at 20 bytes instead of a pass over the file."""

_BLOCK = 1 << 18


def member(content: bytes) -> bytes:
    """`content` as one gzip member."""
    return zlib.compress(content, wbits=31)


def inflate(file: BinaryIO | io.FileIO) -> Iterator[tuple[bytes, int]]:
    """Yield (decoded bytes, offset where the last whole member so far ended) from the file's position on.

    A member that is cut off by the end of the file ends the stream early, without an error: the last offset is then
    smaller than the file.

    Raises:
        zlib.error: bytes that are not gzip, or a checksum that does not match.
    """
    position = end = file.tell()
    decoder = None
    while block := file.read(_BLOCK):
        position += len(block)
        while block:
            if decoder is None:
                block = block.lstrip(b"\0")  # padding is allowed between members
                if not block:
                    break
                decoder = zlib.decompressobj(wbits=31)
            decoded = decoder.decompress(block)
            block = decoder.unused_data
            if decoder.eof:
                end = position - len(block)
                decoder = None
            yield decoded, end
