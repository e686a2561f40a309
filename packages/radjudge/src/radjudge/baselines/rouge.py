"""ROUGE-L (Lin, 2004): F1 of the longest common subsequence, equal to rouge-score without stemming."""

from collections.abc import Sequence

from radjudge.baselines.tokens import paired, words


def _longest_common_subsequence(first: list[str], second: list[str]) -> int:
    """Length by the bit-parallel recurrence of Hyyro (2004): one big-integer step per token of ``second``."""
    masks: dict[str, int] = {}
    for position, token in enumerate(first):
        masks[token] = masks.get(token, 0) | (1 << position)
    full = (1 << len(first)) - 1
    row = full
    for token in second:
        matched = row & masks.get(token, 0)
        row = ((row + matched) | (row - matched)) & full
    return len(first) - row.bit_count()


def rouge_l(*, references: Sequence[str], candidates: Sequence[str]) -> list[float]:
    """ROUGE-L F1 of each pair, in [0, 1], higher is better. Two reports without a word score 1.

    Equals ``rouge_score.rouge_scorer.RougeScorer(["rougeL"]).score(reference, candidate)["rougeL"].fmeasure``.
    """
    values = []
    for reference, candidate in paired(references, candidates):
        expected, produced = words(reference), words(candidate)
        if not expected and not produced:
            values.append(1.0)
            continue
        common = _longest_common_subsequence(expected, produced)
        values.append(2 * common / (len(expected) + len(produced)))
    return values
