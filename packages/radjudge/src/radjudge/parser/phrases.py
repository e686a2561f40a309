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
    PLACE,
    PREDICATE,
    PREPOSITION,
    TERMINATOR,
    TRAJECTORY,
    UNCERTAIN_CLAUSE,
    VERB,
    Entry,
)
from radjudge.parser.clause import BOTH, Clause, Subject
from radjudge.parser.drafts import Draft
from radjudge.parser.lookahead import (
    abuts,
    alternative_follows,
    describes_change,
    is_former,
    pair_follows,
    structure_follows,
)
from radjudge.parser.negation import BESIDE, DENIED, NORMALITY, REACH, SUSPECTED, UNSTATED
from radjudge.parser.tokens import Item

STUDY_COMPARISON = "study_comparison"
"""Id of "no significant change": a statement about the whole study that has a trajectory and nothing else."""

_CONTINUING = frozenset(["but", "although", "though", "however", ";"])
_PLURAL = frozenset(["have", "are", "persist", "remain", "were"])
_SINGULAR = frozenset(["has", "is", "was", "persists", "remains"])
_ALTERNATIVES = frozenset(["versus", "vs", "and or"])
_COMPARATIVES = frozenset(["more", "larger", "bigger", "smaller", "greater", "less", "worse"])
_THAN = frozenset(["than", "since", "compared", "from", "versus"])
_RELATIVE = frozenset(["which", "that"])
_WITH = ("associated with", "accompanied by")
_REMAINS = frozenset(["remains", "remain", "remained"])
_STILL = Entry(TRAJECTORY, "stable")
_STILL.soft = True
_WRONG_HEIGHT = frozenset(["low", "high"])
_BARE_ZONES = (["lower"], ["middle"])
_AMOUNTS = (["more"], ["less"])
_INSIDE = frozenset(["of", "in", "within", "at", "along", "throughout", "involving", "inside"])
_LEFT_OVER = frozenset(["only", "residual"])


