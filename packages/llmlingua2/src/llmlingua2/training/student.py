"""The student model: a pretrained encoder under ``AutoModelForTokenClassification`` with the labels drop and keep."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmlingua2.scoring.backends import quiet
from llmlingua2.scoring.base_weights import TOKENIZER_FILES

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["build_student", "save_student"]

_LABELS = {0: "drop", 1: "keep"}


def build_student(
    base: Path, *, freeze: Sequence[str] = (), attention_dropout: float | None = None, pretrained: bool = True
) -> "PreTrainedModel":
    """The encoder of the folder ``base`` with a new two-class layer, in float32.

    The layer's first weights come from torch's random numbers: seed them before. Where ``base`` is a token classifier
    with two labels already, its layer is kept and trained on.

    Args:
        base: a checkpoint folder of any architecture that has a token classification head in ``transformers``.
        freeze: parameters whose name holds one of these are not trained.
        attention_dropout: overrides the encoder's own.
        pretrained: False takes nothing but the architecture: every weight is random, a control that has seen nothing.

    Raises:
        ValueError: something to freeze that matches no parameter.
    """
    import torch
    from transformers import AutoConfig, AutoModelForTokenClassification

    overrides: dict[str, Any] = {
        "num_labels": 2,
        "id2label": _LABELS,
        "label2id": {name: index for index, name in _LABELS.items()},
        "trust_remote_code": False,
        "local_files_only": True,
    }
    if attention_dropout is not None:
        overrides["attention_probs_dropout_prob"] = attention_dropout
    with quiet():  # "newly initialised: classifier" is the point here, and no reason to frighten anyone
        if pretrained:
            student = AutoModelForTokenClassification.from_pretrained(
                base, dtype=torch.float32, use_safetensors=True, **overrides
            )
        else:
            config = AutoConfig.from_pretrained(base, **overrides)
            student = AutoModelForTokenClassification.from_config(config, dtype=torch.float32)
    for part in freeze:
        matching = [value for name, value in student.named_parameters() if part in name]
        if not matching:
            raise ValueError(f"freeze: no parameter of the model has {part!r} in its name")
        for value in matching:
            value.requires_grad_(False)
    return student


def save_student(student: "PreTrainedModel", base: Path, destination: Path) -> None:
    """Write config, weights and the tokenizer files of ``base``; the folder appears whole or not at all."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{destination.name}-", dir=destination.parent))
    try:
        with quiet():
            student.save_pretrained(temporary)
        for name in TOKENIZER_FILES:
            if (base / name).is_file():
                shutil.copyfile(base / name, temporary / name)
        if destination.exists():
            shutil.rmtree(destination)
        temporary.chmod(0o755)
        temporary.rename(destination)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
