"""The titled parts of a report. Only parts that state findings are read for findings.

A part that is not read ends where its own matter ends: many reports put "COMPARISON: None." in front of findings that
carry no heading of their own, and reports without full stops behind their headings start a new line.
"""

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
    "clinical data": "indication",
    "clinical statement": "indication",
    "history": "indication",
    "patient history": "indication",
    "ordering history": "indication",
    "reason for study": "indication",
    "reason for this exam": "indication",
    "reason": "indication",
    "symptoms": "indication",
    "technique": "technique",
    "procedure": "technique",
    "examination": "technique",
    "exam": "technique",
    "exam type": "technique",
    "exam date": "technique",
    "procedure comments": "technique",
    "projection": "technique",
    "projections": "technique",
    "study": "technique",
    "view": "technique",
    "views": "technique",
    "number of views": "technique",
    "comparison": "comparison",
    "comparisons": "comparison",
    "comparison studies": "comparison",
    "comparison study": "comparison",
    "prior studies": "comparison",
    "previous studies": "comparison",
    "priors": "comparison",
    "recommendation": "recommendation",
    "recommendations": "recommendation",
    "communication": "recommendation",
    "notification": "recommendation",
    "addendum": "findings",
    "wet read": "recommendation",
}
# parts of the headings of templates: what they name is the subject of what follows ("HEART: Enlarged", "LUNGS/PLEURA:
# Clear"), so they stay in the text
_ORGANS = frozenset([
    "abdomen", "airway", "airways", "bones", "bony structures", "bony thorax", "cardiac", "cardiac silhouette",
    "cardiomediastinal", "cardiomediastinal contours", "cardiomediastinal silhouette", "cardiovascular",
    "catheters", "chest wall", "devices", "diaphragm", "great vessels", "hardware", "heart", "heart size", "hila",
    "hilum", "implants", "joints", "lines", "lung", "lung fields", "lung parenchyma", "lungs", "mediastinum",
    "musculoskeletal", "osseous structures", "other", "parenchyma", "pleura", "pleural space", "pleural spaces",
    "pulmonary vasculature", "skeletal structures", "skeleton", "soft tissue", "soft tissues", "spine",
    "support apparatus", "support devices", "support lines", "trachea", "tubes", "upper abdomen", "vascularity",
    "vasculature", "vessels", "visualized abdomen", "visualized upper abdomen",
])  # fmt: skip
_LISTED = re.compile(r"\s*[,/]\s*(?:and\s+)?|\s+and\s+")
READ = frozenset(["", "findings", "impression"])

# what may be a heading: words at the start of a line or sentence that a colon or the end of the line follows
_HEADING = re.compile(r"(?:\A|(?<=[\n.!]))[ \t]*+([A-Za-z][A-Za-z/, \t]{2,45}+)(?=[:\n])")
_SENTENCE = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*[A-Z][a-z])|(?<=[.!?])(?=[ \t]+[A-Z]|[ \t]*\n)")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_LINE = re.compile(r"(?<=[.!?])[ \t]*\n|\n(?=[ \t]*[A-Z][a-z])")
# a reason for the examination may take several sentences; what was done and compared takes one
_END_OF_MATTER = {"indication": (_PARAGRAPH, _LINE, _SENTENCE)}


def find_sections(text: str) -> list[Section]:
    """Sections in text order, covering all of ``text`` but the headings; text before the first is a section ``""``.

    A section outside :data:`READ` goes on to the next heading, unless that is the impression or there is none: then it
    ends with its sentence or where a line starts with a capitalised word (a reason for the examination with its
    paragraph or line, if there are more than one), and what follows is a section ``""``.
    """
    if ":" not in text and "\n" not in text:
        return [Section("", (0, len(text)))]
    sections: list[Section] = []
    start, name = 0, ""
    for match in _HEADING.finditer(text):
        words = " ".join(match[1].lower().split())
        following = _HEADINGS.get(words)
        colon = text[match.end()] == ":"
        if following is None and not (colon and _ORGANS.issuperset(_LISTED.split(words))):
            continue
        _close(sections, text, name, start, match.start(1), following)
        # a heading of a template is part of its text
        start, name = (match.start(1), "findings") if following is None else (match.end() + colon, following)
    _close(sections, text, name, start, len(text), "impression")
    return sections or [Section(name, (start, start))]


def _close(sections: list[Section], text: str, name: str, start: int, end: int, following: str | None) -> None:
    """Append the section ``text[start:end]``, cut where its own matter ends."""
    if end <= start:
        return
    matter = end
    if name not in READ and following == "impression":
        first, last = start + len(text[start:end]) - len(text[start:end].lstrip()), len(text[:end].rstrip())
        for boundary in _END_OF_MATTER.get(name, (_SENTENCE,)):
            found = boundary.search(text, first, last)
            if found is not None:
                matter = found.start()
                break
    sections.append(Section(name, (start, matter)))
    if matter < end:
        sections.append(Section("", (matter, end)))
