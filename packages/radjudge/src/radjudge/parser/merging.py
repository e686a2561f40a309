"""Mentions of one finding, made one: counting is per finding, never per mention."""

from __future__ import annotations

from radjudge.lexicon import Lexicon
from radjudge.records import Finding, Mention

_MOST_SITES = 40  # findings of one entity compared by place; more than any report holds, and hostile text stays linear


def merge(mentions: list[Mention], lexicon: Lexicon) -> tuple[Finding, ...]:
    """Findings in the order of their first mention.

    Two mentions are one finding when entity, polarity and kind agree and their places can be the same: sides equal, one
    of them unnamed or part of the other; zones not in conflict.
    """
    groups: list[list[Mention]] = []
    by_key: dict[tuple[str, str, bool], list[list[Mention]]] = {}
    for mention in mentions:
        phrase = mention.phrase
        key = (phrase.entity, phrase.polarity, lexicon.is_past(phrase.entity, phrase.kind))
        sites = by_key.get(key)
        if sites is None:
            group = [mention]
            by_key[key] = [group]
            groups.append(group)
            continue
        for group in sites:
            if phrase.polarity == "absent" or _same_place(group, mention, lexicon):
                group.append(mention)
                break
        else:
            group = [mention]
            if len(sites) < _MOST_SITES:
                sites.append(group)
            groups.append(group)
    return tuple([_finding(group, lexicon) for group in groups])


def _same_place(group: list[Mention], mention: Mention, lexicon: Lexicon) -> bool:
    phrase = mention.phrase
    sides, zones = phrase.sides, phrase.zones
    if not sides and not zones:
        return True
    for other in group[:_MOST_SITES]:
        peer = other.phrase
        if sides and peer.sides and not (sides <= peer.sides or peer.sides <= sides):
            return False
        if zones and peer.zones and lexicon.zones_conflict(zones, peer.zones):
            return False
    return True


def _finding(group: list[Mention], lexicon: Lexicon) -> Finding:
    first = group[0].phrase
    name = lexicon.name_of(first.entity)
    if len(group) == 1:
        return Finding(
            first.entity,
            name,
            first.polarity,
            first.certainty,
            first.kind,
            first.sides,
            first.zones,
            first.degree,
            first.measurements_mm,
            first.trajectory,
            first.denies,
            first.source,
            (group[0],),
        )
    sides = zones = frozenset[str]()
    degree = trajectory = None
    certainty = "possible"
    sizes: list[float] = []
    denies = first.denies
    for mention in group:
        phrase = mention.phrase
        sides |= phrase.sides
        zones |= phrase.zones
        denies |= phrase.denies
        if degree is None:
            degree = phrase.degree
        if phrase.trajectory is not None and (trajectory is None or trajectory == "stable"):
            trajectory = phrase.trajectory
        if phrase.certainty == "definite":
            certainty = "definite"
        sizes.extend(size for size in phrase.measurements_mm if size not in sizes and len(sizes) < _MOST_SITES)
    return Finding(
        first.entity,
        name,
        first.polarity,
        certainty,  # type: ignore[arg-type]
        first.kind,
        sides,
        zones,
        degree,
        tuple(sizes),
        trajectory,
        denies,
        first.source,
        tuple(group),
    )
