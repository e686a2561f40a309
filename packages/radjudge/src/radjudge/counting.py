"""From two parsed reports to the candidate's errors, by the counting rules of ReXVal's six categories.

Counting is per finding. A polarity conflict is one error on one side; normal statements earn and cost nothing; place,
degree, size and change over time of a matched finding are each at most one error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from radjudge.lexicon import Lexicon
from radjudge.matching import Matched, distinct, match
from radjudge.parser.phrases import STUDY_COMPARISON
from radjudge.records import (
    CATEGORIES,
    Context,
    Error,
    Finding,
    Match,
    Report,
    Significance,
    Span,
)
from radjudge.significance import Significances, at_least, at_most, one_lower

Specificity = Literal["ignore", "note"]

SIGNIFICANT_DISTANCE = 2.0  # ranks of degree from which a severity error is significant
_GRAVE_POSITIONS = frozenset(["malpositioned", "mainstem_bronchus", "below_carina"])
_DEVICE_TOLERANCE_MM = 10.0
_ORDER = {category: place for place, category in enumerate(CATEGORIES)}


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
    if "unilateral" in sides or "unilateral" in peer_sides:
        return len(sides) != len(peer_sides)
    return sides != peer_sides


class Counter:
    """Lists the errors and matches of one pair of reports.

    Args:
        lexicon: entities and their relations.
        significances: levels and weights.
        specificity: ``"note"`` lists a side that only one report names as an uncounted, insignificant location error.
        count_certainty: count possible against definite as an insignificant ``severity`` error.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        significances: Significances,
        *,
        specificity: Specificity = "ignore",
        count_certainty: bool = False,
    ) -> None:
        self.lexicon = lexicon
        self.significances = significances
        self.specificity = specificity
        self.count_certainty = count_certainty

    def count(
        self, reference: Report, candidate: Report, context: Context | None = None
    ) -> tuple[list[Error], list[Match]]:
        """Errors in the order of category and place, and matched positive findings in text order."""
        stated = [item for item in reference.findings if item.polarity == "present" and not item.suspicious]
        claimed = [item for item in candidate.findings if item.polarity == "present" and not item.suspicious]
        matching = match(stated, claimed, self.lexicon)
        if candidate.suspicious_text:
            matching.invented.extend(self._smuggled(reference, candidate))
        errors: list[Error] = []
        matches: list[Match] = []
        for finding in distinct(matching.missed, self.lexicon):
            errors.append(self._omission(finding, candidate, context))
        for finding in distinct(matching.invented, self.lexicon):
            errors.append(self._false_finding(finding, reference, context))
        study, peer_study = _study_trajectory(reference), _study_trajectory(candidate)
        attributes: list[tuple[Finding, Error]] = []
        for group in matching.matched:
            level = self.significances.level(group.references[0], context)
            found: list[Error] = []
            self._location(group, level, found)
            self._severity(group, level, found)
            self._comparison(group, level, study, peer_study, found)
            self._certainty(group, found)
            weight = self.significances.weight(level)
            differing = sum(self.significances.weight(error.significance) for error in found if error.counted)
            matches.append(
                Match(
                    group.references[0].name,
                    group.references[0].entity,
                    _spans(group.references),
                    _spans(group.candidates),
                    weight,
                    differing,
                )
            )
            attributes.extend((group.references[0], error) for error in found)
            contradiction = self._contradiction(group, reference, candidate, level)
            if contradiction is not None:
                errors.append(contradiction)
        errors.extend(self._once(attributes))
        self._resolved(reference, candidate, stated, claimed, errors)
        self._study(study, peer_study, reference, candidate, stated, claimed, errors)
        errors.sort(key=_place)
        return errors, matches

    def _once(self, attributes: list[tuple[Finding, Error]]) -> list[Error]:
        """Attribute errors, one for an opacity and what it is taken for: swapping their side is one mistake."""
        kept: list[Error] = []
        for category in ("location", "severity", "spurious_comparison", "omitted_comparison"):
            rows = [row for row in attributes if row[1].category == category]
            remaining = distinct([finding for finding, _ in rows], self.lexicon)
            kept.extend(error for finding, error in rows if any(finding is item for item in remaining))
        return kept

    def _smuggled(self, reference: Report, candidate: Report) -> list[Finding]:
        """Findings of sentences that address the reader: false where the reference has nothing like them."""
        return [
            item
            for item in candidate.present
            if item.suspicious
            and not any(match([stated], [item], self.lexicon).matched for stated in reference.present)
        ]

    # --- whole findings ------------------------------------------------------------------------------------------

    def _omission(self, finding: Finding, candidate: Report, context: Context | None) -> Error:
        denials = _denials(finding, candidate)
        return Error(
            "omission",
            finding.name,
            finding.entity,
            finding.spans,
            denials,
            self.significances.level(finding, context),
            None,
            "reference asserts it; candidate denies it" if denials else "reference asserts it; candidate is silent",
            source=finding.source,
        )

    def _false_finding(self, finding: Finding, reference: Report, context: Context | None) -> Error:
        denials = _denials(finding, reference)
        return Error(
            "false_finding",
            finding.name,
            finding.entity,
            denials,
            finding.spans,
            self.significances.level(finding, context),
            None,
            "candidate asserts it; reference denies it" if denials else "candidate asserts it; reference is silent",
            source=finding.source,
        )

    def _contradiction(self, group: Matched, reference: Report, candidate: Report, level: Significance) -> Error | None:
        """A candidate that asserts and denies what the reference asserts: the denial counts, once."""
        denial = _explicit_denial(group.candidates, candidate)
        if denial is None or _explicit_denial(group.references, reference) is not None:
            return None
        first = group.references[0]
        return Error(
            "omission",
            first.name,
            first.entity,
            _spans(group.references),
            denial.spans,
            level,
            None,
            "candidate contradicts itself: it also denies it",
        )

    # --- attributes of matched findings ---------------------------------------------------------------------------

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
            attribute, significance = "zone", at_least(one_lower(level), at_most(level, "not_actionable"))
        if attribute is None and self.specificity == "note" and bool(sides) != bool(peer_sides):
            attribute, significance, counted = "side", "benign", False
        if attribute is not None:
            where, peer_where = _where(sides, zones, attribute), _where(peer_sides, peer_zones, attribute)
            explanation = f"reference: {where}; candidate: {peer_where}"
            errors.append(self._attribute("location", group, significance, attribute, explanation, counted=counted))

    def _severity(self, group: Matched, level: Significance, errors: list[Error]) -> None:
        first, peer = group.references[0], group.candidates[0]
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
        if first.measurements_mm and peer.measurements_mm and first.kind != "device":
            size, peer_size = max(first.measurements_mm), max(peer.measurements_mm)
            if size_differs(size, peer_size):
                crossing = (size >= 30.0) != (peer_size >= 30.0)
                large = crossing or abs(size - peer_size) > max(6.0, 0.5 * size)
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
                    _change_level(level, {one, other}),
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
        certain = any(finding.certainty == "definite" for finding in group.references)
        peer_certain = any(finding.certainty == "definite" for finding in group.candidates)
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
            _spans(group.references),
            _spans(group.candidates),
            significance,
            attribute,
            explanation,
            conflict,
            counted,
            first.source,
        )

    # --- comparisons without a positive finding -------------------------------------------------------------------

    def _resolved(
        self,
        reference: Report,
        candidate: Report,
        stated: list[Finding],
        claimed: list[Finding],
        errors: list[Error],
    ) -> None:
        """ "The effusion has resolved" is a comparison about an absent finding."""
        gone = [finding for finding in reference.findings if finding.trajectory == "resolved"]
        peer_gone = [finding for finding in candidate.findings if finding.trajectory == "resolved"]
        for mine, others, present, category in (
            (gone, peer_gone, claimed, "omitted_comparison"),
            (peer_gone, gone, stated, "spurious_comparison"),
        ):
            for finding in mine:
                if finding.entity == STUDY_COMPARISON:
                    continue
                related = self.lexicon.related.get(finding.entity, {})
                if any(other.entity in related for other in others) or any(
                    other.entity in related for other in present
                ):
                    continue  # answered, or already an error of polarity
                mine_spans: tuple[Span, ...] = finding.spans
                omitted = category == "omitted_comparison"
                errors.append(
                    Error(
                        category,  # type: ignore[arg-type]
                        finding.name,
                        finding.entity,
                        mine_spans if omitted else (),
                        () if omitted else mine_spans,
                        "not_actionable",
                        "trajectory",
                        "only the reference says it resolved" if omitted else "only the candidate says it resolved",
                    )
                )

    def _study(
        self,
        study: str | None,
        peer_study: str | None,
        reference: Report,
        candidate: Report,
        stated: list[Finding],
        claimed: list[Finding],
        errors: list[Error],
    ) -> None:
        """ "No significant change": one comparison about the whole study."""
        if study == peer_study:
            return
        level = self.significances.table.levels.get(STUDY_COMPARISON, "not_actionable")
        if study and peer_study:
            category, conflict, why = "spurious_comparison", True, f"reference: {study}; candidate: {peer_study}"
        elif study:
            if any(finding.trajectory == study for finding in claimed):
                return
            category, conflict, why = "omitted_comparison", False, f"reference: {study}; candidate is silent"
        else:
            if any(finding.trajectory == peer_study for finding in stated):
                return
            category, conflict, why = "spurious_comparison", False, f"candidate: {peer_study}; reference is silent"
        errors.append(
            Error(
                category,  # type: ignore[arg-type]
                "comparison with the prior study",
                STUDY_COMPARISON,
                _study_spans(reference),
                _study_spans(candidate),
                level,
                "trajectory",
                why,
                conflict,
            )
        )


