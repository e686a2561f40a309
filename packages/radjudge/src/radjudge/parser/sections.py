"""The titled parts of a report. Only parts that state findings are read for findings."""

from __future__ import annotations

import re

from radjudge.records import Section

# heading -> name; a name outside READ holds no statement about this examination
_HEADINGS = {
    "findings": "findings",
    "finding": "findings",
    "impression": "impression",
    "impressions": "impression",
    "conclusion": "impression",
    "conclusions": "impression",
    "opinion": "impression",
    "summary": "impression",
    "interpretation": "impression",
    "findings and impression": "findings",
    "findings/impression": "findings",
    "findings / impression": "findings",
    "impression and recommendation": "impression",
    "impression and recommendations": "impression",
    "result": "findings",
    "results": "findings",
    "comment": "findings",
    "comments": "findings",
    "report": "findings",
    "final report": "",
    "indication": "indication",
    "indications": "indication",
    "reason for exam": "indication",
    "reason for examination": "indication",
    "clinical information": "indication",
    "clinical history": "indication",
    "clinical indication": "indication",
    "history": "indication",
    "technique": "technique",
    "procedure": "technique",
    "examination": "technique",
    "exam": "technique",
    "study": "technique",
    "views": "technique",
    "comparison": "comparison",
    "comparisons": "comparison",
    "recommendation": "recommendation",
    "recommendations": "recommendation",
    "notification": "recommendation",
    "addendum": "findings",
    "wet read": "recommendation",
}
READ = frozenset(["", "findings", "impression"])
_HEADING = re.compile(
    r"(?:\A|(?<=[\n.!]))[ \t]*(" + "|".join(sorted(_HEADINGS, key=len, reverse=True)) + r")[ \t]*:", re.IGNORECASE
)


def find_sections(text: str) -> list[Section]:
    """Sections in text order, covering all of ``text``; text before the first heading is a section named ``""``.

    Spans are of ``text`` itself and leave the headings out.
    """
    if ":" not in text:
        return [Section("", (0, len(text)))]
    sections: list[Section] = []
    start, name = 0, ""
    for match in _HEADING.finditer(text):
        if match.start(1) > start:
            sections.append(Section(name, (start, match.start(1))))
        start, name = match.end(), _HEADINGS[match.group(1).lower()]
    if start < len(text) or not sections:
        sections.append(Section(name, (start, len(text))))
    return sections
