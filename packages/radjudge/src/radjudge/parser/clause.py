"""One clause while it is read: its statements, the modifiers that wait for a noun, the structures without a predicate.

:mod:`radjudge.parser.phrases` fills it word by word; here stands what a clause does with them.
"""

from __future__ import annotations

from typing import NamedTuple

from radjudge.lexicon import (
    CONJUNCTION,
    DEGREE,
    ENTITY,
    MEASUREMENT,
    NO_NAMES,
    PLACE,
    TRAJECTORY,
    Entity,
    Entry,
    Lexicon,
)
from radjudge.parser.drafts import Draft, apply, split_list
from radjudge.parser.lookahead import noun_follows, predicate_follows
from radjudge.parser.negation import COMPARED_ONLY, DENIED, NORMALITY, REACH, UNSTATED, scopes
from radjudge.parser.tokens import Item, Words

BOTH = frozenset(["left", "right"])
_CARRIED = ("resolved", "new")
_OF = frozenset(["of", "in"])
_OF_STRUCTURES = frozenset(["stable", "improved", "worsened"])


def _fills(place: Entry, draft: Draft) -> bool:
    """Whether a place names the side or the zone that a statement lacks, and nothing that it has."""
    return bool(place.sides and not draft.sides) or bool(place.zones and not draft.zones and not place.sides)


class Subject(NamedTuple):
    """A structure that waits for its predicate, and the changes said of it ("stable mediastinal contours")."""

    item: Item
    changes: list[Item]


