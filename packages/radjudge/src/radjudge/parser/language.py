"""Whether a text is English: asked only when the lexicon knows few of its words."""

from __future__ import annotations

import re

from radjudge.lexicon import Lexicon

_WORD = re.compile(r"[^\W\d_]+")
_FEW = 4


def detect_language(text: str, lexicon: Lexicon) -> str:
    """``"en"``, ``"other"`` for another language in Latin letters, or ``"other-script"``.

    Words that the lexicon or the English lists know count as English; function words of other languages count against.
    """
    letters = latin = 0
    for character in text:
        if character.isalpha():
            letters += 1
            latin += character.isascii()
    if letters >= _FEW and latin < 0.7 * letters:
        return "other-script"
    words = _WORD.findall(text)
    if len(words) < _FEW:
        return "en"
    trie, foreign_words = lexicon.trie, lexicon.foreign_words
    english = foreign = 0
    for word in words:
        if word in foreign_words:
            foreign += 1
        elif word in trie:
            english += 1
    if foreign >= 2 and foreign > 0.12 * len(words) and english < 0.6 * len(words):
        return "other"
    if english < 0.2 * len(words) and len(words) >= 2 * _FEW:
        return "other"
    return "en"
