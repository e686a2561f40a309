"""One sentence, read and cached: its statements and what is needed to judge language, coverage and suspicion."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from radjudge.lexicon import (
    ANATOMY,
    ENTITY,
    HISTORY,
    NEGATION,
    NEGATION_AFTER,
    NO_NAMES,
    NOT_ASSERTED,
    SUSPICIOUS,
    UNCERTAIN,
    UNCERTAIN_AFTER,
    UNCERTAIN_CLAUSE,
    Lexicon,
)
from radjudge.parser.clause import BOTH
from radjudge.parser.negation import COMPARED_ONLY, DENIED, PAST, REACH, SUSPECTED, WAS_OLD
from radjudge.parser.phrases import STUDY_COMPARISON, Draft, PhraseReader
from radjudge.parser.tokens import Item, Words, read_words
from radjudge.parser.unmatched import unmatched_statement
from radjudge.records import Phrase, Span

_AIMED = frozenset([NEGATION, NEGATION_AFTER, NOT_ASSERTED, HISTORY])
_DOUBTS = (UNCERTAIN, UNCERTAIN_CLAUSE)
_OF_A_STUDY = frozenset(["stable", "improved", "worsened"])
_POINTING = frozenset(["this", "these", "it", "they", "both"])
_MOST_LINKS = 4
POINTER = "pointer"
"""Id of a change that a pronoun ties to the finding before it; :mod:`radjudge.parsing` resolves it."""
CACHE_SIZE = 50_000  # distinct sentences kept; 3,000 reports hold about 5,000


class Statements(NamedTuple):
    """What one sentence says. ``known`` and ``unknown`` count content words, ``words`` all words."""

    phrases: tuple[Phrase, ...]
    words: int
    known: int
    unknown: int
    suspicious: bool


class SentenceReader:
    """Reads lower-case sentences; ``read`` remembers the last :data:`CACHE_SIZE` distinct ones."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.read = lru_cache(maxsize=CACHE_SIZE)(self._read)

    def _read(self, sentence: str) -> Statements:
        words = read_words(self.lexicon, sentence)
        known = foreign_to_chest = 0
        for entry, first, last in words.items:
            if entry.cls == ENTITY or entry.cls == ANATOMY:
                if entry.value == "abdomen":
                    foreign_to_chest += last - first
                else:
                    known += last - first
        unknown = len(words.unknown) + foreign_to_chest
        if not words.suspicious:
            return Statements(tuple(self._phrases(words)), len(words.words), known, unknown, False)
        # Words to the reader may be glued to a real sentence: each stretch between them is read on its own, so that
        # their "no" or "if" reaches no finding, and what it says is marked.
        said: list[Phrase] = []
        for stretch in _between(words.items):
            phrases = self._phrases(words._replace(items=stretch, unknown=[]))
            said.extend(phrase._replace(suspicious=True) for phrase in phrases)
        return Statements(tuple(said), len(words.words), known, unknown, True)

    def _phrases(self, words: Words) -> list[Phrase]:
        reader = PhraseReader(self.lexicon, words)
        phrases = [_phrase(draft, words, self.lexicon) for draft in reader.read()]
        study = reader.study
        if study is not None and study[0].value in _OF_A_STUDY:
            # "this is unchanged; no effusion" still speaks of the finding before
            before = words.words[0] in _POINTING and all(draft.first > study[1] for draft in reader.drafts)
            if before or not reader.drafts:
                phrases.insert(0, _comparison(study, words))
        if not phrases and words.unknown:
            statement = unmatched_statement(words, self.lexicon)
            if statement is not None:
                phrases.append(statement)
        return phrases


def _between(items: list[Item]) -> list[list[Item]]:
    """The runs of items between those that address the reader."""
    runs: list[list[Item]] = [[]]
    for item in items:
        if item[0].cls == SUSPICIOUS:
            runs.append([])
        elif runs[-1] or len(runs) == 1 or item[0].cls not in _AIMED:
            runs[-1].append(item)  # "you must not count": the "not" belongs to the instruction
    return [run for run in runs if run]


def _spans(items: list[Item], words: Words) -> tuple[Span, ...]:
    return tuple(words.span(first, last) for _, first, last in items)


