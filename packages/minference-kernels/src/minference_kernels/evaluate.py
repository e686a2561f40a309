"""How good a sparse prefill is: answers on retrieval suites, attention mass recalled, error of the output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from minference_kernels.attention import sparse_attention
from minference_kernels.config import MInferenceConfig
from minference_kernels.dense import dense_attention
from minference_kernels.enable import enable
from minference_kernels.index import SparseIndex
from minference_kernels.inputs import check_qkv, check_scale
from minference_kernels.patterns import Dense
from minference_kernels.tasks.haystack import Sample, Tokenizer


@dataclass(frozen=True)
class HeadQuality:
    """What one head's index kept (averages over the batch are not taken: one record per batch row and head)."""

    batch: int
    head: int
    recall: float
    error: float
    density: float
    area: float


def mass_recall(lse_sparse: torch.Tensor, lse_dense: torch.Tensor) -> torch.Tensor:
    """Mean over rows of the attention mass that is visible: ``mean exp(lse_sparse - lse_dense)`` over the last axis."""
    return torch.exp(lse_sparse.double() - lse_dense.double()).mean(-1)


def output_error(out: torch.Tensor, exact: torch.Tensor) -> torch.Tensor:
    """``|exact - out| / |exact|`` over the last two axes (rows and head_dim)."""
    gap = (exact.double() - out.double()).flatten(-2).norm(dim=-1)
    return gap / exact.double().flatten(-2).norm(dim=-1)


def head_quality(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, idx: SparseIndex, *, scale: float | None = None,
    softcap: float | None = None, backend: str = "auto",
) -> list[HeadQuality]:  # fmt: skip
    """Recall, output error, density and computed area of every head of `idx`, against dense attention."""
    check_qkv(q, k, v)
    scale = check_scale(scale, q.shape[3])
    with torch.no_grad():
        out, lse = sparse_attention(q, k, v, idx, scale, True, backend, softcap=softcap)
        exact, exact_lse = dense_attention(q, k, v, scale=scale, softcap=softcap, return_lse=True)
    assert exact_lse is not None
    recall, error = mass_recall(lse, exact_lse), output_error(out, exact)
    density, area = idx.density(), idx.computed_area()
    return [
        HeadQuality(b, h, float(recall[b, h]), float(error[b, h]), float(density[b, h]), float(area[b, h]))
        for b in range(idx.batch)
        for h in range(idx.num_heads)
    ]


@dataclass(frozen=True)
class Answer:
    """One sample's outcome."""

    task: str
    length: int
    depth: float
    seed: int
    score: float
    reply: str


def evaluate_suite(
    model: Any,
    tokenizer: Tokenizer,
    samples: Iterable[Sample],
    config: MInferenceConfig | None = None,
    *,
    max_new_tokens: int = 64,
) -> list[Answer]:
    """Greedy answers of `model` (a transformers model) to `samples`, with sparse prefill under `config` if given.

    `tokenizer` needs ``encode`` and ``decode``. The score of a sample is the share of its answers in the reply.
    """
    answers = []
    with torch.no_grad(), enable(model, config) if config is not None else nullcontext():
        for sample in samples:
            ids = torch.tensor([list(tokenizer.encode(sample.prompt))], device=model.device)
            grown = model.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=max_new_tokens, do_sample=False
            )
            reply = tokenizer.decode(grown[0, ids.shape[1] :].tolist(), skip_special_tokens=True)
            answers.append(Answer(sample.task, ids.shape[1], sample.depth, sample.seed, sample.score(reply), reply))
    return answers


