"""Ground truth without radiologists: reports with known errors, and rewrites with none."""

from radjudge.corruption.draft import InjectedError
from radjudge.corruption.engine import OPERATORS, WEIGHTS, CannotCorruptError, Corruption, corrupt
from radjudge.corruption.neutral import NEUTRAL, neutral_edit, rewrite
from radjudge.corruption.sets import LabelledPair, Triplet, build_pairs, donor_sentences, graded_chain, triplets

__all__ = [
    "NEUTRAL",
    "OPERATORS",
    "WEIGHTS",
    "CannotCorruptError",
    "Corruption",
    "InjectedError",
    "LabelledPair",
    "Triplet",
    "build_pairs",
    "corrupt",
    "donor_sentences",
    "graded_chain",
    "neutral_edit",
    "rewrite",
    "triplets",
]
