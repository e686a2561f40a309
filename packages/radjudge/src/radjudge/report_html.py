"""A self-contained page about a set of judgements: corpus figures, and every pair with its errors marked in both texts.

Errors are told apart by number, label and underline style as well as by colour. All report text is escaped, and the
page's security policy lets it load nothing and run only its own script.
"""

from __future__ import annotations

import base64
import hashlib
import html
import itertools
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from radjudge.records import CATEGORIES, Error, Judgement, Match, Pair, Span
from radjudge.scores import HIGHER_IS_BETTER, SCORES

if TYPE_CHECKING:
    from radjudge.scoring import Results

LABELS = {
    "false_finding": "False finding",
    "omission": "Omission",
    "location": "Location",
    "severity": "Severity",
    "spurious_comparison": "Spurious comparison",
    "omitted_comparison": "Omitted comparison",
}
_DEFINITIONS = {
    "score": "weight of matched findings over that plus the weight of errors, in (0, 1]",
    "total_errors": "counted errors per pair",
    "significant_errors": "urgent or actionable errors per pair",
    "green_like": "matched over matched plus significant errors",
    "crimson_like": "weighted findings in CRIMSON's form, in (-1, 1]",
    "exp_count": "exp(-total / 3)",
}
_LEVELS = {
    "urgent": "urgent",
    "actionable": "actionable",
    "not_actionable": "not actionable",
    "benign": "benign",
}
DISCLAIMER = "A research tool, not a medical device: no figure on this page may guide the care of a patient."


def _asset(name: str) -> str:
    return files("radjudge").joinpath(f"assets/{name}").read_text(encoding="utf-8")


class _Mark(NamedTuple):
    start: int
    end: int
    number: int
    category: str


def _marks(errors: Sequence[Error], side: str) -> list[_Mark]:
    return [
        _Mark(start, end, number, error.category)
        for number, error in enumerate(errors, start=1)
        for start, end in getattr(error, f"{side}_spans")
        if end > start
    ]


def _marked(text: str, marks: Sequence[_Mark], matches: Sequence[Span]) -> str:
    """Escaped text with errors and matches marked; overlapping spans are cut at each other's ends."""
    if not text.strip():
        return '<span class="empty">(empty report)</span>'
    cuts = sorted({0, len(text), *(c for m in marks for c in (m.start, m.end)), *(c for span in matches for c in span)})
    parts = []
    for start, end in itertools.pairwise(cuts):
        piece = html.escape(text[start:end])
        covering = [mark for mark in marks if mark.start <= start and end <= mark.end]
        if covering:
            ending = sorted({mark.number for mark in covering if mark.end == end})
            note = f"<sup>{','.join(map(str, ending))}</sup>" if ending else ""
            title = html.escape("; ".join(f"{m.number} {LABELS[m.category]}" for m in covering))
            parts.append(f'<mark class="{covering[0].category}" title="{title}">{piece}{note}</mark>')
        elif any(span[0] <= start and end <= span[1] for span in matches):
            parts.append(f'<span class="m">{piece}</span>')
        else:
            parts.append(piece)
    return "".join(parts)


def _error_item(number: int, error: Error) -> str:
    attribute = f" ({html.escape(error.attribute)})" if error.attribute else ""
    where = [
        name for name, spans in (("reference", error.reference_spans), ("candidate", error.candidate_spans)) if spans
    ]
    place = f"in {' and '.join(where)}" if where else ""
    notes = [_LEVELS[error.significance], place, "" if error.counted else "shown, not counted"]
    explanation = f" {html.escape(error.explanation)}" if error.explanation else ""
    return (
        f'<li class="{error.category}{"" if error.counted else " uncounted"}" style="text-decoration:none">'
        f'<span class="no">{number}</span><span><span class="tag">{LABELS[error.category]}</span>'
        f"<b>{html.escape(error.finding)}</b>{attribute}{explanation}"
        f'<span class="level">{html.escape("".join(f" · {note}" for note in notes if note))}</span></span></li>'
    )


def _matched_spans(matches: Sequence[Match], side: str) -> list[Span]:
    return [span for match in matches for span in getattr(match, f"{side}_spans")]