def score_table(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Mean score per task and depth, and the number of samples: rows in order of first appearance."""
    groups: dict[tuple[str, float], list[Answer]] = {}
    for answer in answers:
        groups.setdefault((answer.task, answer.depth), []).append(answer)
    return [
        {
            "task": task,
            "depth": depth,
            "length": int(np.mean([a.length for a in group])),
            "samples": len(group),
            "score": float(np.mean([a.score for a in group])),
        }
        for (task, depth), group in groups.items()
    ]


@dataclass(frozen=True)
class PairResult:
    """Retrieval of the hand-compiled model under one configuration."""

    correct: int
    asked: int
    density: float
    area: float

    @property
    def accuracy(self) -> float:
        return self.correct / self.asked

    def to_dict(self) -> dict[str, float]:
        return {**asdict(self), "accuracy": self.accuracy}


def evaluate_pairs(
    model: Any,
    prompts: Iterable[tuple[torch.Tensor, torch.Tensor, torch.Tensor]],
    config: MInferenceConfig | None,
) -> PairResult:
    """Score `retrieval.pair_prompt` prompts in one forward each; None runs the model as it is.

    density and area are means over the heads of all sparse calls; 1 where everything ran dense.
    """
    from minference_kernels.integrations.transformers import observed

    correct = asked = 0
    density: list[torch.Tensor] = []
    area: list[torch.Tensor] = []

    def note(layer: int, q: Any, k: Any, v: Any, index: SparseIndex, out: Any, lse: Any) -> None:
        density.append(index.density().mean())
        area.append(index.computed_area().mean())

    with torch.no_grad(), observed(note), enable(model, config) if config is not None else nullcontext():
        for ids, positions, answers in prompts:
            logits = model(ids, use_cache=False).logits
            correct += int((logits[0, positions].argmax(-1) == answers).sum())
            asked += len(answers)
    if not density:
        return PairResult(correct, asked, 1.0, 1.0)
    return PairResult(correct, asked, float(torch.stack(density).mean()), float(torch.stack(area).mean()))


def frozen_config(model: Any, input_ids: torch.Tensor, config: MInferenceConfig) -> MInferenceConfig:
    """`config`'s Vertical-Slash indices on one prompt, frozen into a table of `Static` patterns (an ablation)."""
    from minference_kernels.estimators.registry import freeze
    from minference_kernels.integrations.transformers import observed

    rows: dict[int, Any] = {}
    with (
        torch.no_grad(),
        observed(lambda layer, q, k, v, index, out, lse: rows.setdefault(layer, freeze(index))),
        enable(model, config),
    ):
        model(input_ids, use_cache=False)
    if not rows or sorted(rows) != list(range(len(rows))):
        raise ValueError(f"only layers {sorted(rows)} ran sparse on this prompt; a frozen table needs all of them")
    return config.replace(layers=tuple(tuple(rows[layer]) for layer in sorted(rows)))


def parse_config(name: str) -> MInferenceConfig:
    """A configuration from what a person types: a recipe, a JSON file, a hub id with a published table, or "dense"."""
    from minference_kernels.recipes import recipe_config, recipe_names

    if name == "dense":
        return MInferenceConfig.uniform(Dense())
    if name in recipe_names():
        return recipe_config(name)
    if Path(name).suffix == ".json":
        if not Path(name).exists():
            raise ValueError(f"no such file: {name}")
        return MInferenceConfig.load(name)
    try:
        return MInferenceConfig.for_model(name)
    except ValueError as error:
        raise ValueError(
            f"{name!r} is neither dense, a recipe ({', '.join(recipe_names())}) nor a file; {error}"
        ) from None


def load_model(name: str | None, device: str = "cpu", seed: int = 0) -> tuple[Any, Tokenizer]:
    """A transformers model and its tokenizer, or (None) the hand-compiled retrieval model and its words."""
    if name is None:
        from minference_kernels.retrieval import RetrievalTokenizer, build_retrieval_llama

        model: Any = build_retrieval_llama(seed=seed)
        return model.to(device), RetrievalTokenizer(model.config.vocab_size)
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise ImportError(
            'evaluating a model needs transformers: pip install "minference-kernels[transformers]"'
        ) from error
    loaded: Any = AutoModelForCausalLM.from_pretrained(name, dtype="auto")
    tokenizer: Any = AutoTokenizer.from_pretrained(name)
    return loaded.to(device).eval(), tokenizer
