"""What may differ between two findings that answer one another: place, degree, size, change over time, certainty."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from radjudge.lexicon import Lexicon
from radjudge.matching import Matched
from radjudge.records import Error, Finding, Significance, Span
from radjudge.significance import at_least, at_most

Specificity = Literal["ignore", "note"]

SIGNIFICANT_DISTANCE = 2.0  # ranks of degree from which a severity error is significant
_GRAVE_POSITIONS = frozenset(["malpositioned", "mainstem_bronchus", "below_carina"])
_JUDGED = frozenset(["malpositioned"])
_ONE_SIDE = frozenset(["unilateral"])
_DEVICE_TOLERANCE_MM = 10.0


def size_differs(reference_mm: float, candidate_mm: float) -> bool:
    """Whether two sizes differ beyond tolerance: 2 mm under 6 mm, 4 mm to 30 mm, 20 % above; or lie across 30 mm.

    Thresholds as CRIMSON publishes them; the reference decides which tolerance applies.
    """
    if (reference_mm >= 30.0) != (candidate_mm >= 30.0) and reference_mm != candidate_mm:
        return True
    difference = abs(reference_mm - candidate_mm)
    if reference_mm < 6.0:
        return difference > 2.0
    if reference_mm < 30.0:
        return difference > 4.0
    return difference > 0.2 * reference_mm


def sides_differ(sides: frozenset[str], peer_sides: frozenset[str]) -> bool:
    """Whether two non-empty sets of sides disagree; "unilateral" agrees with either single side."""
    named, peer_named = sides - _ONE_SIDE, peer_sides - _ONE_SIDE
    if named and peer_named:
        return named != peer_named
    return len(named or _ONE_SIDE) != len(peer_named or _ONE_SIDE)


class AttributeCounter:
    """Lists the attribute errors of matched findings; options as those of :class:`radjudge.counting.Counter`."""

    def __init__(self, lexicon: Lexicon, *, specificity: Specificity, count_certainty: bool) -> None:
        self.lexicon = lexicon
        self.specificity = specificity
        self.count_certainty = count_certainty

    def count(self, group: Matched, level: Significance, study: str | None, peer_study: str | None) -> list[Error]:
        """At most one error each of location, severity and comparison, and a note on certainty.

        Args:
            group: findings that answer one another.
            level: significance of the reference finding.
            study, peer_study: change of the whole study as each report states it; it stands for that of any finding.
        """
        found: list[Error] = []
        self._location(group, level, found)
        self._severity(group, level, found)
        self._comparison(group, level, study, peer_study, found)
        self._certainty(group, found)
        return found

    def _location(self, group: Matched, level: Significance, errors: list[Error]) -> None:
        first, peer = group.references[0], group.candidates[0]
        sides, peer_sides = first.sides, peer.sides
        zones, peer_zones = first.zones, peer.zones
        for other in group.references[1:]:
            sides, zones = sides | other.sides, zones | other.zones
        for other in group.candidates[1:]:
            peer_sides, peer_zones = peer_sides | other.sides, peer_zones | other.zones
        attribute, significance, counted = None, level, True
        if sides and peer_sides and sides_differ(sides, peer_sides):
            attribute = "side"
        elif first.kind == "device":
            if _positions_differ(zones, peer_zones, self.lexicon) or _distances_differ(first, peer):
                attribute = "position"
                grave = _GRAVE_POSITIONS & (zones | peer_zones)
                significance = at_least(level, "actionable") if grave else at_most(level, "not_actionable")
        elif zones and peer_zones and self.lexicon.zones_conflict(zones, peer_zones):
            attribute = "zone"
        if attribute is None and self.specificity == "note" and bool(sides) != bool(peer_sides):
            attribute, significance, counted = "side", "benign", False
        if attribute is not None:
            where, peer_where = _where(sides, zones, attribute), _where(peer_sides, peer_zones, attribute)
            explanation = f"reference: {where}; candidate: {peer_where}"
            errors.append(self._attribute("location", group, significance, attribute, explanation, counted=counted))

    def _severity(self, group: Matched, level: Significance, errors: list[Error]) -> None:
        significance: Significance | None = None
        attribute = explanation = ""
        degrees = [finding.degree for finding in group.references if finding.degree is not None]
        peer_degrees = [finding.degree for finding in group.candidates if finding.degree is not None]
        if degrees and peer_degrees:
            distance = min(abs(one - other) for one in degrees for other in peer_degrees)
            if distance >= 1.0:
                attribute = "degree"
                serious = distance >= SIGNIFICANT_DISTANCE
                significance = at_least(level, "actionable") if serious else at_most(level, "not_actionable")
                explanation = f"reference: rank {min(degrees):g} of 3; candidate: rank {min(peer_degrees):g}"
        sizes = [size for finding in group.references for size in finding.measurements_mm]
        peer_sizes = [size for finding in group.candidates for size in finding.measurements_mm]
        if sizes and peer_sizes and group.references[0].kind != "device":
            size, peer_size = max(sizes), max(peer_sizes)
            if size_differs(size, peer_size):
                crossing = (size >= 30.0) != (peer_size >= 30.0)
                large = crossing or abs(size - peer_size) > size / 3
                attribute = "measurement"
                significance = at_least(level, "actionable") if large else at_most(level, "not_actionable")
                explanation = f"reference: {size:g} mm; candidate: {peer_size:g} mm"
        if significance is not None:
            errors.append(self._attribute("severity", group, significance, attribute, explanation))

    def _comparison(
        self,
        group: Matched,
        level: Significance,
        study: str | None,
        peer_study: str | None,
        errors: list[Error],
    ) -> None:
        if _only_possible(group.references) or _only_possible(group.candidates):
            return  # of "opacity, unchanged, likely atelectasis and effusion" it is the opacity that did not change
        changes = {finding.trajectory for finding in group.references} - {None}
        peer_changes = {finding.trajectory for finding in group.candidates} - {None}
        if changes == peer_changes or changes & peer_changes:
            return
        if changes and peer_changes:
            one, other = sorted(map(str, changes))[0], sorted(map(str, peer_changes))[0]
            errors.append(
                self._attribute(
                    "spurious_comparison",
                    group,
                    at_most(level, "actionable"),
                    "trajectory",
                    f"reference: {one}; candidate: {other}",
                    conflict=True,
                )
            )
        elif peer_changes and study not in peer_changes:
            change = sorted(map(str, peer_changes))[0]
            errors.append(
                self._attribute(
                    "spurious_comparison",
                    group,
                    _change_level(level, {change}),
                    "trajectory",
                    f"candidate: {change}; reference states no change of it",
                )
            )
        elif changes and peer_study not in changes:
            change = sorted(map(str, changes))[0]
            errors.append(
                self._attribute(
                    "omitted_comparison",
                    group,
                    _change_level(level, {change}),
                    "trajectory",
                    f"reference: {change}; candidate states no change of it",
                )
            )

    def _certainty(self, group: Matched, errors: list[Error]) -> None:
        certain, peer_certain = not _only_possible(group.references), not _only_possible(group.candidates)
        if certain != peer_certain:
            explanation = f"reference: {_certainty(certain)}; candidate: {_certainty(peer_certain)}"
            errors.append(
                self._attribute("severity", group, "benign", "certainty", explanation, counted=self.count_certainty)
            )

    def _attribute(
        self,
        category: str,
        group: Matched,
        significance: Significance,
        attribute: str,
        explanation: str,
        *,
        conflict: bool = False,
        counted: bool = True,
    ) -> Error:
        first = group.references[0]
        return Error(
            category,  # type: ignore[arg-type]
            first.name,
            first.entity,
            all_spans(group.references),
            all_spans(group.candidates),
            significance,
            attribute,
            explanation,
            conflict,
            counted,
            first.source,
        )


def _positions_differ(zones: frozenset[str], peer_zones: frozenset[str], lexicon: Lexicon) -> bool:
    """Whether each side names a position that the other lacks; "satisfactory" agrees with all but a grave one."""
    zones, peer_zones = zones & lexicon.positions, peer_zones & lexicon.positions
    if not zones or not peer_zones:
        return False
    if "satisfactory" in zones or "satisfactory" in peer_zones:
        return bool(zones & _GRAVE_POSITIONS) != bool(peer_zones & _GRAVE_POSITIONS)
    shared = zones & peer_zones
    only, peer_only = zones - peer_zones, peer_zones - zones
    if shared:  # "tip in the jugular vein, malpositioned": why it is wrong, no other place
        only, peer_only = only - _JUDGED, peer_only - _JUDGED
    return bool(only and peer_only) and lexicon.zones_conflict(only, peer_only)


def _distances_differ(finding: Finding, peer: Finding) -> bool:
    if not finding.measurements_mm or not peer.measurements_mm:
        return False
    return abs(finding.measurements_mm[0] - peer.measurements_mm[0]) > _DEVICE_TOLERANCE_MM


def _only_possible(findings: Iterable[Finding]) -> bool:
    return all(finding.certainty == "possible" for finding in findings)


def _change_level(level: Significance, changes: set[str]) -> Significance:
    """New and worsening disease matters as much as the disease, up to actionable; "stable" and "improved" less."""
    grave = changes & {"new", "worsened"}
    return at_most(level, "actionable") if grave else at_most(level, "not_actionable")


def all_spans(findings: Iterable[Finding]) -> tuple[Span, ...]:
    return tuple(sorted({span for finding in findings for span in finding.spans}))


def _where(sides: frozenset[str], zones: frozenset[str], attribute: str) -> str:
    if attribute == "side":
        return "bilateral" if len(sides) == 2 else "".join(sides) or "no side"
    return ", ".join(sorted(zone.replace("_", " ") for zone in zones)) or "another distance"


def _certainty(certain: bool) -> str:
    return "definite" if certain else "possible"
