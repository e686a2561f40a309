"""Keyword F1: fourteen observations found by keyword, each denied by any negation before it in its clause.

It stands for labeller metrics (CheXbert F1 and its kin) where no model may be loaded: it sees that a finding is
present or absent, and sees no side, degree, place or change.
"""

import re
from collections.abc import Sequence

from radjudge.baselines.tokens import paired

_KEYWORDS = {
    "enlarged cardiomediastinum": r"(?:widen\w*|enlarg\w*) (?:of the )?(?:cardio)?mediastin\w+",
    "cardiomegaly": r"cardiomegaly|enlarged (?:heart|cardiac silhouette)|heart (?:size )?is (?:\w+ )?enlarged",
    "lung opacity": r"opacit(?:y|ies)|airspace disease|infiltrates?",
    "lung lesion": r"nodul\w+|mass(?:es)?|lesions?",
    "edema": r"(?:o?edema)|(?:vascular|pulmonary) congestion",
    "consolidation": r"consolidat\w+",
    "pneumonia": r"pneumonia",
    "atelectasis": r"atelecta\w+|collapse",
    "pneumothorax": r"pneumothora\w+",
    "pleural effusion": r"effusions?|pleural fluid",
    "pleural other": r"pleural (?:thickening|plaques?|scarring)",
    "fracture": r"fractur\w+",
    "support devices": r"catheter|tube|pacemaker|\bpicc\b|central line|\bicd\b|sternal wires|valve prosthesis",
}
_PATTERNS = {label: re.compile(rf"\b(?:{pattern})\b") for label, pattern in _KEYWORDS.items()}
_NEGATION = re.compile(r"\b(?:no|not|without|free of|negative for|absence of|denies|resolved)\b")
_CLAUSE = re.compile(r"[.;:\n]|\bbut\b|\bhowever\b")


def keyword_labels(report: str) -> frozenset[str]:
    """Observations that the report asserts; ``no finding`` when it asserts none."""
    present = set()
    for clause in _CLAUSE.split(report.lower()):
        negation = _NEGATION.search(clause)
        for label, pattern in _PATTERNS.items():
            found = pattern.search(clause)
            if found and not (negation and negation.start() < found.start()):
                present.add(label)
    return frozenset(present) if present else frozenset({"no finding"})


def keyword_f1(*, references: Sequence[str], candidates: Sequence[str]) -> list[float]:
    """F1 of the asserted observations of each pair, in [0, 1], higher is better."""
    values = []
    for reference, candidate in paired(references, candidates):
        expected, produced = keyword_labels(reference), keyword_labels(candidate)
        values.append(2 * len(expected & produced) / (len(expected) + len(produced)))
    return values
