"""Train the student: an encoder with a linear layer that says keep or drop (LLMLingua-2 paper, sections 3.4 and 4).

Runs under ``accelerate`` (one process, or several through ``accelerate launch``). Everything random is a function of
the seed and the step, so a run that was killed and resumed takes the same steps with the same numbers as one that was
not.
"""

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llmlingua2.rows import label_rows
from llmlingua2.scoring.base_weights import locate
from llmlingua2.scoring.pieces import PieceTokenizer
from llmlingua2.training import dataset
from llmlingua2.training.labels import merge
from llmlingua2.training.objective import correct, loss_sum
from llmlingua2.training.prepare import prepare
from llmlingua2.training.recipe import Recipe, TrainSettings
from llmlingua2.training.report import training_report
from llmlingua2.training.student import build_student, save_student
from tenfold_core.logging import Run, get_logger, progress

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

__all__ = ["Trained", "learning_rate_factor", "train"]

_STATE, _BEST = "checkpoints/last.pt", "checkpoints/best.safetensors"
# The state is written once a minute, which is what a kill may cost, or where that is slow after 20 times as long.
_STATE_SECONDS, _STATE_PAUSE = 60.0, 20
_logger = get_logger(__name__)


@dataclass(frozen=True)
class Trained:
    """What a run left behind.

    Attributes:
        model: the checkpoint folder, of the best validation.
        step: of that validation.
        loss, accuracy: on the held-out documents at that step.
        majority: accuracy of a model that gives every piece the commoner label.
        examples: chunks learned from.
    """

    model: Path
    step: int
    loss: float
    accuracy: float
    majority: float
    examples: int


def train(
    labels: str | Path | Iterable[Mapping[str, Any]] | None,
    output: str | Path,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
) -> Trained:
    """Train on label rows and write ``output/model``, a checkpoint folder that ``Compressor.from_pretrained`` loads.

    The rows of a chunk are merged, the documents split into training and validation by ``recipe.data.validation`` (a
    document is never on both sides), and the weights of the best validation are kept.

    Args:
        labels: a file of label rows, or the rows; None: the recipe's own data, prepared in the folder ``output``-data.
        output: run directory: manifest.json, metrics.jsonl, checkpoints/, model/, report.html with the learning curves.
        recipe: see ``training.recipe.Recipe``.
        seed: of the split, the head's first weights, the order of the data and dropout.
        device: "auto" or "cpu".
        resume: go on from the last checkpoint in ``output``; the result equals that of a run never stopped.

    Raises:
        ImportError: the ``train`` extra is missing.
        ValueError: another device, a single document, rows that are no label rows (see ``rows``), or ``resume`` of a
            run with other settings; the message names them.
        FileNotFoundError: no labels, and no data to make them from.
        FloatingPointError: the loss is not finite; the message names the step.
    """
    if device not in ("auto", "cpu"):
        raise ValueError(f"train: device must be 'auto' (what accelerate finds) or 'cpu', not {device!r}")
    try:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState
    except ImportError as error:
        raise ImportError('train needs: pip install "llmlingua2[train]"') from error
    import torch

    AcceleratorState._reset_state()  # else an earlier run in this process would impose its precision on this one
    accelerator = Accelerator(cpu=device == "cpu", mixed_precision=recipe.train.precision)
    base = locate(recipe.model.base)
    if labels is None:
        beside = Path(output).resolve()
        with accelerator.main_process_first():  # the others find it made
            labels = prepare(recipe.data, beside.with_name(f"{beside.name}-data"))
    training, validation = _examples(labels, PieceTokenizer(base), recipe, seed)
    inputs = [labels] if isinstance(labels, (str, Path)) else None
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        student = build_student(base, freeze=recipe.model.freeze, attention_dropout=recipe.model.attention_dropout)
        if not accelerator.is_main_process:
            return _Training(accelerator, student, recipe.train, training, validation, seed, None, Path(output)).fit(
                base
            )
        parts = recipe.to_dict().items()
        # Flat, so that a run that differs is told apart by the names of what differs.
        settings = {f"{part}.{name}": value for part, values in parts for name, value in values.items()}
        with Run(output, arguments=settings, seed=seed, inputs=inputs, device=accelerator.device, resume=resume) as run:
            return _Training(accelerator, student, recipe.train, training, validation, seed, run, Path(output)).fit(
                base
            )


