"""Which finding of the candidate answers which finding of the reference.

What is matched are readings: a sign with all that a report makes of it (:mod:`radjudge.readings`). A pair may match
when one of its entities is the same on both sides, parent and child, or interchangeable, and the places agree or differ
in side or in zone only: that difference is then an error of the match instead of two unrelated findings. One finding
may cover several ("bilateral effusions" covers a left and a right one).
"""

from __future__ import annotations

from dataclasses import dataclass

from radjudge.assignment import Edge, assign
from radjudge.lexicon import Lexicon
from radjudge.readings import Reading, arises_apart, gravity, is_fresh_beside, readings
from radjudge.records import Finding

_SIMILAR_TEXT = 0.5  # share of common words from which two phrases outside the lexicon are the same
_MOST_PHRASES = 50  # outside the lexicon, compared word by word; of more than any report holds, only equal ones match
_WRONG_PLACE = 0.3
_RIGHT_PLACE = 0.1
_LOCATED = (0.0, 0.7, 1.0)  # how well the entities must agree for one or two conflicts of place to be a wrong place


@dataclass(slots=True)
class Matched:
    """Findings that answer one another, on each side the one that counts first."""

    references: list[Finding]
    candidates: list[Finding]


@dataclass(slots=True)
class Matching:
    """The outcome for one pair of reports, each part in text order; of a reading, only the finding that counts."""

    matched: list[Matched]
    missed: list[Finding]
    invented: list[Finding]


def match(references: list[Finding], candidates: list[Finding], lexicon: Lexicon) -> Matching:
    """Match the positive findings of two reports."""
    stated, claimed = readings(references, lexicon), readings(candidates, lexicon)
    pairs = assign(_edges(stated, claimed, lexicon))
    by_row = {row: Matched(list(stated[row].findings), list(claimed[column].findings)) for row, column in pairs}
    by_column = {column: by_row[row] for row, column in pairs}
    missed: list[Reading] = []
    invented: list[Reading] = []
    if len(pairs) < len(stated):
        taken = list(by_column.items())
        for row, reference in enumerate(stated):
            if row not in by_row:
                for column, group in taken if reference.first.entity in lexicon.related else ():
                    if _covers(claimed[column], reference, group.references, lexicon):
                        group.references.extend(reference.findings)
                        break
                else:
                    missed.append(reference)
    if len(pairs) < len(claimed):
        for column, candidate in enumerate(claimed):
            if column not in by_column:
                for row, group in by_row.items() if candidate.first.entity in lexicon.related else ():
                    if _covers(stated[row], candidate, group.candidates, lexicon):
                        group.candidates.extend(candidate.findings)
                        break
                else:
                    invented.append(candidate)
    missed, invented = _without_rivals(missed, invented, lexicon)
    return Matching(
        [by_row[row] for row, _ in pairs], [item.first for item in missed], [item.first for item in invented]
    )


def _edges(stated: list[Reading], claimed: list[Reading], lexicon: Lexicon) -> list[Edge]:
    """The pairs of readings that may answer one another, with their weights; only those with a related entity meet."""
    columns: dict[str, list[int]] = {}
    for column, candidate in enumerate(claimed):
        for finding in candidate.findings:
            columns.setdefault(finding.entity, []).append(column)
    phrases = [column for column, candidate in enumerate(claimed) if candidate.first.entity not in lexicon.related]
    if len(phrases) > _MOST_PHRASES:
        phrases = []
    edges: list[Edge] = []
    for row, reference in enumerate(stated):
        meeting: set[int] = set()
        for finding in reference.findings:
            related = lexicon.related.get(finding.entity)
            if related is None:
                meeting.update(columns.get(finding.entity, ()), phrases)
            else:
                for entity in related.keys() & columns.keys():
                    meeting.update(columns[entity])
        for column in sorted(meeting):
            value = _value(reference, claimed[column], lexicon)
            if value > 0:
                edges.append((row, column, value))
    return edges


def _value(reference: Reading, candidate: Reading, lexicon: Lexicon) -> float:
    """Weight of a pair of readings: its best pair of entities, and the places; 0 where they are different things."""
    value = 0.0
    for finding in reference.findings:
        related = lexicon.related.get(finding.entity)
        for other in candidate.findings:
            if lexicon.is_past(finding.entity, finding.kind) != lexicon.is_past(other.entity, other.kind):
                continue
            if arises_apart(finding, other, lexicon) or arises_apart(other, finding, lexicon):
                continue
            if related is None:
                value = max(value, _text_similarity(finding, other))
            else:
                value = max(value, related.get(other.entity, 0.0))
    return _placed(value, reference, candidate, lexicon) if value else 0.0