class Clause:
    """What is known of the current clause of one sentence."""

    def __init__(self, lexicon: Lexicon, words: Words) -> None:
        self.lexicon = lexicon
        self.words = words
        self.items = words.items
        self.flags = scopes(words.items)
        self.drafts: list[Draft] = []
        self.study: Item | None = None  # a change of the whole study, or of what the sentence before spoke of
        self.begin()

    def begin(self) -> None:
        """Start a clause."""
        self.group: list[Draft] = []  # statements that what follows may describe
        self.waiting: list[Item] = []  # modifiers in front of a noun, with the conjunctions between them
        self.subjects: list[Subject] = []
        self.predicates: list[tuple[int, Item]] = []  # predicates in front of their structure
        self.listed = 0  # where in the group the current list begins
        self.composed = False  # the subjects have had a predicate
        self.behind = False  # a preposition: places go back to the statement before it
        self.verb = False  # a verb since the last statement or structure
        self.link = False
        self.alternative = False  # the link is "versus"
        self.joined = False
        self.under = False  # behind "with"
        self.preposition = ""
        self.named: Draft | None = None  # the statement just made, while nothing but a verb followed
        self.elders: list[Draft] = []  # statements before "but", for a clause without a subject of its own
        self.carried: Item | None = None  # "removal of A and B": the change holds for the whole list
        self.remains: Item | None = None  # the verb of "remains enlarged"
        self.stated: list[Draft] = []  # normal statements about the subjects

    def end(self) -> None:
        """Give what is left over to what it can describe."""
        self.flush_predicates()
        if self.waiting and not self.group:
            self.group = self.elders
        if self.group and self.waiting:
            self.give_back()
        if self.remains is not None and self.verb and self.group and self.named is self.group[-1]:
            self.group[-1].compare(self.remains)  # "the opacity remains"
        if self.subjects and not self.composed:
            self._unchanged_structures()

    # --- findings --------------------------------------------------------------------------------------------------

    def shares(self, first: Draft, second: Draft) -> bool:
        """Whether two statements of one list lie on one side when only the first names it."""
        if self.verb or first.entity is None or second.entity is None:
            return False
        sharing = self.lexicon.sharing
        return first.entity.group in sharing and second.entity.group in sharing

    def has_side(self, draft: Draft) -> bool:
        """Whether a statement is of a kind that has a side."""
        return draft.entity is not None and draft.entity.group in self.lexicon.lateral

    def transformed(self, adjective: Item, entity: Entity) -> Entity:
        """What an adjective makes of a finding."""
        if adjective[0].value == "borderline":
            self.waiting.append(adjective)
        transformed = self.lexicon.transformed.get(adjective[0].value)
        return self.lexicon.entities[transformed[entity.id]] if transformed and entity.id in transformed else entity

    def relocated(self, structure: str, entity: Entity) -> Entity:
        """What a finding of a structure, or in the light of another finding, is."""
        relocated = self.lexicon.relocated.get(structure)
        return self.lexicon.entities[relocated[entity.id]] if relocated and entity.id in relocated else entity

    def dress(self, draft: Draft) -> None:
        """Give the waiting modifiers to a new statement; "moderate right and small left" makes two of it."""
        waiting = self.waiting
        waiting_modifiers = any(item[0].cls != CONJUNCTION for item in waiting)
        if waiting:
            parts = split_list(waiting)
            if len(parts) > 1:
                changes = [item for item in parts[0] if item[0].cls == TRAJECTORY]
                for part in parts[:-1]:
                    twin = draft.twin()
                    apply(twin, part)
                    self._keep(twin)
                if all(item[0].cls != TRAJECTORY for item in parts[-1]):
                    parts[-1].extend(changes)  # "increased right and left opacities"
            apply(draft, parts[-1])
            self.waiting = []
        self._keep(draft)
        if self.remains is not None and draft.trajectory is None:
            draft.compare(self.remains)
        if draft.trajectory is not None and draft.trajectories and self._is_carried(draft.trajectories[-1]):
            self.carried = draft.trajectories[-1]
        elif self.carried is not None and self.joined and draft.trajectory is None:
            draft.compare(self.carried)
        elif self.joined and draft.trajectory is None and not waiting_modifiers and self._alike(draft):
            draft.compare(self.group[-2].trajectories[-1])  # "increasing pneumothorax and subcutaneous gas"
        self.behind = self.verb = self.link = self.joined = False
        self.named = draft

    def _alike(self, draft: Draft) -> bool:
        """Whether the statement before a bare one in a list has a change in front of it, which both then share."""
        if len(self.group) < 2 or draft.places or self.verb or self.under:
            return False
        if self.items[draft.index][0].cls != ENTITY:
            return False
        before = self.group[-2]
        return bool(before.trajectories) and before.trajectories[-1][1] < before.first

    def _is_carried(self, item: Item) -> bool:
        """Whether a change in front of a list is that of every member ("new A and B", "increase in A and B")."""
        return item[0].value in _CARRIED or not _OF.isdisjoint(self.words.words[item[2] - 1 : item[2] + 1])

    def _keep(self, draft: Draft) -> None:
        draft.under = self.under
        self.drafts.append(draft)
        self.group.append(draft)

    def broken(self, made: Draft) -> None:
        """Add that a device or implant is broken."""
        entity = self.lexicon.entities.get("hardware_failure")
        if entity is not None:
            draft = Draft(entity, None, made.first, made.last, made.flags, made.index)
            draft.sides = made.sides
            self._keep(draft)

    def give_back(self) -> None:
        """Let modifiers that no noun took up describe the statement before them."""
        last = self.group[-1]
        if last.entity is None or last.flags & UNSTATED:
            return
        places = [item for item in self.waiting if item[0].cls == PLACE]
        if len(places) > 1 and self._split_sides(last):
            self.waiting = []
            return
        if places and last.sides and all(item[0].sides and not item[0].sides & last.sides for item in places):
            # "moderate right effusion, small left": a second finding of the same kind
            twin = last.twin()
            apply(twin, self.waiting)
            self._keep(twin)
            self.waiting = []
            return
        bare = not last.sides and not last.zones
        for item in self.waiting:
            cls = item[0].cls
            if cls == PLACE and (bare or _fills(item[0], last)):
                last.place(item)
            elif cls == DEGREE:
                last.grade(item)
            elif cls == MEASUREMENT:
                last.measure(item)
            elif cls == TRAJECTORY:
                last.compare(item)
        if bare and places and not self.verb:
            self.spread(last)
        self.waiting = []

    def spread(self, last: Draft) -> None:
        """Let the place of the last of a list serve those without one ("atelectasis and effusion in the left base")."""
        for draft in self.group[self.listed : -1][-REACH:]:
            if not draft.sides and not draft.zones and self.has_side(draft):
                draft.sides, draft.zones, draft.paired = last.sides, last.zones, last.paired

    def _split_sides(self, last: Draft) -> bool:
        """Make two findings of "bilateral effusions, small on the right and moderate on the left"."""
        parts = split_list(self.waiting)
        sides = [frozenset().union(*(item[0].sides for item in part)) for part in parts]
        if len(parts) != 2 or any(len(side) != 1 for side in sides) or sides[0] == sides[1]:
            return False
        if last.sides and last.sides != BOTH:
            return False
        twin = last.twin()
        twin.zones, twin.degree, twin.trajectory = last.zones, last.degree, last.trajectory
        twin.inherits = last.inherits
        last.sides = NO_NAMES
        last.paired = False
        for draft, part in ((last, parts[0]), (twin, parts[1])):
            if any(item[0].cls == DEGREE for item in part):
                draft.degree = None
            apply(draft, part)
        self._keep(twin)
        return True

    # --- structures and their predicates ---------------------------------------------------------------------------

    def await_predicate(self, item: Item) -> None:
        """Keep a structure until its predicate comes, with the changes in front of it."""
        changes = [waits for waits in self.waiting if waits[0].cls == TRAJECTORY and item[0].value != "study"]
        if changes:
            self.waiting = [waits for waits in self.waiting if waits[0].cls != TRAJECTORY]
        elif self.subjects and self.joined and not self.verb:
            changes = self.subjects[-1].changes  # "stable mediastinal and hilar contours"
        self.subjects.append(Subject(item, changes))
        self.verb = False

    def forget_subjects(self) -> None:
        """Drop structures that turned out to be places; what was said of them waits for the noun that follows."""
        if not self.composed:
            for subject in self.subjects[-1:]:
                self.waiting.extend(subject.changes)
        self.subjects.clear()

    def compose(self, place: int, item: Item, value: str, *, everything: bool) -> bool:
        """Make statements of the subjects and a predicate behind them."""
        done = False
        for subject in self.subjects if everything else self.subjects[-1:]:
            done |= self.state(subject.item, item, value, place, subject.changes)
        if done:
            self.composed = True
            self.verb = False
        return done

    def compose_waiting(self, item: Item) -> bool:
        """Make statements of a structure and the predicates in front of it."""
        done = False
        kept = []
        for place, predicate in self.predicates:
            value = predicate[0].when.get("quantity") or predicate[0].value
            made = self.state(item, predicate, value, place)
            done |= made
            if value in NORMALITY:
                kept.append((place, predicate))  # "normal heart, lungs and mediastinum"
        if done:
            self.predicates = kept
            self.subjects = [Subject(item, [])]
            self.composed = True
            self.verb = False
        return done

    def state(
        self, structure: Item, predicate: Item, value: str, place: int, changes: list[Item] | None = None
    ) -> bool:
        """Make a statement of a structure and a predicate, if they mean something together."""
        entry, flags = structure[0], self.flags[place]
        first, last = min(structure[1], predicate[1]), max(structure[2], predicate[2])
        if value in NORMALITY or (value == "abnormal" and flags & DENIED):
            normal = entry.normal
            if normal is None or (value in NORMALITY and flags & DENIED):
                return normal is not None
            draft = Draft(None, normal, first, last, flags if value == "abnormal" else 0, place)
            if value == "high_normal":
                draft.degree = 0.0  # as "borderline enlarged" has
            for change in (*(changes or ()), *self.waiting):
                if change[0].cls == TRAJECTORY and change[0].value in _OF_STRUCTURES:
                    draft.compare(change)
            self.drafts.append(draft)
            self.stated.append(draft)
            self.waiting = []
            return True
        entity = entry.when.get(value)
        if not entity:
            return False
        draft = Draft(self.lexicon.entities[entity], None, first, last, flags, place)
        if value == "borderline":
            draft.degree = 0.0
        for change in changes or ():
            draft.compare(change)  # "heart size is stable, mildly enlarged"
        draft.paired = entry.paired
        if self.link and self.group:
            draft.inherits = self.group[-1]
        self.dress(draft)
        return True

    def flush_predicates(self) -> None:
        """Predicates that met no structure stand for themselves where they can ("calcification")."""
        for place, item in self.predicates:
            entity = self.lexicon.defaults.get(item[0].value)
            if entity and not item[0].when:
                draft = Draft(self.lexicon.entities[entity], None, item[1], item[2], self.flags[place], place)
                if self.link and self.group:
                    draft.inherits = self.group[-1]  # "deformity of the left rib from an old fracture"
                waiting, self.waiting = self.waiting, [w for w in self.waiting if w[1] < item[1]]
                self.dress(draft)
                self.waiting = [w for w in waiting if w[1] >= item[2]]
        self.predicates = []

    def _unchanged_structures(self) -> None:
        """ "The cardiac silhouette is stable": a comparison, of a structure that nothing else is said of."""
        for subject in self.subjects:
            item, changes = subject
            changes = [change for change in changes if change[0].value in _OF_STRUCTURES]
            if changes and item[0].normal is not None and item[0].value != "study":
                draft = Draft(None, item[0].normal, item[1], item[2], COMPARED_ONLY, 0)
                draft.compare(changes[0])
                self.drafts.append(draft)

    # --- looking ahead ---------------------------------------------------------------------------------------------

    def noun_follows(self, place: int, across: bool = False, leading: bool = False) -> Entry | None:
        """See :func:`radjudge.parser.lookahead.noun_follows`."""
        entry = noun_follows(self.items, place, across=across, leading=leading)
        # "has grown since the last study": the study is no subject beside a finding
        elsewhere = self.group or self.elders or self.subjects
        return None if entry is not None and entry.value == "study" and elsewhere else entry

    def predicate_follows(self, place: int) -> bool:
        """See :func:`radjudge.parser.lookahead.predicate_follows`."""
        return predicate_follows(self.items, place)

    def entity_follows(self, place: int) -> bool:
        """Whether the next word begins an entity."""
        following = self.items[place + 1 : place + 2]
        return bool(following) and following[0][0].cls == ENTITY and following[0][1] == self.items[place][2]

    def next_class(self, place: int) -> int:
        """Class of the next item, -1 at the end."""
        return self.items[place + 1][0].cls if place + 1 < len(self.items) else -1

    def side_follows(self, place: int) -> bool:
        """Whether what is said now goes for one side of a finding of both sides."""
        if place + 1 == len(self.items) or self.group[-1].sides not in (BOTH, NO_NAMES):
            return False
        entry = self.items[place + 1][0]
        return entry.cls == PLACE and len(entry.sides) == 1

    def after_comma(self, place: int) -> bool:
        """Whether a conjunction or comma stands before an item."""
        return place > 0 and self.items[place - 1][0].cls == CONJUNCTION
