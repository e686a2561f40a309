"""Findings of one report that are one thing: a sign on the film and what it is read as.

"Left basilar opacity, atelectasis versus pneumonia" is one thing that may be right, missing or in the wrong place, not
three, and so are an opacity in the findings and the pneumonia that the impression makes of it. Radiologists count it
once; so do matching and counting here.
"""

from __future__ import annotations

from typing import NamedTuple

from radjudge.lexicon import NO_NAMES, Lexicon
from radjudge.records import Finding

_GRAVITY = {"urgent": 3, "actionable": 2, "not_actionable": 1}


class Reading(NamedTuple):
    """A sign with its readings.

    Attributes:
        findings: the one that counts first: definite before possible, then the gravest, then the earliest.
        sides, zones: the place of all of them together.
    """

    findings: list[Finding]
    sides: frozenset[str]
    zones: frozenset[str]

    @property
    def first(self) -> Finding:
        return self.findings[0]


def readings(findings: list[Finding], lexicon: Lexicon) -> list[Reading]:
    """The findings of one report, signs put to what they are read as; in the order of their first finding.

    A finding joins another one of the same report at a place that can be the same, unless it is new and the other is of
    a kind that lasts, when

    - it is more general, or a sign that the other explains ("opacity" and "pneumonia", "septal lines" and "edema");
    - it is a doubt, in the same sentence, about the sign that the other is a reading of.
    """
    if len(findings) < 2:
        return [_reading([finding], lexicon) for finding in findings]
    by_entity: dict[str, list[int]] = {}
    for index, finding in enumerate(findings):
        by_entity.setdefault(finding.entity, []).append(index)
    joins: dict[int, int] = {}
    for index, finding in enumerate(findings):
        joined = _head(index, finding, findings, by_entity, lexicon)
        if joined is not None and _root(joins, joined) != index:
            joins[index] = joined
    doubts = [index for index, finding in enumerate(findings) if finding.certainty == "possible" and index not in joins]
    if doubts:
        by_sentence: dict[int, list[int]] = {}
        for index, finding in enumerate(findings):
            for sentence in set(finding.sentences):
                by_sentence.setdefault(sentence, []).append(index)
    for index in doubts:
        beside = sorted({peer for sentence in findings[index].sentences for peer in by_sentence[sentence]})
        place = beside.index(index)
        for peer in (*reversed(beside[:place]), *beside[place + 1 :]):
            if _root(joins, peer) != index and _doubts(findings[index], findings[peer], lexicon):
                joins[index] = peer
                break
    groups: dict[int, list[Finding]] = {}
    for index, finding in enumerate(findings):
        groups.setdefault(_root(joins, index), []).append(finding)
    return [_reading(group, lexicon) for group in groups.values()]


def _root(joins: dict[int, int], index: int) -> int:
    while index in joins:
        index = joins[index]
    return index


def _reading(group: list[Finding], lexicon: Lexicon) -> Reading:
    if len(group) == 1:
        return Reading(group, group[0].sides, group[0].zones)
    sides = zones = NO_NAMES
    for finding in group:
        sides, zones = sides | finding.sides, zones | finding.zones
    group.sort(key=lambda item: (item.certainty == "possible", -gravity(item, lexicon)))
    return Reading(group, sides, zones)


def gravity(finding: Finding, lexicon: Lexicon) -> int:
    """How much an entity matters by itself: 3 urgent to 0 benign."""
    return _GRAVITY.get(lexicon.level_of(finding.entity), 0)


def arises_apart(finding: Finding, other: Finding, lexicon: Lexicon) -> bool:
    """Whether a finding is new and the other, of another name, long there: a new opacity beside fibrosis."""
    if finding.trajectory != "new" or other.trajectory == "new" or finding.entity == other.entity:
        return False
    peer = lexicon.entities.get(other.entity)
    return peer is not None and peer.group in lexicon.lasting


def is_fresh_beside(finding: Finding, other: Finding) -> bool:
    """Whether of two findings of different names one is new and the other unchanged: no one says so of one thing."""
    return finding.entity != other.entity and {finding.trajectory, other.trajectory} == {"new", "stable"}


def _head(
    index: int, finding: Finding, findings: list[Finding], by_entity: dict[str, list[int]], lexicon: Lexicon
) -> int | None:
    """The finding that says more precisely what this one says: in the same sentence, else the nearest one."""
    best: tuple[bool, bool, int] | None = None
    chosen = None
    for entity in lexicon.read_as.get(finding.entity, ()):
        for peer in by_entity.get(entity, ()):
            other = findings[peer]
            if arises_apart(finding, other, lexicon) or is_fresh_beside(finding, other):
                continue
            if not _one_place(finding, other, lexicon):
                continue
            together = not set(finding.sentences).isdisjoint(other.sentences)
            if finding.kind == "device" and not together:
                continue  # "central line" may be another one than the PICC three sentences on
            if not together and not _evident(finding, other, lexicon):
                continue
            rank = (not together, other.sides != finding.sides, abs(peer - index))
            if best is None or rank < best:
                best, chosen = rank, peer
    return chosen


def _evident(finding: Finding, other: Finding, lexicon: Lexicon) -> bool:
    """Whether a later "pneumonia" is about a "left opacity": it is, a "fibrosis" without a place of its own is not."""
    if (other.sides or not finding.sides) and (other.zones or not finding.zones):
        return True
    entity, peer = lexicon.entities[finding.entity], lexicon.entities[other.entity]
    return entity.group == peer.group or (finding.entity in peer.explains and len(entity.descendants) == 1)


def _doubts(doubt: Finding, other: Finding, lexicon: Lexicon) -> bool:
    """Whether a possible finding is another reading of what ``other``, in the same sentence, is a reading of."""
    return lexicon.same_sign(doubt.entity, other.entity) and _one_place(doubt, other, lexicon)


def _one_place(finding: Finding, other: Finding, lexicon: Lexicon) -> bool:
    if finding.suspicious != other.suspicious:
        return False
    if lexicon.is_past(finding.entity, finding.kind) != lexicon.is_past(other.entity, other.kind):
        return False
    if finding.sides and other.sides and not finding.sides & other.sides:
        return False
    return not (finding.zones and other.zones and lexicon.zones_conflict(finding.zones, other.zones))