def _placed(value: float, reference: Reading, candidate: Reading, lexicon: Lexicon) -> float:
    """The weight given the places; 0 where they name different findings."""
    stands_for = value
    sides, peer_sides = reference.sides, candidate.sides
    conflicts = 0
    if sides and peer_sides:
        if sides == peer_sides:
            value += _RIGHT_PLACE
        elif not sides & peer_sides and "unilateral" not in sides | peer_sides:
            conflicts += 1
    if reference.zones and candidate.zones and reference.first.kind != "device":
        if lexicon.zones_conflict(reference.zones, candidate.zones):
            conflicts += 1
        else:
            value += _RIGHT_PLACE
    if conflicts and stands_for < _LOCATED[conflicts]:
        return 0.0  # siblings at different places are different findings
    value -= conflicts * _WRONG_PLACE
    if reference.first.degree == candidate.first.degree:
        value += 0.01  # of two equal findings, the one of the same degree
    return value


def _covers(umbrella: Reading, reading: Reading, answered: list[Finding], lexicon: Lexicon) -> bool:
    """Whether an already matched reading of the other report also answers this unmatched one."""
    if reading.sides and umbrella.sides and not reading.sides <= umbrella.sides:
        return False
    if (
        reading.first.kind != "device"
        and reading.zones
        and umbrella.zones
        and lexicon.zones_conflict(reading.zones, umbrella.zones)
    ):
        return False
    return any(
        _covers_finding(over, finding, answered, lexicon) for over in umbrella.findings for finding in reading.findings
    )


def _covers_finding(over: Finding, finding: Finding, answered: list[Finding], lexicon: Lexicon) -> bool:
    if lexicon.is_past(over.entity, over.kind) != lexicon.is_past(finding.entity, finding.kind):
        return False
    related = lexicon.related.get(finding.entity)
    if related is None or over.entity not in related:
        return False
    if arises_apart(finding, over, lexicon) or is_fresh_beside(finding, over):
        return False
    if finding.entity == over.entity:
        # "bilateral" covers left and right; but a second finding of its kind elsewhere stays its own
        return any(finding.sides != other.sides or finding.zones != other.zones for other in answered) or (
            not finding.sides
        )
    if over.entity in lexicon.entities[finding.entity].descendants:
        return True  # "opacity" beside "opacity, likely atelectasis" says nothing that "atelectasis" does not
    if over.entity in lexicon.entities[finding.entity].explains:
        return False  # a sign does not answer a diagnosis that it may or may not mean
    return related[over.entity] < 0.7  # interchangeable


def _text_similarity(one: Finding, other: Finding) -> float:
    """Share of common words of two phrases that no lexicon entry covers, or 0 below the threshold."""
    if other.source != "unmatched_text" or one.source != "unmatched_text":
        return 0.0
    words, peers = set(one.entity.split()), set(other.entity.split())
    share = len(words & peers) / len(words | peers)
    return share if share >= _SIMILAR_TEXT else 0.0


def _without_rivals(
    missed: list[Reading], invented: list[Reading], lexicon: Lexicon
) -> tuple[list[Reading], list[Reading]]:
    """What is left when two readings of one sign at one place count once ("atelectasis", called "pneumonia").

    The graver reading stays, whichever report it is in: a pneumonia called atelectasis is an omission, an atelectasis
    called pneumonia a false finding.
    """
    dropped: set[int] = set()
    for reading in missed:
        for rival in invented if reading.first.entity in lexicon.related else ():
            if _rivals(reading, rival, lexicon):
                weight, peer = (_weight(item.first, lexicon) for item in (reading, rival))
                dropped.add(id(rival if weight > peer else reading))
    if not dropped:
        return missed, invented
    return [item for item in missed if id(item) not in dropped], [item for item in invented if id(item) not in dropped]


def _weight(finding: Finding, lexicon: Lexicon) -> tuple[int, str]:
    return gravity(finding, lexicon), finding.entity


def _rivals(reading: Reading, rival: Reading, lexicon: Lexicon) -> bool:
    """Whether both read the same sign, at a place that both name, or all over."""
    if not any(lexicon.same_sign(one.entity, other.entity) for one in reading.findings for other in rival.findings):
        return False
    if reading.first.suspicious or rival.first.suspicious:
        return False
    if arises_apart(reading.first, rival.first, lexicon) or arises_apart(rival.first, reading.first, lexicon):
        return False
    sides, zones = reading.sides & rival.sides, reading.zones and rival.zones
    if not (reading.sides or reading.zones or rival.sides or rival.zones):
        return True  # diffuse both
    if reading.sides and rival.sides and not sides:
        return False
    if zones and lexicon.zones_conflict(reading.zones, rival.zones):
        return False
    return bool(sides or zones)
