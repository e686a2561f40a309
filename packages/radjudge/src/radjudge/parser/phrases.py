"""From matched words to statements: which side, degree, size and trajectory belong to which finding.

One pass over the items of a sentence. Words in front of a noun wait for it; words behind it, after a preposition, a
verb or a comma, go back to it. A structure and a predicate make a finding wherever they meet ("heart is enlarged",
"enlargement of the cardiac silhouette").
"""

from __future__ import annotations

from radjudge.lexicon import (
    ANATOMY,
    CONJUNCTION,
    DEGREE,
    ENTITY,
    JOINER,
    LINK,
    MEASUREMENT,
    NEGATION,
    PLACE,
    PREDICATE,
    PREPOSITION,
    TERMINATOR,
    TRAJECTORY,
    UNCERTAIN_CLAUSE,
    VERB,
    Entry,
    Lexicon,
)
from radjudge.parser.drafts import Draft, apply, split_list
from radjudge.parser.negation import DENIED, SUSPECTED, UNSTATED, scopes
from radjudge.parser.tokens import Item, Words

STUDY_COMPARISON = "study_comparison"
"""Id of "no significant change": a statement about the whole study that has a trajectory and nothing else."""

_BREAKS = frozenset([CONJUNCTION, VERB, TERMINATOR, PREPOSITION, JOINER, LINK, UNCERTAIN_CLAUSE, NEGATION])
_CONTINUING = frozenset(["but", "although", "though", "however", ";"])
_PLURAL = frozenset(["have", "are", "persist", "remain", "were"])
_ALTERNATIVES = frozenset(["versus", "vs", "and or"])
_NAMING = frozenset([ENTITY, ANATOMY, PREDICATE])
_COMPARATIVES = frozenset(["more", "larger", "bigger", "smaller", "greater", "less", "better"])
_CARRIED = ("resolved", "new")
_NORMALITY = frozenset(["normal", "clear"])
_REACH = 40


