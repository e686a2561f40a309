"""``corrupt``: a candidate report with known errors, made from a reference report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from radjudge.corruption import attributes, comparisons, findings
from radjudge.corruption.draft import Change, Draft, InjectedError
from radjudge.corruption.edits import NotApplicable
from radjudge.corruption.neutral import neutral_edit
from radjudge.corruption.tables import SPLITS, Split
from radjudge.corruption.verification import MODES, Verify, accept
from radjudge.parsing import parse_report
from radjudge.records import CATEGORIES, Category

Operator = Callable[[Draft], Change]

OPERATORS: Mapping[str, tuple[Category, Operator]] = {
    "insert_finding": ("false_finding", findings.insert_finding),
    "insert_donor_sentence": ("false_finding", findings.insert_donor_sentence),
    "flip_to_present": ("false_finding", findings.flip_to_present),
    "delete_finding": ("omission", findings.delete_finding),
    "flip_to_absent": ("omission", findings.flip_to_absent),
    "swap_side": ("location", attributes.swap_side),
    "swap_zone": ("location", attributes.swap_zone),
    "change_extent": ("location", attributes.change_extent),
    "change_device_position": ("location", attributes.change_device_position),
    "change_degree": ("severity", attributes.change_degree),
    "scale_measurement": ("severity", attributes.scale_measurement),
    "add_trajectory": ("spurious_comparison", comparisons.add_trajectory),
    "reverse_trajectory": ("spurious_comparison", comparisons.reverse_trajectory),
    "strip_trajectory": ("omitted_comparison", comparisons.strip_trajectory),
    "change_device_type": ("false_finding", attributes.change_device_type),
}
"""Every error operator with the category it is drawn for. ``change_device_type`` makes two errors (an omission and a
false finding), so it is drawn only when named in ``ops``."""

WEIGHTS: Mapping[Category, float] = dict(zip(CATEGORIES, (0.35, 0.32, 0.10, 0.10, 0.07, 0.06), strict=True))
"""Share of the categories among the errors that radiologists marked in ReXVal."""

MAX_ERRORS = 6
_DEFAULT = tuple(name for name in OPERATORS if name != "change_device_type")


class CannotCorruptError(ValueError):
    """The report does not offer ``k`` independent errors to the chosen operators."""


@dataclass(frozen=True)
class Corruption:
    """A candidate and what is wrong with it.

    Attributes:
        candidate: the edited report; equal to the reference only for k = 0 without rewrites.
        errors: the injected errors.
        log: names of the operators in the order applied, neutral ones included.
        draws, rejected: edits tried, and edits that the check of the re-parsed text refused.
    """

    candidate: str
    errors: tuple[InjectedError, ...]
    log: tuple[str, ...]
    draws: int = 0
    rejected: int = 0

    @property
    def counts(self) -> dict[Category, int]:
        """Injected errors per category."""
        return {category: sum(error.category == category for error in self.errors) for category in CATEGORIES}


def _checked(ops: Sequence[str] | None, split: str | None, k: int, verify: str) -> tuple[str, ...]:
    chosen = _DEFAULT if ops is None else tuple(ops)
    unknown = [name for name in chosen if name not in OPERATORS]
    if unknown or not chosen:
        raise ValueError(f"ops must name operators among {', '.join(OPERATORS)}; got {', '.join(unknown) or 'none'}")
    if split is not None and split not in SPLITS:
        raise ValueError(f"rewrites must be 'train', 'test' or None, not {split!r}")
    if verify not in MODES:
        raise ValueError(f"verify must be one of {', '.join(MODES)}, not {verify!r}")
    if not 0 <= k <= MAX_ERRORS:
        raise ValueError(f"k must lie in 0..{MAX_ERRORS}, not {k}")
    return chosen


def _draw(names: Sequence[str], weights: Mapping[Category, float], rng: np.random.Generator) -> str:
    """A category by its weight, then one of its operators."""
    by_category: dict[Category, list[str]] = {}
    for name in names:
        by_category.setdefault(OPERATORS[name][0], []).append(name)
    categories = list(by_category)
    shares = np.array([weights[category] for category in categories], dtype=float)
    if shares.sum() <= 0:
        raise ValueError("weights must be positive for at least one category of ops")
    category = categories[int(rng.choice(len(categories), p=shares / shares.sum()))]
    options = by_category[category]
    return options[int(rng.integers(len(options)))]


def corrupt(
    report: str,
    k: int,
    rng: np.random.Generator,
    *,
    ops: Sequence[str] | None = None,
    rewrites: Split | None = None,
    neutral: Sequence[str] = ("rewrite", "reorder"),
    weights: Mapping[Category, float] = WEIGHTS,
    donors: Sequence[str] = (),
    insertions: Split | None = None,
    verify: Verify = "exact",
) -> Corruption:
    """A copy of ``report`` with exactly ``k`` errors, each on its own finding.

    Errors are drawn by ``weights`` and edited at every mention of the finding; after each edit the text is parsed
    again and the edit refused when anything else changed. Neutral rewriting comes last and is not checked: it is what
    a judge has to see through.

    Args:
        report: the reference.
        k: number of errors, 0 to 6.
        rng: source of every draw.
        ops: operators to draw from (``OPERATORS``); all but ``change_device_type`` when None.
        rewrites: also rewrite by this table; None leaves the wording alone.
        neutral: neutral operators applied with ``rewrites``.
        weights: share of each category; ReXVal's by default.
        donors: sentences of other reports for ``insert_donor_sentence``.
        insertions: which sentences are inserted; follows ``rewrites``, and "train" without.
        verify: ``exact``, ``collateral`` or ``off`` (see :func:`radjudge.corruption.verification.accept`).

    Raises:
        ValueError: an argument outside its range.
        CannotCorruptError: the report has too few findings for ``k`` independent errors.
    """
    names = list(_checked(ops, rewrites, k, verify))
    split: Split = insertions or rewrites or "train"
    draft = Draft(report=parse_report(report), rng=rng, split=split, donors=tuple(donors))
    if not donors and "insert_donor_sentence" in names:
        names.remove("insert_donor_sentence")
    errors: list[InjectedError] = []
    log: list[str] = []
    draws = rejected = 0
    failures = dict.fromkeys(names, 0)
    while len(errors) < k:
        open_names = [name for name in names if failures[name] < 4]
        if not open_names:
            raise CannotCorruptError(f"only {len(errors)} of {k} errors fit this report with the chosen operators")
        name = _draw(open_names, weights, rng)
        try:
            change = OPERATORS[name][1](draft)
        except NotApplicable:
            failures[name] = 4
            continue
        draws += 1
        after = parse_report(change.text)
        if len(errors) + len(change.errors) > k or not accept(draft.report, after, change, verify):
            rejected += 1
            failures[name] += 1
            continue
        draft.report = after
        draft.touched.update(error.entity for error in change.errors)
        errors.extend(change.errors)
        log.append(name)
        failures = dict.fromkeys(names, 0)
    candidate = draft.report.text
    if rewrites is not None:
        candidate = neutral_edit(candidate, rng, split=rewrites, operators=neutral)
        log.extend(neutral)
    return Corruption(candidate, tuple(errors), tuple(log), draws, rejected)
