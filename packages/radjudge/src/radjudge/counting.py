"""From two parsed reports to the candidate's errors, by the counting rules of ReXVal's six categories.

Counting is per finding. A polarity conflict is one error on one side; normal statements earn and cost nothing; place,
degree, size and change over time of a matched finding are each at most one error.
"""

from __future__ import annotations

from radjudge.attributes import AttributeCounter, Specificity, all_spans
from radjudge.lexicon import Lexicon
from radjudge.matching import Matched, Matching, match
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
from radjudge.significance import Significances

_THE_REST = frozenset(["otherwise", "other", "additional", "further", "superimposed", "new"])
_ORDER = {category: place for place, category in enumerate(CATEGORIES)}


class _Denials:
    """What one report denies."""

    def __init__(self, report: Report) -> None:
        self.text = report.text
        self.denying = [finding for finding in report.findings if finding.denies]
        self.named: dict[str, list[Finding]] = {}
        for finding in self.denying:
            self.named.setdefault(finding.entity, []).append(finding)

    def spans(self, finding: Finding) -> tuple[Span, ...]:
        """Where a finding is denied, in so many words or by a normal statement."""
        return tuple(
            span
            for other in self.denying
            if finding.entity in other.denies and (not other.sides or not finding.sides or other.sides & finding.sides)
            for span in other.spans
        )

    def at_the_limit(self, finding: Finding) -> bool:
        """Whether a finding is borderline and this report finds its structure at the limit of normal."""
        return finding.degree == 0 and any(
            other.degree == 0 and finding.entity in other.denies for other in self.denying
        )

    def by_name(self, beside: list[Finding]) -> Finding | None:
        """A plain denial of one of these findings, of which the same report is sure, at its place."""
        for other in beside:
            if other.certainty == "possible":
                continue
            for finding in self.named.get(other.entity, ()):
                if finding.trajectory is not None or finding.degree_spans or finding.trajectory_spans:
                    continue
                if finding.sides and other.sides and not finding.sides & other.sides:
                    continue
                if not self._of_the_rest(finding):
                    return finding
        return None

    def _of_the_rest(self, finding: Finding) -> bool:
        """Whether a denial is of more of the same: "otherwise clear of airspace disease", "no other nodule"."""
        return any(
            not _THE_REST.isdisjoint(self.text[start:end].lower().split()) for start, end in finding.negation_spans
        )


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
        self.attributes = AttributeCounter(lexicon, specificity=specificity, count_certainty=count_certainty)

    def count(
        self, reference: Report, candidate: Report, context: Context | None = None
    ) -> tuple[list[Error], list[Match]]:
        """Errors in the order of category and place, and matched positive findings in text order."""
        stated, claimed = list(reference.present), list(candidate.present)
        matching = match(stated, claimed, self.lexicon)
        if candidate.suspicious_text or reference.suspicious_text:
            _take_back(matching)
        matches: list[Match] = []
        errors: list[Error] = []
        answered, said = _answered_changes(matching), set[tuple[str, object]]()
        denials, peer_denials = _Denials(reference), _Denials(candidate)
        errors.extend(self._omission(finding, peer_denials, context) for finding in matching.missed)
        errors.extend(self._false_finding(finding, denials, context) for finding in matching.invented)
        study, peer_study = _study_trajectory(reference), _study_trajectory(candidate)
        answer = peer_study if _answers(reference, candidate) else None
        for group in matching.matched:
            level = self.significances.level(group.references[0], context)
            found = [
                error
                for error in self.attributes.count(group, level, study, answer)
                if not _said_already(error, group, answered, said)
            ]
            weight = self.significances.weight(level)
            differing = sum(self.significances.weight(error.significance) for error in found if error.counted)
            if not _smuggled(group):
                matches.append(
                    Match(
                        group.references[0].name,
                        group.references[0].entity,
                        all_spans(group.references),
                        all_spans(group.candidates),
                        weight,
                        differing,
                    )
                )
            errors.extend(found)
            contradiction = self._contradiction(group, denials, peer_denials, level)
            if contradiction is not None:
                errors.append(contradiction)
        self._resolved(reference, candidate, stated, claimed, errors)
        self._study(study, peer_study if study != peer_study else answer, reference, candidate, stated, claimed, errors)
        errors.sort(key=_place)
        return errors, matches

    # --- whole findings ------------------------------------------------------------------------------------------

    def _omission(self, finding: Finding, candidate: _Denials, context: Context | None) -> Error:
        denials = candidate.spans(finding)
        return Error(
            "omission",
            finding.name,
            finding.entity,
            finding.spans,
            denials,
            self.significances.level(finding, context),
            None,
            "reference asserts it; candidate denies it" if denials else "reference asserts it; candidate is silent",
            counted=self._counts(finding) and not candidate.at_the_limit(finding),
            source=finding.source,
        )

    def _false_finding(self, finding: Finding, reference: _Denials, context: Context | None) -> Error:
        denials = reference.spans(finding)
        return Error(
            "false_finding",
            finding.name,
            finding.entity,
            denials,
            finding.spans,
            self.significances.level(finding, context),
            None,
            "candidate asserts it; reference denies it" if denials else "candidate asserts it; reference is silent",
            counted=self._counts(finding) and not reference.at_the_limit(finding),
            source=finding.source,
        )

    def _counts(self, finding: Finding) -> bool:
        """Nipple shadows and the like are no findings: saying or not saying them is listed, and no error."""
        return self.lexicon.level_of(finding.entity) != "benign"

    def _contradiction(
        self, group: Matched, reference: _Denials, candidate: _Denials, level: Significance
    ) -> Error | None:
        """A candidate that asserts and denies what the reference asserts: the denial counts, once."""
        denial = candidate.by_name(group.candidates)
        if denial is None or reference.by_name(group.references) is not None:
            return None
        first = group.references[0]
        return Error(
            "omission",
            first.name,
            first.entity,
            all_spans(group.references),
            denial.spans,
            level,
            None,
            "candidate contradicts itself: it also denies it",
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
            plain = {other.entity for other in others if not other.suspicious}
            answers = {other.entity for other in (*others, *present)}
            plain_answers = plain | {other.entity for other in present}
            for finding in mine:
                if finding.entity == STUDY_COMPARISON:
                    continue
                related = self.lexicon.related.get(finding.entity) or {finding.entity: 1.0}
                if not related.keys().isdisjoint(answers if finding.suspicious else plain_answers):
                    continue  # answered, or already an error of polarity
                if finding.entity in self.lexicon.entities and any(
                    error.category == category and self._same(error.entity, finding.entity) for error in errors
                ):
                    continue  # "the opacity has cleared" and "resolution of pneumonia" are one change
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

    def _same(self, one: str, other: str) -> bool:
        return other in self.lexicon.read_as.get(one, ()) or one in self.lexicon.read_as.get(other, ())

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


def _answered_changes(matching: Matching) -> frozenset[Span]:
    """Words for a change of which one finding is answered by a change in the other report."""
    return frozenset(
        span
        for group in matching.matched
        if any(item.trajectory for item in group.references) and any(item.trajectory for item in group.candidates)
        for item in (*group.references, *group.candidates)
        for span in item.trajectory_spans
    )


def _said_already(error: Error, group: Matched, answered: frozenset[Span], said: set[tuple[str, object]]) -> bool:
    """Whether a comparison is counted with another finding: "effusion and atelectasis have increased" is one.

    So is "unchanged" of several lines and tubes, in one sentence or in many.
    """
    if error.attribute != "trajectory":
        return False
    findings = group.references if error.category == "omitted_comparison" else group.candidates
    spans = frozenset(span for item in findings for span in item.trajectory_spans)
    if not error.conflict and spans & answered:
        return True
    keys: list[tuple[str, object]] = [(error.category, spans)] if spans else []
    if group.references[0].kind == "device":
        keys.append((error.category, error.explanation))
    repeated = any(key in said for key in keys)
    said.update(keys)
    return repeated


def _smuggled(group: Matched) -> bool:
    """Whether only words addressed to the reader of the candidate answer a finding that the reference states itself."""
    return all(item.suspicious for item in group.candidates) and not all(item.suspicious for item in group.references)


def _take_back(matching: Matching) -> None:
    """Findings that are answered only by words addressed to the reader stay missing."""
    matching.missed = [item for item in matching.missed if not item.suspicious]
    for group in matching.matched:
        if _smuggled(group):
            matching.missed.append(next(item for item in group.references if not item.suspicious))


def _answers(reference: Report, candidate: Report) -> bool:
    """Whether the candidate's statement on the whole study is a report's; if made to the reader, so is the other's."""
    plain = [item.entity == STUDY_COMPARISON and not item.suspicious for item in candidate.findings]
    said = [item.suspicious for item in reference.findings if item.entity == STUDY_COMPARISON]
    return any(plain) or (bool(said) and all(said))


def _place(error: Error) -> tuple[int, int, int, str]:
    span = error.reference_spans or error.candidate_spans
    return (_ORDER[error.category], span[0][0] if span else -1, 0 if error.counted else 1, error.entity)


def _study_trajectory(report: Report) -> str | None:
    for finding in report.findings:
        if finding.entity == STUDY_COMPARISON:
            return finding.trajectory
    return None


def _study_spans(report: Report) -> tuple[Span, ...]:
    return tuple(span for finding in report.findings if finding.entity == STUDY_COMPARISON for span in finding.spans)
