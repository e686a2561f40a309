"""Operators on statements of change: add, strip, reverse."""

import re

from radjudge.corruption.attributes import replaced
from radjudge.corruption.draft import Change, Draft, InjectedError, changed
from radjudge.corruption.edits import Edit, NotApplicable, alone_in_sentence, sentence_span
from radjudge.corruption.tables import words
from radjudge.records import Finding, Mention, SpanKind

_COPULA = re.compile(
    r"(?i)\b(?P<verb>is|are|was|were|has|have|appears?|remains?)(?:\s+(?:again|been|grossly|essentially|slightly|mildly|not|significantly))*\s*$"
)
_TAIL = re.compile(
    r"(?i)^\s*(?:in (?:size|appearance|the interval)\s*)?(?:since|from|compared (?:to|with)|in comparison (?:to|with)|"
    r"as compared (?:to|with)|when compared (?:to|with)|than on|relative to)\b[^.;,]*"
)
_IN_FRONT: tuple[SpanKind, ...] = ("degree", "side", "zone", "measurement")
_PLURAL_VERB = frozenset({"are", "were", "have", "appear", "remain"})


def _first_word_of_phrase(text: str, mention: Mention) -> int:
    """Where the noun phrase starts: the leftmost of degree, side, zone and entity that precede the entity."""
    start = mention.entity_span[0]
    spans = [span for kind in _IN_FRONT for span in mention.spans_of(kind)]
    first = min([start, *(span[0] for span in spans if mention.span[0] <= span[0] <= start)])
    between = text[first:start]
    if len(between.split()) > 4 or re.search(r"[,.;:()/]", between):
        raise NotApplicable("the attributes stand apart from the entity")
    return first


def add_trajectory(draft: Draft) -> Change:
    """State a change that the reference does not state (spurious comparison)."""
    table = words()["trajectories"]["add"][draft.split]

    def edit(finding: Finding) -> Change:
        if finding.trajectory is not None or finding.kind not in ("pathology", "device"):
            raise NotApplicable("the finding has a trajectory already")
        mention = finding.mentions[0]
        if (
            alone_in_sentence(draft.report, finding, mention)
            and finding.kind == "pathology"
            and draft.rng.random() < 0.5
        ):
            end = sentence_span(draft.report, mention)[1]
            while draft.report.text[end - 1] in ".!? \n":
                end -= 1
            edits = [Edit(end, end, draft.pick(table["clause"]))]
        else:
            if finding.kind == "device":
                raise NotApplicable("a device gets no adjective of change")
            start = _first_word_of_phrase(draft.report.text, mention)
            word = draft.pick(table["adjective"])
            following = draft.report.text[start]
            opens = start == 0 or draft.report.text[start - 1] in ".\n" or following.isupper()
            if opens and following.isupper() and not draft.report.text[start : start + 2].isupper():
                edits = [Edit(start, start + 1, f"{word.capitalize()} {following.lower()}")]
            else:
                edits = [Edit(start, start, f"{word} ")]
        error = InjectedError("spurious_comparison", "add_trajectory", finding.entity, "trajectory")
        return changed(draft, finding, edits, error)

    return draft.first(edit)


def _strip(draft: Draft, finding: Finding, mention: Mention, start: int, end: int) -> Edit:
    """Take one statement of change out of its sentence, leaving a sentence behind."""
    text = draft.report.text
    first, last = sentence_span(draft.report, mention)
    tail = _TAIL.match(text[end:last])
    if tail:
        end += len(tail[0])
    before = text[first:start]
    copula = _COPULA.search(before)
    rest = text[end:last].strip(" .")
    if copula and not rest:
        verb = "are" if copula["verb"].lower() in _PLURAL_VERB else "is"
        return Edit(first + copula.start(), end, f"{verb} present")
    comma = re.search(r",\s*(?:which (?:is|are|has|have)(?: been)?\s*)?$", before)
    if comma and (not rest or text[end:last].lstrip().startswith(",")):
        return Edit(first + comma.start(), end)
    if not copula and rest:
        word = text[start:end]
        following = text[end:last]
        if start == first and word[:1].isupper():
            bare = following.lstrip()
            return Edit(start, end + len(following) - len(bare) + 1, bare[:1].upper())
        return Edit(start, end)
    raise NotApplicable("the statement of change cannot be taken out of its sentence")


def strip_trajectory(draft: Draft) -> Change:
    """Leave out every statement of change of a finding (omitted comparison)."""

    def edit(finding: Finding) -> Change:
        if finding.trajectory is None or not finding.trajectory_spans or finding.trajectory == "resolved":
            raise NotApplicable("the finding has no trajectory")
        edits = [
            _strip(draft, finding, mention, start, end)
            for mention in finding.mentions
            for start, end in mention.spans_of("trajectory")
        ]
        error = InjectedError("omitted_comparison", "strip_trajectory", finding.entity, "trajectory")
        return changed(draft, finding, edits, error)

    return draft.first(edit)


def reverse_trajectory(draft: Draft) -> Change:
    """State the opposite change at every mention (spurious comparison, in conflict with the reference)."""

    def edit(finding: Finding) -> Change:
        if finding.trajectory is None or not finding.trajectory_spans or finding.kind != "pathology":
            raise NotApplicable("no finding that could have changed the other way")
        edits = replaced(draft, finding.trajectory_spans, words()["trajectories"]["reverse"])
        error = InjectedError("spurious_comparison", "reverse_trajectory", finding.entity, "trajectory")
        return changed(draft, finding, edits, error)

    return draft.first(edit)
