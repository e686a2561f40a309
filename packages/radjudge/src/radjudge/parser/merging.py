"""Mentions of one finding, made one: counting is per finding, never per mention.

The outcome does not depend on the order of the mentions: mentions with the most definite place found a finding, the
others join it.
"""

from __future__ import annotations

from radjudge.lexicon import NO_NAMES, Lexicon
from radjudge.records import Finding, Mention

_MOST_SITES = 40  # findings of one entity compared by place; more than any report holds, and hostile text stays linear
_STRENGTH = {None: 0, "stable": 1, "resolved": 2, "improved": 3, "worsened": 4, "new": 5}


class _Site:
    """The mentions of an entity at one place."""

    __slots__ = ("mentions", "sides", "zones")

    def __init__(self, mention: Mention) -> None:
        self.mentions = [mention]
        self.sides = mention.phrase.sides
        self.zones = mention.phrase.zones

    def admits(self, mention: Mention, lexicon: Lexicon) -> bool:
        """Whether the mention can be about this place: sides equal, contained or unnamed, zones not in conflict."""
        sides, zones = mention.phrase.sides, mention.phrase.zones
        if sides and self.sides and not (sides <= self.sides or self.sides <= sides):
            return False
        return not (zones and self.zones and lexicon.zones_conflict(zones, self.zones))


def merge(mentions: list[Mention], lexicon: Lexicon, *, apart: bool = True) -> tuple[Finding, ...]:
    """Findings in the order of their first mention.

    Two mentions are one finding when entity and polarity agree, both or neither are of the past, and their places can
    be the same. With ``apart``, mentions in words addressed to the reader make findings of their own.
    """
    by_key: dict[tuple[str, str, bool, bool], list[Mention]] = {}
    for mention in mentions:
        phrase = mention.phrase
        past = phrase.kind == "history" and lexicon.is_past(phrase.entity, phrase.kind)
        key = (phrase.entity, phrase.polarity, past, apart and phrase.suspicious)
        group = by_key.get(key)
        if group is None:
            by_key[key] = [mention]
        else:
            group.append(mention)
    if len(by_key) == len(mentions):
        return tuple([_single(mention, lexicon) for mention in mentions])
    findings: list[tuple[tuple[int, int, int], Finding]] = []
    for (_, polarity, _, _), group in by_key.items():
        sites = [_Site(group[0])] if len(group) == 1 else _sites(group, polarity == "absent", lexicon)
        for site in sites:
            first = min(site.mentions, key=_where)
            finding = _single(first, lexicon) if len(site.mentions) == 1 else _merged(site, first, lexicon)
            findings.append((_where(first), finding))
    findings.sort(key=lambda item: item[0])
    return tuple([finding for _, finding in findings])


def _sites(group: list[Mention], anywhere: bool, lexicon: Lexicon) -> list[_Site]:
    sites: list[_Site] = []
    for mention in group if anywhere else sorted(group, key=_definiteness):
        if anywhere and sites:
            site = sites[0]
            site.mentions.append(mention)
            site.sides |= mention.phrase.sides
            site.zones |= mention.phrase.zones
            continue
        fitting = [site for site in sites[:_MOST_SITES] if site.admits(mention, lexicon)]
        if not fitting:
            if len(sites) < _MOST_SITES:
                sites.append(_Site(mention))
            continue
        site = fitting[0]
        site.mentions.append(mention)
        if len(fitting) == 1:
            # "left effusion" and "bilateral effusions" make two sides; beside a right one, the umbrella adds nothing
            site.sides |= mention.phrase.sides
            site.zones |= mention.phrase.zones
    return sites


def _definiteness(mention: Mention) -> tuple[int, int, list[str], list[str]]:
    sides, zones = mention.phrase.sides, mention.phrase.zones
    return ((len(sides) - 1) % 3, 0 if zones else 1, sorted(sides), sorted(zones))


def _where(mention: Mention) -> tuple[int, int, int]:
    return (mention.sentence, mention.phrase.entity_span[0], mention.phrase.span[0])


def _single(mention: Mention, lexicon: Lexicon) -> Finding:
    phrase = mention.phrase
    return Finding(
        phrase.entity,
        lexicon.name_of(phrase.entity),
        phrase.polarity,
        phrase.certainty,
        phrase.kind,
        phrase.sides,
        phrase.zones,
        phrase.degree,
        phrase.measurements_mm,
        phrase.trajectory,
        phrase.denies,
        phrase.source,
        (mention,),
        phrase.suspicious,
    )


def _merged(site: _Site, first: Mention, lexicon: Lexicon) -> Finding:
    """One finding of several mentions: highest degree, strongest change, all sizes, definite if any mention is."""
    degree = trajectory = None
    certainty = "possible"
    sizes: list[float] = []
    denies = NO_NAMES
    mentions = sorted(site.mentions, key=_where)
    for mention in mentions:
        phrase = mention.phrase
        denies |= phrase.denies
        if phrase.degree is not None and (degree is None or phrase.degree > degree):
            degree = phrase.degree
        if _STRENGTH[phrase.trajectory] > _STRENGTH[trajectory]:
            trajectory = phrase.trajectory
        if phrase.certainty == "definite":
            certainty = "definite"
        sizes.extend(size for size in phrase.measurements_mm if size not in sizes and len(sizes) < _MOST_SITES)
    phrase = first.phrase
    kinds = {mention.phrase.kind for mention in mentions}
    return Finding(
        phrase.entity,
        lexicon.name_of(phrase.entity),
        phrase.polarity,
        certainty,  # type: ignore[arg-type]
        phrase.kind if len(kinds) == 1 else min(kinds),
        site.sides,
        site.zones,
        degree,
        tuple(sizes),
        trajectory,
        denies,
        phrase.source,
        tuple(mentions),
        all(mention.phrase.suspicious for mention in mentions),
    )
