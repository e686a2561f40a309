"""The compiled lexicon: a word trie over every term, and what the entities mean to one another.

Matching a report costs one dictionary look-up per word; the longest term wins. Nothing here is a regular expression,
so hostile text costs no more than ordinary text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from functools import cache
from itertools import product
from pathlib import Path

from radjudge.lexicon_files import ASSETS, EntityEntry, LexiconFiles, load_files
from radjudge.records import Kind, Significance

# Classes of lexicon entries, in the order in which a term that belongs to several is resolved (first wins).
(
    WORD,
    PLACE,
    DEGREE,
    ENTITY,
    ANATOMY,
    PREDICATE,
    TRAJECTORY,
    NEGATION,
    NEGATION_AFTER,
    UNCERTAIN,
    UNCERTAIN_CLAUSE,
    UNCERTAIN_AFTER,
    CONJUNCTION,
    TERMINATOR,
    PREPOSITION,
    VERB,
    HISTORY,
    OLD,
    LINK,
    JOINER,
    NOT_ASSERTED,
    MEASUREMENT,
    SUSPICIOUS,
    NOT_ASSERTED_AFTER,
) = range(24)

NO_NAMES: frozenset[str] = frozenset()
_SPINE = frozenset(["cervical", "thoracic", "lumbar"])
_CHAMBERS = frozenset(["ventricular", "atrial", "heart"])
_AUXILIARIES = frozenset(["has", "have", "is", "are", "was", "were"])
_BARE = (["lower"], ["middle"])
_ALTERNATIVES = re.compile(r"\(([^()]*)\)")
_TOKEN = re.compile(r"[^\W_]+(?:\.\d+)?|___+|[,;:()?]")


class Entity:
    """What the lexicon knows of one entity. ``ancestors`` and ``descendants`` include the entity itself."""

    __slots__ = (
        "acute",
        "ancestors",
        "descendants",
        "explains",
        "group",
        "id",
        "kind",
        "level",
        "mimic",
        "name",
        "quantity",
    )

    def __init__(self, entity: str, entry: EntityEntry) -> None:
        self.id = entity
        self.name = entry.name or entity.replace("_", " ")
        self.kind: Kind = entry.kind
        self.level: Significance = entry.level
        self.group = entry.group
        self.acute = entry.acute
        self.quantity = entry.quantity
        self.mimic = entry.mimic
        self.ancestors: frozenset[str] = NO_NAMES
        self.descendants: frozenset[str] = NO_NAMES
        self.explains = frozenset(entry.explains)


class Entry:
    """What one term means. Only the attributes of its class are filled."""

    __slots__ = (
        "also",
        "cls",
        "denies",
        "entity",
        "gone",
        "inner",
        "negated",
        "normal",
        "paired",
        "position",
        "rank",
        "sides",
        "sizes_mm",
        "soft",
        "value",
        "verbal",
        "when",
        "zones",
    )

    def __init__(self, cls: int, value: str = "") -> None:
        self.cls = cls
        self.value = value
        self.entity: Entity | None = None
        self.sides = NO_NAMES
        self.zones = NO_NAMES
        self.also: Entry | None = None  # the device position that a structure is as well
        self.position = False
        self.paired = False
        self.gone = False  # the term itself says that the device was removed ("extubated")
        self.verbal = False  # a change that is a verb with its auxiliary ("have decreased")
        self.soft = False  # a change in words that say no more than "still there"
        self.rank: float | None = None
        self.when: dict[str, str] = {}
        self.sizes_mm: tuple[float, ...] = ()
        self.normal: Normal | None = None
        self.negated: Normal | None = None
        self.denies = NO_NAMES
        self.inner: tuple[tuple[Entry, int, int], ...] = ()


class Normal:
    """A normal statement: its id, its name and every entity it denies."""

    __slots__ = ("denies", "id", "name")

    def __init__(self, normal: str, name: str, denies: frozenset[str]) -> None:
        self.id = normal
        self.name = name
        self.denies = denies


Node = tuple["Entry | None", "dict[str, Node] | None"]


def expand(term: str) -> Iterator[str]:
    """Every spelling of a term: ``"(left|right|) lung"`` gives three. Hyphens count as spaces."""
    parts = _ALTERNATIVES.split(term.replace("-", " "))
    choices = [part.split("|") if index % 2 else [part] for index, part in enumerate(parts)]
    for words in product(*choices):
        yield " ".join(" ".join(words).split())


def plural_of(term: str) -> str:
    """The regular plural of a term's last word, or the term where that word cannot take one."""
    if term.endswith("s"):
        return term
    if term.endswith("y") and term[-2:-1] not in "aeiou":
        return term[:-1] + "ies"
    return term + ("es" if term.endswith(("x", "ch", "sh")) else "s")


