"""Operators on attributes of a finding: side, extent, zone, degree, measurement, device type and position."""

import re

from radjudge.corruption.draft import Change, Draft, InjectedError, changed
from radjudge.corruption.edits import Edit, NotApplicable, apply, matching_case, tidy
from radjudge.corruption.tables import words
from radjudge.records import Finding, Span

_MEASURE = re.compile(r"(?i)(\d+(?:\.\d+)?)(\s*-?\s*)(mm|cm|millimet(?:er|re)s?|centimet(?:er|re)s?)")


def replaced(draft: Draft, spans: tuple[Span, ...], table: dict[str, str]) -> list[Edit]:
    """One edit per span, by whole words of the table; every span must hold one."""
    edits = []
    pattern = re.compile(rf"(?i)\b(?:{'|'.join(sorted(map(re.escape, table), key=len, reverse=True))})\b")
    for start, end in sorted(set(spans)):
        text = draft.report.text[start:end]
        match = pattern.search(text)
        if not match:
            raise NotApplicable("a mention is worded in a way the table does not know")
        new = matching_case(match[0], table[match[0].lower()])
        edits.append(Edit(start + match.start(), start + match.end(), new))
    return edits


def swap_side(draft: Draft) -> Change:
    """Left becomes right at every mention, and the other way round (location)."""

    def edit(finding: Finding) -> Change:
        if len(finding.sides) != 1 or not finding.side_spans:
            raise NotApplicable("the finding is not on one side")
        if "middle" in finding.zones or "lingula" in finding.zones:
            raise NotApplicable("the other lung has no such lobe")
        edits = replaced(draft, finding.side_spans, words()["sides"])
        return changed(draft, finding, edits, InjectedError("location", "swap_side", finding.entity, "side"))

    return draft.first(edit)


def swap_zone(draft: Draft) -> Change:
    """Upper becomes lower, apex becomes base, at every mention (location)."""

    def edit(finding: Finding) -> Change:
        if len(finding.zones) != 1 or not finding.zone_spans or finding.kind != "pathology":
            raise NotApplicable("the finding is not in one zone")
        edits = replaced(draft, finding.zone_spans, words()["zones"])
        return changed(draft, finding, edits, InjectedError("location", "swap_zone", finding.entity, "zone"))

    return draft.first(edit)


def change_extent(draft: Draft) -> Change:
    """Bilateral becomes one side, one side becomes bilateral, at every mention (location)."""

    def edit(finding: Finding) -> Change:
        if not finding.sides or not finding.side_spans or finding.kind != "pathology":
            raise NotApplicable("the finding names no side")
        if len(finding.sides) == 2:
            side = int(draft.rng.integers(2))
            table = {word: options[side] for word, options in words()["narrow"].items()}
        else:
            wide = words()["widen"]
            table = dict.fromkeys(("left", "right", "left-sided", "right-sided"), wide)
        if finding.zones & {"middle", "lingula"}:
            raise NotApplicable("the other lung has no such lobe")
        edits = replaced(draft, finding.side_spans, table)
        return changed(draft, finding, edits, InjectedError("location", "change_extent", finding.entity, "side"))

    return draft.first(edit)


def change_degree(draft: Draft) -> Change:
    """Move the degree by two ranks or more at every mention (severity)."""

    def edit(finding: Finding) -> Change:
        if finding.degree is None or not finding.degree_spans:
            raise NotApplicable("the finding has no degree")
        ranks = [rank for rank in range(4) if abs(rank - finding.degree) >= 2]
        if not ranks:
            raise NotApplicable("a degree between two ranks has none two ranks away")
        new = ranks[int(draft.rng.integers(len(ranks)))]
        edits = []
        for start, end in sorted(set(finding.degree_spans)):
            old = draft.report.text[start:end]
            form = next((name for name, known in words()["degree_forms"].items() if old.lower() in known), None)
            if form is None and old.lower() == "moderate":
                form = (
                    "size" if finding.entity in ("pleural_effusion", "pneumothorax", "hiatal_hernia") else "intensity"
                )
            if form is None:
                raise NotApplicable("a degree is worded in a way the table does not know")
            edits.append(Edit(start, end, matching_case(old, draft.pick(words()["degrees"][form][new]))))
        return changed(draft, finding, edits, InjectedError("severity", "change_degree", finding.entity, "degree"))

    return draft.first(edit)


def scale_measurement(draft: Draft) -> Change:
    """Scale a size far beyond the tolerance at every mention (severity)."""

    def edit(finding: Finding) -> Change:
        if len(finding.measurements_mm) != 1 or not finding.measurement_spans or finding.kind == "device":
            raise NotApplicable("the finding has no single size")
        grow = finding.measurements_mm[0] < 20 or draft.rng.random() < 0.5
        edits = []
        for start, end in sorted(set(finding.measurement_spans)):
            match = _MEASURE.search(draft.report.text[start:end])
            if not match:
                raise NotApplicable("a size is worded in a way that cannot be scaled")
            value = float(match[1])
            # Twice the size plus 3 mm clears every tolerance of the counting rules, however small the finding.
            extra = 0.3 if match[3].lower().startswith("c") else 3.0
            scaled = value * 2 + extra if grow else value / 2.5
            digits = 1 if "." in match[1] or match[3].lower().startswith("c") else 0
            edits.append(Edit(start + match.start(1), start + match.end(1), f"{scaled:.{digits}f}"))
        error = InjectedError("severity", "scale_measurement", finding.entity, "measurement")
        return changed(draft, finding, edits, error)

    return draft.first(edit)


def _with_distance(draft: Draft, finding: Finding, edit: Edit) -> Edit:
    """Take the distance along that stands before the old position ("3 cm above the carina")."""
    for start, end in finding.measurement_spans:
        if not draft.report.text[end : edit.start].strip():
            return Edit(start, edit.end, edit.replacement)
    return edit


def change_device_position(draft: Draft) -> Change:
    """Move the tip of a tube or line elsewhere at every mention that places it (location)."""

    def edit(finding: Finding) -> Change:
        if finding.kind != "device" or not finding.zone_spans:
            raise NotApplicable("not a device with a stated position")
        edits = [
            _with_distance(draft, finding, edit)
            for edit in replaced(draft, finding.zone_spans, words()["devices"]["position"])
        ]
        error = InjectedError("location", "change_device_position", finding.entity, "position")
        return changed(draft, finding, edits, error)

    return draft.first(edit)


def change_device_type(draft: Draft) -> Change:
    """Name another device at every mention: one is left out and one invented (omission and false finding)."""
    from radjudge.parsing import parse_report

    def edit(finding: Finding) -> Change:
        if finding.kind != "device":
            raise NotApplicable("not a device")
        table = words()["devices"]["type"]
        edits = replaced(draft, finding.entity_spans, table)
        present = parse_report(f"There is a {edits[0].replacement}.").present
        if len(present) != 1 or not draft.free(present[0].entity, besides=finding):
            raise NotApplicable("the other device is in the report already")
        errors = (
            InjectedError("omission", "change_device_type", finding.entity),
            InjectedError("false_finding", "change_device_type", present[0].entity),
        )
        return Change(tidy(apply(draft.report.text, edits)), errors, (finding,), 1)

    return draft.first(edit)
