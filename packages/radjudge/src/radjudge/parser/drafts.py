"""A statement while it is being put together, and the modifiers that wait for it."""

from __future__ import annotations

from radjudge.lexicon import CONJUNCTION, DEGREE, MEASUREMENT, NO_NAMES, PLACE, PREDICATE, TRAJECTORY, Entity, Normal
from radjudge.parser.tokens import Item


class Draft:
    """A statement under construction."""

    __slots__ = (
        "degree",
        "degrees",
        "entity",
        "extent",
        "first",
        "flags",
        "index",
        "inherits",
        "last",
        "measured",
        "mm",
        "normal",
        "paired",
        "places",
        "sides",
        "trajectories",
        "trajectory",
        "under",
        "zones",
    )

    def __init__(
        self, entity: Entity | None, normal: Normal | None, first: int, last: int, flags: int, index: int
    ) -> None:
        self.entity = entity
        self.normal = normal
        self.first = first
        self.last = last
        self.flags = flags
        self.index = index
        self.sides = NO_NAMES
        self.zones = NO_NAMES
        self.degree: float | None = None
        self.trajectory: str | None = None
        self.mm: tuple[float, ...] = ()
        self.paired = False
        self.places: list[Item] = []
        self.degrees: list[Item] = []
        self.trajectories: list[Item] = []
        self.measured: list[Item] = []
        self.inherits: Draft | None = None
        self.under = False  # behind "with": what is said of the whole is said of the head of its phrase

    def twin(self) -> Draft:
        """A second statement in the same words, without modifiers."""
        return Draft(self.entity, self.normal, self.first, self.last, self.flags, self.index)

    @property
    def is_device(self) -> bool:
        """Whether the statement is about a device."""
        return self.entity is not None and self.entity.kind == "device"

    @property
    def is_pathology(self) -> bool:
        """Whether the statement is about a disease or a sign of one."""
        return self.entity is not None and self.entity.kind == "pathology"

    def place(self, item: Item) -> None:
        """Add a side, zone or device position."""
        entry = item[0]
        device = self.is_device
        if entry.position and not device:
            return
        self.sides |= entry.sides
        if entry.position or not device:
            self.zones |= entry.zones
        self.paired = self.paired or entry.paired
        self.places.append(item)

    def grade(self, item: Item) -> None:
        """Set the degree; the first one stated stays."""
        if self.degree is None and not self.is_device:
            self.degree = item[0].rank
            self.degrees.append(item)

    def compare(self, item: Item) -> None:
        """Set the trajectory; one that says more than "stable" replaces it."""
        if self.is_device and item[0].soft:
            return  # a tube that "remains" or "persists" is there; a disease that does is unchanged
        if self.trajectory is None or self.trajectory == "stable":
            self.trajectory = item[0].value
        self.trajectories.append(item)

    def measure(self, item: Item) -> None:
        """Add sizes or distances."""
        self.mm += item[0].sizes_mm
        self.measured.append(item)


_OWN = frozenset([DEGREE, TRAJECTORY, MEASUREMENT])


def split_list(waiting: list[Item]) -> list[list[Item]]:
    """Cut waiting modifiers at conjunctions when each part has a side of its own and something else."""
    parts: list[list[Item]] = [[]]
    for item in waiting:
        if item[0].cls == CONJUNCTION:
            if parts[-1]:
                parts.append([])
        else:
            parts[-1].append(item)
    if not parts[-1]:
        parts.pop()
    if len(parts) > 1 and all(_stands_alone(part) for part in parts) and not _on_one_side(parts):
        return parts
    return [[item for part in parts for item in part]]


def _stands_alone(part: list[Item]) -> bool:
    sided = any(item[0].sides for item in part)
    other = any(item[0].cls in _OWN or (item[0].cls == PLACE and item[0].zones) for item in part)
    return sided and other


def _on_one_side(parts: list[list[Item]]) -> bool:
    """Whether a list names zones of one side only ("right middle and right lower lobe")."""
    return len({frozenset().union(*(item[0].sides for item in part)) for part in parts}) == 1


def apply(draft: Draft, items: list[Item]) -> None:
    for item in items:
        cls = item[0].cls
        if cls == PLACE:
            draft.place(item)
        elif cls in (DEGREE, PREDICATE):
            draft.grade(item)
        elif cls == TRAJECTORY:
            draft.compare(item)
        elif cls == MEASUREMENT:
            draft.measure(item)
