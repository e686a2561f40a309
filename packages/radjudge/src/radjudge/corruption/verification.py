"""The check of one edit: parse before and after, and see that only what was meant to change has changed."""

from collections import Counter
from collections.abc import Hashable
from typing import Literal

from radjudge.corruption.draft import Change
from radjudge.records import Finding, Report

Verify = Literal["exact", "collateral", "off"]
MODES: tuple[Verify, ...] = ("exact", "collateral", "off")

_FIELDS = ("polarity", "certainty", "kind", "sides", "zones", "degree", "measurements_mm", "trajectory")
_MAY_CHANGE = {
    "side": {"sides"},
    "zone": {"zones"},
    "degree": {"degree"},
    "measurement": {"measurements_mm"},
    "position": {"zones", "sides", "measurements_mm"},
    "trajectory": {"trajectory"},
}


def signature(finding: Finding) -> tuple[Hashable, ...]:
    """What a finding says, without where it says it."""
    return (finding.entity, *(getattr(finding, field) for field in _FIELDS))


def _differences(before: tuple[Hashable, ...], after: tuple[Hashable, ...]) -> set[str]:
    return {field for field, a, b in zip(_FIELDS, before[1:], after[1:], strict=True) if a != b}


def accept(before: Report, after: Report, change: Change, mode: Verify) -> bool:
    """Whether the edited report may be used.

    ``exact``: the positive findings of the two reports differ by exactly the errors of the change. ``collateral``:
    every finding that was not meant to change is as before; how the parser reads the edited one is left open, so that
    a judge built on that parser is also tested on what the parser cannot read. ``off``: any text that differs.
    """
    if before.text == after.text:
        return False
    if mode == "off":
        return True
    old, new = (Counter(signature(item) for item in report.present) for report in (before, after))
    lost, gained = old - new, new - old
    meant = Counter(signature(item) for item in change.lost)
    inserted = {error.entity for error in change.errors if error.category == "false_finding"}
    if any(finding.entity in inserted or inserted & finding.denies for finding in after.absent):
        return False  # a statement that rules the new finding out has survived
    if mode == "collateral":
        return not lost - meant and gained.total() <= change.gained
    if lost != meant or gained.total() != change.gained:
        return False
    (first, *_) = change.errors
    if first.attribute is None:
        return {entry[0] for entry in gained} == inserted
    ((old_entry,), (new_entry,)) = (list(lost), list(gained))
    differing = _differences(old_entry, new_entry)
    return old_entry[0] == new_entry[0] and bool(differing) and differing <= _MAY_CHANGE[first.attribute]
