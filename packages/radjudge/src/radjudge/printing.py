"""Results as text for a terminal: every score with its direction, no report text."""

from collections.abc import Mapping, Sequence
from typing import Any

from radjudge.comparison import Comparison
from radjudge.rater_agreement import Agreement, Spread
from radjudge.records import CATEGORIES, Report
from radjudge.scores import HIGHER_IS_BETTER, SCORES
from radjudge.scoring import Results
from radjudge.stress_battery import StressReport

_MOST_SPANS = 6  # printed per finding; --json gives them all


def direction(higher: bool) -> str:
    """``higher is better`` or ``lower is better``."""
    return "higher is better" if higher else "lower is better"


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns lined up by blanks; numbers to the right."""
    cells = [[str(value) for value in row] for row in (columns, *rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    numeric = [all(row[i][:1].isdigit() or row[i][:1] in "-–+" for row in cells[1:]) for i in range(len(columns))]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


def summary(results: Results) -> dict[str, Any]:
    """Corpus figures as plain data."""
    intervals = {}
    if len(results.judged) > 1 and (results.groups is None or len(set(results.groups)) > 1):
        intervals = {name: [value.low, value.high] for name, value in results.ci.items()}
    return {
        "pairs": len(results),
        "failed": len(results.failed),
        "judge": results.judge,
        "mean": {name: getattr(results.mean, name) for name in SCORES},
        "interval": intervals,
        "counts": dict(results.mean.counts),
        "precision": results.precision,
        "recall": results.recall,
        "higher_is_better": dict(HIGHER_IS_BETTER),
    }


def results_text(results: Results) -> str:
    """Corpus means with intervals and directions, errors per category, failed pairs."""
    data = summary(results)
    rows = []
    for name in SCORES:
        mean, ends = data["mean"][name], data["interval"].get(name)
        rows.append(
            (
                name,
                "–" if mean is None else f"{mean:.4f}",
                f"[{ends[0]:.4f}, {ends[1]:.4f}]" if ends else "–",
                direction(HIGHER_IS_BETTER[name]),
            )
        )
    lines = [table(("score", "mean", "95 % interval", "direction"), rows), ""]
    if data["counts"]:
        lines.append(table(("category", "errors per pair"), [(c, f"{data['counts'][c]:.4f}") for c in CATEGORIES]))
    lines.append(f"\n{data['pairs']} pairs, {data['failed']} failed; judge {data['judge']}")
    return "\n".join(lines)


def comparison_text(comparison: Comparison, first: str, second: str) -> str:
    """Both means, the paired difference with its test, wins and losses."""
    names = {"first": first, "second": second, "neither": "neither (the interval of the difference holds 0)"}
    rows = [(first, str(comparison.first)), (second, str(comparison.second))]
    return "\n".join(
        (
            f"{comparison.key}, {direction(comparison.higher_is_better)}; {comparison.pairs} pairs of "
            f"{comparison.studies} studies, {comparison.excluded} excluded because a judgement failed",
            table(("system", "mean [95 %]"), rows),
            f"difference {comparison.difference}, p = {comparison.p_value:.4g} (approximate randomisation)",
            f"{first} per study: {comparison.wins} wins, {comparison.ties} ties, {comparison.losses} losses",
            f"better: {names[comparison.better]}",
        )
    )


def _spread(spread: Spread) -> str:
    return f"{spread.mean:.3f} ({spread.low:.3f} to {spread.high:.3f})"


def agreement_text(agreements: Mapping[str, Agreement], target: str) -> str:
    """One line per metric, and the human ceiling below."""
    first = next(iter(agreements.values()))
    rows = [
        (
            name,
            str(item.tau),
            str(item.spearman),
            str(item.pearson),
            "–" if item.within_tau is None else str(item.within_tau),
            "–" if item.preference_accuracy is None else str(item.preference_accuracy),
        )
        for name, item in agreements.items()
    ]
    columns = ("metric", "tau-b", "Spearman", "Pearson", "tau within study", "preference accuracy")
    lines = [
        f"agreement with {target}; {first.pairs} pairs of {first.studies} studies; higher is better",
        table(columns, rows),
    ]
    if first.ceiling is not None:
        lines += [
            f"\nhuman ceiling ({first.ceiling.raters} raters; mean, lowest, highest):",
            f"  two raters, tau-b                  {_spread(first.ceiling.inter_rater)}",
            f"  one rater and the others, tau-b    {_spread(first.ceiling.leave_one_out)}",
            f"  one rater and the others, |error|  {_spread(first.ceiling.absolute_error)}",
        ]
    return "\n".join(lines)


def stress_text(reports: Sequence[StressReport]) -> str:
    """Share of items passed per battery, one line per metric."""
    batteries = list(reports[0].rates)
    rows = [
        (item.metric, *(f"{100 * item.rates[name]:.0f} %" for name in batteries), f"{100 * item.overall:.0f} %")
        for item in reports
    ]
    return "share of items passed, higher is better\n" + table(("metric", *batteries, "overall"), rows)


def report_text(report: Report) -> str:
    """The findings of a parsed report."""
    rows = [
        (
            item.polarity,
            item.name,
            item.kind,
            "+".join(sorted(item.sides)) or "–",
            "+".join(sorted(item.zones)) or "–",
            "–" if item.degree is None else f"{item.degree:g}",
            ", ".join(f"{size:g}" for size in item.measurements_mm) or "–",
            item.trajectory or "–",
            item.certainty,
            " ".join(f"{start}-{end}" for start, end in item.spans[:_MOST_SPANS])
            + (f" +{len(item.spans) - _MOST_SPANS}" if len(item.spans) > _MOST_SPANS else ""),
        )
        for item in report.findings
    ]
    columns = ("polarity", "finding", "kind", "sides", "zones", "degree", "mm", "change", "certainty", "spans")
    flags = [name for name in ("low_coverage", "suspicious_text") if getattr(report, name)]
    note = f"; {', '.join(flags)}" if flags else ""
    return f"{table(columns, rows)}\ncoverage {report.coverage:.2f}, language {report.language}{note}"