class PhraseReader(Clause):
    """Reads the items of one sentence; see the module's description."""

    def read(self) -> list[Draft]:
        """Every statement of the sentence, in text order."""
        handlers = _HANDLERS
        for place, item in enumerate(self.items):
            handler = handlers[item[0].cls]
            if handler is not None:
                handler(self, place, item)
        self.end()
        return self.drafts

    def _place(self, place: int, item: Item) -> None:
        spelling = self.words.words[item[1] : item[2]]
        if spelling in _BARE_ZONES and self.next_class(place) not in (CONJUNCTION, PREPOSITION, ENTITY):
            if self.verb and self.subjects and not self.composed:
                self.compose(place, item, "low", everything=True)  # "lung volumes are lower"
            return  # "lower chest wall"; but "right lower and middle lobes"
        if spelling == ["both"] and len(self.group) > 1 and self.next_class(place) == TRAJECTORY:
            self.verb = True  # "A and B, both increased": said of each, no side
            return
        if spelling == ["both"] and pair_follows(self.items, place):
            return  # "both cardiomegaly and edema"
        if spelling[0] == "on" and self.named is not None and not self.waiting:
            self.named.place(item)  # "no effusion on the left, small effusion on the right"
            return
        if item[0].position and self.group:
            for draft in reversed(self.group):
                if draft.is_device:
                    draft.place(item)
                    return
        if self.behind and self.group:
            last = self.group[-1]
            bare = not last.sides and not last.zones
            last.place(item)
            if bare:
                self.spread(last)
        else:
            self.waiting.append(item)

    def _wait(self, place: int, item: Item) -> None:
        if is_former(item, self.words.words):
            return
        degree = item[0].cls == DEGREE
        if degree and describes_change(self.items, place, self.words.words):
            return
        if degree and self.verb and self.group and not self.noun_follows(place):
            if self.side_follows(place):
                self.waiting.append(item)  # "effusions are small on the right and moderate on the left"
                return
            for draft in self.group[-REACH:]:
                draft.grade(item)
        elif degree and self.verb and self.subjects and not self.composed and not self.noun_follows(place):
            if not self.compose(place, item, "high" if (item[0].rank or 0.0) >= 2 else "low", everything=True):
                self.waiting.append(item)
        elif not degree and self.group and not self.noun_follows(place):
            self.group[-1].measure(item)
        else:
            self.waiting.append(item)

    def _trajectory(self, place: int, item: Item) -> None:
        entry = item[0]
        if self.flags[place] & UNSTATED or self._compares_places(place, item):
            return
        if self.words.words[item[1] : item[2]] in _AMOUNTS and not self.entity_follows(place):
            return  # "less edema than before", but "more on the left"
        quantity = entry.when.get("quantity")
        first_words = not self.group and not self.subjects and not self.drafts
        follows = self.noun_follows(place, across=True, leading=first_words)
        idle = bool(self.subjects) and not self.composed and not follows
        if idle and quantity and self.compose(place, item, quantity, everything=self.verb):
            return  # "markings are increased": a predicate of the structure
        grown = idle and not self.group and entry.value == "worsened"
        if grown and self.compose(place, item, "increased", everything=True):
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
            if self.side_follows(place):
                self.waiting.append(item)  # "improved on the right, worse on the left"
                return
            for draft in self._compared(place, item):
                draft.compare(item)
        elif self.elders and not self.subjects:
            for draft in self.elders[-REACH:]:
                draft.compare(item)
        elif not self.subjects or self.subjects[-1].item[0].value == "study":
            self.study = self.study or item
        elif self.composed:
            for draft in self.stated:
                draft.compare(item)  # "the heart is normal and unchanged"
        else:
            for subject in self.subjects:
                subject.changes.append(item)

    def _compares_places(self, place: int, item: Item) -> bool:
        """Whether "larger on the left", "the right being larger" compares places, not times."""
        words = self.words.words
        last = words[item[2] - 1]
        if (last not in _COMPARATIVES and words[item[1]] not in _COMPARATIVES) or last in _THAN:
            return False
        if words[item[2] : item[2] + 1] and words[item[2]] in _THAN:
            return False
        if any(waits[0].cls == TRAJECTORY for waits in self.waiting):
            return False  # "improved on the right, worse on the left"
        if self.group and self.next_class(place) in (PREPOSITION, PLACE):
            return True
        sided = [waits for waits in self.waiting if waits[0].cls == PLACE and len(waits[0].sides) == 1]
        if sided and self.group and self.group[-1].sides == BOTH:
            self.waiting = []
            return True
        return False

    def _compared(self, place: int, item: Item) -> list[Draft]:
        """The statements that a change behind them is about.

        Of a list or of "A with B", all members share it, unless a "which" ties it to the nearest. Counting takes such a
        change, one and the same words, for one comparison.
        """
        group = self.group[-REACH:]
        last = group[-1]
        words = self.words.words
        between = words[last.last : item[2]]
        if not _RELATIVE.isdisjoint(between) and not _SINGULAR.isdisjoint(between):
            return [last]  # "..., which has increased"
        if self.verb or words[item[1]] in _PLURAL or (words[item[1]] in _SINGULAR and last.under):
            return group
        if not self.after_comma(place):
            return [draft for draft in group if draft is last or draft.first == last.first]
        listed = [last]
        for draft in reversed(group[:-1]):
            if draft.trajectory is not None:
                break
            listed.append(draft)
        return listed

    def _entity(self, place: int, item: Item) -> None:
        entry, first, last = item
        flags = self.flags[place]
        if flags & UNSTATED:
            self.waiting.clear()
            return
        if self.words.words[first:last] == ["catheter"] and self.group and self.group[-1].is_device:
            self.verb = False  # "a port, with the catheter tip in the SVC" is one device
            return
        if self.verb and self.group and self.joined:
            self.group = []
            self.listed = 0
        entity = entry.entity
        assert entity is not None
        subject = self.subjects[-1].item if self.subjects and not self.composed and not self.verb else None
        if subject is not None and subject[2] == first:
            entity = self.relocated(subject[0].value, entity)  # "mediastinal soft tissue mass"
        fractured = False
        if self.predicates and not any(waits[0].cls == CONJUNCTION for waits in self.waiting):
            # "calcified right basilar nodule": the adjective makes it another finding, or adds nothing
            fractured = self.predicates[-1][1][0].value == "fractured" and entity.kind != "pathology"
            entity = self.transformed(self.predicates.pop()[1], entity)
            while self.predicates and self.predicates[-1][1][0].value in self.lexicon.transformed:
                entity = self.transformed(self.predicates.pop()[1], entity)
        guess = self.alternative or alternative_follows(self.items, place)
        if entity.mimic and self.link and self.group and not guess:
            taken = self.group.pop()  # "densities that likely represent nipple shadows" are no nodules
            self.drafts = [other for other in self.drafts if other is not taken]
        if entity.group == "artifact" and (self.link or flags & SUSPECTED):
            self.waiting.clear()
            return
        draft = Draft(entity, None, first, last, flags, place)
        draft.paired = entry.paired
        if entry.gone:
            draft.trajectory = "resolved"
            draft.trajectories.append(item)
        if self.group and not flags & DENIED:
            before = self.group[-1]
            if self.link or self.under or flags & SUSPECTED or before.last == first or self.shares(before, draft):
                draft.inherits = before
                if (self.link or flags & SUSPECTED) and before.entity is not None:
                    draft.entity = self.relocated(before.entity.id, entity)
        for inner, begin, end in entry.inner:
            draft.place((inner, first + begin, first + end))
        if subject is not None and subject[0].zones and subject[2] == first:
            draft.place(subject)
        if not self.verb:
            self.forget_subjects()
        self.dress(draft)
        if fractured:
            self.broken(draft)

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
        last = self.group[-1] if self.group and not self.verb else None
        if last is not None and last.entity is not None:
            # "fracture of the left clavicle" is more than a fracture
            predicate = self.lexicon.predicate_of.get(last.entity.id)
            if predicate is not None and entry.when.get(predicate):
                last.entity = self.lexicon.entities[entry.when[predicate]]
            elif self.behind and self.preposition in _INSIDE and not abuts(self.words.words[last.last : item[1]]):
                last.entity = self.relocated(entry.value, last.entity)
        if self.predicates and self.after_comma(place) and self.predicate_follows(place):
            self.flush_predicates()  # "apart from degenerative changes, the bones are normal"
            self.named = None
        if self.predicates and self.compose_waiting(item):
            return
        if "graded" in entry.when and not self.predicate_follows(place):
            graded = next((waits for waits in self.waiting if waits[0].cls == DEGREE), None)
            if graded is None and "chronic" in self.words.words[max(0, item[1] - 2) : item[1]]:
                graded = item
            if graded is not None and self.state(item, graded, "graded", place):
                self.subjects, self.composed = [Subject(item, [])], True
                return
        if self.behind and self.group and not self.predicate_follows(place):
            if entry.zones:
                self.group[-1].place(item)
            return
        fresh = self.group and self.joined and self.verb and self.predicate_follows(place)
        if self.composed or fresh:
            self.subjects.clear()
            self.composed = False
            if fresh:
                self.group = []
                self.listed = 0
        self.await_predicate(item)

    def _predicate(self, place: int, item: Item) -> None:
        if self.flags[place] & UNSTATED:
            return
        value = item[0].value
        named = self.named
        made = self.group[-1] if self.group and self.verb else None
        if made is not None and made.is_device and value in _WRONG_HEIGHT:
            made.place((self.lexicon.position_entries["malpositioned"], item[1], item[2]))
            return
        if made is not None and value == "fractured" and not made.is_pathology:
            self.broken(made)  # broken wires are no broken bone
            return
        if value in NORMALITY and self.verb and named is not None and named.is_pathology:
            named.flags |= DENIED  # "vascular engorgement is within normal limits" denies the engorgement
        behind = self.subjects and (not self.composed or self.verb or self.joined)
        if behind and not (self.composed and structure_follows(self.items, place, value)):
            everything = self.verb or value in NORMALITY
            if self.compose(place, item, value, everything=everything):
                return
        self.predicates.append((place, item))

    def _conjunction(self, place: int, item: Item) -> None:
        if self.behind and self.noun_follows(place):
            self.behind = False
        elif not self.behind:
            self.waiting.append(item)
        self.joined = True
        if item[0].value == "," and self.group and not self.noun_follows(place):
            self.give_back()  # "cardiomegaly is mild, ..."

    def _verb(self, place: int, item: Item) -> None:
        if self.waiting and self.named is not None and not self.joined:
            self.give_back()  # "opacity left base is seen"
        self.verb = True
        self.behind = False
        self.carried = None
        if item[0].value in _REMAINS and _LEFT_OVER.isdisjoint(self.words.words[: item[1]]):
            self.remains = (_STILL, item[1], item[2])  # but "only a scar remains"

    def _preposition(self, place: int, item: Item) -> None:
        self.behind = bool(self.group)
        self.preposition = item[0].value

    def _link(self, place: int, item: Item) -> None:
        value = item[0].value
        if self.waiting and self.group and not (self.joined and value in BESIDE):
            self.give_back()  # but not in "with a small associated effusion"
        self.flush_predicates()
        self.link = True
        self.alternative = value in _ALTERNATIVES
        if not self.alternative:
            self.listed = len(self.group)
        if value in _WITH or value.rsplit(" ", 1)[-1] in BESIDE:
            self.under, self.carried = bool(self.group), None
        self.behind = False
        self.verb = False

    def _joiner(self, place: int, item: Item) -> None:
        self.behind = False
        self.joined = True
        self.listed = len(self.group)
        self.under = bool(self.group)
        self.carried = None
        self.flush_predicates()

    def _terminator(self, place: int, item: Item) -> None:
        self.end()
        elders = self.group
        leading = [] if elders or not item[0].value.startswith("there ") else self.waiting
        self.begin()
        self.waiting = leading  # "in the left base there is ..."
        if item[0].value in _CONTINUING:
            self.elders = elders


_HANDLERS: list = [None] * 24
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
