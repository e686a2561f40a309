"""The records every part of radjudge speaks in: what a report says, how two reports differ, what a judge returns.

All of them are immutable. Spans are half-open character ranges ``(start, end)`` of the text *as the caller gave it*, so
``text[start:end]`` is always the words meant, whatever normalisation did in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Span = tuple[int, int]
Polarity = Literal["present", "absent"]
Certainty = Literal["definite", "possible"]
Kind = Literal["pathology", "device", "post_operative", "normal", "history"]
Trajectory = Literal["stable", "improved", "worsened", "new", "resolved"]
Source = Literal["lexicon", "unmatched_text"]
Category = Literal["false_finding", "omission", "location", "severity", "spurious_comparison", "omitted_comparison"]
Significance = Literal["urgent", "actionable", "not_actionable", "benign"]
SpanKind = Literal["side", "zone", "degree", "measurement", "trajectory", "certainty", "negation"]
Status = Literal["ok", "failed"]

CATEGORIES: tuple[Category, ...] = (
    "false_finding",
    "omission",
    "location",
    "severity",
    "spurious_comparison",
    "omitted_comparison",
)
"""The six error types of ReXVal, in its order."""

NO_SIDES: frozenset[str] = frozenset()


class Phrase(NamedTuple):
    """One statement about one entity, with spans relative to the sentence that holds it (what is cached).

    Attributes:
        entity: lexicon id (``"pleural_effusion"``), the phrase itself for ``source="unmatched_text"``, or the id of a
            normal phrase (``"normal_heart_size"``).
        polarity: ``"absent"`` for denials and for normal phrases.
        certainty: ``"possible"`` for hedged statements ("cannot be excluded", "may represent").
        kind: what sort of statement it is; ``"history"`` covers "history of" and "status post".
        sides: subset of ``{"left", "right"}``; both for "bilateral"; empty when no side is named;
            ``{"unilateral"}`` when only that is said.
        zones: lobes, lung zones, bone levels or device positions (``"lower"``, ``"apex"``, ``"carina"``, ``"svc"``).
        degree: rank 0 (trace), 1 (mild), 2 (moderate), 3 (severe), half-way for ranges (mild to moderate 1.5), or None.
        measurements_mm: sizes (for devices: distances) in millimetres, in the order written.
        trajectory: change against a prior study, or None.
        denies: ids of the entities that an absent statement rules out (their descendants in the lexicon included).
        suspicious: stated in a sentence that addresses the reader of the report: it may be a false finding, but it
            answers no finding that the other report states plainly.
    """

    entity: str
    polarity: Polarity
    certainty: Certainty
    kind: Kind
    sides: frozenset[str]
    zones: frozenset[str]
    degree: float | None
    measurements_mm: tuple[float, ...]
    trajectory: Trajectory | None
    denies: frozenset[str]
    source: Source
    span: Span
    entity_span: Span
    side_spans: tuple[Span, ...] = ()
    zone_spans: tuple[Span, ...] = ()
    degree_spans: tuple[Span, ...] = ()
    measurement_spans: tuple[Span, ...] = ()
    trajectory_spans: tuple[Span, ...] = ()
    certainty_spans: tuple[Span, ...] = ()
    negation_spans: tuple[Span, ...] = ()
    suspicious: bool = False


class Mention(NamedTuple):
    """One place in the report where a finding is stated: a :class:`Phrase` and where its sentence stands.

    ``phrase`` holds what this mention alone says (the finding holds the union over its mentions); the spans given here
    are those in the original text.
    """

    phrase: Phrase
    start: int
    sentence: int
    offsets: Sequence[int] | None = None

    def absolute(self, span: Span) -> Span:
        """A span of the phrase, which counts from the start of its sentence, in the original text."""
        start, end = span[0] + self.start, span[1] + self.start
        if self.offsets is None:
            return (start, end)
        return (self.offsets[start], self.offsets[end - 1] + 1) if end > start else (self.offsets[start],) * 2

    @property
    def span(self) -> Span:
        """The statement: the entity with its own attributes, without words that deny or doubt it (shared in lists)."""
        return self.absolute(self.phrase.span)

    @property
    def entity_span(self) -> Span:
        """The words that name the entity."""
        return self.absolute(self.phrase.entity_span)

    def spans_of(self, kind: SpanKind) -> list[Span]:
        """The words of one kind that belong to the statement."""
        return [self.absolute(span) for span in getattr(self.phrase, f"{kind}_spans")]


class Finding(NamedTuple):
    """One finding of a report: an entity at a site, with all its mentions merged.

    The attributes are those of :class:`Phrase`, merged over ``mentions``: the sides and zones of the most specific
    mentions, the first stated degree and trajectory. ``name`` is what a reader calls the entity ("pleural effusion").
    """

    entity: str
    name: str
    polarity: Polarity
    certainty: Certainty
    kind: Kind
    sides: frozenset[str]
    zones: frozenset[str]
    degree: float | None
    measurements_mm: tuple[float, ...]
    trajectory: Trajectory | None
    denies: frozenset[str]
    source: Source
    mentions: tuple[Mention, ...]
    suspicious: bool = False

    @property
    def spans(self) -> tuple[Span, ...]:
        """One span per mention: the whole statement."""
        return tuple(mention.span for mention in self.mentions)

    @property
    def entity_spans(self) -> tuple[Span, ...]:
        """One span per mention: the words that name the entity."""
        return tuple(mention.entity_span for mention in self.mentions)

    def spans_of(self, kind: SpanKind) -> tuple[Span, ...]:
        """The words of one kind, over all mentions; each kind is a property of its own as well."""
        return tuple([span for mention in self.mentions for span in mention.spans_of(kind)])

    @property
    def side_spans(self) -> tuple[Span, ...]:
        return self.spans_of("side")

    @property
    def zone_spans(self) -> tuple[Span, ...]:
        return self.spans_of("zone")

    @property
    def degree_spans(self) -> tuple[Span, ...]:
        return self.spans_of("degree")

    @property
    def measurement_spans(self) -> tuple[Span, ...]:
        return self.spans_of("measurement")

    @property
    def trajectory_spans(self) -> tuple[Span, ...]:
        return self.spans_of("trajectory")

    @property
    def certainty_spans(self) -> tuple[Span, ...]:
        return self.spans_of("certainty")

    @property
    def negation_spans(self) -> tuple[Span, ...]:
        return self.spans_of("negation")

    @property
    def sentences(self) -> tuple[int, ...]:
        """Indices into ``Report.sentences``, one per mention."""
        return tuple(mention.sentence for mention in self.mentions)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; spans instead of quoted text."""
        return {
            "entity": self.entity,
            "name": self.name,
            "polarity": self.polarity,
            "certainty": self.certainty,
            "kind": self.kind,
            "sides": sorted(self.sides),
            "zones": sorted(self.zones),
            "degree": self.degree,
            "measurements_mm": list(self.measurements_mm),
            "trajectory": self.trajectory,
            "denies": sorted(self.denies),
            "source": self.source,
            "spans": [list(span) for span in self.spans],
        }


