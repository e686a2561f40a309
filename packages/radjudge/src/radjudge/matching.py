"""Which finding of the candidate answers which finding of the reference.

A pair may match when the entities are the same, parent and child, or interchangeable, and the places agree or differ in
side or in zone only: that difference is then an error of the match instead of two unrelated findings. One finding may
cover several ("bilateral effusions" covers a left and a right one).
"""

from __future__ import annotations

from dataclasses import dataclass

from radjudge.assignment import Edge, assign
from radjudge.lexicon import Lexicon
from radjudge.records import Finding

_SIMILAR_TEXT = 0.5  # share of common words from which two phrases outside the lexicon are the same
_WRONG_PLACE = 0.3
_RIGHT_PLACE = 0.1
_GRAVITY = {"urgent": 3, "actionable": 2, "not_actionable": 1}


@dataclass(slots=True)
class Matched:
    """Findings that answer one another: usually one on each side."""

    references: list[Finding]
    candidates: list[Finding]


@dataclass(slots=True)
class Matching:
    """The outcome for one pair of reports, each part in text order."""

    matched: list[Matched]
    missed: list[Finding]
    invented: list[Finding]


def match(references: list[Finding], candidates: list[Finding], lexicon: Lexicon) -> Matching:
    """Match the positive findings of two reports."""
    edges: list[Edge] = []
    for row, reference in enumerate(references):
        related = lexicon.related.get(reference.entity)
        for column, candidate in enumerate(candidates):
            if related is None:
                value = _text_similarity(reference, candidate)
            else:
                value = related.get(candidate.entity, 0.0)
            if value:
                value = _placed(value, reference, candidate, lexicon)
                if value > 0:
                    edges.append((row, column, value))
    pairs = assign(edges)
    by_row = {row: Matched([references[row]], [candidates[column]]) for row, column in pairs}
    by_column = {column: by_row[row] for row, column in pairs}
    missed: list[Finding] = []
    invented: list[Finding] = []
    if len(pairs) < len(references):
        taken = list(by_column.items())
        for row, reference in enumerate(references):
            if row not in by_row:
                for column, group in taken:
                    if _covers(candidates[column], reference, references, group.references, lexicon):
                        group.references.append(reference)
                        break
                else:
                    missed.append(reference)
    if len(pairs) < len(candidates):
        for column, candidate in enumerate(candidates):
            if column not in by_column:
                for row, group in by_row.items():
                    if _covers(references[row], candidate, candidates, group.candidates, lexicon):
                        group.candidates.append(candidate)
                        break
                else:
                    invented.append(candidate)
    return Matching([by_row[row] for row, _ in pairs], missed, invented)


def _placed(value: float, reference: Finding, candidate: Finding, lexicon: Lexicon) -> float:
    """Weight of a pair given its places; 0 where they name different findings."""
    if lexicon.is_past(reference.entity, reference.kind) != lexicon.is_past(candidate.entity, candidate.kind):
        return 0.0
    sides, peer_sides = reference.sides, candidate.sides
    wrong = False
    if sides and peer_sides:
        if sides == peer_sides:
            value += _RIGHT_PLACE
        elif not sides & peer_sides and "unilateral" not in sides | peer_sides:
            value -= _WRONG_PLACE
            wrong = True
    if reference.zones and candidate.zones and reference.kind != "device":
        if lexicon.zones_conflict(reference.zones, candidate.zones):
            if wrong:
                return 0.0
            value -= _WRONG_PLACE
        else:
            value += _RIGHT_PLACE
    if value < 0.5 and wrong:
        # siblings on different sides are different findings
        return 0.0
    if reference.degree == candidate.degree:
        value += 0.01  # of two equal findings, the one of the same degree
    return value


def _covers(
    umbrella: Finding, finding: Finding, own_report: list[Finding], answered: list[Finding], lexicon: Lexicon
) -> bool:
    """Whether an already matched finding of the other report also answers this unmatched one."""
    if lexicon.is_past(umbrella.entity, umbrella.kind) != lexicon.is_past(finding.entity, finding.kind):
        return False
    related = lexicon.related.get(finding.entity)
    if related is None or umbrella.entity not in related:
        return False
    if finding.sides and umbrella.sides and not finding.sides <= umbrella.sides:
        return False
    if (
        finding.kind != "device"
        and finding.zones
        and umbrella.zones
        and lexicon.zones_conflict(finding.zones, umbrella.zones)
    ):
        return False
    if finding.entity == umbrella.entity:
        # "bilateral" covers left and right; but a second finding of its kind elsewhere stays its own
        return any(_different_place(finding, other) for other in answered) or not finding.sides
    if umbrella.entity in lexicon.entities[finding.entity].descendants:
        return True  # "opacity" beside "opacity, likely atelectasis" says nothing that "atelectasis" does not
    if related[umbrella.entity] < 0.7:
        return True  # interchangeable
    return finding.certainty == "possible" and _is_alternative(finding, own_report)


def _different_place(one: Finding, other: Finding) -> bool:
    return one.sides != other.sides or one.zones != other.zones


def _is_alternative(finding: Finding, report: list[Finding]) -> bool:
    """Whether the finding is one of several guesses of one sentence ("atelectasis versus pneumonia")."""
    sentence = finding.mentions[0].sentence
    return any(
        other is not finding and other.certainty == "possible" and other.mentions[0].sentence == sentence
        for other in report
    )


def _text_similarity(one: Finding, other: Finding) -> float:
    """Share of common words of two phrases that no lexicon entry covers, or 0 below the threshold."""
    if other.source != "unmatched_text" or one.source != "unmatched_text":
        return 0.0
    words, peers = set(one.entity.split()), set(other.entity.split())
    share = len(words & peers) / len(words | peers)
    return share if share >= _SIMILAR_TEXT else 0.0


def distinct(findings: list[Finding], lexicon: Lexicon) -> list[Finding]:
    """Findings of one report without those that another one of the list restates.

    "Left basilar opacity, atelectasis versus pneumonia" is one thing that may be missing, not three: a general finding
    beside a more specific one at its place, an interchangeable one in the same sentence, and all but the gravest of the
    guesses of one sentence are left out.
    """
    if len(findings) < 2:
        return findings
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda item: _GRAVITY.get(lexicon.level_of(item.entity), 0), reverse=True):
        if not any(other is not finding and _restates(finding, other, kept, lexicon) for other in findings):
            kept.append(finding)
    return [finding for finding in findings if any(item is finding for item in kept)]


def _restates(finding: Finding, other: Finding, kept: list[Finding], lexicon: Lexicon) -> bool:
    """Whether ``other`` says what ``finding`` says; of two that say the same, the one kept already wins."""
    entity, peer = lexicon.entities.get(finding.entity), lexicon.entities.get(other.entity)
    if entity is None or peer is None or finding.entity == other.entity:
        return False
    if lexicon.is_past(finding.entity, finding.kind) != lexicon.is_past(other.entity, other.kind):
        return False
    if finding.sides and other.sides and not finding.sides & other.sides:
        return False
    if finding.zones and other.zones and lexicon.zones_conflict(finding.zones, other.zones):
        return False
    if other.entity in entity.descendants:
        return True
    if not any(item is other for item in kept):
        return False
    same_sentence = not set(finding.sentences).isdisjoint(other.sentences)
    if lexicon.relation(finding.entity, other.entity) == 0.5:
        return same_sentence
    guesses = finding.certainty == "possible" == other.certainty
    return same_sentence and guesses and entity.group in lexicon.lateral and peer.group in lexicon.lateral