def learning_rate_factor(step: int, steps: int, settings: TrainSettings) -> float:
    """Share of the full rate at ``step`` (from 0): rises over the warm-up, then falls linearly to ``final``."""
    rising = math.ceil(settings.warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    return 1 - (1 - settings.final) * (step - rising) / max(steps - rising, 1)


def _examples(
    labels: str | Path | Iterable[Mapping[str, Any]], tokenizer: PieceTokenizer, recipe: Recipe, seed: int
) -> tuple[list[dataset.Example], list[dataset.Example]]:
    rows = merge(label_rows(labels))
    examples = [dataset.encode(row, tokenizer, max_length=recipe.model.max_length) for row in rows]
    training, validation = dataset.divide(examples, recipe.data.validation, seed=seed)
    if recipe.train.shuffle_labels:
        training = list(dataset.shuffled(training, seed=seed))
    return training, validation


class _Training:
    """The state of one run and its loop; ``run`` is None in processes other than the first."""

    def __init__(
        self,
        accelerator: Any,
        student: "PreTrainedModel",
        settings: TrainSettings,
        training: list[dataset.Example],
        validation: list[dataset.Example],
        seed: int,
        run: Run | None,
        output: Path,
    ) -> None:
        self.accelerator, self.settings, self.seed, self.run, self.output = accelerator, settings, seed, run, output
        self.training, self.validation = training, validation
        targets = np.concatenate([example.targets for example in validation])
        kept = np.mean(targets[targets != dataset.IGNORED] >= 0.5)
        self.majority = float(max(kept, 1 - kept))
        self.pad_id = getattr(student.config, "pad_token_id", None) or 0
        self.per_epoch = math.ceil(len(training) / settings.batch_size)
        self.steps = math.ceil(settings.epochs * self.per_epoch)
        if settings.max_steps:
            self.steps = min(self.steps, settings.max_steps)
        self.every = min(settings.validate_every or self.per_epoch, self.steps)
        self.step, self.best = 0, {"step": 0.0, "loss": math.inf, "accuracy": -math.inf}
        self.student, self.optimizer = accelerator.prepare(student, _optimizer(student, settings))
        self.losses: list[float] = []  # of each step, the mean over its labelled pieces
        self._next_state = time.monotonic() + _STATE_SECONDS
        if (output / _STATE).is_file():
            self._restore()

    def fit(self, base: Path) -> Trained:
        _logger.info(
            "%d chunks to learn from, %d held out; %d steps (%.1f epochs)%s",
            len(self.training),
            len(self.validation),
            self.steps,
            self.steps / self.per_epoch,
            f", {self.step} done" if self.step else "",
        )
        with progress("training", total=self.steps) as advance:
            advance(self.step)
            while self.step < self.steps:
                self.losses.append(self._learn())
                self.step += 1
                advance()
                if self.step % self.every == 0 or self.step == self.steps:
                    self._checkpoint()
                elif time.monotonic() >= self._next_state:
                    self._save_state()
        return self._finish(base)

    def _learn(self) -> float:
        import torch

        epoch, place = divmod(self.step, self.per_epoch)
        lengths = [len(example.ids) for example in self.training]
        if place == 0 or not hasattr(self, "_order"):
            self._order = dataset.batches(lengths, self.settings.batch_size, seed=self.seed, epoch=epoch)
        batch = self._mine([self.training[index] for index in self._order[place]])
        self.student.train()
        # Dropout depends on the step, not on how the process came here: that is what makes resuming exact.
        torch.manual_seed(_mixed(self.seed, self.step, self.accelerator.process_index))
        factor = learning_rate_factor(self.step, self.steps, self.settings)
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_rate"] * factor
        with self.accelerator.autocast():
            logits = self.student(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        total, count = loss_sum(logits, batch["targets"], positive_weight=self.settings.positive_weight)
        everywhere = self.accelerator.reduce(count, "sum").clamp(min=1)
        # Processes average their gradients; this makes the average a mean over all labelled pieces.
        loss = total * self.accelerator.num_processes / everywhere
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        if self.settings.clip:
            self.accelerator.clip_grad_norm_(self.student.parameters(), self.settings.clip)
        self.optimizer.step()
        value = float(self.accelerator.reduce(total.detach(), "sum") / everywhere)
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} at step {self.step}: lower the learning rate or the precision"
            )
        return value

    def _mine(self, examples: list[dataset.Example]) -> "dict[str, torch.Tensor]":
        """This process's share of a batch; where there are fewer examples than processes, one without targets."""
        mine = examples[self.accelerator.process_index :: self.accelerator.num_processes]
        if not mine:
            first = examples[0]
            mine = [dataset.Example(first.ids, np.full_like(first.targets, dataset.IGNORED))]
        batch = dataset.collate(mine, self.pad_id)
        return {name: values.to(self.accelerator.device) for name, values in batch.items()}

    def validate(self) -> dict[str, float]:
        """Loss and accuracy on the held-out documents."""
        import torch

        self.student.eval()
        sums = torch.zeros(3, dtype=torch.float64, device=self.accelerator.device)
        lengths = [len(example.ids) for example in self.validation]
        order = np.argsort(lengths, kind="stable")
        size = self.settings.batch_size
        with torch.inference_mode():
            for start in range(0, len(order), size):
                batch = self._mine([self.validation[index] for index in order[start : start + size]])
                with self.accelerator.autocast():
                    logits = self.student(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
                weight = self.settings.positive_weight
                total, count = loss_sum(logits, batch["targets"], positive_weight=weight)
                sums += torch.stack([total.double(), correct(logits, batch["targets"]).double(), count.double()])
        loss, right, count = self.accelerator.reduce(sums, "sum").tolist()
        return {"loss": loss / max(count, 1), "accuracy": right / max(count, 1)}

    def _checkpoint(self) -> None:
        """Validate; keep the weights if they are the best so far, and the state in any case."""
        from safetensors.torch import save

        measured = self.validate()
        better = (
            measured["loss"] < self.best["loss"]
            if self.settings.select_by == "loss"
            else measured["accuracy"] > self.best["accuracy"]
        )
        if better:
            self.best = {"step": float(self.step), **measured}
        since = self.losses[(self.step - 1) // self.every * self.every :]
        train_loss = float(np.mean(since))
        if self.run is not None:
            if better:
                weights = self._unwrapped().state_dict()
                self.run.save_artifact(_BEST, save({name: value.cpu().contiguous() for name, value in weights.items()}))
            self.run.log(step=self.step, train_loss=train_loss, **measured)
            self._save_state()
            _logger.info(
                "step %d of %d: training loss %.3f, validation loss %.3f, accuracy %.1f %% (commoner label: %.1f %%)",
                self.step,
                self.steps,
                train_loss,
                measured["loss"],
                100 * measured["accuracy"],
                100 * self.majority,
            )
        self.accelerator.wait_for_everyone()

    def _save_state(self) -> None:
        """Everything that the next step depends on; by the first process alone."""
        import torch

        if self.run is None:
            return
        began = time.monotonic()
        scaler = self.accelerator.scaler
        state = {
            "weights": {name: value.cpu() for name, value in self._unwrapped().state_dict().items()},
            "optimizer": self.optimizer.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else {},
            "step": self.step,
            "best": self.best,
            "losses": self.losses,
        }
        self.run.save_artifact(_STATE, lambda path: torch.save(state, path))
        now = time.monotonic()
        self._next_state = now + max(_STATE_SECONDS, _STATE_PAUSE * (now - began))

    def _restore(self) -> None:
        import torch

        state = torch.load(self.output / _STATE, map_location="cpu", weights_only=True)
        self._unwrapped().load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.step, self.best, self.losses = state["step"], state["best"], state["losses"]

    def _unwrapped(self) -> "PreTrainedModel":
        return self.accelerator.unwrap_model(self.student)

    def _finish(self, base: Path) -> Trained:
        from safetensors.torch import load_file

        model = self.output / "model"
        if self.run is not None:
            student = self._unwrapped()
            student.load_state_dict(load_file(self.output / _BEST))
            save_student(student, base, model)
            self.run.save_artifact("report.html", self._report())
        self.accelerator.wait_for_everyone()
        best = self.best
        return Trained(model, int(best["step"]), best["loss"], best["accuracy"], self.majority, len(self.training))

    def _report(self) -> str:
        assert self.run is not None
        rows = {row["step"]: row for row in self.run.metrics()}  # a kill between log and state logs a step twice
        student, best = self._unwrapped(), int(self.best["step"])
        sizes = [(value.numel() / 1e6, value.requires_grad) for value in student.parameters()]
        size, trained = sum(size for size, _ in sizes), sum(size for size, free in sizes if free)
        summary = (
            f"A {student.config.model_type} of {size:.1f} M parameters, {trained:.1f} M of them trained: "
            f"{self.steps:,} steps of {self.settings.batch_size} chunks, {len(self.training):,} chunks to learn from, "
            f"{len(self.validation):,} of other documents held out. The weights of step {best:,} were kept."
        )
        return training_report(self.losses, list(rows.values()), best=best, majority=self.majority, summary=summary)


def _optimizer(student: "torch.nn.Module", settings: TrainSettings) -> "torch.optim.Optimizer":
    import torch

    trained = [(name, value) for name, value in student.named_parameters() if value.requires_grad]
    head = [value for name, value in trained if name.startswith("classifier")]
    body = [value for name, value in trained if not name.startswith("classifier")]
    groups = [
        {"params": body, "lr": settings.learning_rate, "full_rate": settings.learning_rate},
        {"params": head, "lr": settings.head_learning_rate, "full_rate": settings.head_learning_rate},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=settings.weight_decay)


def _mixed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
