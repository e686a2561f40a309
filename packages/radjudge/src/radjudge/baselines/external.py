"""Adapters to model-based peers that the user has installed. They download or load models; nothing here is default."""

from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType

from radjudge.baselines.tokens import paired

Scores = list[float]


def _module(name: str, distribution: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f'{name} is not installed: pip install "{distribution}"') from error


def bertscore(*, model_type: str | None = None, device: str | None = None) -> Callable[..., Scores]:
    """BERTScore F1 through ``bert_score``; ``model_type`` is a hub id or a local path, as in ``bert_score.score``."""
    module = _module("bert_score", "bert-score")

    def metric(*, references: Sequence[str], candidates: Sequence[str]) -> Scores:
        paired(references, candidates)
        options = {"lang": "en"} if model_type is None else {"model_type": model_type}
        *_, f1 = module.score(list(candidates), list(references), device=device, verbose=False, **options)
        return [float(value) for value in f1]

    return metric


def radgraph(*, model_type: str = "radgraph-xl", reward_level: str = "partial") -> Callable[..., Scores]:
    """RadGraph F1 through ``radgraph.F1RadGraph``; ``reward_level`` is ``simple``, ``partial`` or ``complete``."""
    module = _module("radgraph", "radgraph")
    levels = {"simple": 0, "partial": 1, "complete": 2}
    if reward_level not in levels:
        raise ValueError(f"reward_level must be one of {', '.join(levels)}, not {reward_level!r}")
    scorer = module.F1RadGraph(reward_level="all", model_type=model_type)

    def metric(*, references: Sequence[str], candidates: Sequence[str]) -> Scores:
        paired(references, candidates)
        _, per_level, *_ = scorer(refs=list(references), hyps=list(candidates))
        return [float(value) for value in per_level[levels[reward_level]]]

    return metric


def ratescore() -> Callable[..., Scores]:
    """RaTEScore through the ``RaTEScore`` package."""
    scorer = _module("RaTEScore", "RaTEScore").RaTEScore()

    def metric(*, references: Sequence[str], candidates: Sequence[str]) -> Scores:
        paired(references, candidates)
        return [float(value) for value in scorer.compute_score(list(candidates), list(references))]

    return metric