class Lexicon:
    """Entities, their relations and the trie of terms, compiled from a folder of YAML files."""

    def __init__(self, files: LexiconFiles) -> None:
        self.entities = {name: Entity(name, entry) for name, entry in files.entities.items()}
        self._relate(files)
        self.sharing = frozenset(files.modifiers.sharing)
        self.lateral = frozenset(files.modifiers.lateral)
        self.lasting = frozenset(files.anatomy.lasting)
        self.acute = frozenset(name for name, entity in self.entities.items() if entity.acute)
        self.trie: dict[str, list] = {}
        self.normals: dict[str, Normal] = {}
        self._places = dict(self._place_terms(files))
        self._place_words = {words[0] for words in self._places}
        self._entities_and_anatomy(files)
        self._modifiers(files)
        self._triggers(files)
        self.function_words = frozenset(files.words.function)
        self.clerical_words = frozenset(files.words.clerical)
        self.report_words = frozenset(files.words.report)
        self.foreign_words = frozenset(files.words.foreign) - self.function_words - self.report_words - {"i", "no"}
        self._words(files)
        self.levels = {zone: level for level, zones in files.modifiers.levels.items() for zone in zones}
        self.positions = frozenset(files.modifiers.positions)
        self._compatible = {frozenset(pair) for pair in files.modifiers.compatible}
        self.zones_conflict = cache(self._zones_conflict)

    def name_of(self, entity: str) -> str:
        """What a reader calls an entity or a normal statement."""
        if entity in self.entities:
            return self.entities[entity].name
        return self.normals[entity].name if entity in self.normals else entity

    def level_of(self, entity: str) -> str:
        """Default significance of an entity; not_actionable for text outside the lexicon."""
        return self.entities[entity].level if entity in self.entities else "not_actionable"

    def is_past(self, entity: str, kind: str) -> bool:
        """Whether a statement is about past disease; old operations and fractures are seen today like the rest."""
        known = self.entities.get(entity)
        return kind == "history" and (known is None or (known.kind == "pathology" and known.group != "fracture"))

    def relation(self, one: str, other: str) -> float:
        """How well one entity stands for another: 1 itself, 0.7 parent or child, 0.5 interchangeable or its sign."""
        return self.related.get(one, {}).get(other, 0.0)

    def same_sign(self, one: str, other: str) -> bool:
        """Whether two diagnoses are readings of one sign on the film ("atelectasis" and "pneumonia": an opacity)."""
        entity, peer = self.entities.get(one), self.entities.get(other)
        if entity is None or peer is None or one == other:
            return False
        return not (entity.ancestors | entity.explains).isdisjoint(peer.ancestors | peer.explains)

    def _zones_conflict(self, one: frozenset[str], other: frozenset[str]) -> bool:
        """Whether two non-empty sets of zones name different places."""
        for zone in one:
            for peer in other:
                if zone == peer:
                    return False
                level, peer_level = self.levels.get(zone), self.levels.get(peer)
                if level is None or peer_level is None or level == peer_level:
                    return False
                pairs = ((zone, peer), (zone, peer_level), (level, peer), (level, peer_level))
                if any(frozenset(pair) in self._compatible for pair in pairs):
                    return False
        return True

    # --- compilation ---------------------------------------------------------------------------------------------

    def _relate(self, files: LexiconFiles) -> None:
        def ancestors(name: str, seen: tuple[str, ...] = ()) -> set[str]:
            if name in seen:
                raise ValueError(f"entities.yaml: {name} is its own ancestor")
            found = {name}
            for parent in files.entities[name].parents:
                found |= ancestors(parent, (*seen, name))
            return found

        below: dict[str, set[str]] = {name: set() for name in self.entities}
        for name, entity in self.entities.items():
            entity.ancestors = frozenset(ancestors(name))
            for ancestor in entity.ancestors:
                below[ancestor].add(name)
        for name, entity in self.entities.items():
            entity.descendants = frozenset(below[name])
        # what says more precisely what an entity says: its kinds, and the diagnoses that it is a sign of
        self.read_as = {
            name: tuple(
                other
                for other, peer in self.entities.items()
                if other != name and (name in peer.ancestors or name in peer.explains)
            )
            for name in self.entities
        }
        interchangeable = frozenset(files.anatomy.interchangeable)
        self.related: dict[str, dict[str, float]] = {}
        for name, entity in self.entities.items():
            row = self.related[name] = {name: 1.0}
            for other, peer in self.entities.items():
                if other != name and (other in entity.ancestors or name in peer.ancestors):
                    row[other] = 0.7
                elif (
                    other in entity.explains
                    or name in peer.explains
                    or (other != name and entity.group == peer.group and entity.group in interchangeable)
                ):
                    row[other] = 0.5

    def _denied(self, names: Iterable[str]) -> frozenset[str]:
        denied: set[str] = set()
        for name in names:
            denied |= self.acute if name == "acute" else self.entities[name].descendants
        return frozenset(denied)

    def _add(self, terms: Iterable[str], entry: Entry, *, plural: bool = False) -> None:
        for term in terms:
            for spelling in expand(term):
                self._insert(spelling, entry)
                if plural:
                    self._insert(plural_of(spelling), entry)

    def _also(self, terms: Iterable[str], position: Entry) -> None:
        """Let structures that are device positions too ("right atrium", "stomach") carry both meanings."""
        for term in terms:
            for spelling in expand(term):
                *before, last = _TOKEN.findall(spelling)
                level = self.trie
                for word in before:
                    level = level[word][1]
                entry = level[last][0]
                if entry is not position and entry.cls == ANATOMY:
                    both = level[last][0] = copy(entry)
                    both.also = position

    def _insert(self, spelling: str, entry: Entry) -> None:
        self._insert_words(_TOKEN.findall(spelling), entry)

    def _insert_words(self, words: Sequence[str], entry: Entry) -> None:
        if not words:
            return
        level = self.trie
        for word in words[:-1]:
            node = level.setdefault(word, [None, None])
            if node[1] is None:
                node[1] = {}
            level = node[1]
        node = level.setdefault(words[-1], [None, None])
        if node[0] is None:
            node[0] = entry

    def _normal(self, record: object) -> Normal | None:
        if record is None:
            return None
        normal = Normal(record.id, record.name, self._denied(record.denies))  # type: ignore[attr-defined]
        self.normals.setdefault(normal.id, normal)
        return normal

    def _place_terms(self, files: LexiconFiles) -> Iterator[tuple[tuple[str, ...], Entry]]:
        """Every way to name a side or a zone, longest first where terms repeat."""
        both = frozenset(["left", "right"])
        modifiers = files.modifiers
        rows: list[tuple[list[str], str, frozenset[str], frozenset[str]]] = []
        for name, terms in modifiers.zones.items():
            rows.append((terms, name, NO_NAMES, frozenset([name])))
        for name, located in modifiers.located.items():
            rows.append((located.terms, name, frozenset(located.sides), frozenset(located.zones)))
        for name, terms in modifiers.sides.items():
            rows.append((terms, name, both if name == "both" else frozenset([name]), NO_NAMES))
        paired_words = set(modifiers.paired)
        for terms, name, sides, zones in rows:
            for term in terms:
                for spelling in expand(term):
                    words = tuple(_TOKEN.findall(spelling))
                    entry = Entry(PLACE, name)
                    entry.sides, entry.zones = sides, zones
                    entry.paired = not sides and not paired_words.isdisjoint(words)
                    yield words, entry

    def _inner_places(self, words: list[str], bony: bool, made: bool) -> tuple[tuple[Entry, int, int], ...]:
        """Sides and zones named inside a term ("basilar atelectasis"), with their word ranges."""
        if self._place_words.isdisjoint(words):
            return ()
        found = []
        index = 0
        while index < len(words):
            for end in range(len(words) if words[index] in self._place_words else index, index, -1):
                entry = self._places.get(tuple(words[index:end]))
                if entry is not None:
                    chamber = made and end < len(words) and words[end] in _CHAMBERS  # "right ventricular lead"
                    bare = words[index:end] in _BARE  # "lower respiratory tract infection"
                    if not chamber and not bare and (bony or not entry.zones & _SPINE):
                        found.append((entry, index, end))
                    index = end
                    break
            else:
                index += 1
        return tuple(found)

    def _entities_and_anatomy(self, files: LexiconFiles) -> None:
        self.defaults = files.anatomy.defaults
        self.transformed = files.anatomy.transformed
        self.relocated = files.anatomy.relocated
        # what a normal statement says the size of, so that "heart size is stable" can be said of cardiomegaly
        self.enlarged = {
            structure.normal.id: structure.when["enlarged"]
            for structure in files.anatomy.anatomy.values()
            if structure.normal is not None and "enlarged" in structure.when
        }
        self.predicate_of = {entity: predicate for predicate, entity in self.defaults.items()}
        paired = set(files.modifiers.paired)
        predicates = {}
        for predicate, terms in files.anatomy.predicates.items():
            entry = predicates[predicate] = Entry(PREDICATE, predicate)
            if predicate == "borderline":
                entry.rank = 0.0  # also a degree: "borderline cardiomegaly"
            self._add(terms, entry)
        for name, record in files.entities.items():
            self._add_entity(self.entities[name], record, paired)
        for name, structure in files.anatomy.anatomy.items():
            entry = Entry(ANATOMY, name)
            entry.zones = frozenset([structure.zone]) if structure.zone else NO_NAMES
            entry.when = structure.when
            entry.normal, entry.negated = self._normal(structure.normal), self._normal(structure.negated)
            pair = copy(entry)
            pair.paired = True
            for term in structure.terms:
                for spelling in expand(term):
                    self._insert(spelling, pair if spelling.rsplit(" ", 1)[-1] in paired else entry)

    def _add_entity(self, entity: Entity, record: EntityEntry, paired_words: set[str]) -> None:
        bony = entity.group in ("fracture", "degenerative", "spine_curve", "bone_lesion", "orthopaedic")
        entries: dict[tuple, Entry] = {}
        for term in record.terms:
            for singular in expand(term):
                for spelling in (singular, plural_of(singular)) if record.plural else (singular,):
                    words = _TOKEN.findall(spelling)
                    inner = self._inner_places(words, bony, entity.kind != "pathology")
                    paired = words[-1] in paired_words and not any(place.sides for place, _, _ in inner)
                    entry = entries.get((inner, paired))
                    if entry is None:
                        entry = entries[inner, paired] = Entry(ENTITY, entity.id)
                        entry.entity, entry.inner, entry.paired = entity, inner, paired
                    self._insert_words(words, entry)
        if record.removed:
            gone = Entry(ENTITY, entity.id)
            gone.entity, gone.gone = entity, True
            self._add(record.removed, gone)

    def _modifiers(self, files: LexiconFiles) -> None:
        modifiers = files.modifiers
        self.position_entries: dict[str, Entry] = {}
        for words, place in self._places.items():
            self._insert_words(words, place)
        for name, terms in modifiers.positions.items():
            entry = self.position_entries[name] = Entry(PLACE, name)
            entry.zones, entry.position = frozenset([name]), True
            self._add(terms, entry)
            self._also(terms, entry)
        for rank, terms in modifiers.degrees.items():
            entry = Entry(DEGREE, terms[0])
            entry.rank = rank
            self._add(terms, entry)
        for name, terms in modifiers.quantity_words.items():
            entry = Entry(TRAJECTORY, "worsened" if name == "increased" else "improved")
            entry.when = {"quantity": name}
            self._add(terms, entry)
        still = Entry(TRAJECTORY, "stable")
        still.soft = True
        self._add(modifiers.still_there, still)
        for name, terms in modifiers.trajectories.items():
            verbal, plain = Entry(TRAJECTORY, name), Entry(TRAJECTORY, name)
            verbal.verbal = True
            for term in terms:
                for spelling in expand(term):
                    self._insert(spelling, verbal if spelling.split(" ", 1)[0] in _AUXILIARIES else plain)

    def _triggers(self, files: LexiconFiles) -> None:
        triggers = files.triggers
        self._add(triggers.suspicious, Entry(SUSPICIOUS))
        self._add(triggers.pseudo_negation, Entry(WORD))
        for cls, terms in (
            (NOT_ASSERTED_AFTER, triggers.not_asserted_after),
            (NEGATION_AFTER, triggers.negation_after),
            (UNCERTAIN_AFTER, triggers.uncertain_after),
            (NEGATION, triggers.negation),
            (UNCERTAIN_CLAUSE, triggers.uncertain_clause),
            (UNCERTAIN, triggers.uncertain),
            (TERMINATOR, triggers.terminators),
            (HISTORY, triggers.history),
            (OLD, triggers.old),
            (NOT_ASSERTED, triggers.not_asserted),
            (LINK, triggers.links),
            (CONJUNCTION, triggers.conjunctions),
            (VERB, triggers.verbs),
            (PREPOSITION, triggers.prepositions),
            (JOINER, triggers.joiners),
        ):
            for term in terms:
                for spelling in expand(term):
                    # the words themselves are kept: "or", "versus" and "of" have rules of their own
                    self._insert(spelling, Entry(cls, spelling))
        self._insert(",", Entry(CONJUNCTION, ","))
        self._insert(";", Entry(TERMINATOR, ";"))
        self._insert(":", Entry(VERB, ":"))
        for bracket in "()":
            self._insert(bracket, Entry(WORD, bracket))

    def _words(self, files: LexiconFiles) -> None:
        word = Entry(WORD)
        for term in (*files.words.function, *files.words.report, "xxxx", "___"):
            self._insert(term, word)


@cache
def load_lexicon(folder: Path = ASSETS) -> Lexicon:
    """The lexicon of a folder of YAML files (default: the shipped one), compiled once per process.

    Raises:
        FileNotFoundError, ValueError: see :func:`radjudge.lexicon_files.load_files`.
    """
    return Lexicon(load_files(folder))
