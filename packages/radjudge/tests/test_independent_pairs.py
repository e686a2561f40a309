"""Agreement with the counts of pairs that nobody wrote with the lexicon in hand (benchmarks/pairs)."""

import json
from pathlib import Path

import numpy as np
import pytest

import radjudge
from tenfold_core.datasets import read_jsonl
from tenfold_core.metrics import kendall_tau_b

PAIRS = Path(__file__).parent.parent / "benchmarks" / "pairs"


@pytest.fixture(scope="module", params=["unseen", "development"])
def counted(request):
    rows = list(read_jsonl(PAIRS / f"{request.param}.jsonl"))
    judged = radjudge.score(
        references=[row["reference"] for row in rows], candidates=[row["candidate"] for row in rows]
    )
    return rows, judged


def test_every_pair_is_judged_and_every_span_quotes_its_text(counted):
    rows, judged = counted
    for row, item in zip(rows, judged, strict=True):
        assert item.status == "ok", row["id"]
        for error in item.errors:
            for text, spans in ((row["reference"], error.reference_spans), (row["candidate"], error.candidate_spans)):
                assert all(0 <= start < end <= len(text) for start, end in spans)


def test_counts_rank_pairs_as_their_readers_do(counted):
    rows, judged = counted
    total = np.array([len(row["errors"]) for row in rows])
    significant = np.array([sum(error["significant"] for error in row["errors"]) for row in rows])
    errors = np.array([item.total_errors for item in judged])
    assert kendall_tau_b(errors, total) >= 0.66
    assert kendall_tau_b(np.array([item.significant_errors for item in judged]), significant) >= 0.56
    shuffled = np.random.default_rng(0).permutation(len(rows))
    assert abs(kendall_tau_b(errors, total[shuffled])) < 0.2
    assert np.abs(errors - total).mean() < 0.75


def test_the_readme_of_the_pairs_counts_them():
    text = (PAIRS / "README.md").read_text(encoding="utf-8")
    for path in PAIRS.glob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert f"| `{path.name}` | {len(rows)} | {len({row['study'] for row in rows})} |" in text
