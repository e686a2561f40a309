"""The demo: real meetings compressed to several budgets by the embedded model, beside four baselines, with a report.

The meetings come from the validation part of QMSum; the embedded model was trained on the training part alone.
"""

from __future__ import annotations

import platform
import time
from dataclasses import replace
from html import escape
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tenfold_core.logging import Figure, Run, Section, Table, report

from .corpora.meetings import Meeting, load_meetings

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from .compressor import Compressor
    from .evaluate import Method, Results
    from .result import CompressionResult

RATES = (0.5, 0.33, 0.2, 0.1, 0.05)
BASELINES = ("random", "stopword", "tfidf", "selfinfo")
NAMES = {
    "model": "llmlingua2",
    "random": "random",
    "stopword": "stop words",
    "tfidf": "TF-IDF",
    "selfinfo": "self-information",
}
COLOURS = {"model": "#d6336c", "random": "#868e96", "stopword": "#1c7ed6", "tfidf": "#2f9e44", "selfinfo": "#e67700"}
MEASURES = {"answer_recall": "answer recall", "answer_bigram_recall": "answer bigram recall"}
MEASURED = (
    "Answer recall: of the content words of a human answer that the passage holds, the share still there. Bigram "
    "recall asks for pairs of neighbours, and so punishes telegraphic output. Bands: 95 % intervals over meetings."
)
CURVES = "Recall against the share of words kept, for the model and four baselines."
NEGATION_TEXT = (
    "The most dangerous thing a compressor can do is to turn a statement into its opposite. By default a negation is "
    "ranked with the best word near it in its clause, so it is dropped only together with it, in the same budget."
)
TIGHT = 0.1  # where the measures are not saturated
PASSAGE = ("TS3010d", 61, 80)  # meeting, first turn, end
NEGATION = "We do not want to ship it without the security review, because nobody has tested the update."


def sample_meetings() -> list[Meeting]:
    """The nine meetings shipped with the package, three of each domain (see `assets/README.md`)."""
    with as_file(files("llmlingua2") / "assets" / "meetings.jsonl.gz") as path:
        return load_meetings(path)


def run(out_dir: Path, *, seed: int = 0, quick: bool = False) -> dict[str, Any]:
    """Run the demo; write `result.json`, `report.html` and `manifest.json` into `out_dir`.

    Args:
        out_dir: folder, made if missing.
        seed: of the random baselines and of the intervals.
        quick: one meeting of each domain with one question, instead of three with five.

    Returns:
        `package`, `headline`, `results` (measures by method and rate, with intervals; the paired difference to the best
        baseline; timings).
    """
    from .compressor import Compressor

    meetings = sample_meetings()
    passage = next(meeting.text(range(*PASSAGE[1:])) for meeting in meetings if meeting.id == PASSAGE[0])
    chosen, questions = ((0, 3, 6), 1) if quick else (range(len(meetings)), 5)
    meetings = [replace(meetings[index], queries=meetings[index].queries[:questions]) for index in chosen]
    with Run(out_dir, arguments={"quick": quick}, seed=seed, device="cpu", overwrite=True) as run:
        compressor = Compressor.default()
        scores = compressor.score(passage)
        shown = [scores.compress(rate=rate) for rate in (0.5, 0.33, 0.2, 0.1)]
        results, timings = _evaluate(compressor, meetings, seed)
        best = results.best_of("answers", BASELINES, TIGHT, "answer_recall")
        difference = results.difference("answers", "model", best, TIGHT, "answer_recall", seed=seed)
        kept = {name: results.mean("answers", name, TIGHT, "answer_recall") for name in ("model", best, "random")}
        headline = (
            f"keeping {TIGHT:.0%} of the words keeps {kept['model']:.0%} of the answers' words "
            f"({NAMES[best]}, the best baseline: {kept[best]:.0%}; random: {kept['random']:.0%})"
        )
        result: dict[str, Any] = {
            "package": "llmlingua2",
            "headline": headline,
            "results": {
                "measures": results.to_dict(),
                "difference_to_best_baseline": {
                    "baseline": best,
                    "rate": TIGHT,
                    "estimate": difference.estimate,
                    "low": difference.low,
                    "high": difference.high,
                },
                "passage": {f"{one.rate:.3f}": one.text for one in shown},
                "timings": timings,
            },
        }
        run.save_artifact("result.json", result)
        sections = [
            Section("What was shown", text=_summary(headline, difference, len(meetings), best)),
            Section("One passage, four budgets", text=_passage_text(shown), html=_colours(shown)),
            Section("Quality over budget", text=MEASURED, figures=[Figure(_curves(results), CURVES)]),
            Section("The same in numbers", tables=[_table(results, measure) for measure in MEASURES]),
            Section("Negation", text=NEGATION_TEXT, tables=[_negation_table(compressor)]),
            Section("Time", tables=[_timing_table(timings, shown)]),
        ]
        machine = f"Python {platform.python_version()}, {platform.machine()} processor"
        footer = f"llmlingua2 {version('llmlingua2')} demo, seed {seed}, {machine}. Meetings: QMSum (MIT)."
        run.save_artifact("report.html", report("llmlingua2: demo", sections, footer=footer))
    return result


