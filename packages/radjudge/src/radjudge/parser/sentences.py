"""Where sentences end: full stops, line breaks of lists, blank lines; not decimals, titles or list numbers."""

from __future__ import annotations

import re

from radjudge.records import Span

_BOUNDARY = re.compile(r"[.!](?=\s|\Z|[A-Za-z<\"')\]])|\n(?=[ \t]*(?:[A-Z0-9*\-•]|\n|\Z))")
_ABBREVIATIONS = frozenset(["dr", "mr", "mrs", "ms", "vs", "approx", "e.g", "i.e", "a.m", "p.m", "st", "fig", "etc"])
_BLANK = re.compile(r"[ \t]*(?:\n|\Z)")
_LONGEST_ABBREVIATION = 6
_SHORTEST_LAST_WORD = 3


def split_sentences(text: str, start: int, end: int) -> list[Span]:
    """Spans of the sentences of ``text[start:end]``, without white space around them; numbers alone are dropped."""
    spans: list[Span] = []
    begin = start
    shouting = None
    for match in _BOUNDARY.finditer(text, start, end):
        stop = match.start()
        if text[stop] == "\n":
            # in text set in capitals throughout, a capital after a line break starts no sentence
            if shouting is None:
                shouting = text[start:end].isupper()
            if shouting and not _BLANK.match(text, match.end()):
                continue
        else:
            word = text[max(begin, stop - _LONGEST_ABBREVIATION) : stop]
            tail = word.rsplit(None, 1)[-1].lower() if word and not word.isspace() else ""
            glued = match.end() < end and text[match.end()].isalpha()
            if tail in _ABBREVIATIONS or (glued and len(tail) < _SHORTEST_LAST_WORD):
                continue  # "Dr.", "p.m."; but "apex.There" are two sentences
        _append(spans, text, begin, stop)
        begin = match.end()
    _append(spans, text, begin, end)
    return spans


def _append(spans: list[Span], text: str, begin: int, end: int) -> None:
    piece = text[begin:end]
    stripped = piece.strip()
    if len(stripped) > 1 and not stripped.isdigit():
        begin += len(piece) - len(piece.lstrip())
        spans.append((begin, begin + len(stripped)))
