"""Edits that change no meaning: a judge must not answer to them.

Every operator takes a report and a random generator and returns the rewritten text, which may equal the report when
there is nothing to do.
"""

import itertools
import re
from collections.abc import Callable, Sequence

import numpy as np

from radjudge.corruption.edits import Edit, NotApplicable, apply, tidy, whole_sentence
from radjudge.corruption.tables import Split, abbreviations, rewrite_rules, words
from radjudge.parsing import parse_report

_CENTIMETRES = re.compile(r"(?i)\b(\d+(?:\.\d+)?)(\s*)(cm|mm)\b")


def rewrite(report: str, rng: np.random.Generator, *, split: Split = "train", share: float = 1.0) -> str:
    """Put sentences in other words by the table of ``split``; each match is taken with probability ``share``.

    A rule is not applied to the output of another one, so no wording is rewritten twice.
    """
    taken: list[tuple[int, int, str]] = []
    for rule in rewrite_rules(split):
        for match in rule.pattern.finditer(report):
            if any(match.start() < end and start < match.end() for start, end, _ in taken) or rng.random() >= share:
                continue
            template = rule.replacements[int(rng.integers(len(rule.replacements)))]
            text = match.expand(template)
            if rule.keep_number and re.match(r"(?i)(?:are|were)\b", match[0]):
                text = re.sub(r"^is\b", "are", text)
            starts_sentence = re.search(r"(?:^|[.:!?\n]\s*|\d[.)]\s*)$", report[: match.start()]) is not None
            if starts_sentence and match[0][:1].isupper():
                text = text[:1].upper() + text[1:]
            taken.append((match.start(), match.end(), text))
    return tidy(apply(report, [Edit(*item) for item in taken]))


def _sections(report: str) -> list[list[tuple[int, int]]]:
    """Sentence spans of each run of sentences in one section."""
    runs: dict[str, list[tuple[int, int]]] = {}
    for item in parse_report(report).sentences:
        runs.setdefault(item.section, []).append(item.span)
    return list(runs.values())


_REFERS_BACK = re.compile(r"(?i)^\W*(?:this|these|that|those|it|they|its|which|both|otherwise|also|however|again)\b")


def reorder(report: str, rng: np.random.Generator) -> str:
    """Shuffle the sentences of each section; a sentence that refers back stays behind the one it refers to."""
    edits = []
    for spans in _sections(report):
        blocks: list[list[str]] = []
        for start, end in spans:
            sentence = re.sub(r"^\s*\d+[.)]\s+", "", report[start:end].strip())
            if blocks and _REFERS_BACK.match(sentence):
                blocks[-1].append(sentence)
            elif sentence:
                blocks.append([sentence])
        numbered = re.match(r"\s*1[.)]\s", report[spans[0][0] : spans[-1][1]]) is not None
        if len(blocks) < 2 or numbered:
            continue
        order = rng.permutation(len(blocks))
        sentences = [sentence for index in order for sentence in blocks[int(index)]]
        joined = " ".join(item if item.endswith((".", "!", "?", ":")) else f"{item}." for item in sentences)
        end = spans[-1][1]
        while end < len(report) and report[end] in ".! ":  # the full stop may stand outside the span
            end += 1
        edits.append(Edit(spans[0][0], end, joined if end == len(report) or report[end] == "\n" else f"{joined} "))
    return apply(report, edits)


def abbreviate(report: str, rng: np.random.Generator) -> str:
    """Write long forms short or short forms long."""
    for long, short in abbreviations():
        if rng.random() < 0.5:
            report = re.sub(rf"(?i)\b{long}\b", short, report)
        else:
            report = re.sub(rf"\b{short}\b", long, report)
    return tidy(report)


def change_case(report: str, rng: np.random.Generator) -> str:
    """All upper or all lower case."""
    return report.upper() if rng.random() < 0.5 else report.lower()


