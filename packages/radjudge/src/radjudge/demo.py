"""The demonstration: three pretend systems, and what the judge and n-gram metrics make of them, with the truth known.

The reports come from the grammar and the errors from the corruption engine, so every number can be checked against
what was injected. ``good`` says everything in other words and errs now and then; ``template`` copies the sentences of
normality and leaves every finding out; ``hallucinating`` copies everything and adds findings.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from radjudge import report_html
from radjudge.baselines import load
from radjudge.comparison import compare
from radjudge.corruption import CannotCorruptError, Corruption, corrupt, graded_chain, triplets
from radjudge.grammar import write_report
from radjudge.records import CATEGORIES
from radjudge.recovery import monotone_share, per_type_f1, tau_with_truth, triplets_right
from radjudge.scoring import Results, score
from radjudge.stress_battery import INJECTIONS, judge_metric
from tenfold_core.logging import Figure, Run, Section, Table, progress, report

LEXICAL = ("bleu-4", "rouge-l", "meteor", "keyword-f1")


@dataclass(frozen=True)
class System:
    """A pretend generator: its candidates and what is wrong with each."""

    name: str
    candidates: tuple[str, ...]
    made: tuple[Corruption, ...]

    @property
    def truth(self) -> list[int]:
        return [len(item.errors) for item in self.made]


def _at_most(reference: str, k: int, rng: np.random.Generator, **options: Any) -> Corruption:
    """``k`` errors, or as many as the report offers."""
    for fewer in range(k, 0, -1):
        try:
            return corrupt(reference, fewer, rng, verify="collateral", **options)
        except CannotCorruptError:
            continue
    return corrupt(reference, 0, rng, **{**options, "ops": None})


def make_systems(references: Sequence[str], seed: int) -> list[System]:
    """The three systems on the same references."""
    recipes: dict[str, tuple[Sequence[float], dict[str, Any]]] = {
        # few errors, everything in other words
        "good": ((0.6, 0.3, 0.1), {"rewrites": "test", "neutral": ("rewrite", "reorder", "add_normal")}),
        # every finding left out, the rest word for word
        "template": ((0.0, 0.0, 0.0, 1.0), {"ops": ("delete_finding",)}),
        # findings that are not there, the rest word for word
        "hallucinating": ((0.0, 0.0, 0.4, 0.4, 0.2), {"ops": ("insert_finding",), "insertions": "test"}),
    }
    systems = []
    for index, (name, (shares, options)) in enumerate(recipes.items()):
        rng = np.random.default_rng([seed, index])
        made = tuple(_at_most(text, int(rng.choice(len(shares), p=shares)), rng, **options) for text in references)
        systems.append(System(name, tuple(item.candidate for item in made), made))
    return systems


def _judged(references: Sequence[str], systems: Sequence[System]) -> dict[str, Results]:
    ids = [f"study-{index}" for index in range(len(references))]
    return {
        system.name: score(references=references, candidates=system.candidates, ids=ids) for system in systems
    }  # fmt: skip


def _values(name: str, references: Sequence[str], systems: Sequence[System]) -> tuple[dict[str, list[float]], float]:
    """A metric's values per system, and milliseconds per pair."""
    metric = load(name)
    start = time.perf_counter()
    values = {system.name: metric(references=references, candidates=system.candidates) for system in systems}
    spent = time.perf_counter() - start
    return values, 1000 * spent / (len(references) * len(systems))


def _order(values: dict[str, float], higher: bool) -> str:
    return " > ".join(sorted(values, key=lambda name: -values[name] if higher else values[name]))


