"""How well injected errors are recovered on real reports that were put in unseen words.

References: one half (by hash of the normalised text) of the Indiana University chest X-ray reports; sentences for
insertion come from the other half and from the `test` table. Errors are drawn as radiologists mark them in ReXVal, or
evenly over the six types where F1 per type is measured. `collateral` checking only sees that findings which were not
meant to change are as before; whether the judge's parser can read the edited finding is left open. Edited texts never
leave the memory of this process: the results hold numbers only.

    python benchmarks/bench_quality.py [--pairs 1500] [--seed 7]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import radjudge
from radjudge.baselines import load
from radjudge.corruption import (
    OPERATORS,
    CannotCorruptError,
    LabelledPair,
    build_pairs,
    corrupt,
    donor_sentences,
    graded_chain,
    neutral_edit,
    triplets,
)
from radjudge.records import CATEGORIES
from radjudge.recovery import (
    monotone_share,
    per_type_f1,
    rejection_rate,
    tau_with_truth,
    triplets_right,
    truth_of,
)
from radjudge.report_html import LABELS
from radjudge.stress_battery import INJECTIONS, judge_metric
from tenfold_core.datasets import resolve
from tenfold_core.logging import environment
from tenfold_core.metrics import bootstrap_ci

RESULTS = Path(__file__).parent / "results"
PEERS = ("bleu-1", "bleu-4", "rouge-l", "meteor", "keyword-f1")


def reports() -> tuple[list[str], list[str]]:
    """(texts for donors, texts for references): the two halves by hash."""
    path = resolve("iu_xray_reports") / "reports.csv.gz"
    with gzip.open(path, "rb") as file:
        rows = list(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")))
    halves: tuple[dict[str, None], dict[str, None]] = ({}, {})
    for row in rows:
        parts = [(name, row[name.lower()].strip()) for name in ("FINDINGS", "IMPRESSION")]
        text = "\n".join(f"{name}: {body}" for name, body in parts if body)
        if text:
            digest = hashlib.sha256(" ".join(text.lower().split()).encode()).digest()
            halves[digest[0] % 2][text] = None
    return list(halves[0]), list(halves[1])


def even_pairs(references: Sequence[str], n: int, seed: int) -> list[LabelledPair]:
    """Pairs with one error each, every type in turn, on the reports that offer it."""
    rng = np.random.default_rng(seed)
    by_type = {
        category: [name for name, (drawn, _) in OPERATORS.items() if drawn == category and name != "change_device_type"]
        for category in CATEGORIES
    }
    made: list[LabelledPair] = []
    while len(made) < n:
        reference = references[int(rng.integers(len(references)))]
        operators = by_type[CATEGORIES[len(made) % len(CATEGORIES)]]
        try:
            found = corrupt(reference, 1, rng, ops=operators, rewrites="test", verify="collateral")
        except CannotCorruptError:
            continue
        made.append(LabelledPair(f"even-{len(made)}", reference, found.candidate, found))
    return made


def counts(pairs: Sequence[LabelledPair]) -> tuple[Any, list[float]]:
    results = radjudge.score(references=[p.reference for p in pairs], candidates=[p.candidate for p in pairs])
    # A failed pair has found nothing; the figures count it as 0 found errors, to the judge's disadvantage.
    return results, [float(item.total_errors or 0.0) for item in results]


def interval(values: Sequence[float], truth: Sequence[int], pairs: Sequence[LabelledPair], *, higher: bool) -> str:
    rows = np.column_stack((values, truth))
    found = bootstrap_ci(
        rows,
        lambda x: tau_with_truth(x[:, 0], x[:, 1].tolist(), higher_is_better=higher),
        groups=[pair.reference for pair in pairs],
        draws=300,
    )
    return f"{found.estimate:.3f} [{found.low:.3f}, {found.high:.3f}]"


def injected_instructions(pairs: Sequence[LabelledPair]) -> dict[str, Any]:
    """Every string before and behind every candidate; how often a count fell."""
    references = [pair.reference for pair in pairs]
    _, plain = counts(pairs)
    lowered, drop = 0, 0.0
    for sentence in INJECTIONS:
        for form in ("{text} {sentence}", "{sentence} {text}", "{sentence}\n{text}"):
            texts = [form.format(text=pair.candidate, sentence=sentence) for pair in pairs]
            attacked = radjudge.score(references=references, candidates=texts)
            falls = [b - float(a.total_errors) for b, a in zip(plain, attacked, strict=True) if a.status == "ok"]
            lowered += sum(fall > 0 for fall in falls)
            drop = max(drop, *falls)
    return {
        "strings": len(INJECTIONS),
        "pairs": 3 * len(INJECTIONS) * len(pairs),
        "lowered": lowered,
        "largest_drop": drop,
    }


def chains(references: Sequence[str], n: int, seed: int) -> tuple[float, int]:
    values: list[list[float]] = []
    for index, reference in enumerate(references):
        if len(values) == n:
            break
        try:
            chain = graded_chain(reference, np.random.default_rng([seed, index]), rewrites="test", verify="collateral")
        except CannotCorruptError:
            continue
        results = radjudge.score(references=[reference] * len(chain), candidates=[item.candidate for item in chain])
        values.append([float(item.total_errors or 0.0) for item in results])
    return monotone_share(values, higher_is_better=False), len(values)


def write(name: str, command: str, seed: int, table: dict[str, Any], **data: Any) -> None:
    content = {
        "command": command,
        "package": "radjudge",
        "version": radjudge.__version__,
        "environment": environment(),
        "seed": seed,
        "table": table,
        **data,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def known_points(references: Sequence[str], seed: int) -> list[tuple[str, float, float, float]]:
    """Mean score, errors and significant errors of candidates that everyone knows."""
    rng = np.random.default_rng(seed)
    normal = "The heart is normal in size. The lungs are clear. No pleural effusion or pneumothorax. No acute disease."
    order = rng.permutation(len(references))
    candidates = {
        "identical": list(references),
        "in other words, nothing changed": [neutral_edit(text, rng, split="test") for text in references],
        "a normal report for everyone": [normal] * len(references),
        "the report of another patient": [references[(i + 1) % len(references)] for i in range(len(references))],
        "words of the report shuffled": [" ".join(rng.permutation(text.split())) for text in references],
        "empty": [""] * len(references),
    }
    texts = [references[int(i)] for i in order]
    candidates["the report of another patient"] = texts
    rows = []
    for name, made in candidates.items():
        mean = radjudge.score(references=references, candidates=made).mean
        rows.append((name, mean.score or 0.0, mean.total_errors or 0.0, mean.significant_errors or 0.0))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    seed, n = options.seed, options.pairs
    command = "python benchmarks/bench_quality.py"
    other, references = reports()
    donors = donor_sentences(other)

    pairs = build_pairs(references, n, seed, rewrites="test", verify="collateral", donors=donors)
    plain = build_pairs(references, n, seed, verify="collateral", donors=donors)
    truth = truth_of(pairs)
    results, found = counts(pairs)
    sharp = triplets(references, 300, seed, verify="collateral")
    order = np.random.default_rng(seed).permutation(len(pairs))
    shuffled = [truth[int(i)] for i in order]
    monotone, chained = chains(references, 200, seed)
    texts = {"references": [p.reference for p in pairs], "candidates": [p.candidate for p in pairs]}

    right = triplets_right(sharp, judge_metric(), higher_is_better=False)
    rows = [["radjudge, errors", interval(found, truth, pairs, higher=False), f"{100 * np.mean(right):.0f} %"]]
    scores = [float(item.score or 0.0) for item in results]
    by_score = triplets_right(sharp, judge_metric(key="score"))
    rows.append(["radjudge, score", interval(scores, truth, pairs, higher=True), f"{100 * np.mean(by_score):.0f} %"])
    for name in PEERS:
        metric = load(name)
        share = np.mean(triplets_right(sharp, metric))
        rows.append([name, interval(metric(**texts), truth, pairs, higher=True), f"{100 * share:.0f} %"])
    control = tau_with_truth(found, shuffled, higher_is_better=False)
    rows.append(["control: radjudge, truth shuffled", f"{control:.3f}", "–"])
    _, plain_found = counts(plain)
    plain_tau = tau_with_truth(plain_found, truth_of(plain), higher_is_better=False)
    tau = tau_with_truth(found, truth, higher_is_better=False)
    injection = injected_instructions(pairs[:300])
    write(
        "quality.json",
        command,
        seed,
        {
            "columns": ["metric", "tau-b with injected errors [95 %]", "one-word triplets right"],
            "rows": rows,
            "caption": (
                f"{n} pairs from IU reports in unseen words, 0 to 6 errors; {len(sharp)} triplets. Without rewriting "
                f"tau is {plain_tau:.3f}. {100 * monotone:.0f} % of neighbours in {chained} graded chains are in strict "
                f"order. {injection['lowered']} of {injection['pairs']} injected instructions lowered a count."
            ),
        },
        tau=tau,
        tau_without_rewrites=plain_tau,
        tau_shuffled=control,
        triplets=float(np.mean(right)),
        monotone=monotone,
        injection=injection,
        failed=len(results.failed),
        rejection=dict(rejection_rate([pair.corruption for pair in pairs])),
        injected={c: sum(pair.corruption.counts[c] for pair in pairs) for c in CATEGORIES},
    )

    even = even_pairs(references, n, seed)
    judged, _ = counts(even)
    f1 = per_type_f1([pair.corruption for pair in even], list(judged))
    write(
        "per_type.json",
        command,
        seed,
        {
            "columns": ["type of error", "injected", "precision", "recall", "F1"],
            "rows": [
                [LABELS[c], v.support, round(v.precision, 3), round(v.recall, 3), round(v.f1, 3)] for c, v in f1.items()
            ],
            "caption": f"{n} pairs from IU reports in unseen words, one error each, every type in turn",
        },
    )

    known = known_points(references, seed)
    write(
        "known_points.json",
        command,
        seed,
        {
            "columns": ["candidate", "score (higher is better)", "errors per pair", "significant errors per pair"],
            "rows": [[name, *(round(value, 3) for value in values)] for name, *values in known],
            "caption": f"{len(references)} IU reports; what a mean score looks like",
        },
    )
    for name in ("quality", "per_type", "known_points"):
        table = json.loads((RESULTS / f"{name}.json").read_text())["table"]
        print(table["caption"], *table["rows"], sep="\n")


if __name__ == "__main__":
    main()
