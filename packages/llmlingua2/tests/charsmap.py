"""Writes the binary normalisation map of SentencePiece ("precompiled charsmap") from a plain mapping.

The format is a little-endian uint32 with the trie's size in bytes, a double-array trie (Darts-clone units) from the
UTF-8 bytes of what is replaced to offsets, and the replacements, each ended by a zero byte.
"""

from __future__ import annotations

import struct
import unicodedata

__all__ = ["nfkc_mapping", "precompiled_charsmap"]

_COMPATIBILITY_RANGES = (
    (0x00A0, 0x0100), (0x0132, 0x0150), (0x2000, 0x20A0), (0x2100, 0x2190), (0x2460, 0x24FF), (0x3000, 0x3001),
    (0x3200, 0x3400), (0xFB00, 0xFB50), (0xFE70, 0xFF00), (0xFF00, 0xFFF0),
)  # fmt: skip
_COMBINING = "\u0300\u0301\u0302\u0303\u0308\u030a\u0327"


def nfkc_mapping() -> dict[str, str]:
    """NFKC for the usual compatibility characters and Latin accents; white space to a space, control codes gone."""
    mapping = {"\u200b": " ", "\ufeff": "", "\ufffd": " ", "\t": " ", "\n": " ", "\r": " "}
    mapping.update({chr(code): "" for code in (*range(1, 9), 0x0B, *range(0x0E, 0x20), 0x7F)})
    letters = [chr(code) for low, high in _COMPATIBILITY_RANGES for code in range(low, high)]
    letters += [base + mark for base in "ACENOUaceinosuyz" for mark in _COMBINING]
    for source in letters:
        target = unicodedata.normalize("NFKC", source)
        if target != source and source not in mapping:
            mapping[source] = target
    return mapping


def precompiled_charsmap(mapping: dict[str, str]) -> bytes:
    """The binary map for ``tokenizers.normalizers.Precompiled``."""
    offsets: dict[str, int] = {}
    blob = bytearray()
    trie: dict = {}
    for source, target in sorted(mapping.items()):
        if target not in offsets:
            offsets[target] = len(blob)
            blob += target.encode() + b"\0"
        node = trie
        for byte in source.encode():
            node = node.setdefault(byte, {})
        node[0] = offsets[target]
    units = _double_array(trie)
    return struct.pack("<I", 4 * len(units)) + struct.pack(f"<{len(units)}I", *units) + bytes(blob)


def _double_array(trie: dict) -> list[int]:
    """Children of a node lie at ``base ^ byte``; no two nodes share a base, so a label is proof enough."""
    units: dict[int, int] = {0: 0}
    bases: set[int] = set()
    first_free = 1
    waiting = [(0, trie, 0)]
    while waiting:
        position, node, label = waiting.pop()
        labels = sorted(node)
        while first_free in units:
            first_free += 1
        free = first_free
        while True:
            base = free ^ labels[0]
            if base not in bases and free not in units and not any(base ^ byte in units for byte in labels):
                break
            free += 1
        bases.add(base)
        units[position] = label | (0x100 if 0 in node else 0) | (position ^ base) << 10
        for byte in labels:
            units[base ^ byte] = node[0] | 1 << 31 if byte == 0 else 0
        waiting += [(base ^ byte, node[byte], byte) for byte in labels if byte]
    size = (max(units) | 0xFF) + 1
    return [units.get(position, 0) for position in range(size)]
