"""Statements whose noun the lexicon does not know, so that a rare finding is not invisible.

Deliberately reluctant: only a sentence that states nothing known, is neither denied nor advice nor clerical, and either
asserts ("there is ...", "... is noted") or is a short noun phrase with a side, degree or change of its own.
"""

from __future__ import annotations

from radjudge.lexicon import (
    ANATOMY,
    DEGREE,
    NEGATION,
    NEGATION_AFTER,
    NO_NAMES,
    NOT_ASSERTED,
    PLACE,
    PREDICATE,
    TERMINATOR,
    TRAJECTORY,
    UNCERTAIN,
    UNCERTAIN_AFTER,
    UNCERTAIN_CLAUSE,
    VERB,
    Lexicon,
)
from radjudge.parser.tokens import Words
from radjudge.records import Phrase

_SHORT = 5
_LONGEST = 24
_SHORTEST_NOUN = 4
_STATING = frozenset(["seen", "noted", "identified", "visualized", "present", "demonstrated", "observed", "evident"])
_BARRED = frozenset([NEGATION, NEGATION_AFTER, NOT_ASSERTED, UNCERTAIN_AFTER])
_DOUBTING = frozenset([UNCERTAIN, UNCERTAIN_CLAUSE])


def unmatched_statement(words: Words, lexicon: Lexicon) -> Phrase | None:
    """The statement of a sentence in which no entity was found, or None."""
    text = words.words
    if len(text) > _LONGEST or not lexicon.clerical_words.isdisjoint(text):
        return None
    nouns = [index for index in words.unknown if len(text[index]) >= _SHORTEST_NOUN and text[index].isalpha()]
    if not nouns:
        return None
    states = modified = doubted = False
    sides = zones = NO_NAMES
    degree = trajectory = None
    for entry, _, _ in words.items:
        cls = entry.cls
        if cls in _BARRED:
            return None
        if cls == PLACE and not entry.position:
            sides |= entry.sides
            zones |= entry.zones
            modified = True
        elif cls == DEGREE:
            degree = entry.rank if degree is None else degree
            modified = True
        elif cls == TRAJECTORY:
            trajectory = entry.value
            modified = True
        elif cls in _DOUBTING:
            doubted = True
        elif (cls == VERB and entry.value in _STATING) or (cls == TERMINATOR and entry.value.startswith("there ")):
            states = True
        elif cls in (PREDICATE, ANATOMY) and entry.value in ("normal", "high_normal", "clear", "study"):
            return None
    if not states and not (modified and len(text) <= _SHORT):
        return None
    span = words.span(nouns[0], nouns[-1] + 1)
    return Phrase(
        " ".join(text[index] for index in nouns),
        "present" if trajectory != "resolved" else "absent",
        "possible" if doubted else "definite",
        "pathology",
        sides,
        zones,
        degree,
        (),
        trajectory,  # type: ignore[arg-type]
        NO_NAMES,
        "unmatched_text",
        span,
        span,
    )