def injection_check(references: Sequence[str], candidates: Sequence[str]) -> dict[str, Any]:
    """Every sentence that tries to talk the judge round, at the start and at the end of every candidate.

    Counts how often the number of errors fell, and by how much at most.
    """
    plain = score(references=references, candidates=candidates)
    lowered, worst, flagged, total = 0, 0.0, 0, 0
    for sentence in INJECTIONS:
        for build in (lambda text, s=sentence: f"{text} {s}", lambda text, s=sentence: f"{s} {text}"):
            attacked = score(references=references, candidates=[build(text) for text in candidates])
            for before, after in zip(plain, attacked, strict=True):
                if before.total_errors is None or after.total_errors is None:
                    continue
                total += 1
                drop = before.total_errors - after.total_errors
                lowered += drop > 0
                worst = max(worst, drop)
                flagged += "suspicious_text" in after.flags
    return {"strings": len(INJECTIONS), "pairs": total, "lowered": lowered, "largest_drop": worst, "flagged": flagged}


def _shuffled_tau(values: Sequence[float], truth: Sequence[int], seed: int) -> float:
    order = np.random.default_rng(seed).permutation(len(truth))
    return tau_with_truth(values, [truth[int(i)] for i in order], higher_is_better=False)


def _example(systems: Sequence[System], judged: dict[str, Results]) -> str:
    """The first pair of the good system with errors, as the page shows it."""
    results = judged["good"]
    place = next((i for i, item in enumerate(results) if item.errors), 0)
    body = report_html.pair_html(results.pairs[place], results[place])
    return f"<style>{report_html.marks_css()}</style>{body}"


