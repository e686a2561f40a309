"""What the operators work on: a parsed report, what was already corrupted in it, and the change one operator makes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from radjudge.corruption.edits import Edit, NotApplicable, apply, tidy
from radjudge.corruption.tables import Split
from radjudge.lexicon import load_lexicon
from radjudge.records import Category, Finding, Report


class InjectedError(NamedTuple):
    """One error that the candidate is known to hold.

    Attributes:
        category: one of the six of ``records.CATEGORIES``.
        operator: what made it.
        entity: lexicon id of the finding.
        attribute: what differs (``side``, ``zone``, ``degree``, ``measurement``, ``position``, ``trajectory``) or None.
        sentence: for an insertion, the sentence that was added; empty otherwise.
    """

    category: Category
    operator: str
    entity: str
    attribute: str | None = None
    sentence: str = ""


class Change(NamedTuple):
    """The outcome of one operator, before it is verified.

    Attributes:
        text: the edited report.
        errors: what the edit makes wrong.
        lost: positive findings that may vanish or change; all others must stay as they were.
        gained: how many positive findings the edit writes (new, or the changed form of a lost one).
    """

    text: str
    errors: tuple[InjectedError, ...]
    lost: tuple[Finding, ...] = ()
    gained: int = 0


def related(one: str, other: str) -> bool:
    """Whether two entities may stand for one another: equal, parent and child, or siblings of a group."""
    return load_lexicon().relation(one, other) > 0


@dataclass
class Draft:
    """A report on its way to becoming a candidate."""

    report: Report
    rng: np.random.Generator
    split: Split = "train"
    donors: tuple[str, ...] = ()
    touched: set[str] = field(default_factory=set)

    def pick(self, options: Iterable[str]) -> str:
        choices = list(options)
        if not choices:
            raise NotApplicable("nothing to choose from")
        return choices[int(self.rng.integers(len(choices)))]

    def free(self, entity: str, *, besides: Finding | None = None) -> bool:
        """No injected error and no other positive finding is about this entity or one that could stand for it.

        An error in a finding whose relative stays ("opacity" beside "pneumonia") is one on which readers differ; the
        engine leaves such findings alone so that its truth is not a matter of taste.
        """
        if any(related(entity, other) for other in self.touched):
            return False
        return not any(item is not besides and related(entity, item.entity) for item in self.report.present)

    def targets(self) -> Iterator[Finding]:
        """Positive findings that may be edited, in random order."""
        findings = [
            item
            for item in self.report.present
            if item.source == "lexicon"
            and item.kind != "history"
            and item.certainty == "definite"
            and self.free(item.entity, besides=item)
        ]
        for index in self.rng.permutation(len(findings)):
            yield findings[int(index)]

    def first(self, edit: Callable[[Finding], Change]) -> Change:
        """The change of the first target that the edit applies to."""
        for finding in self.targets():
            try:
                return edit(finding)
            except NotApplicable:
                continue
        raise NotApplicable("no finding of this report suits the operator")


def changed(draft: Draft, finding: Finding, edits: list[Edit], error: InjectedError) -> Change:
    """A change of one attribute of one finding."""
    if not edits:
        raise NotApplicable("the finding does not state this attribute")
    return Change(tidy(apply(draft.report.text, edits)), (error,), (finding,), 1)
