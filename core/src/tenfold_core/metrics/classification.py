"""How often a classifier is right, how well it ranks, and whether its confidence can be believed."""

import numpy as np
import numpy.typing as npt

from tenfold_core.metrics.ranking import average_ranks


def accuracy(labels: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
    """The share of predictions that equal their label.

    Args:
        labels, predictions: n >= 1 class names or numbers each.

    Raises:
        ValueError: no values, unequal lengths, or a NaN.

    Example:
        >>> accuracy(["cat", "dog"], ["cat", "cat"])
        0.5
    """
    truth, guess = np.asarray(labels), np.asarray(predictions)
    _check_vector("labels", truth)
    _check_vector("predictions", guess)
    _check_lengths("predictions", len(truth), len(guess))
    if (truth.dtype.kind in "US") != (guess.dtype.kind in "US"):
        raise ValueError(f"labels and predictions must be of one kind, got dtypes {truth.dtype} and {guess.dtype}")
    return float(np.mean(truth == guess))


def auroc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """The area under the ROC curve: how likely a positive item scores above a negative one, ties counting half.

    Computed from ranks as U / (n1 n0) with the Mann-Whitney statistic U (Hanley and McNeil 1982, Radiology 143).

    Args:
        labels: n values, each 0 or 1 (or False and True), both occurring.
        scores: n numbers, larger for more positive; infinities allowed.

    Returns:
        A value in [0, 1]; 0.5 is chance.

    Raises:
        ValueError: other labels, one class only (the area is not defined), unequal lengths, or a NaN.

    Example:
        >>> auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        0.75
    """
    positive = _binary(labels)
    values = np.asarray(scores, dtype=np.float64)
    _check_vector("scores", values)
    _check_lengths("scores", len(positive), len(values))
    count = int(positive.sum())
    others = len(positive) - count
    if count == 0 or others == 0:
        raise ValueError(f"labels must hold both classes, got only {int(positive[0])}: the AUROC is not defined")
    wins = float(average_ranks(values)[positive].sum()) - count * (count + 1) / 2
    return wins / count / others


def expected_calibration_error(labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, bins: int = 15) -> float:
    """The mean gap between confidence and accuracy, over equally wide bins of confidence.

    ``ECE = sum_m |B_m| / n * |acc(B_m) - conf(B_m)|`` with bins ((m - 1)/M, m/M] (Naeini et al. 2015, AAAI; Guo et al.
    2017, ICML, equation 3).

    Args:
        labels: n class numbers from 0.
        probabilities: (n, classes), rows summing to 1: confidence is the largest probability of a row, and its class
            the prediction (the first on a tie).  Or (n,), the probability of class 1 of two: then the bins hold this
            probability itself, and acc is the share of class 1.
        bins: M, the number of bins, at least 1.

    Returns:
        A value in [0, 1]; 0 is perfect calibration.

    Raises:
        ValueError: labels that are no class numbers, probabilities outside [0, 1], rows that do not sum to 1 (within
            0.01, which half precision needs), unequal lengths, or bins < 1.

    Example:
        >>> round(expected_calibration_error([1, 1, 0, 1], [0.8, 0.8, 0.8, 0.8]), 3)
        0.05
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim not in (1, 2) or values.size == 0:
        raise ValueError(f"probabilities must have the shape (n,) or (n, classes), got {values.shape}")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"probabilities must be in [0, 1], got values from {values.min()} to {values.max()}")
    if values.ndim == 1:
        confidence, hits = values, _binary(labels)
        _check_lengths("probabilities", len(hits), len(values))
    else:
        sums = values.sum(axis=1)
        if np.abs(sums - 1).max() > 0.01:
            worst = int(np.abs(sums - 1).argmax())
            raise ValueError(f"probabilities must sum to 1 in each row, but row {worst} sums to {sums[worst]}")
        truth = _class_numbers(labels, values.shape[1])
        _check_lengths("probabilities", len(truth), len(values))
        confidence, hits = values.max(axis=1), values.argmax(axis=1) == truth
    index = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    # |B_m| cancels against the means' denominators: what is left is the sum of the gaps within each bin.
    gaps = np.bincount(index, weights=hits - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def _check_vector(name: str, values: npt.NDArray[np.generic]) -> None:
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"{name} must be one-dimensional and not empty, got the shape {values.shape}")
    if values.dtype.kind in "fc" and np.isnan(values).any():
        raise ValueError(f"{name}[{int(np.isnan(values).argmax())}] is NaN")


def _check_lengths(name: str, labels: int, others: int) -> None:
    if labels != others:
        raise ValueError(f"labels and {name} must be of equal length, got {labels} and {others}")


def _binary(labels: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    values = np.asarray(labels)
    _check_vector("labels", values)
    allowed = (values == 0) | (values == 1)
    if values.dtype.kind not in "biuf" or not np.all(allowed):
        raise ValueError(f"labels must be 0 or 1, got {np.unique(values)[:5].tolist()}")
    return values.astype(np.bool_)


def _class_numbers(labels: npt.ArrayLike, classes: int) -> npt.NDArray[np.int64]:
    values = np.asarray(labels)
    _check_vector("labels", values)
    if values.dtype.kind not in "biu" or values.min() < 0 or values.max() >= classes:
        raise ValueError(f"labels must be class numbers from 0 to {classes - 1}, got {np.unique(values)[:5].tolist()}")
    return values.astype(np.int64)