def run(out_dir: Path, *, seed: int = 0, quick: bool = False) -> dict[str, Any]:
    """Run the demonstration; writes ``result.json``, ``report.html``, ``pairs.html`` and a manifest to ``out_dir``."""
    n = 60 if quick else 300
    rng = np.random.default_rng([seed, 99])
    settings = {"seed": seed, "quick": quick}
    with (
        Run(Path(out_dir), arguments=settings, seed=seed, overwrite=True) as folder,
        progress("demo", total=5) as advance,
    ):
        references = [write_report(rng, findings=int(rng.integers(1, 4))) for _ in range(n)]
        systems = make_systems(references, seed)
        advance()
        start = time.perf_counter()
        judged = _judged(references, systems)
        judge_ms = 1000 * (time.perf_counter() - start) / (len(references) * len(systems))
        truth = [count for system in systems for count in system.truth]
        counts = [float(item.total_errors or 0.0) for system in systems for item in judged[system.name]]
        advance()

        tau = {"radjudge": tau_with_truth(counts, truth, higher_is_better=False)}
        means = {"radjudge": {s.name: float(judged[s.name].mean.total_errors or 0.0) for s in systems}}
        speed = {"radjudge": judge_ms}
        series: dict[str, Sequence[float]] = {"radjudge: errors counted": counts}
        for name in LEXICAL:
            values, speed[name] = _values(name, references, systems)
            pooled = [v for s in systems for v in values[s.name]]
            tau[name] = tau_with_truth(pooled, truth)
            if name in ("bleu-4", "rouge-l"):
                series[f"{name}: higher is better"] = pooled
            means[name] = {s.name: float(np.mean(values[s.name])) for s in systems}
        control = _shuffled_tau(counts, truth, seed)
        advance()

        sharp = triplets(references, min(200, n), seed)
        right = {"radjudge": float(np.mean(triplets_right(sharp, judge_metric(), higher_is_better=False)))}
        for name in LEXICAL:
            right[name] = float(np.mean(triplets_right(sharp, load(name))))
        advance()

        chains = _chains(references[: n // 3], seed)
        monotone = monotone_share(
            [[float(j.total_errors or 0) for j in score(references=[r] * len(c), candidates=c)] for r, c in chains],
            higher_is_better=False,
        )
        f1 = per_type_f1([item for s in systems for item in s.made], [j for s in systems for j in judged[s.name]])
        tests = {
            f"{a} against {b}": compare(judged[a], judged[b], key="total_errors", seed=seed)
            for a, b in (("good", "template"), ("good", "hallucinating"), ("template", "hallucinating"))
        }
        injection = injection_check(references[:20], systems[0].candidates[:20])
        advance()

        true_means = {system.name: float(np.mean(system.truth)) for system in systems}
        orders = {name: _order(values, name != "radjudge") for name, values in means.items()}
        true_order = _order(true_means, False)
        fooled = [name for name in LEXICAL if orders[name] != true_order]
        headline = (
            f"tau with the injected truth {tau['radjudge']:.3f} (best n-gram metric "
            f"{max(tau[name] for name in LEXICAL[:3]):.3f}); one-word errors found {100 * right['radjudge']:.0f} % "
            f"(ROUGE-L {100 * right['rouge-l']:.0f} %); {len(fooled)} of {len(LEXICAL)} other metrics rank the "
            f"systems wrongly; {injection['lowered']} of {injection['pairs']} injections lowered a count"
        )
        results: dict[str, Any] = {
            "pairs": len(truth),
            "tau": tau,
            "tau_shuffled_truth": control,
            "triplets": {"n": len(sharp), **right},
            "monotone_neighbours": monotone,
            "chains": len(chains),
            "per_type_f1": {category: vars(value) for category, value in f1.items()},
            "true_mean_errors": true_means,
            "system_means": means,
            "order": {"truth": true_order, **orders},
            "tests": {name: value.to_dict() for name, value in tests.items()},
            "injection": injection,
        }
        # Times differ from run to run, so they stand apart from the results that a seed fixes.
        outcome = {"package": "radjudge", "headline": headline, "results": results, "speed_ms_per_pair": speed}
        folder.save_artifact("result.json", outcome)
        everything = _all_pairs(references, systems, judged)
        folder.save_artifact("pairs.html", report_html.page(everything, title="Demonstration pairs", max_pairs=90))
        sections = _sections(outcome, systems, judged, tests, _figure(truth, series))
        footer = f"radjudge demo --seed {seed}{' --quick' if quick else ''} · {report_html.DISCLAIMER}"
        folder.save_artifact("report.html", report("radjudge: a judge that shows its work", sections, footer=footer))
    return outcome


def _chains(references: Sequence[str], seed: int) -> list[tuple[str, list[str]]]:
    made = []
    for index, reference in enumerate(references):
        try:
            chain = graded_chain(reference, np.random.default_rng([seed, 7, index]), rewrites="test")
        except CannotCorruptError:
            continue
        made.append((reference, [item.candidate for item in chain]))
    return made


def _all_pairs(references: Sequence[str], systems: Sequence[System], judged: dict[str, Results]) -> Results:
    ids = [f"{system.name} {index}" for system in systems for index in range(30)]
    return score(
        references=[text for _ in systems for text in references[:30]],
        candidates=[text for system in systems for text in system.candidates[:30]],
        ids=ids,
        groups=[str(index) for _ in systems for index in range(30)],
    )


def _fooled(data: dict[str, Any]) -> list[str]:
    orders = {name: data["order"][name].split(" > ") for name in LEXICAL}
    return [name for name, order in orders.items() if order.index("template") < order.index("good")]


def _figure(truth: Sequence[int], series: dict[str, Sequence[float]]) -> Figure:
    """Mean of each metric per number of injected errors, with the middle 80 % of the pairs."""
    import matplotlib.figure

    drawing = matplotlib.figure.Figure(figsize=(8.5, 3.2), layout="constrained")
    levels = sorted(set(truth))
    for axes, (name, values) in zip(drawing.subplots(1, len(series)), series.items(), strict=True):
        groups = [[value for value, k in zip(values, truth, strict=True) if k == level] for level in levels]
        low, high = ([float(np.quantile(group, q)) for group in groups] for q in (0.1, 0.9))
        axes.fill_between(levels, low, high, alpha=0.2, color="#0b6e8a")
        axes.plot(levels, [float(np.mean(group)) for group in groups], marker="o", color="#0b6e8a")
        axes.set(title=name, xlabel="injected errors", xticks=levels)
        axes.spines[["top", "right"]].set_visible(False)
    return Figure(drawing, "Each metric by the number of injected errors: mean and the middle 80 % of the pairs")


def _sections(
    outcome: dict[str, Any],
    systems: Sequence[System],
    judged: dict[str, Results],
    tests: dict[str, Any],
    figure: Figure,
) -> list[Section]:
    data = outcome["results"]
    names = ("radjudge", *LEXICAL)
    ranking = []
    for system in systems:
        interval = judged[system.name].ci["total_errors"]
        ranking.append(
            (
                system.name,
                round(data["true_mean_errors"][system.name], 2),
                f"{interval.estimate:.2f} [{interval.low:.2f}, {interval.high:.2f}]",
                *(round(data["system_means"][name][system.name], 3) for name in LEXICAL),
            )
        )
    return [
        Section(
            "What was shown",
            f"{outcome['headline']}.\n\nReports and errors are made by this package, so the truth is known. With the "
            f"truth shuffled the judge's tau is {data['tau_shuffled_truth']:.3f}: nothing but the texts makes it.",
        ),
        Section(
            "Agreement with the injected truth",
            "Tau-b with the number of injected errors; triplets: the metric prefers the same report in other words to "
            "one with a single wrong word. Both: higher is better.",
            figures=[figure],
            tables=[
                Table(
                    ("metric", "tau-b", "triplets right", "ms per pair"),
                    [
                        (
                            name,
                            round(data["tau"][name], 3),
                            f"{100 * data['triplets'][name]:.0f} %",
                            f"{outcome['speed_ms_per_pair'][name]:.3f}",
                        )
                        for name in names
                    ],
                    f"{data['pairs']} pairs, {data['triplets']['n']} triplets; {100 * data['monotone_neighbours']:.0f}"
                    f" % of neighbours in {data['chains']} graded chains in the right order",
                )
            ],
        ),
        Section(
            "Three systems",
            f"Errors per report (lower is better) beside metrics of words (higher is better). True order: "
            f"{data['order']['truth']}. The good system says everything in its own words; the template copies the "
            "sentences of normality and leaves every finding out. Metrics that put the template before the good "
            f"system: {', '.join(_fooled(data)) or 'none'}.",
            tables=[
                Table(("system", "true errors", "radjudge errors [95 %]", *LEXICAL), ranking),
                Table(("metric", "order of the systems"), [(name, data["order"][name]) for name in ("truth", *names)]),
                Table(
                    ("pair of systems", "difference in errors [95 %]", "p", "wins", "ties", "losses"),
                    [
                        (
                            name,
                            f"{t.difference.estimate:.2f} [{t.difference.low:.2f}, {t.difference.high:.2f}]",
                            f"{t.p_value:.4f}",
                            t.wins,
                            t.ties,
                            t.losses,
                        )
                        for name, t in tests.items()
                    ],
                    "Approximate randomisation; wins, ties and losses of the first system, per study",
                ),
            ],
        ),
        Section(
            "Per type of error",
            tables=[
                Table(
                    ("category", "injected", "precision", "recall", "F1"),
                    [
                        (report_html.LABELS[c], v["support"], *(round(v[k], 3) for k in ("precision", "recall", "f1")))
                        for c in CATEGORIES
                        if not math.isnan((v := data["per_type_f1"][c])["f1"])
                    ],
                )
            ],
        ),
        Section(
            "One pair",
            "The number behind a mark is that of the error below; more in pairs.html.",
            html=_example(systems, judged),
        ),
        Section(
            "Injected instructions",
            f"{data['injection']['strings']} sentences that try to talk a judge round, put before and behind "
            f"candidates: {data['injection']['lowered']} of {data['injection']['pairs']} lowered the count, "
            f"{data['injection']['flagged']} were flagged as suspicious text.",
        ),
    ]