def _article(pair: Pair, judgement: Judgement) -> str:
    counted = {error.category for error in judgement.errors}
    kinds = " ".join(sorted(counted)) or ("none" if judgement.status == "ok" else "failed")
    if judgement.status == "failed":
        figures = f"failed: {html.escape(judgement.error or 'no reason given')}"
    else:
        plural = "" if judgement.total_errors == 1 else "s"
        figures = (
            f"score {judgement.score:.3f} (higher is better) · {judgement.total_errors:g} error{plural}, "
            f"{judgement.significant_errors:g} significant (lower is better)"
        )
    flags = f" · {html.escape(', '.join(judgement.flags))}" if judgement.flags else ""
    columns = "".join(
        f'<div><h4>{side}</h4><div class="text">'
        f"{_marked(text, _marks(judgement.errors, side), _matched_spans(judgement.matched, side))}</div></div>"
        for side, text in (("reference", pair.reference), ("candidate", pair.candidate))
    )
    items = "".join(_error_item(number, error) for number, error in enumerate(judgement.errors, start=1))
    errors = f'<ol class="errors">{items}</ol>' if items else ""
    return (
        f'<article data-kinds="{kinds}"><h3>{html.escape(pair.id)} <small>{figures}{flags}</small></h3>'
        f'<div class="texts">{columns}</div>{errors}</article>'
    )


def pair_html(pair: Pair, judgement: Judgement) -> str:
    """Both texts of one pair with their errors marked, as a fragment for another page; needs :func:`marks_css`."""
    return _article(pair, judgement)


def marks_css() -> str:
    """The style rules of :func:`pair_html`."""
    return _asset("report_html_marks.css")