class PhraseReader:
    """Reads the items of one sentence; see the module's description."""

    def __init__(self, lexicon: Lexicon, words: Words) -> None:
        self.lexicon = lexicon
        self.words = words
        self.items = words.items
        self.flags = scopes(words.items)
        self.drafts: list[Draft] = []
        self.normals: list[Draft] = []
        self.study: Item | None = None  # a change of the whole study, or of what the sentence before spoke of
        self.negations: list[Item] = []
        self._new_clause()

    def _new_clause(self) -> None:
        self.group: list[Draft] = []  # statements that what follows may describe
        self.waiting: list[Item] = []  # modifiers in front of a noun, with the conjunctions between them
        self.subjects: list[tuple[int, Item, list[Item]]] = []  # structures and the places in front of them
        self.predicates: list[tuple[int, Item]] = []  # predicates in front of their structure
        self.listed = 0  # where in the group the current list begins
        self.composed = False  # the subjects have had a predicate
        self.behind = False  # a preposition: places go back to the statement before it
        self.verb = False  # a verb since the last statement or structure
        self.link = False
        self.joined = False
        self.named: Draft | None = None  # the statement just made, while nothing but a verb followed
        self.elders: list[Draft] = []  # statements before "but", for a clause without a subject of its own
        self.carried: Item | None = None  # "removal of A and B": the change holds for the whole list

    def read(self) -> list[Draft]:
        """Every statement of the sentence, in text order."""
        handlers = _HANDLERS
        for place, item in enumerate(self.items):
            handler = handlers[item[0].cls]
            if handler is not None:
                handler(self, place, item)
        self._close_clause()
        return self.drafts

    # --- one method per class of words ------------------------------------------------------------------------

    def _place(self, place: int, item: Item) -> None:
        if item[0].position and self.group:
            for draft in reversed(self.group):
                if draft.is_device:
                    draft.place(item)
                    return
        if self.behind and self.group:
            last = self.group[-1]
            last.place(item)
            for draft in self.group[self.listed : -1][-_REACH:]:
                # "atelectasis and effusion in the left base": the place of the last serves those without one
                if not draft.sides and not draft.zones and self._has_side(draft):
                    draft.sides, draft.zones, draft.paired = item[0].sides, item[0].zones, item[0].paired
        else:
            self.waiting.append(item)

    def _wait(self, place: int, item: Item) -> None:
        if item[0].cls == DEGREE and self.verb and self.group and not self._noun_follows(place):
            for draft in self.group[-_REACH:]:
                draft.grade(item)
        elif (
            item[0].cls == DEGREE
            and self.verb
            and self.subjects
            and not self.composed
            and not self._noun_follows(place)
        ):
            if not self._compose(place, item, "high" if (item[0].rank or 0.0) >= 2 else "low", everything=True):
                self.waiting.append(item)
        elif item[0].cls == MEASUREMENT and self.group and not self._noun_follows(place):
            self.group[-1].measure(item)
        else:
            self.waiting.append(item)

    def _trajectory(self, place: int, item: Item) -> None:
        entry = item[0]
        if self.flags[place] & UNSTATED:
            return
        if self.words.words[item[1]] in _COMPARATIVES and self._next_class(place) in (PREPOSITION, PLACE):
            return  # "larger on the left" compares places, not times
        quantity = entry.when.get("quantity")
        follows = self._noun_follows(place, across=True)
        idle = bool(self.subjects) and not self.composed and not follows
        if idle and quantity and self._compose(place, item, quantity, everything=self.verb):
            return  # "markings are increased": a predicate of the structure
        idle = idle and not self.group
        if idle and entry.value == "worsened" and self._compose(place, item, "increased", everything=True):
            # "the cardiac silhouette has increased in size": larger now, whatever it was
            self.drafts[-1].compare(item)
            return
        if follows:
            if quantity and follows.cls == ANATOMY and quantity in follows.when:
                self.predicates.append((place, item))
                return
            if quantity and follows.entity is not None and follows.entity.quantity and not self.verb:
                return
            self.waiting.append(item)
        elif self.group:
            last = self.group[-1]
            everything = self.verb or self.words.words[item[1]] in _PLURAL
            for draft in self.group[-_REACH:]:
                if everything or draft is last or draft.first == last.first:
                    draft.compare(item)
        elif self.elders and not self.subjects:
            for draft in self.elders[-_REACH:]:
                draft.compare(item)
        elif not self.subjects or self.subjects[-1][1][0].value == "study":
            self.study = self.study or item

    def _entity(self, place: int, item: Item) -> None:
        entry, first, last = item
        flags = self.flags[place]
        if flags & UNSTATED:
            self.waiting.clear()
            return
        if self.verb and self.group and self.joined:
            self.group = []
            self.listed = 0
        entity = entry.entity
        assert entity is not None
        if self.predicates and not any(waits[0].cls == CONJUNCTION for waits in self.waiting):
            # "calcified right basilar nodule": the adjective makes it another finding, or adds nothing
            adjective = self.predicates.pop()[1]
            if adjective[0].value == "borderline":
                self.waiting.append(adjective)
            transformed = self.lexicon.transformed.get(adjective[0].value)
            if transformed is not None and entity.id in transformed:
                entity = self.lexicon.entities[transformed[entity.id]]
        draft = Draft(entity, None, first, last, flags, place)
        draft.paired = entry.paired
        if self.group and not flags & DENIED:
            before = self.group[-1]
            if self.link or flags & SUSPECTED or before.last == first or self._shares(before, draft):
                draft.inherits = before
        for inner, begin, end in entry.inner:
            draft.place((inner, first + begin, first + end))
        for _, subject, _ in self.subjects[-1:]:
            if not self.composed and not self.verb and subject[0].zones and subject[2] == first:
                draft.place(subject)
        if not self.verb:
            self.subjects.clear()
        self._dress(draft)

    def _shares(self, first: Draft, second: Draft) -> bool:
        """Whether two statements of one list lie on one side when only the first names it."""
        if self.verb or first.entity is None or second.entity is None:
            return False
        sharing = self.lexicon.sharing
        return first.entity.group in sharing and second.entity.group in sharing

    def _has_side(self, draft: Draft) -> bool:
        return draft.entity is not None and draft.entity.group in self.lexicon.lateral

    def _dress(self, draft: Draft) -> None:
        """Give the waiting modifiers to a new statement; "moderate right and small left" makes two of it."""
        waiting = self.waiting
        target = draft
        if waiting:
            parts = split_list(waiting)
            if len(parts) > 1:
                for part in parts[:-1]:
                    twin = Draft(draft.entity, draft.normal, draft.first, draft.last, draft.flags, draft.index)
                    apply(twin, part)
                    self._keep(twin)
            apply(target, parts[-1])
            self.waiting = []
        self._keep(target)
        if target.trajectory in _CARRIED:
            self.carried = target.trajectories[-1]
        elif self.carried is not None and self.joined and target.trajectory is None:
            target.compare(self.carried)
        self.behind = self.verb = self.link = self.joined = False
        self.named = target

    def _keep(self, draft: Draft) -> None:
        self.drafts.append(draft)
        if draft.normal is None:
            self.group.append(draft)

    def _anatomy(self, place: int, item: Item) -> None:
        entry = item[0]
        if self.flags[place] & UNSTATED:
            return
        self.named = None
        if entry.value == "study" and self.study is None:
            # "stable chest", "no change in the appearance of the chest"
            self.study = next((waits for waits in self.waiting if waits[0].cls == TRAJECTORY), None)
        if entry.negated is not None and self.flags[place] & DENIED:
            self.drafts.append(Draft(None, entry.negated, item[1], item[2], self.flags[place], place))
            self.composed = True
            self.subjects.clear()
            return
        if entry.also is not None and self.group and self.group[-1].is_device:
            self.group[-1].place((entry.also, item[1], item[2]))
            return
        if self.group and not self.verb:
            # "fracture of the left clavicle" is more than a fracture
            last = self.group[-1]
            predicate = self.lexicon.predicate_of.get(last.entity.id if last.entity is not None else "")
            if predicate is not None and entry.when.get(predicate):
                last.entity = self.lexicon.entities[entry.when[predicate]]
        if self.predicates and self._compose_waiting(item):
            return
        if self.behind and self.group and not self._predicate_follows(place):
            if entry.zones:
                self.group[-1].place(item)
            return
        fresh = self.group and self.joined and self.verb and self._predicate_follows(place)
        if self.composed or fresh:
            self.subjects.clear()
            self.composed = False
            if fresh:
                self.group = []
                self.listed = 0
        self.subjects.append((place, item, []))
        self.verb = False

    def _predicate(self, place: int, item: Item) -> None:
        if self.flags[place] & UNSTATED:
            return
        value = item[0].value
        named = self.named
        if value in _NORMALITY and self.verb and named is not None and named.is_pathology:
            named.flags |= DENIED  # "vascular engorgement is within normal limits" denies the engorgement
        if self.subjects and (not self.composed or self.verb or self.joined):
            everything = self.verb or value in _NORMALITY
            if self._compose(place, item, value, everything=everything):
                return
        self.predicates.append((place, item))

    def _compose(self, place: int, item: Item, value: str, *, everything: bool) -> bool:
        """Make statements of the subjects and a predicate behind them."""
        done = False
        for _, subject, _ in self.subjects if everything else self.subjects[-1:]:
            done |= self._state(subject, item, value, place)
        if done:
            self.composed = True
            self.verb = False
        return done

    def _compose_waiting(self, item: Item) -> bool:
        """Make statements of a structure and the predicates in front of it."""
        done = False
        kept = []
        for place, predicate in self.predicates:
            value = predicate[0].when.get("quantity") or predicate[0].value
            made = self._state(item, predicate, value, place)
            done |= made
            if value in _NORMALITY:
                kept.append((place, predicate))  # "normal heart, lungs and mediastinum"
        if done:
            self.predicates = kept
            self.subjects = [(0, item, [])]
            self.composed = True
            self.verb = False
        return done

    def _state(self, subject: Item, predicate: Item, value: str, place: int) -> bool:
        entry, flags = subject[0], self.flags[place]
        first, last = min(subject[1], predicate[1]), max(subject[2], predicate[2])
        if value in _NORMALITY or (value == "abnormal" and flags & DENIED):
            normal = entry.normal
            if normal is None or (value in _NORMALITY and flags & DENIED):
                return normal is not None
            self.drafts.append(Draft(None, normal, first, last, flags if value == "abnormal" else 0, place))
            self.waiting = []
            return True
        entity = entry.when.get(value)
        if not entity:
            return False
        draft = Draft(self.lexicon.entities[entity], None, first, last, flags, place)
        if value == "borderline":
            draft.degree = 0.0
        draft.paired = entry.paired
        if self.link and self.group:
            draft.inherits = self.group[-1]
        self._dress(draft)
        return True

    def _conjunction(self, place: int, item: Item) -> None:
        if self.behind and self._noun_follows(place):
            self.behind = False
        elif not self.behind:
            self.waiting.append(item)
        self.joined = True
        if item[0].value == "," and self.group:
            self._settle(place)

    def _settle(self, place: int) -> None:
        """At a comma, degrees that no noun took up go back ("cardiomegaly is mild, ...")."""
        if not self._noun_follows(place):
            self._give_back()

    def _give_back(self) -> None:
        """Let modifiers that no noun took up describe the statement before them."""
        last = self.group[-1]
        if last.entity is None or last.flags & UNSTATED:
            return
        places = [item for item in self.waiting if item[0].cls == PLACE]
        if places and last.sides and all(item[0].sides and not item[0].sides & last.sides for item in places):
            # "moderate right effusion, small left": a second finding of the same kind
            twin = Draft(last.entity, None, last.first, last.last, last.flags, last.index)
            apply(twin, self.waiting)
            self._keep(twin)
            self.waiting = []
            return
        bare = not last.sides and not last.zones
        for item in self.waiting:
            cls = item[0].cls
            if cls == PLACE and (bare or (not last.sides and item[0].sides)):
                last.place(item)
            elif cls == DEGREE:
                last.grade(item)
            elif cls == MEASUREMENT:
                last.measure(item)
        if bare and places and not self.verb:
            for draft in self.group[self.listed : -1][-_REACH:]:
                if not draft.sides and not draft.zones and self._has_side(draft):
                    draft.sides, draft.zones, draft.paired = last.sides, last.zones, last.paired
        self.waiting = []

    def _verb(self, place: int, item: Item) -> None:
        if self.waiting and self.named is not None and not self.joined:
            self._give_back()  # "opacity left base is seen"
        self.verb = True
        self.behind = False
        self.carried = None

    def _preposition(self, place: int, item: Item) -> None:
        self.behind = bool(self.group)

    def _link(self, place: int, item: Item) -> None:
        if self.waiting and self.group:
            self._give_back()
        self.link = True
        if item[0].value not in _ALTERNATIVES:
            self.listed = len(self.group)
        self.behind = False
        self.verb = False
        self._flush_predicates()

    def _joiner(self, place: int, item: Item) -> None:
        self.behind = False
        self.joined = True
        self.listed = len(self.group)
        self._flush_predicates()

    def _terminator(self, place: int, item: Item) -> None:
        self._close_clause()
        elders = self.group
        leading = [] if elders or not item[0].value.startswith("there ") else self.waiting
        self._new_clause()
        self.waiting = leading  # "in the left base there is ..."
        if item[0].value in _CONTINUING:
            self.elders = elders

    def _close_clause(self) -> None:
        self._flush_predicates()
        if self.waiting and not self.group:
            self.group = self.elders
        if self.group and self.waiting:
            self._give_back()

    def _flush_predicates(self) -> None:
        """Predicates that met no structure stand for themselves where they can ("calcification")."""
        for place, item in self.predicates:
            entity = self.lexicon.defaults.get(item[0].value)
            if entity and not item[0].when:
                draft = Draft(self.lexicon.entities[entity], None, item[1], item[2], self.flags[place], place)
                waiting, self.waiting = self.waiting, [w for w in self.waiting if w[1] < item[1]]
                self._dress(draft)
                self.waiting = [w for w in waiting if w[1] >= item[2]]
        self.predicates = []

    # --- looking ahead -------------------------------------------------------------------------------------------

    def _noun_follows(self, place: int, across: bool = False) -> Entry | None:
        """The entity or structure that the noun phrase after ``place`` ends in, if any.

        With ``across``, "of" and "in" are crossed ("increase in the left effusion").
        """
        for entry, _, _ in self.items[place + 1 : place + 12]:
            cls = entry.cls
            if cls in _NAMING:
                # "has grown since the last study": the study is no subject beside a finding
                return None if self.group and entry.value == "study" else entry
            if cls == PREPOSITION and across and entry.value in ("of", "in"):
                continue
            if cls in _BREAKS:
                return None
        return None

    def _next_class(self, place: int) -> int:
        return self.items[place + 1][0].cls if place + 1 < len(self.items) else -1

    def _predicate_follows(self, place: int) -> bool:
        for entry, _, _ in self.items[place + 1 : place + 8]:
            if entry.cls == PREDICATE:
                return True
            if entry.cls in (TERMINATOR, ENTITY, CONJUNCTION):
                return False
        return False


_HANDLERS: list = [None] * 23
_HANDLERS[PLACE] = PhraseReader._place
_HANDLERS[DEGREE] = PhraseReader._wait
_HANDLERS[MEASUREMENT] = PhraseReader._wait
_HANDLERS[TRAJECTORY] = PhraseReader._trajectory
_HANDLERS[ENTITY] = PhraseReader._entity
_HANDLERS[ANATOMY] = PhraseReader._anatomy
_HANDLERS[PREDICATE] = PhraseReader._predicate
_HANDLERS[CONJUNCTION] = PhraseReader._conjunction
_HANDLERS[VERB] = PhraseReader._verb
_HANDLERS[PREPOSITION] = PhraseReader._preposition
_HANDLERS[UNCERTAIN_CLAUSE] = PhraseReader._link
_HANDLERS[LINK] = PhraseReader._link
_HANDLERS[JOINER] = PhraseReader._joiner
_HANDLERS[TERMINATOR] = PhraseReader._terminator