def _phrase(draft: Draft, words: Words, lexicon: Lexicon) -> Phrase:
    entity_span = words.span(draft.first, draft.last)
    if draft.normal is not None:
        normal = draft.normal
        denials = _trigger(words.items, draft.index, (NEGATION,), NEGATION_AFTER, words) if draft.flags & DENIED else ()
        return Phrase(
            normal.id,
            "absent",
            "definite",
            "normal",
            NO_NAMES,
            NO_NAMES,
            draft.degree,
            (),
            None if draft.flags & DENIED else draft.trajectory,  # type: ignore[arg-type]
            NO_NAMES if draft.flags & COMPARED_ONLY else normal.denies,
            "lexicon",
            entity_span,
            entity_span,
            negation_spans=denials,
            trajectory_spans=_spans(draft.trajectories, words) if draft.trajectories else (),
        )
    entity, flags = draft.entity, draft.flags
    assert entity is not None
    sides, zones = draft.sides, draft.zones
    paired = draft.paired
    source, steps = draft.inherits if entity.group in lexicon.lateral else None, 0
    while source is not None and not sides and not zones and steps < _MOST_LINKS:
        sides, paired = source.sides, source.paired
        zones = NO_NAMES if source.is_device else source.zones
        source, steps = source.inherits, steps + 1
    if paired and not sides:
        sides = BOTH
    degree, trajectory = draft.degree, draft.trajectory
    denied = flags & DENIED
    if denied:
        degree = trajectory = None
    absent = bool(denied) or trajectory == "resolved"
    if flags & PAST or (flags & WAS_OLD and entity.group == "fracture"):
        kind = "history"
    else:
        kind = entity.kind
    modifiers = draft.places + draft.degrees + draft.trajectories + draft.measured
    first, last = draft.first, draft.last
    for _, begin, end in modifiers:
        if begin < first:
            first = begin
        if end > last:
            last = end
    return Phrase(
        entity.id,
        "absent" if absent else "present",
        "possible" if flags & SUSPECTED and not denied else "definite",
        kind,  # type: ignore[arg-type]
        sides,
        zones,
        degree,
        draft.mm,
        trajectory,  # type: ignore[arg-type]
        entity.descendants if absent else NO_NAMES,
        "lexicon",
        words.span(first, last),
        entity_span,
        tuple(words.span(f, e) for entry, f, e in draft.places if entry.sides),
        tuple(words.span(f, e) for entry, f, e in draft.places if entry.zones),
        _spans(draft.degrees, words) if draft.degrees else (),
        _spans(draft.measured, words) if draft.measured else (),
        _spans(draft.trajectories, words) if draft.trajectories else (),
        _trigger(words.items, draft.index, _DOUBTS, UNCERTAIN_AFTER, words) if flags & SUSPECTED and not denied else (),
        _trigger(words.items, draft.index, (NEGATION,), NEGATION_AFTER, words) if denied else (),
    )


def _comparison(item: Item, words: Words) -> Phrase:
    """A change without a finding: of the whole study, or ("this is unchanged") of the finding spoken of before."""
    span = words.span(item[1], item[2])
    pointing = words.words[0] in _POINTING
    return Phrase(
        POINTER if pointing else STUDY_COMPARISON,
        "absent",
        "definite",
        "normal",
        NO_NAMES,
        NO_NAMES,
        None,
        (),
        item[0].value,  # type: ignore[arg-type]
        NO_NAMES,
        "lexicon",
        words.span(0, item[2]) if pointing else span,
        words.span(0, 1) if pointing else span,
        trajectory_spans=(span,),
    )


def _trigger(items: list[Item], index: int, before: tuple[int, ...], after: int, words: Words) -> tuple[Span, ...]:
    """The word that denies or doubts a statement: the nearest before it, else the nearest behind it."""
    for entry, first, last in reversed(items[max(0, index - REACH) : index]):
        if entry.cls in before:
            return (words.span(first, last),)
    for entry, first, last in items[index + 1 : index + REACH]:
        if entry.cls == after:
            return (words.span(first, last),)
    return ()
