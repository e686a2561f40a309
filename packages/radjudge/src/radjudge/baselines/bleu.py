"""BLEU-1 to BLEU-4 (Papineni et al., ACL 2002), equal to sacrebleu's values divided by 100."""

import math
from collections import Counter
from collections.abc import Sequence

from radjudge.baselines.tokens import paired, v13a


def _ngrams(tokens: list[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(order)), strict=False))


def _statistics(reference: str, candidate: str, order: int) -> tuple[list[int], list[int], int, int]:
    """Clipped matches and totals per order 1..``order``, candidate length, reference length."""
    expected, produced = v13a(reference), v13a(candidate)
    correct, total = [], []
    for n in range(1, order + 1):
        grams = _ngrams(produced, n)
        correct.append(sum((grams & _ngrams(expected, n)).values()))
        total.append(max(0, len(produced) - n + 1))
    return correct, total, len(produced), len(expected)


def _combine(correct: list[int], total: list[int], length: int, expected: int, *, effective: bool) -> float:
    """Brevity penalty times the geometric mean of the precisions.

    An order without a match counts as 1 / (2^j * total), j = how many such orders came before it and itself
    (Chen & Cherry, WMT 2014, method 3). With ``effective`` only orders that the candidate is long enough for count.
    """
    if not any(correct):
        return 0.0
    logs, missed = [], 0
    for matches, possible in zip(correct, total, strict=True):
        if possible == 0:
            break
        if matches == 0:
            missed += 1
            logs.append(-math.log(2**missed * possible))
        else:
            logs.append(math.log(matches / possible))
    if len(logs) < len(correct) and not effective:
        return 0.0
    penalty = min(1.0, math.exp(1 - expected / length))
    return penalty * math.exp(sum(logs) / len(logs))


def _checked_order(order: int) -> int:
    if not 1 <= order <= 4:
        raise ValueError(f"order must be 1, 2, 3 or 4, not {order}")
    return order


def bleu(*, references: Sequence[str], candidates: Sequence[str], order: int = 4) -> list[float]:
    """Sentence BLEU of each pair, in [0, 1], higher is better.

    Equals ``sacrebleu.BLEU(max_ngram_order=order, effective_order=True).sentence_score(...)`` / 100. The reference
    is one report; case is kept. Two empty reports score 1.

    Raises:
        ValueError: different numbers of reports, or ``order`` outside 1..4.
    """
    order = _checked_order(order)
    return [
        1.0 if not (reference.strip() or candidate.strip())
        else _combine(*_statistics(reference, candidate, order), effective=True)
        for reference, candidate in paired(references, candidates)
    ]  # fmt: skip


def corpus_bleu(*, references: Sequence[str], candidates: Sequence[str], order: int = 4) -> float:
    """Corpus BLEU in [0, 1]: matches and lengths are summed over the corpus before they are combined."""
    order = _checked_order(order)
    correct, total, length, expected = [0] * order, [0] * order, 0, 0
    for reference, candidate in paired(references, candidates):
        matches, possible, produced, wanted = _statistics(reference, candidate, order)
        correct = [a + b for a, b in zip(correct, matches, strict=True)]
        total = [a + b for a, b in zip(total, possible, strict=True)]
        length, expected = length + produced, expected + wanted
    return _combine(correct, total, length, expected, effective=False)
