"""Reading a report: :func:`parse_report`."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from radjudge.lexicon import Lexicon, load_lexicon
from radjudge.lexicon_files import ASSETS
from radjudge.parser.language import detect_language
from radjudge.parser.merging import merge
from radjudge.parser.normalisation import normalise
from radjudge.parser.phrases import STUDY_COMPARISON
from radjudge.parser.sections import READ, find_sections
from radjudge.parser.sentences import split_sentences
from radjudge.parser.statements import POINTER, SentenceReader
from radjudge.records import Mention, Phrase, Report, Section, Sentence, Span

LOW_COVERAGE = 0.2
"""Below this share of known content words a report is probably not of the chest (option ``low_coverage``)."""
_FEW_WORDS = 6
_LOOK_BACK = 6
_SEVERAL = frozenset(["these", "they", "both"])


class Parser:
    """Reads reports with one lexicon. Use :func:`parse_report` unless you bring a lexicon of your own.

    Args:
        lexicon: the compiled lexicon.
        low_coverage: share of known content words, in [0, 1], under which ``Report.low_coverage`` is set.
    """

    def __init__(self, lexicon: Lexicon, *, low_coverage: float = LOW_COVERAGE) -> None:
        self.lexicon = lexicon
        self.low_coverage = low_coverage
        self.sentences = SentenceReader(lexicon)

    def clear_cache(self) -> None:
        """Forget the sentences read so far."""
        self.sentences.read.cache_clear()

    def parse(self, text: str) -> Report:
        """Read one report; see :func:`parse_report`."""
        if not isinstance(text, str):
            raise TypeError(f"text must be a string, not {type(text).__name__}")
        clean, offsets = normalise(text)
        lower = clean.lower()
        if len(lower) != len(clean):  # a few letters grow when lowered; the map must hold
            lower = "".join(c if len(c.lower()) != 1 else c.lower() for c in clean)
        read = self.sentences.read
        mentions: list[Mention] = []
        sentences: list[Sentence] = []
        sections = find_sections(clean)
        words = known = unknown = 0
        suspicious = False
        for section in sections:
            start, end = section.span
            reads = section.name in READ
            for begin, stop in split_sentences(clean, start, end):
                index = len(sentences)
                span = (begin, stop) if offsets is None else _original((begin, stop), offsets)
                sentences.append(Sentence(span, section.name))
                if not reads:
                    continue
                said = read(lower[begin:stop])
                words += said.words
                known += said.known
                unknown += said.unknown
                suspicious = suspicious or said.suspicious
                for phrase in said.phrases:
                    if phrase.entity != POINTER:
                        mentions.append(Mention(phrase, begin, index, offsets))
                        continue
                    first, last = phrase.entity_span
                    several = lower[begin + first : begin + last] in _SEVERAL
                    for resolved in _resolve(phrase, mentions, several):
                        mentions.append(Mention(resolved, begin, index, offsets))
        mentions.extend(_of_the_enlarged(mentions, self.lexicon))
        coverage = known / (known + unknown) if known + unknown else 1.0
        language = "en"
        if unknown and (coverage < 0.5 or offsets is not None):
            language = detect_language(lower, self.lexicon)
        if offsets is not None:
            sections = [Section(section.name, _original(section.span, offsets)) for section in sections]
        return Report(
            text,
            merge(mentions, self.lexicon),
            tuple(sections),
            tuple(sentences),
            coverage,
            coverage < self.low_coverage and known + unknown >= _FEW_WORDS,
            suspicious,
            language,
        )


def read_together(report: Report, lexicon: Lexicon) -> Report:
    """The report with what it says to its reader merged into what it says of the patient.

    The parser keeps the two apart, lest an instruction add to a finding. But an instruction glued to a real sentence
    then tears a finding in two; a judge looks at both readings and takes the worse.
    """
    mentions = sorted(
        (mention for finding in report.findings for mention in finding.mentions),
        key=lambda mention: (mention.sentence, mention.phrase.span),
    )
    return replace(report, findings=merge(mentions, lexicon, apart=False))


def without_suspicious(report: Report) -> Report:
    """The report without what stands in words addressed to its reader."""
    return replace(report, findings=tuple(finding for finding in report.findings if not finding.suspicious))


def _resolve(pointer: Phrase, mentions: list[Mention], several: bool) -> list[Phrase]:
    """What "this is unchanged" says: a change of the last finding asserted, else of the whole study.

    "These" and "both" are all that the sentence of that finding asserts.
    """
    asserted = [mention for mention in mentions[-_LOOK_BACK:] if mention.phrase.polarity == "present"]
    if not asserted:
        return [pointer._replace(entity=STUDY_COMPARISON)]
    meant = asserted[-1:]
    if several:
        meant = [mention for mention in asserted if mention.sentence == asserted[-1].sentence]
    return [_changed(pointer, mention.phrase) for mention in meant]


def _of_the_enlarged(mentions: list[Mention], lexicon: Lexicon) -> list[Mention]:
    """What "heart size is stable" says beside cardiomegaly: that it is unchanged."""
    changes = [
        mention
        for mention in mentions
        if mention.phrase.kind == "normal" and mention.phrase.trajectory and not mention.phrase.denies
    ]
    said = []
    for change in changes:
        entity = lexicon.enlarged.get(change.phrase.entity)
        of_it = [item.phrase for item in mentions if item.phrase.entity == entity and item.phrase.polarity == "present"]
        if of_it and all(phrase.trajectory is None for phrase in of_it):
            said.append(change._replace(phrase=_changed(change.phrase, of_it[0])))
    return said


def _changed(pointer: Phrase, said: Phrase) -> Phrase:
    return pointer._replace(
        entity=said.entity,
        polarity="absent" if pointer.trajectory == "resolved" else "present",
        certainty=said.certainty,
        kind=said.kind,
        sides=said.sides,
        zones=said.zones,
        source=said.source,
    )


def _original(span: Span, offsets: object) -> Span:
    start, end = span
    if end <= start:
        return (0, 0)
    return (offsets[start], offsets[end - 1] + 1)  # type: ignore[index]


@cache
def default_parser(folder: Path = ASSETS) -> Parser:
    """The parser of a lexicon folder (default: the shipped lexicon), made once per process."""
    return Parser(load_lexicon(folder))


def parse_report(text: str) -> Report:
    """Findings, sections and sentences of a radiology report in English.

    Args:
        text: the report, of any length; empty text gives an empty report. Masks (``XXXX``, ``___``), line breaks of any
            kind and zero-width characters are accepted.

    Returns:
        The report with its findings in text order. Spans slice ``text`` itself. ``low_coverage`` is set when the
        lexicon knows too few of its words, ``suspicious_text`` when a sentence addresses the reader instead of
        describing a patient (such sentences state nothing), ``language`` is ``"en"`` or what the text seems to be.

    Raises:
        TypeError: ``text`` is not a string.

    Example:
        >>> report = parse_report("Small left pleural effusion. No pneumothorax.")
        >>> [(finding.entity, finding.polarity, sorted(finding.sides)) for finding in report.findings]
        [('pleural_effusion', 'present', ['left']), ('pneumothorax', 'absent', [])]
    """
    return default_parser().parse(text)