def change_spacing(report: str, rng: np.random.Generator) -> str:
    """Double blanks between words and break some sentences onto new lines."""
    report = re.sub(r"(?<=\w) (?=\w)", lambda match: "  " if rng.random() < 0.3 else " ", report)
    return re.sub(r"(?<=[a-z]\.) (?=[A-Z])", lambda match: "\n" if rng.random() < 0.5 else " ", report)


def change_units(report: str, rng: np.random.Generator) -> str:
    """Centimetres become millimetres and the other way round."""

    def other(match: re.Match[str]) -> str:
        value = float(match[1])
        if match[3].lower() == "cm":
            return f"{value * 10:g}{match[2]}mm"
        return f"{value / 10:g}{match[2]}cm"

    return _CENTIMETRES.sub(other, report)


def drop_normal(report: str, rng: np.random.Generator) -> str:
    """Leave out one sentence that holds nothing but normal statements and denials."""
    parsed = parse_report(report)
    asserted = {index for finding in parsed.present for index in finding.sentences}
    mentions = [item for finding in parsed.absent for item in finding.mentions if item.sentence not in asserted]
    if not mentions or len({item.sentence for item in mentions}) == len(parsed.sentences):
        return report
    return tidy(apply(report, [whole_sentence(parsed, mentions[int(rng.integers(len(mentions)))])]))


def add_normal(report: str, rng: np.random.Generator, *, split: Split = "train") -> str:
    """Add one statement of normality about a region that the report does not speak of."""
    parsed = parse_report(report)
    body = [item for item in parsed.sentences if item.section in ("findings", "")]
    if not body:
        return report
    end = body[-1].span[1]
    while end < len(report) and report[end] in ".!?":
        end += 1
    options = [line for line in words()["normals"][split] if line not in report]
    if not options:
        return report
    before = report[:end].rstrip()
    lead = " " if before.endswith((".", "!", "?", ":")) else ". "
    return tidy(apply(report, [Edit(end, end, lead + options[int(rng.integers(len(options)))])]))


def merge_sentences(report: str, rng: np.random.Generator) -> str:
    """Join two neighbouring sentences of one section with a semicolon."""
    places = [
        (first[1], second[0])
        for spans in _sections(report)
        for first, second in itertools.pairwise(spans)
        if not re.match(r"\d", report[second[0] :].lstrip()) and "\n" not in report[first[1] : second[0]]
    ]
    if not places:
        return report
    end, start = places[int(rng.integers(len(places)))]
    while report[end - 1] in ".! ":
        end -= 1
    following = report[start : start + 1]
    joined = following if report[start : start + 2].isupper() else following.lower()
    return apply(report, [Edit(end, start + 1, f"; {joined}")])


def split_sentences(report: str, rng: np.random.Generator) -> str:
    """Make a sentence of its own of a clause behind a semicolon."""
    return re.sub(r";\s+([a-z])", lambda match: f". {match[1].upper()}", report)


NEUTRAL: dict[str, Callable[[str, np.random.Generator], str]] = {
    "reorder": reorder,
    "abbreviate": abbreviate,
    "case": change_case,
    "spacing": change_spacing,
    "units": change_units,
    "drop_normal": drop_normal,
    "add_normal": add_normal,
    "merge": merge_sentences,
    "split": split_sentences,
}
"""The neutral operators besides :func:`rewrite`, by name."""


def neutral_edit(
    report: str, rng: np.random.Generator, *, split: Split = "train", operators: Sequence[str] = ("rewrite", "reorder")
) -> str:
    """Apply several neutral operators in turn.

    Raises:
        ValueError: an operator that does not exist.
    """
    for name in operators:
        if name == "rewrite":
            report = rewrite(report, rng, split=split)
        elif name == "add_normal":
            report = add_normal(report, rng, split=split)
        elif name in NEUTRAL:
            try:
                report = NEUTRAL[name](report, rng)
            except NotApplicable:
                continue
        else:
            raise ValueError(f"unknown neutral operator {name!r}; known: rewrite, {', '.join(NEUTRAL)}")
    return report
