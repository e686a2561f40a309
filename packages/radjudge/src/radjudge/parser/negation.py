"""What is denied, suspected, past, or not stated at all: scopes of triggers, after NegEx and ConText.

Triggers act on what follows them up to a terminator ("but", a semicolon, a new clause), or on what stands before them
back to the start of the clause. Lists stay in scope ("no A, B or C") until something in the list can only be asserted:
a verb has closed the denial, or the next member brings its own degree, trajectory or suspicion.
(Chapman et al. 2001, NegEx; Harkema et al. 2009, ConText.)
"""

from __future__ import annotations

from radjudge.lexicon import (
    ANATOMY,
    CONJUNCTION,
    DEGREE,
    ENTITY,
    HISTORY,
    JOINER,
    LINK,
    NEGATION,
    NEGATION_AFTER,
    NOT_ASSERTED,
    NOT_ASSERTED_AFTER,
    OLD,
    PLACE,
    PREDICATE,
    TERMINATOR,
    TRAJECTORY,
    UNCERTAIN,
    UNCERTAIN_AFTER,
    UNCERTAIN_CLAUSE,
    VERB,
)
from radjudge.parser.tokens import Item

DENIED, SUSPECTED, PAST, UNSTATED, WAS_OLD = 1, 2, 4, 8, 16
_NEAR_SUSPECTED = 32  # "possible" reaches its own noun phrase, "may represent" the whole clause
COMPARED_ONLY = 64  # a structure of which only a change is stated
_NAMING = (ENTITY, ANATOMY, PREDICATE)
_ASSERTING = (DEGREE, TRAJECTORY, UNCERTAIN, UNCERTAIN_CLAUSE, HISTORY)
_TRAILING = frozenset(
    ["favored", "favoured", "likely", "suspected", "probable", "possible", "most likely", "equivocal"]
)
_BACKWARD = frozenset(["versus", "vs", "and or", "is favored over", "are favored over", "favored over"]) | frozenset(
    ["is more likely than", "are more likely than", "more likely than", "rather likely than"]
)
REACH = 40  # items a trigger or a look-ahead may reach: no real clause is longer, and hostile ones stay linear
BESIDE = frozenset(
    [
        "associated",
        "adjacent",
        "overlying",
        "underlying",
        "accompanying",
        "surrounding",
        "superimposed",
        "resultant",
        "resulting",
        "concomitant",
    ]
)
NORMALITY = frozenset(["normal", "clear", "high_normal"])


def scopes(items: list[Item]) -> list[int]:
    """Flags per item: :data:`DENIED`, :data:`SUSPECTED`, :data:`PAST`, :data:`UNSTATED`, :data:`WAS_OLD`."""
    flags = [0] * len(items)
    state = 0
    clause = 0  # first item of the current clause: where backward triggers stop
    named = 0  # statements since the last negation
    closed = False  # a verb followed a statement
    verb = False
    for place, (entry, _, _) in enumerate(items):
        cls = entry.cls
        if cls in _NAMING:
            flags[place] = state
            named += 1
            verb = False
            continue
        flags[place] = state
        if cls == CONJUNCTION:
            joins = entry.value
            if joins != "or" and state & _NEAR_SUSPECTED:
                state &= ~(_NEAR_SUSPECTED | SUSPECTED)
            if joins == "or" and not state & DENIED:
                _mark_previous(items, flags, place, clause, SUSPECTED)
                if _next_is_naming(items, place):
                    state |= SUSPECTED | _NEAR_SUSPECTED
            if (
                state & DENIED
                and named
                and joins != "or"
                and (closed or _asserts(items, place) or _changes(items, place))
            ):
                state &= ~DENIED
                clause = place
            elif joins != "or" and (closed or verb) and _has_subject(items, place):
                clause = place
                state &= ~(DENIED | SUSPECTED | PAST | _NEAR_SUSPECTED)
                closed = False
            state &= ~(WAS_OLD if joins in ("and", "or") else PAST | WAS_OLD)
        elif cls == VERB:
            if named:
                closed = True
            verb = True
            state &= ~PAST
            if state & _NEAR_SUSPECTED:
                state &= ~(_NEAR_SUSPECTED | SUSPECTED)
        elif cls == NEGATION and named and verb and place + 1 == len(items):
            for before in range(max(clause, place - REACH), place):
                flags[before] |= DENIED  # "effusion: no"
        elif cls == NEGATION:
            state = (state | DENIED) & ~(SUSPECTED | _NEAR_SUSPECTED)
            named, closed = 0, False
        elif cls == NEGATION_AFTER and not named:
            state = (state | DENIED) & ~(SUSPECTED | _NEAR_SUSPECTED)  # "absent effusion", "not seen is any effusion"
            closed = False
        elif cls == NEGATION_AFTER:
            for before in range(max(clause, place - REACH), place):
                flags[before] |= DENIED
            closed = True
        elif cls in (UNCERTAIN_CLAUSE, UNCERTAIN) and named and _trails(items, place):
            _doubt_before(items, flags, clause, place)  # "rounded atelectasis favored"
        elif cls == UNCERTAIN_CLAUSE:
            if not state & DENIED or entry.value.startswith(("cannot", "can not", "not", "difficult", "could not")):
                state = (state | SUSPECTED) & ~DENIED
            if entry.value in _BACKWARD and not state & DENIED:
                _mark_previous(items, flags, place, clause, SUSPECTED)
        elif cls == UNCERTAIN:
            if not state & DENIED:
                state |= SUSPECTED | (0 if state & SUSPECTED else _NEAR_SUSPECTED)
        elif cls == UNCERTAIN_AFTER and not named:
            state = (state | SUSPECTED) & ~DENIED  # "difficult to exclude pneumonia"
        elif cls == UNCERTAIN_AFTER:
            _doubt_before(items, flags, clause, place)
            state &= ~DENIED
        elif cls == TERMINATOR:
            state = 0
            named, closed, verb = 0, False, False
            clause = place
        elif cls == HISTORY:
            state |= PAST
        elif cls == OLD:
            state |= WAS_OLD
        elif cls == NOT_ASSERTED:
            state |= UNSTATED
        elif cls == NOT_ASSERTED_AFTER:
            for before in range(max(clause, place - REACH), place):
                flags[before] |= UNSTATED
            state |= UNSTATED
        elif cls in (LINK, JOINER):
            state &= ~PAST  # "status post lobectomy with volume loss"
            if cls == JOINER and state & DENIED and named and _asserts(items, place):
                state &= ~DENIED  # "no acute process with stable cardiomegaly"
                clause = place
            if cls == LINK and state & _NEAR_SUSPECTED and entry.value not in BESIDE:
                state &= ~(_NEAR_SUSPECTED | SUSPECTED)
    return flags


