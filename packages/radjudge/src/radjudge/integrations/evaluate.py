"""A metric for Hugging Face ``evaluate``: ``RadJudge().compute(predictions=[...], references=[...])``.

A single process hands over nothing but lists; the module also caches batches given to ``add`` and ``add_batch``.
"""

from typing import Any

try:
    import datasets
    import evaluate
except ImportError as error:
    raise ImportError('this adapter needs evaluate: pip install "radjudge[evaluate]"') from error

from radjudge.scores import HIGHER_IS_BETTER, SCORES
from radjudge.scoring import score

_DESCRIPTION = "Errors of candidate radiology reports against reference reports, counted offline by radjudge."
_INPUTS = """
predictions (list of str): candidate reports.
references (list of str): reference reports, one per prediction.
contexts (optional list of {"age": years, "indication": text} or None).
Returns the corpus means of score (higher is better), total_errors and significant_errors (lower is better), green_like,
crimson_like and exp_count (higher is better), `failed` (number of pairs that could not be judged), and with
per_sample=True the list of scores of each pair.
"""
_CITATION = """@article{wang2024radjudge,
  title={LLM-RadJudge: Achieving Radiologist-Level Evaluation for X-Ray Report Generation},
  author={Wang, Zilong and Luo, Xufang and Jiang, Xinyang and Li, Dongsheng and Qiu, Lili},
  journal={arXiv preprint arXiv:2404.00998}, year={2024}}"""


class RadJudge(evaluate.Metric):
    """The structured judge as an ``evaluate.Metric``."""

    def _info(self) -> "evaluate.MetricInfo":
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({name: datasets.Value("string") for name in ("predictions", "references")}),
            reference_urls=["https://arxiv.org/abs/2404.00998"],
        )

    def _compute(
        self,
        predictions: list[str],
        references: list[str],
        contexts: list[Any] | None = None,
        per_sample: bool = False,
    ) -> dict[str, Any]:
        results = score(references=references, candidates=predictions, contexts=contexts)
        values: dict[str, Any] = {name: getattr(results.mean, name) for name in SCORES}
        values["failed"] = len(results.failed)
        if per_sample:
            for name in SCORES:
                values[f"{name}_per_sample"] = [getattr(item, name) for item in results]
        return values


DIRECTIONS = HIGHER_IS_BETTER
"""Direction of every value that ``compute`` returns."""
