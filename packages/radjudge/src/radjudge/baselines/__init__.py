"""Comparison metrics: the n-gram scores and keyword F1 written here, and adapters to model-based peers.

Every metric is a callable ``metric(references=[...], candidates=[...]) -> list[float]``, one value per pair, higher
is better, 1.0 for a perfect candidate. :func:`load` finds one by name.
"""

from radjudge.baselines.bleu import bleu, corpus_bleu
from radjudge.baselines.keyword import keyword_f1, keyword_labels
from radjudge.baselines.meteor import meteor
from radjudge.baselines.registry import NAMES, Metric, load
from radjudge.baselines.rouge import rouge_l

__all__ = ["NAMES", "Metric", "bleu", "corpus_bleu", "keyword_f1", "keyword_labels", "load", "meteor", "rouge_l"]
