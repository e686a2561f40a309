"""Edits by character spans, and the tidying that keeps an edited report readable."""

import itertools
import re
from collections.abc import Iterable
from typing import NamedTuple

from radjudge.records import Finding, Mention, Report, Span


class Edit(NamedTuple):
    """Replace ``text[start:end]`` by ``replacement``."""

    start: int
    end: int
    replacement: str = ""


class NotApplicable(Exception):  # noqa: N818 - a signal to try another finding, not an error
    """The operator has nothing to work on, or no safe edit of what it found."""


_SPACES = re.compile(r"[ \t]{2,}")
_BEFORE_STOP = re.compile(r"[ \t]+([.,;:])(?!\d)")
_DOUBLE_STOP = re.compile(r"([,;:])[ \t]*(?=[.;])")
_EMPTY_ITEM = re.compile(r"(?m)^[ \t]*\d+[.)][ \t]*(?:\n|$)")
_ARTICLE = re.compile(r"\b([Aa])n? (?=([A-Za-z0-9]+))")
_VOWEL_SOUND = re.compile(r"(?i)(?:[aeio]|u(?!ni)|8|11\b|18\b)")
_CONNECTOR_BEFORE = re.compile(r"(?i)(?:,?\s+(?:and|or|with|as well as)|,)\s*$")
_CONNECTOR_AFTER = re.compile(r"(?i)^\s*(?:,\s*(?:and|or)\b|,|\band\b|\bor\b)\s*")


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made; spans refer to the unedited text.

    Raises:
        NotApplicable: two edits overlap.
    """
    ordered = sorted(set(edits))
    if any(later.start < earlier.end for earlier, later in itertools.pairwise(ordered)):
        raise NotApplicable("overlapping edits")
    for edit in reversed(ordered):
        text = text[: edit.start] + edit.replacement + text[edit.end :]
    return text


def _article(match: re.Match[str]) -> str:
    return match[1] + ("n " if _VOWEL_SOUND.match(match[2]) else " ")


def tidy(text: str) -> str:
    """Close up blanks, stray punctuation and emptied list items, fix a/an; sentence starts get their capital."""
    text = _SPACES.sub(" ", text)
    text = _BEFORE_STOP.sub(r"\1", text)
    text = _DOUBLE_STOP.sub("", text)
    text = _EMPTY_ITEM.sub("", text)
    text = re.sub(r"\.[ \t]*\.(?!\.)", ".", text)
    text = _ARTICLE.sub(_article, text)
    text = re.sub(r"(?<=[.!?]\s)([a-z])", lambda match: match[1].upper(), text)
    text = re.sub(r"^\s*([a-z])", lambda match: match[1].upper(), text)
    return text.strip()


def matching_case(original: str, replacement: str) -> str:
    """``replacement`` in the case of ``original``: capitalised, upper case, or as it is."""
    if len(original) > 1 and original.isupper():
        return replacement if " " in replacement else replacement.upper()  # an acronym spelt out stays lower case
    if original[:1].isupper() and not original[1:2].isupper():
        return replacement[:1].upper() + replacement[1:]
    return replacement


def sentence_span(report: Report, mention: Mention) -> Span:
    """The sentence that holds the mention."""
    return report.sentences[mention.sentence].span


def alone_in_sentence(report: Report, finding: Finding, mention: Mention) -> bool:
    """Whether the sentence speaks of nothing else."""
    return not any(
        other is not finding and mention.sentence in other.sentences for other in report.findings
    ) and sum(item.sentence == mention.sentence for item in finding.mentions) == 1  # fmt: skip


def whole_sentence(report: Report, mention: Mention) -> Edit:
    """Remove the sentence of a mention, its list number and the blank behind it."""
    start, end = sentence_span(report, mention)
    before = re.search(r"(?:^|(?<=[\s]))\d+[.)]\s*$", report.text[:start])
    if before:
        start = before.start()
    while end < len(report.text) and report.text[end] in " .":
        end += 1
    return Edit(start, end)


def from_list(report: Report, mention: Mention) -> Edit:
    """Remove one statement from a sentence that holds others, with the connector that joined it."""
    (first, last), (start, end) = sentence_span(report, mention), mention.span
    after = _CONNECTOR_AFTER.search(report.text[end:last])
    before = _CONNECTOR_BEFORE.search(report.text[first:start])
    if before:
        start -= len(before[0])
        if after and "," in before[0] and ("," in after[0] or "and" in after[0] or "or" in after[0]):
            return Edit(start, end)
    elif after:
        end += len(after[0])
    else:
        raise NotApplicable("the statement is not an item of a list")
    return Edit(start, end)


def removal(report: Report, finding: Finding, mention: Mention) -> Edit:
    """Remove one mention: its sentence when it stands alone there, else the item from the list."""
    if alone_in_sentence(report, finding, mention):
        return whole_sentence(report, mention)
    return from_list(report, mention)