def _doubt_before(items: list[Item], flags: list[int], clause: int, place: int) -> None:
    """Doubt what stands before ``place``: back to a comma that starts no list, or to the start of the clause."""
    listed = False
    for before in range(place - 1, max(clause, place - REACH) - 1, -1):
        entry = items[before][0]
        if entry.cls == CONJUNCTION:
            if entry.value != ",":
                listed = True
            elif not listed and any(flag_item[0].cls in _NAMING for flag_item in items[before + 1 : place]):
                return  # "left opacity, likely atelectasis, pneumonia cannot be excluded"
        flags[before] = (flags[before] | SUSPECTED) & ~DENIED


def _trails(items: list[Item], place: int) -> bool:
    """Whether a word of doubt closes its clause, so that it can only be about what stands before it."""
    if items[place][0].value not in _TRAILING:
        return False
    return place + 1 == len(items) or items[place + 1][0].cls == TERMINATOR


def _mark_previous(items: list[Item], flags: list[int], place: int, clause: int, flag: int) -> None:
    for before in range(place - 1, max(clause, place - REACH) - 1, -1):
        if items[before][0].cls in (ENTITY, PREDICATE):
            flags[before] |= flag
            return


def _next_is_naming(items: list[Item], place: int) -> bool:
    for entry, _, _ in items[place + 1 : place + 5]:
        if entry.cls == ENTITY:
            return True
        if entry.cls in (VERB, TERMINATOR, CONJUNCTION, PREDICATE, NEGATION):
            return False
    return False


def _asserts(items: list[Item], place: int) -> bool:
    """Whether the list member after ``place`` can only be an assertion, out of reach of a denial before it."""
    anatomy = False
    for ahead in range(place + 1, min(len(items), place + REACH)):
        entry = items[ahead][0]
        cls = entry.cls
        sided = cls == PLACE and bool(entry.sides) and not _denied_on_a_side(items, place)
        if cls in _ASSERTING or sided:
            # "no pneumothorax, large effusion or edema" still lists; "no pneumothorax, small left effusion" does not
            listed = any(later[0].cls == CONJUNCTION and later[0].value == "or" for later in items[ahead : ahead + 8])
            return not listed and not (cls == TRAJECTORY and entry.value == "new")
        if cls == VERB:
            return True
        if cls == ANATOMY:
            anatomy = True
        elif cls == PREDICATE:
            return entry.value in NORMALITY or (anatomy and _verb_between(items, place, ahead))
        elif cls in (ENTITY, CONJUNCTION, TERMINATOR, NEGATION):
            return False
    return False


def _denied_on_a_side(items: list[Item], place: int) -> bool:
    """Whether what is denied before ``place`` has a side ("no left effusion, right pneumothorax")."""
    for before in range(place - 1, max(-1, place - REACH), -1):
        entry = items[before][0]
        if entry.cls == NEGATION:
            return False
        if entry.cls == PLACE and entry.sides:
            return True
    return False


def _changes(items: list[Item], place: int) -> bool:
    """Whether the list member after ``place`` is the subject of a change or degree ("and effusions have grown")."""
    verb = False
    for entry, _, _ in items[place + 1 : place + REACH]:
        if entry.cls == TRAJECTORY:
            return verb or entry.verbal
        if entry.cls == DEGREE:
            return verb
        if entry.cls == VERB:
            verb = True
        elif entry.cls in (CONJUNCTION, TERMINATOR, NEGATION, PREDICATE):
            return False
    return False


def _verb_between(items: list[Item], first: int, last: int) -> bool:
    return any(items[place][0].cls == VERB for place in range(first, last))


def _has_subject(items: list[Item], place: int) -> bool:
    """Whether a new clause with its own subject starts after the conjunction at ``place``."""
    subject = False
    for entry, _, _ in items[place + 1 : place + REACH]:
        cls = entry.cls
        if cls in _NAMING:
            subject = True
        elif cls == VERB or cls in (NEGATION_AFTER, UNCERTAIN_AFTER):
            return subject
        elif cls in (CONJUNCTION, TERMINATOR):
            return False
    return False