def _place(error: Error) -> tuple[int, int, int, str]:
    span = error.reference_spans or error.candidate_spans
    return (_ORDER[error.category], span[0][0] if span else -1, 0 if error.counted else 1, error.entity)


def _spans(findings: Iterable[Finding]) -> tuple[Span, ...]:
    return tuple(sorted({span for finding in findings for span in finding.spans}))


def _denials(finding: Finding, report: Report) -> tuple[Span, ...]:
    """Where a report denies a finding, in so many words or by a normal statement."""
    entity = finding.entity
    return tuple(
        span
        for other in report.findings
        if entity in other.denies and (not other.sides or not finding.sides or other.sides & finding.sides)
        for span in other.spans
    )


def _explicit_denial(beside: list[Finding], report: Report) -> Finding | None:
    """A denial by name of one of these findings of the same report, at its place and without a degree of its own."""
    for finding in report.findings:
        if (
            finding.polarity == "absent"
            and finding.trajectory is None
            and not finding.degree_spans
            and not finding.trajectory_spans
        ):
            for other in beside:
                if finding.entity == other.entity and (
                    not finding.sides or not other.sides or finding.sides & other.sides
                ):
                    return finding
    return None


def _positions_differ(zones: frozenset[str], peer_zones: frozenset[str], lexicon: Lexicon) -> bool:
    """Whether each side names a position that the other lacks; "satisfactory" agrees with all but a grave one."""
    zones, peer_zones = zones & lexicon.positions, peer_zones & lexicon.positions
    if not zones or not peer_zones:
        return False
    if "satisfactory" in zones or "satisfactory" in peer_zones:
        return bool(zones & _GRAVE_POSITIONS) != bool(peer_zones & _GRAVE_POSITIONS)
    only, peer_only = zones - peer_zones, peer_zones - zones
    return bool(only and peer_only) and lexicon.zones_conflict(only, peer_only)


def _distances_differ(finding: Finding, peer: Finding) -> bool:
    if not finding.measurements_mm or not peer.measurements_mm:
        return False
    return abs(finding.measurements_mm[0] - peer.measurements_mm[0]) > _DEVICE_TOLERANCE_MM


def _change_level(level: Significance, changes: set[str]) -> Significance:
    """New and worsening disease matters as much as the disease, up to actionable; "stable" and "improved" less."""
    grave = changes & {"new", "worsened"}
    return at_most(level, "actionable") if grave else at_most(level, "not_actionable")


def _study_trajectory(report: Report) -> str | None:
    for finding in report.findings:
        if finding.entity == STUDY_COMPARISON:
            return finding.trajectory
    return None


def _study_spans(report: Report) -> tuple[Span, ...]:
    return tuple(span for finding in report.findings if finding.entity == STUDY_COMPARISON for span in finding.spans)


def _where(sides: frozenset[str], zones: frozenset[str], attribute: str) -> str:
    if attribute == "side":
        return "bilateral" if len(sides) == 2 else "".join(sides) or "no side"
    return ", ".join(sorted(zone.replace("_", " ") for zone in zones)) or "another distance"


def _certainty(certain: bool) -> str:
    return "definite" if certain else "possible"
