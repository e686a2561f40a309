"""Operators on whole findings: insert, delete, and flip between present and absent."""

import re

from radjudge.corruption.draft import Change, Draft, InjectedError
from radjudge.corruption.edits import (
    Edit,
    NotApplicable,
    alone_in_sentence,
    apply,
    from_list,
    matching_case,
    removal,
    sentence_span,
    tidy,
    whole_sentence,
)
from radjudge.corruption.tables import insertions, words
from radjudge.grammar import expand
from radjudge.records import Finding, Report

_ASSERTION = {"no": "a", "without": "with", "no evidence of": "evidence of", "negative for": "positive for", "not": ""}
_NEGATION = re.compile(rf"(?i)\b({'|'.join(sorted(_ASSERTION, key=len, reverse=True))})\s+")


def delete_finding(draft: Draft) -> Change:
    """Remove every mention of a finding (omission)."""

    def edit(finding: Finding) -> Change:
        edits = [removal(draft.report, finding, mention) for mention in finding.mentions]
        text = tidy(apply(draft.report.text, edits))
        return Change(text, (InjectedError("omission", "delete_finding", finding.entity),), (finding,))

    return draft.first(edit)


def flip_to_absent(draft: Draft) -> Change:
    """Deny a finding that the reference asserts, at every mention (omission)."""

    def edit(finding: Finding) -> Change:
        if finding.kind != "pathology":
            raise NotApplicable("reports do not deny devices")
        edits, denied = [], False
        for mention in finding.mentions:
            if not alone_in_sentence(draft.report, finding, mention):
                edits.append(from_list(draft.report, mention))
            elif denied:
                edits.append(whole_sentence(draft.report, mention))
            else:
                start, end = sentence_span(draft.report, mention)
                template = draft.pick(words()["denials"][draft.split])
                denial = template.format(noun=finding.name, Noun=finding.name[:1].upper() + finding.name[1:])
                edits.append(Edit(start, end, denial))
                denied = True
        if not denied:
            raise NotApplicable("no sentence that is only about the finding")
        text = tidy(apply(draft.report.text, edits))
        return Change(text, (InjectedError("omission", "flip_to_absent", finding.entity),), (finding,))

    return draft.first(edit)


def denials_of(report: Report, entity: str) -> list[Edit]:
    """Edits that take back every statement which rules the entity out."""
    edits: dict[tuple[int, int], Edit] = {}
    for finding in report.absent:
        if entity != finding.entity and entity not in finding.denies:
            continue
        for mention in finding.mentions:
            try:
                cut = removal(report, finding, mention)
            except NotApplicable:
                # The statement cannot be taken out of its sentence; a sentence of denials only may go as a whole.
                others = [item for item in report.present if mention.sentence in item.sentences]
                if others:
                    raise
                cut = whole_sentence(report, mention)
            edits[cut.start, cut.end] = cut
    merged: list[Edit] = []
    for cut in sorted(edits.values()):
        if merged and cut.start < merged[-1].end:
            merged[-1] = Edit(merged[-1].start, max(merged[-1].end, cut.end))
        else:
            merged.append(cut)
    return merged


def _insertion_point(draft: Draft) -> int:
    """The end of a sentence of the findings section (of the report when it has no sections), or 0."""
    report = draft.report
    body = [item for item in report.sentences if item.section in ("findings", "")] or [
        item for item in report.sentences if item.section not in ("indication", "comparison", "examination", "history")
    ]
    if not body:
        return len(report.text)
    return body[int(draft.rng.integers(len(body)))].span[1]


def _with_sentence(draft: Draft, entity: str, sentence: str, operator: str) -> Change:
    edits = denials_of(draft.report, entity)
    point = _insertion_point(draft)
    while point < len(draft.report.text) and draft.report.text[point] in ".!?":
        point += 1
    # A cut that covers the insertion point takes the sentence along: write it behind the cut.
    point = next((cut.end for cut in edits if cut.start < point <= cut.end), point)
    before = draft.report.text[:point].rstrip()
    lead = "" if not before or before[-1] in ".:!?" else "."
    edits.append(Edit(point, point, f"{lead} {sentence} "))
    error = InjectedError("false_finding", operator, entity, sentence=sentence)
    return Change(tidy(apply(draft.report.text, edits)), (error,), (), 1)


def insert_finding(draft: Draft) -> Change:
    """Add a finding that the reference does not have, taking back what denies it (false finding)."""
    table = insertions(draft.split)
    for index in draft.rng.permutation(len(table)):
        entity, template = table[int(index)]
        if not draft.free(entity):
            continue
        try:
            return _with_sentence(draft, entity, expand(template, draft.rng), "insert_finding")
        except NotApplicable:
            continue
    raise NotApplicable("every finding of the table is taken")


def insert_donor_sentence(draft: Draft) -> Change:
    """Add a sentence of another report that asserts exactly one finding (false finding)."""
    from radjudge.parsing import parse_report

    for index in draft.rng.permutation(len(draft.donors))[:20]:
        sentence = draft.donors[int(index)]
        present = parse_report(sentence).present
        if len(present) != 1 or present[0].source != "lexicon" or not draft.free(present[0].entity):
            continue
        try:
            return _with_sentence(draft, present[0].entity, sentence, "insert_donor_sentence")
        except NotApplicable:
            continue
    raise NotApplicable("no donor sentence suits this report")


def flip_to_present(draft: Draft) -> Change:
    """Turn a denial into an assertion by its negating word (false finding)."""
    report = draft.report
    findings = [item for item in report.absent if item.kind == "pathology" and item.source == "lexicon"]
    for index in draft.rng.permutation(len(findings)):
        finding = findings[int(index)]
        denied_elsewhere = any(finding.entity in item.denies for item in report.absent if item is not finding)
        if denied_elsewhere or len(finding.mentions) != 1 or not draft.free(finding.entity):
            continue
        mention = finding.mentions[0]
        if not alone_in_sentence(report, finding, mention):
            continue
        start, end = sentence_span(report, mention)
        negations = list(_NEGATION.finditer(report.text, start, end))
        if len(negations) != 1:
            continue
        word, entity = negations[0], report.text[slice(*mention.entity_span)]
        replacement = _ASSERTION[word[1].lower()]
        if replacement == "a" and entity.lower().endswith(("s", "edema", "pneumonia", "consolidation", "megaly")):
            replacement = ""
        edit = Edit(word.start(), word.end(), f"{matching_case(word[1], replacement)} ".lstrip())
        error = InjectedError("false_finding", "flip_to_present", finding.entity)
        return Change(tidy(apply(report.text, [edit])), (error,), (), 1)
    raise NotApplicable("no denial that one word can turn round")
