"""Sets of pairs with known errors: random pairs, graded chains, triplets."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from radjudge.corruption.edits import NotApplicable
from radjudge.corruption.engine import CannotCorruptError, Corruption, corrupt
from radjudge.corruption.neutral import rewrite
from radjudge.corruption.tables import Split
from radjudge.corruption.verification import Verify
from radjudge.parsing import parse_report
from radjudge.records import CATEGORIES

ONE_WORD_OPERATORS = (
    "swap_side",
    "change_degree",
    "flip_to_present",
    "swap_zone",
    "reverse_trajectory",
    "scale_measurement",
)


@dataclass(frozen=True)
class LabelledPair:
    """A reference, a candidate made from it, and the truth about the candidate."""

    id: str
    reference: str
    candidate: str
    corruption: Corruption

    @property
    def total_errors(self) -> int:
        return len(self.corruption.errors)


@dataclass(frozen=True)
class Triplet:
    """A reference, a candidate that differs in one wrong word, and one that says the same in other words."""

    id: str
    reference: str
    wrong: str
    rewritten: str
    operator: str


def donor_sentences(reports: Sequence[str]) -> list[str]:
    """Distinct sentences of ``reports``' findings that assert exactly one finding of the lexicon."""
    kept: dict[str, None] = {}
    for report in reports:
        parsed = parse_report(report)
        for index, item in enumerate(parsed.sentences):
            about = [finding for finding in parsed.findings if index in finding.sentences]
            if len(about) == 1 and about[0].polarity == "present" and about[0].source == "lexicon":
                text = report[slice(*item.span)].strip()
                if 3 <= len(text.split()) <= 20 and not re.match(r"\W*(?:\d+\.|this|these|it)\b", text, re.IGNORECASE):
                    kept[text if text.endswith(".") else f"{text}."] = None
    return list(kept)


def build_pairs(
    reports: Sequence[str],
    n: int,
    seed: int = 0,
    *,
    rewrites: Split | None = None,
    verify: Verify = "exact",
    donors: Sequence[str] = (),
    errors: Sequence[int] = (0, 1, 2, 3, 4, 5, 6),
) -> list[LabelledPair]:
    """``n`` pairs with known errors, the number of errors drawn from ``errors``.

    A report that does not offer that many errors gets as many as it offers: the truth is what was injected.

    Raises:
        ValueError: no reports, or ``n`` below 1.
    """
    if not reports or n < 1:
        raise ValueError(f"build_pairs needs at least one report and n >= 1, got {len(reports)} reports and n = {n}")
    rng = np.random.default_rng(seed)
    pairs: list[LabelledPair] = []
    for index in range(n):
        reference = reports[int(rng.integers(len(reports)))]
        k = int(errors[int(rng.integers(len(errors)))])
        for fewer in range(k, -1, -1):
            try:
                made = corrupt(reference, fewer, rng, rewrites=rewrites, verify=verify, donors=donors)
            except CannotCorruptError:
                continue
            pairs.append(LabelledPair(f"pair-{index}", reference, made.candidate, made))
            break
    return pairs


def graded_chain(
    report: str,
    rng: np.random.Generator,
    *,
    length: int = 5,
    rewrites: Split | None = None,
    verify: Verify = "exact",
    tries: int = 8,
) -> list[Corruption]:
    """Candidates with 0, 1, ... ``length`` errors, each holding the errors of the one before.

    Raises:
        CannotCorruptError: the report does not offer ``length`` independent errors.
    """
    for _ in range(tries):
        seed = int(rng.integers(2**32))
        try:
            # The engine draws errors one after another, so one seed gives chains that share their beginning.
            return [
                corrupt(report, k, np.random.default_rng(seed), rewrites=rewrites, verify=verify)
                for k in range(length + 1)
            ]
        except CannotCorruptError:
            continue
    raise CannotCorruptError(f"no chain of {length} independent errors fits this report")


def single_word(first: str, second: str) -> bool:
    """Whether two texts differ in one word; a second is granted for an article that follows it or a word dropped."""
    a, b = first.lower().split(), second.lower().split()
    if abs(len(a) - len(b)) > 1:
        return False
    if len(a) == len(b):
        return sum(x != y for x, y in zip(a, b, strict=True)) <= 2
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    start = next((i for i, (x, y) in enumerate(zip(longer, shorter, strict=False)) if x != y), len(shorter))
    return sum(x != y for x, y in zip(longer[start + 1 :], shorter[start:], strict=True)) <= 1


def triplets(
    reports: Sequence[str], n: int, seed: int = 0, *, rewrites: Split = "test", verify: Verify = "exact"
) -> list[Triplet]:
    """Up to ``n`` triplets: one wrong word against a rewrite that changes more words and no meaning."""
    rng = np.random.default_rng(seed)
    even = dict.fromkeys(CATEGORIES, 1.0)
    made: list[Triplet] = []
    for index in rng.permutation(len(reports)):
        if len(made) == n:
            break
        reference = reports[int(index)]
        try:
            wrong = corrupt(reference, 1, rng, ops=ONE_WORD_OPERATORS, weights=even, verify=verify)
            rewritten = rewrite(reference, rng, split=rewrites)
        except (CannotCorruptError, NotApplicable):
            continue
        if not single_word(reference, wrong.candidate) or rewritten.split() == reference.split():
            continue
        made.append(Triplet(f"triplet-{index}", reference, wrong.candidate, rewritten, wrong.log[0]))
    return made
