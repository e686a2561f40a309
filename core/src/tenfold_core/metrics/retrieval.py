"""Whether the right thing was found: among candidates, or inside a text."""

import re
import string
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def recall_at_k(similarity: npt.ArrayLike, targets: Sequence[int | Sequence[int]] | npt.ArrayLike, k: int) -> float:
    """The share of queries with a target among their k most similar candidates.

    This is R@k as image-text retrieval reports it (Karpathy and Fei-Fei 2015): with several targets for a query, such
    as five captions of one picture, finding one is enough.  A candidate as similar as the target counts as before it,
    so that a collapsed model, to which everything is alike, scores 0 and not 1.

    Args:
        similarity: (queries, candidates), larger for more similar.
        targets: for each query the index of its target, or a non-empty list of them.
        k: from 1 to the number of candidates.

    Returns:
        A value in [0, 1].

    Raises:
        ValueError: shapes that do not fit, an index or k out of range, no targets for a query, or a NaN.

    Example:
        >>> recall_at_k([[0.9, 0.1], [0.8, 0.2]], [0, 1], k=1)
        0.5
    """
    scores = np.asarray(similarity)
    if scores.ndim != 2 or scores.size == 0:
        raise ValueError(f"similarity must have the shape (queries, candidates), got {scores.shape}")
    if scores.dtype.kind not in "biuf":
        raise ValueError(f"similarity must be numbers, got dtype {scores.dtype}")
    if scores.dtype.kind == "f" and np.isnan(scores).any():
        raise ValueError(f"similarity is NaN for query {int(np.isnan(scores).any(axis=1).argmax())}")
    queries, candidates = scores.shape
    if not 1 <= k <= candidates:
        raise ValueError(f"k must be from 1 to {candidates} (the candidates), got {k}")
    rows, columns = _target_indices(targets, queries, candidates)
    best = np.full(queries, -np.inf)
    np.maximum.at(best, rows, scores[rows, columns])
    ahead = (scores >= best[:, None]).sum(axis=1)
    ahead -= np.bincount(rows, weights=scores[rows, columns] >= best[rows], minlength=queries).astype(ahead.dtype)
    return float(np.mean(ahead < k))


def best_subspan_em(prediction: str, answers: Sequence[str]) -> float:
    """1.0 if one of the answers occurs in the prediction, else 0.0, after both are normalised.

    As in "Lost in the Middle" (Liu et al. 2023, section 2.1): lower case, without ASCII punctuation, without the words
    a, an and the, runs of white space as one blank.  An answer of which nothing is left, such as "The", is found in
    every prediction there; here it counts only if nothing is left of the prediction either.

    Args:
        prediction: the text a model produced.
        answers: the accepted answers, at least one.

    Raises:
        TypeError: `prediction` is no string, or `answers` is one string instead of a sequence of them.
        ValueError: no answers.

    Example:
        >>> best_subspan_em("It was the Eiffel-Tower.", ["Louvre", "eiffeltower"])
        1.0
    """
    if not isinstance(prediction, str):
        raise TypeError(f"prediction must be a string, got {type(prediction).__name__}")
    if isinstance(answers, str) or not all(isinstance(answer, str) for answer in answers):
        raise TypeError(f"answers must be a sequence of strings, got {answers!r}")
    if len(answers) == 0:
        raise ValueError("answers is empty: there is nothing to look for")
    text = _normalised(prediction)
    found = (wanted in text if wanted else not text for wanted in map(_normalised, answers))
    return float(any(found))


def _normalised(text: str) -> str:
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _target_indices(
    targets: Sequence[int | Sequence[int]] | npt.ArrayLike, queries: int, candidates: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(query, candidate) of every target, each pair once."""
    lists = [np.atleast_1d(np.asarray(target)) for target in targets]  # type: ignore[union-attr]
    if len(lists) != queries:
        raise ValueError(f"targets must name one entry for each of the {queries} queries, got {len(lists)}")
    for query, indices in enumerate(lists):
        valid = indices.size > 0 and indices.ndim == 1 and indices.dtype.kind in "iu"
        if not valid or indices.min() < 0 or indices.max() >= candidates:
            accepted = f"an index from 0 to {candidates - 1} or a list of them"
            raise ValueError(f"targets[{query}] must be {accepted}, got {indices.tolist()}")
    lists = [np.unique(indices) for indices in lists]
    rows = np.repeat(np.arange(queries), [len(indices) for indices in lists])
    return rows, np.concatenate(lists).astype(np.int64)
