"""What stands around an item of a sentence: the noun that a modifier waits for, a change that an adverb belongs to."""

from __future__ import annotations

from radjudge.lexicon import (
    ANATOMY,
    CONJUNCTION,
    ENTITY,
    JOINER,
    LINK,
    MEASUREMENT,
    NEGATION,
    PREDICATE,
    PREPOSITION,
    TERMINATOR,
    TRAJECTORY,
    UNCERTAIN_CLAUSE,
    VERB,
    Entry,
)
from radjudge.parser.negation import BESIDE
from radjudge.parser.tokens import Item

_BREAKS = frozenset([CONJUNCTION, VERB, TERMINATOR, PREPOSITION, JOINER, LINK, UNCERTAIN_CLAUSE, NEGATION])
_NAMING = frozenset([ENTITY, ANATOMY, PREDICATE])
_FEW = 12
_PREDICATES_WITHIN = 8
_TO_BE = frozenset(["is", "are", "was", "were"])
_CHANGES = frozenset(
    ["increase", "decrease", "improvement", "reduction", "progression", "regression", "enlargement", "growth"]
)
_OF = frozenset(["of", "in"])
_WITHIN = frozenset(["involving", "seen", "occupying", "filling"])
_OR = frozenset(["or", "versus", "vs", "and or"])
_FORMER = frozenset(["previously", "formerly", "previous", "prior", "earlier"])
_COMPARED = frozenset(["compared", "versus", "vs"])


def noun_follows(items: list[Item], place: int, *, across: bool = False, leading: bool = False) -> Entry | None:
    """The entity, structure or predicate that the noun phrase after ``place`` ends in, if any.

    With ``across``, "of" and "in" are crossed ("increase in the left effusion"); with ``leading``, the verb of an
    inversion and conjunctions too ("again noted are", "increased, now moderate effusion").
    """
    for entry, _, _ in items[place + 1 : place + _FEW]:
        cls = entry.cls
        if cls in _NAMING:
            return entry
        if cls == PREPOSITION and across and entry.value in _OF:
            continue
        if leading and (cls == CONJUNCTION or (cls == VERB and entry.value in _TO_BE)):
            continue
        if cls in _BREAKS and entry.value not in BESIDE:
            return None
    return None


def predicate_follows(items: list[Item], place: int) -> bool:
    """Whether the structure at ``place`` has a predicate behind it."""
    for entry, _, _ in items[place + 1 : place + _PREDICATES_WITHIN]:
        if entry.cls == PREDICATE:
            return True
        if entry.cls in (TERMINATOR, ENTITY, CONJUNCTION):
            return False
    return False


def describes_change(items: list[Item], place: int, words: list[str]) -> bool:
    """Whether a degree says how much something changed ("slightly larger", "mild worsening of"), not how much it is."""
    _, first, last = items[place]
    adverb = words[last - 1].endswith("ly") or words[last - 1] == "slight"
    if place and items[place - 1][0].cls == TRAJECTORY and items[place - 1][2] == first and words[first].endswith("ly"):
        return items[place - 1][0].value != "stable"  # "has increased slightly"
    if place + 1 == len(items):
        return False
    entry, begin, end = items[place + 1]
    if entry.cls != TRAJECTORY or begin != last or entry.value == "stable":
        return False
    if adverb or words[begin] in _CHANGES or words[begin] == "interval":
        return True
    return words[end - 1] in _OF or (end < len(words) and words[end] in _OF)


def is_former(item: Item, words: list[str]) -> bool:
    """Whether a degree or size is that of the prior study ("previously 8 mm", "compared with 9 mm")."""
    _, first, last = item
    before = words[max(0, first - 3) : first]
    if "," in before:
        before = before[len(before) - before[::-1].index(",") :]
    if not _FORMER.isdisjoint(before) or (last < len(words) and words[last] in _FORMER):
        return True
    if item[0].cls != MEASUREMENT:
        return False
    if not _COMPARED.isdisjoint(before):
        return True
    if "from" in before[-1:] and "to" in words[last : last + 1]:
        return True  # "from 6 mm to 10 mm"
    behind = words[last : last + 3]
    return "on" in behind[:1] and not _FORMER.isdisjoint(behind)


def structure_follows(items: list[Item], place: int, predicate: str) -> bool:
    """Whether a predicate stands in front of a structure of its own ("..., tortuous calcified aorta")."""
    for entry, _, _ in items[place + 1 : place + _PREDICATES_WITHIN]:
        if entry.cls == ANATOMY:
            return predicate in entry.when
        if entry.cls in _BREAKS or entry.cls == ENTITY:
            return False
    return False


def alternative_follows(items: list[Item], place: int) -> bool:
    """Whether "or" or "versus" follows: the item is one guess of several."""
    return place + 1 < len(items) and items[place + 1][0].value in _OR


def pair_follows(items: list[Item], place: int) -> bool:
    """Whether "both" is that of "both A and B"."""
    joined = False
    first = 0
    for entry, _, _ in items[place + 1 : place + _FEW]:
        cls = entry.cls
        if cls == ENTITY:
            if joined:
                return True
            first += 1
        elif cls == CONJUNCTION and entry.value == "and":
            if first != 1:
                return False
            joined = True
        elif cls in _BREAKS:
            return False
    return False


def abuts(between: list[str]) -> bool:
    """Whether the words between a finding and a structure put it beside the structure ("abutting the mediastinum")."""
    return any(word.endswith("ing") and word not in _WITHIN for word in between)