class Sentence(NamedTuple):
    """A sentence: its span in the original text and the name of the section that holds it (``""`` when none)."""

    span: Span
    section: str


class Section(NamedTuple):
    """A titled part of a report. ``span`` covers its body, not its heading; ``name`` is lower case."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Report:
    """A parsed report.

    ``findings`` lists positive, denied, normal and historical statements in text order; :attr:`present` keeps what the
    counting rules count. ``coverage`` is the share of content words that the lexicon knows, in [0, 1].
    """

    text: str
    findings: tuple[Finding, ...]
    sections: tuple[Section, ...]
    sentences: tuple[Sentence, ...]
    coverage: float = 1.0
    low_coverage: bool = False
    suspicious_text: bool = False
    language: str = "en"

    @property
    def present(self) -> tuple[Finding, ...]:
        """The asserted findings (pathology, devices, post-operative state, history)."""
        return tuple(finding for finding in self.findings if finding.polarity == "present")

    @property
    def absent(self) -> tuple[Finding, ...]:
        """The denials and normal statements."""
        return tuple(finding for finding in self.findings if finding.polarity == "absent")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; the text itself is left out."""
        return {
            "findings": [finding.to_dict() for finding in self.findings],
            "sections": [{"name": section.name, "span": list(section.span)} for section in self.sections],
            "sentences": [{"section": item.section, "span": list(item.span)} for item in self.sentences],
            "coverage": self.coverage,
            "low_coverage": self.low_coverage,
            "suspicious_text": self.suspicious_text,
            "language": self.language,
        }


@dataclass(frozen=True, slots=True)
class Context:
    """What is known about the patient; may shift the significance of an error. ``age`` in years, 0 to 130."""

    age: float | None = None
    indication: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """One item to judge."""

    reference: str
    candidate: str
    id: str = ""
    context: Context | None = None


