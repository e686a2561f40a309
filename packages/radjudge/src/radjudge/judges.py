"""Judges: anything that turns pairs of reports into judgements.

:class:`Judge` is the door for other judges; :class:`StructuredJudge`, the default, needs no network, no model and no
training, and gives the same bytes for the same input.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from radjudge.attributes import Specificity
from radjudge.counting import Counter
from radjudge.lexicon import load_lexicon
from radjudge.lexicon_files import ASSETS, LexiconFiles
from radjudge.parsing import Parser, default_parser, read_together, without_suspicious
from radjudge.records import Context, Error, Judgement, Match, Pair, Report
from radjudge.scores import all_scores, count_errors
from radjudge.significance import Significances, SignificanceTable, default_table

_REFERENCES_KEPT = 4096  # parsed references kept: several systems are usually judged on the same studies


class UnsupportedLanguageError(ValueError):
    """A report is not in English; the structured judge does not guess."""


@runtime_checkable
class Judge(Protocol):
    """What every judge offers."""

    @property
    def fingerprint(self) -> str:
        """Identifies the judge and everything its results depend on."""
        ...

    def evaluate(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """One judgement per pair, in order. What cannot be judged gets ``status="failed"``; nothing is dropped."""
        ...


class _Outcome(NamedTuple):
    errors: list[Error]
    matches: list[Match]
    scores: dict[str, float]


class StructuredJudge:
    """Parses both reports, matches their findings and counts the differences.

    Args:
        significance: significance table: a path to YAML, a mapping, or None for the shipped one.
        specificity: ``"note"`` also lists a side that only one report names (never counted).
        count_certainty: count possible against definite as an insignificant error.
        refuse_other_languages: give reports that are not in English ``status="failed"``.
        lexicon: folder with the five lexicon files, or None for the shipped lexicon.

    Example:
        >>> judge = StructuredJudge()
        >>> [result] = judge.evaluate([Pair("Small left effusion.", "Small right effusion.")])
        >>> [(error.category, error.attribute) for error in result.errors]
        [('location', 'side')]
    """

    def __init__(
        self,
        *,
        significance: str | Path | Mapping[str, Any] | None = None,
        specificity: Specificity = "ignore",
        count_certainty: bool = False,
        refuse_other_languages: bool = True,
        lexicon: str | Path | None = None,
    ) -> None:
        if specificity not in ("ignore", "note"):
            raise ValueError(f"specificity must be 'ignore' or 'note', not {specificity!r}")
        folder = ASSETS if lexicon is None else Path(lexicon)
        self.parser: Parser = default_parser(folder)
        self.refuse_other_languages = refuse_other_languages
        table = default_table() if significance is None else SignificanceTable.load(significance)
        significances = Significances(load_lexicon(folder), table)
        self.counter = Counter(
            self.parser.lexicon, significances, specificity=specificity, count_certainty=count_certainty
        )
        self._weights = significances.weights
        options = (table.model_dump_json(), specificity, count_certainty, refuse_other_languages)
        self._fingerprint = f"structured-{_digest(folder, options)}"
        self._version = version("radjudge")
        self._references: dict[str, Report] = {}

    @property
    def fingerprint(self) -> str:
        """Hash of the package version, the lexicon files, the significance table and the options."""
        return self._fingerprint

    def clear_cache(self) -> None:
        """Forget parsed references and sentences (shared by all judges of one lexicon); results do not change."""
        self._references.clear()
        self.parser.clear_cache()

    def evaluate(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judge pairs; about half a millisecond each. Never raises because of a report's content."""
        return [self._judge(pair) for pair in pairs]

    def _judge(self, pair: Pair) -> Judgement:
        kept = self._references
        reference = kept.get(pair.reference)
        if reference is None:
            reference = self.parser.parse(pair.reference)
            if len(kept) >= _REFERENCES_KEPT:
                kept.clear()
            kept[pair.reference] = reference
        candidate = self.parser.parse(pair.candidate)
        if self.refuse_other_languages:
            try:
                _require_english("reference", reference)
                _require_english("candidate", candidate)
            except UnsupportedLanguageError as error:
                return self._failed(pair, f"UnsupportedLanguageError: {error}")
        outcome = self._count(reference, candidate, pair.context)
        if candidate.suspicious_text:
            outcome = self._worst(outcome, reference, candidate, pair.context)
        errors, matches, scores = outcome
        return Judgement(
            pair.id,
            "ok",
            scores["score"],
            scores["total_errors"],
            scores["significant_errors"],
            count_errors(errors),
            tuple(errors),
            tuple(matches),
            scores["green_like"],
            scores["crimson_like"],
            scores["exp_count"],
            _flags(reference, candidate),
            None,
            self._fingerprint,
            self._version,
        )

    def _count(self, reference: Report, candidate: Report, context: Context | None) -> _Outcome:
        errors, matches = self.counter.count(reference, candidate, context)
        return _Outcome(errors, matches, all_scores(errors, matches, self._weights))

    def _worst(self, apart: _Outcome, reference: Report, candidate: Report, context: Context | None) -> _Outcome:
        """The worst outcome of three ways to read words addressed to the reader: apart, as said of the patient, unread.

        Nothing in it is better than when those words are not read at all.
        """
        lexicon = self.parser.lexicon
        together = self._count(read_together(reference, lexicon), read_together(candidate, lexicon), context)
        unread = self._count(without_suspicious(reference), without_suspicious(candidate), context)
        least = _badness(unread.scores)
        outcomes = [unread]
        for outcome in (apart, together):
            if all(one >= other for one, other in zip(_badness(outcome.scores), least, strict=True)):
                outcomes.append(outcome)
        return max(reversed(outcomes), key=lambda outcome: _badness(outcome.scores))

    def _failed(self, pair: Pair, reason: str) -> Judgement:
        return Judgement(pair.id, "failed", error=reason, judge=self._fingerprint, version=self._version)


def _require_english(name: str, report: Report) -> None:
    if report.language != "en":
        raise UnsupportedLanguageError(f"the {name} is not in English")


def _badness(scores: Mapping[str, float]) -> tuple[float, float, float]:
    return scores["total_errors"], scores["significant_errors"], -scores["score"]


def _flags(reference: Report, candidate: Report) -> tuple[str, ...]:
    flags = []
    if not reference.text.strip() and not candidate.text.strip():
        flags.append("empty")
    if reference.low_coverage or candidate.low_coverage:
        flags.append("low_coverage")
    if reference.suspicious_text or candidate.suspicious_text:
        flags.append("suspicious_text")
    return tuple(flags)


def _digest(folder: Path, options: tuple) -> str:
    return hashlib.sha256(f"{version('radjudge')}{_files_digest(folder)}{options}".encode()).hexdigest()[:16]


@cache
def _files_digest(folder: Path) -> str:
    content = hashlib.sha256()
    for name in LexiconFiles.model_fields:
        content.update(name.encode() + (folder / f"{name}.yaml").read_bytes())
    return content.hexdigest()


@cache
def _default_judge() -> StructuredJudge:
    return StructuredJudge()


def as_judge(judge: str | Judge) -> Judge:
    """A judge by name (``"structured"``), or the judge itself.

    Raises:
        ValueError: an unknown name.
        TypeError: neither a name nor something with ``evaluate`` and ``fingerprint``.
    """
    if isinstance(judge, str):
        if judge == "structured":
            return _default_judge()
        raise ValueError(f"unknown judge {judge!r}; known names: 'structured'. Pass a Judge object for any other")
    if not isinstance(judge, Judge):
        raise TypeError(f"judge must be a name or have evaluate() and fingerprint, not {type(judge).__name__}")
    return judge