def _evaluate(compressor: Compressor, meetings: list[Meeting], seed: int) -> tuple[Results, dict[str, float]]:
    from .baselines import Statistics, baseline
    from .evaluate import evaluate, from_compressor, from_scorer
    from .evaluation.tasks import answer_task

    # Frequencies come from the sample itself, which favours the baselines that use them.
    statistics = Statistics.fit(text for meeting in meetings for _, text in meeting.turns)
    methods: dict[str, list[Method]] = {"model": [from_compressor(compressor)]}
    for name in BASELINES:
        draws = 3 if name in ("random", "stopword") else 1  # these two break ties at random
        methods[name] = [from_scorer(baseline(name, statistics, seed=seed + draw)) for draw in range(draws)]
    task = answer_task(meetings)
    count = sum(len(text.split()) for text in task.texts)
    began = time.perf_counter()
    results = evaluate([task], methods, rates=RATES)
    return results, {"words": float(count), "seconds": time.perf_counter() - began}


def _summary(headline: str, difference: Any, meetings: int, best: str) -> str:
    return (
        f"{headline[0].upper()}{headline[1:]}. Paired difference to {NAMES[best]}: {difference.estimate:+.3f} "
        f"[{difference.low:+.3f}, {difference.high:+.3f}] over {meetings} meetings that the model has not seen in "
        "training.\n\nThe model is the one inside the package, on this machine's processor, without a network. No "
        "language model judges anything here: people wrote the answers, and the words that survive are counted."
    )


def _passage_text(shown: list[CompressionResult]) -> str:
    sizes = ", ".join(f"{one.compressed_tokens:,}" for one in shown)
    return (
        f"A passage of {shown[0].origin_tokens:,} tokens ({shown[0].counter}), scored once and compressed to {sizes} "
        "tokens. Kept words are marked; everything else is dropped."
    )


def _colours(shown: list[CompressionResult]) -> str:
    """The passage with its kept words marked, once a budget."""
    blocks = []
    for one in shown:
        parts, at = [], 0
        for start, end in cast("list[tuple[int, int]]", one.spans):
            parts += [escape(one.source[at:start]), f"<mark>{escape(one.source[start:end])}</mark>"]
            at = end
        body = "".join([*parts, escape(one.source[at:])]).replace("\n", "<br>")
        head = f"<summary>{one.rate:.0%}: {one.compressed_tokens:,} tokens</summary>"
        blocks.append(f"<details{' open' if one is shown[1] else ''}>{head}<p class=passage>{body}</p></details>")
    style = (
        ".passage{line-height:1.7;color:#868e96}"
        ".passage mark{background:#ffe066;color:#111;border-radius:3px;padding:0 .1em}"
    )
    return f"<style>{style}</style>{''.join(blocks)}"


def _curves(results: Results) -> MatplotlibFigure:
    from matplotlib.figure import Figure as MatplotlibFigure
    from matplotlib.ticker import PercentFormatter

    figure = MatplotlibFigure(figsize=(9, 3.8), layout="constrained")
    for axis, (measure, title) in zip(figure.subplots(1, 2), MEASURES.items(), strict=True):
        for method, colour in COLOURS.items():
            points = [results.interval("answers", method, rate, measure) for rate in RATES]
            low, high = [p.low for p in points], [p.high for p in points]
            axis.fill_between(RATES, low, high, color=colour, alpha=0.12, lw=0)
            estimates = [p.estimate for p in points]
            width = 2.4 if method == "model" else 1.4
            axis.plot(RATES, estimates, marker="o", ms=4, color=colour, lw=width, label=NAMES[method])
        axis.set(title=title, xlabel="words kept", xscale="log", xticks=RATES, ylim=(0, 1.02))
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axis.minorticks_off()
        axis.grid(alpha=0.25)
    figure.axes[0].legend(frameon=False, fontsize=9)
    return figure


def _table(results: Results, measure: str) -> Table:
    rows = []
    for method in NAMES:
        points = [results.interval("answers", method, rate, measure) for rate in RATES]
        rows.append([NAMES[method], *(f"{p.estimate:.2f} [{p.low:.2f}, {p.high:.2f}]" for p in points)])
    caption = f"{MEASURES[measure].capitalize()}: mean and 95 % interval over meetings, by share of words kept."
    return Table(["method", *(f"{rate:.0%}" for rate in RATES)], rows, caption)


def _negation_table(compressor: Compressor) -> Table:
    scores = compressor.score(NEGATION)
    rows = [
        [f"{rate:.0%}", scores.compress(rate=rate, keep_negation=False).text, scores.compress(rate=rate).text]
        for rate in (0.6, 0.5, 0.4)
    ]
    return Table(["budget", "the model's ranking alone", "with the negation rule (the default)"], rows, NEGATION)


def _timing_table(timings: dict[str, float], shown: list[CompressionResult]) -> Table:
    scoring, budgets = shown[0].timings["score"], [one.timings["compress"] for one in shown]
    words, seconds = timings["words"], timings["seconds"]
    rows = [
        [f"loading the model and scoring the passage ({shown[0].origin_tokens:,} tokens)", f"{scoring:.2f} s"],
        ["one more budget of the same passage", f"{sum(budgets) / len(budgets) * 1000:.1f} ms"],
        [f"the comparison ({words:,.0f} words, five methods, five budgets each)", f"{seconds:.1f} s"],
    ]
    return Table(["step", "time"], rows, "Wall time of this run; `llmlingua2 speed` compares with the peer.")