@dataclass(frozen=True, slots=True)
class Error:
    """One error of the candidate.

    Attributes:
        category: one of :data:`CATEGORIES`.
        finding: what a reader calls the finding ("pleural effusion").
        entity: lexicon id of the finding.
        reference_spans, candidate_spans: every mention concerned; empty where that report does not speak of it.
        significance: one of four levels; urgent and actionable count as clinically significant.
        attribute: what differs: ``"side"``, ``"zone"``, ``"position"``, ``"degree"``, ``"measurement"``,
            ``"trajectory"``, ``"certainty"``, or None when the whole finding is wrong.
        counted: False for items that are shown but not counted (certainty, by default).
        conflict: True when both reports state a trajectory and the two disagree.
        source: ``"unmatched_text"`` when no lexicon entry covers the finding.
    """

    category: Category
    finding: str
    entity: str
    reference_spans: tuple[Span, ...]
    candidate_spans: tuple[Span, ...]
    significance: Significance
    attribute: str | None = None
    explanation: str = ""
    conflict: bool = False
    counted: bool = True
    source: Source = "lexicon"

    @property
    def reference_span(self) -> Span | None:
        """Where the reference speaks of it first, or None."""
        return self.reference_spans[0] if self.reference_spans else None

    @property
    def candidate_span(self) -> Span | None:
        """Where the candidate speaks of it first, or None."""
        return self.candidate_spans[0] if self.candidate_spans else None

    @property
    def significant(self) -> bool:
        """Urgent or actionable."""
        return self.significance in ("urgent", "actionable")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; spans instead of quoted text."""
        return {
            "category": self.category,
            "finding": self.finding,
            "entity": self.entity,
            "reference_span": list(self.reference_spans[0]) if self.reference_spans else None,
            "candidate_span": list(self.candidate_spans[0]) if self.candidate_spans else None,
            "reference_spans": [list(span) for span in self.reference_spans],
            "candidate_spans": [list(span) for span in self.candidate_spans],
            "significance": self.significance,
            "attribute": self.attribute,
            "explanation": self.explanation,
            "conflict": self.conflict,
            "counted": self.counted,
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class Match:
    """A positive finding on which the reports agree, possibly with attribute errors.

    ``weight`` is the significance weight of the reference finding; ``attribute_weight`` the summed weights of the
    location, severity and comparison errors found on it.
    """

    finding: str
    entity: str
    reference_spans: tuple[Span, ...]
    candidate_spans: tuple[Span, ...]
    weight: float
    attribute_weight: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; spans instead of quoted text."""
        return {
            "finding": self.finding,
            "entity": self.entity,
            "reference_spans": [list(span) for span in self.reference_spans],
            "candidate_spans": [list(span) for span in self.candidate_spans],
            "weight": self.weight,
            "attribute_weight": self.attribute_weight,
        }


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says about one pair. With ``status="failed"`` every score is None and ``error`` says why.

    Attributes:
        score: headline in [0, 1], higher is better.
        total_errors, significant_errors: counts, lower is better (floats, because a learned judge may expect 0.7).
        counts: errors per category, all six keys present.
        green_like, crimson_like, exp_count: the comparison scores of :mod:`radjudge.scores`, higher is better.
        flags: any of ``"empty"``, ``"low_coverage"``, ``"suspicious_text"``.
        error: class name and reason of a failure; never report text.
    """

    id: str
    status: Status
    score: float | None = None
    total_errors: float | None = None
    significant_errors: float | None = None
    counts: Mapping[str, float] = field(default_factory=dict)
    errors: tuple[Error, ...] = ()
    matched: tuple[Match, ...] = ()
    green_like: float | None = None
    crimson_like: float | None = None
    exp_count: float | None = None
    flags: tuple[str, ...] = ()
    error: str | None = None
    judge: str = ""
    version: str = ""

    def to_dict(self) -> dict[str, Any]:
        """One JSON line of ``radjudge score``; holds no report text."""
        return {
            "id": self.id,
            "status": self.status,
            "score": self.score,
            "total_errors": self.total_errors,
            "significant_errors": self.significant_errors,
            "counts": dict(self.counts),
            "errors": [item.to_dict() for item in self.errors],
            "matched": [item.to_dict() for item in self.matched],
            "green_like": self.green_like,
            "crimson_like": self.crimson_like,
            "exp_count": self.exp_count,
            "flags": list(self.flags),
            "error": self.error,
            "judge": self.judge,
            "version": self.version,
        }