def _figure(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _intervals(results: Results) -> dict[str, tuple[float, float]]:
    if len(results.judged) < 2 or (results.groups is not None and len(set(results.groups)) < 2):
        return {}
    return {name: (interval.low, interval.high) for name, interval in results.ci.items()}


def _corpus_table(results: Results) -> str:
    intervals = _intervals(results)
    rows = []
    for name in SCORES:
        direction = "higher is better" if HIGHER_IS_BETTER[name] else "lower is better"
        ends = intervals.get(name)
        interval = f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else "–"
        rows.append(
            f'<tr><th scope="row"><code>{name}</code></th><td class="n">{_figure(getattr(results.mean, name))}</td>'
            f'<td class="n">{interval}</td><td>{direction}</td><td>{_DEFINITIONS[name]}</td></tr>'
        )
    for name, value in (("precision", results.precision), ("recall", results.recall)):
        rows.append(
            f'<tr><th scope="row"><code>{name}</code></th><td class="n">{_figure(value)}</td><td class="n">–</td>'
            f"<td>higher is better</td><td>of positive findings, over the corpus</td></tr>"
        )
    return (
        '<div class="table wide"><table><thead><tr><th>Figure</th><th class="n">Mean</th>'
        '<th class="n">95 % interval</th>'
        f"<th>Direction</th><th>Definition</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _category_table(results: Results) -> str:
    rows = []
    for category in CATEGORIES:
        found = [
            error for item in results.judged for error in item.errors if error.category == category and error.counted
        ]
        rows.append(
            f'<tr><th scope="row">{LABELS[category]}</th><td class="n">{len(found)}</td>'
            f'<td class="n">{_figure(results.mean.counts.get(category))}</td>'
            f'<td class="n">{sum(error.significant for error in found)}</td></tr>'
        )
    return (
        '<div class="table"><table><thead><tr><th>Category</th><th class="n">Errors</th><th class="n">Per pair</th>'
        f'<th class="n">Significant</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _failed(results: Results) -> str:
    if not results.failed:
        return "<p>Every pair could be judged.</p>"
    rows = "".join(
        f'<tr><th scope="row">{html.escape(item.id)}</th><td>{html.escape(item.error or "")}</td></tr>'
        for item in results.failed
    )
    return (
        f"<p>{len(results.failed)} of {len(results)} pairs could not be judged. They are outside every mean and were "
        'never counted as free of errors.</p><div class="table"><table><thead><tr><th>Id</th><th>Reason</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
    )


def _tools(shown: Sequence[Judgement]) -> str:
    buttons = ['<button type="button" data-kind="all" aria-pressed="true">All</button>']
    kinds = [(category, LABELS[category]) for category in CATEGORIES]
    for kind, label in [*kinds, ("none", "No error"), ("failed", "Failed")]:
        if kind == "failed":
            count = sum(item.status == "failed" for item in shown)
        elif kind == "none":
            count = sum(item.status == "ok" and not item.errors for item in shown)
        else:
            count = sum(any(error.category == kind for error in item.errors) for item in shown)
        buttons.append(f'<button type="button" data-kind="{kind}" aria-pressed="false">{label} ({count})</button>')
    return (
        f'<div class="tools" role="group" aria-label="Filter pairs by error">{"".join(buttons)}'
        f'<span class="shown" aria-live="polite">{len(shown)} of {len(shown)} shown</span></div>'
    )


def _cards(results: Results) -> str:
    mean = results.mean
    cards = [
        ("Score", _figure(mean.score), "0 to 1, higher is better"),
        ("Errors per pair", _figure(mean.total_errors, 2), "lower is better"),
        ("Significant per pair", _figure(mean.significant_errors, 2), "lower is better"),
        ("Judged", f"{len(results.judged)}/{len(results)}", f"{len(results.failed)} failed"),
    ]
    return '<div class="cards">' + "".join(
        f'<div class="card"><span>{name}</span><b>{value}</b><span>{note}</span></div>' for name, value, note in cards
    ) + "</div>"  # fmt: skip


def page(results: Results, *, title: str = "Report evaluation", max_pairs: int = 1000) -> str:
    """The page as text; see :func:`render`."""
    if max_pairs < 1:
        raise ValueError(f"max_pairs must be at least 1, not {max_pairs}")
    couples = list(zip(results.pairs, results.judgements, strict=True))
    # Worst first; failed pairs lead, because nothing is known about them.
    couples.sort(key=lambda item: (item[1].status == "ok", item[1].score if item[1].score is not None else 0.0))
    shown = couples[:max_pairs]
    cut = (
        f"<p><b>The {len(shown)} worst of {len(couples)} pairs are shown</b>; all are in the figures above.</p>"
        if len(shown) < len(couples)
        else ""
    )
    style, script = _asset("report_html.css") + _asset("report_html_marks.css"), _asset("report_html.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    legend = "".join(f'<mark class="{category}">{LABELS[category]}</mark>' for category in CATEGORIES)
    version = next((item.version for item in results.judgements if item.version), "")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{html.escape(title)}</h1>
<p class="lede">{len(results)} pairs judged by <code>{html.escape(results.judge or "structured")}</code></p>
<p class="notice">{DISCLAIMER}</p>
</header>
<main>
{_cards(results)}
<h2>Corpus</h2>
{_corpus_table(results)}
<h2>Errors by category</h2>
{_category_table(results)}
<h2>Failed pairs</h2>
{_failed(results)}
<h2>Pairs</h2>
<div class="key">{legend}<span class="m">finding on which both agree</span></div>
<p class="lede">The number behind a mark is that of the error below the texts.</p>
{cut}{_tools([judgement for _, judgement in shown])}
{"".join(_article(pair, judgement) for pair, judgement in shown)}
</main>
<footer>radjudge {html.escape(version)} · judge {html.escape(results.judge)} · {DISCLAIMER}</footer>
<script>{script}</script>
</body>
</html>
"""


def render(results: Results, path: str | Path, *, title: str = "Report evaluation", max_pairs: int = 1000) -> Path:
    """Write the page to ``path`` and return it.

    Args:
        results: judgements with the pairs they are about.
        title: heading of the page.
        max_pairs: how many pairs are shown with their texts, worst first; the page says so when some are left out.

    Raises:
        ValueError: ``max_pairs`` below 1.
        OSError: the file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(results, title=title, max_pairs=max_pairs), encoding="utf-8", newline="\n")
    return path
