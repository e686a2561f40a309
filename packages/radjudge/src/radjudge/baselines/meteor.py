"""METEOR without the synonym stage (Lavie & Agarwal, WMT 2007): exact and stem matches, fragmentation penalty.

The original looks synonyms up in WordNet, a download of its own that knows little radiology; the value is therefore
"METEOR-like". It equals nltk's ``single_meteor_score`` with a WordNet that knows no synonym, and is a lower bound of
the value with one.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence

from radjudge.baselines.porter import stem
from radjudge.baselines.tokens import paired, words

ALPHA, BETA, GAMMA = 0.9, 3.0, 0.5  # weight of recall, shape and size of the penalty (nltk's defaults)

_Token = tuple[int, str]


def _match(
    produced: list[_Token], expected: list[_Token], form: Callable[[str], str]
) -> tuple[list[tuple[int, int]], list[_Token], list[_Token]]:
    """Pair equal forms from the end of both texts; returns the pairs of positions and what stays unpaired."""
    places: dict[str, list[int]] = defaultdict(list)
    for index, (_, token) in enumerate(expected):
        places[form(token)].append(index)
    pairs, used_produced, used_expected = [], set(), set()
    for index in reversed(range(len(produced))):
        free = places.get(form(produced[index][1]))
        if free:
            partner = free.pop()
            used_produced.add(index)
            used_expected.add(partner)
            pairs.append((produced[index][0], expected[partner][0]))
    return (
        pairs,
        [token for index, token in enumerate(produced) if index not in used_produced],
        [token for index, token in enumerate(expected) if index not in used_expected],
    )


def _score(expected: list[str], produced: list[str]) -> float:
    if not expected and not produced:
        return 1.0
    exact, rest_produced, rest_expected = _match(list(enumerate(produced)), list(enumerate(expected)), lambda t: t)
    stemmed, _, _ = _match(rest_produced, rest_expected, stem)
    matches = sorted(exact + stemmed)
    if not matches:
        return 0.0
    precision, recall = len(matches) / len(produced), len(matches) / len(expected)
    mean = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
    chunks = 1 + sum(
        (later[0] - earlier[0], later[1] - earlier[1]) != (1, 1) for earlier, later in itertools.pairwise(matches)
    )
    return mean * (1 - GAMMA * (chunks / len(matches)) ** BETA)


def meteor(*, references: Sequence[str], candidates: Sequence[str]) -> list[float]:
    """METEOR-like score of each pair, in [0, 1), higher is better.

    An identical pair of m words scores 1 - 0.5 / m^3 (one chunk is still a chunk), not 1: that is the definition.
    Two reports without a word score 1.
    """
    return [_score(words(reference), words(candidate)) for reference, candidate in paired(references, candidates)]
