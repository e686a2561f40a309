"""Training: it can learn, it stops and goes on without a trace, and two processes do what one does."""

import dataclasses
import json
import multiprocessing
import os
import signal
import socket

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import llmlingua2.train as training
from llmlingua2.train import train
from llmlingua2.training.labels import label
from llmlingua2.training.recipe import Recipe

VOCABULARY = "budget meeting remote design report battery minister school team market".split()
FILLER = "the of and so a".split()


def rows(count, *, groups=8):
    """Chunks in which the content words are kept: something that can be learned."""
    draw = np.random.default_rng(0)
    found = []
    for number in range(count):
        items = [str(draw.choice(VOCABULARY if draw.random() < 0.4 else FILLER)) for _ in range(20)]
        text = " ".join(items)
        answer = " ".join(item for item in items if item in VOCABULARY)
        found.append(
            label({"id": f"c{number}", "chunk": f"c{number}", "teacher": "t", "source": "s",
                   "group": f"g{number % groups}", "text": text, "compressed": answer})
        )  # fmt: skip
    return found


def recipe(base, **settings):
    defaults = {
        "batch_size": 4,
        "epochs": 1,
        "learning_rate": 3e-3,
        "head_learning_rate": 1e-2,
        "validate_every": 2,
        "clip": 1.0,
    }
    return Recipe.from_dict(
        {"model": {"base": str(base), "max_length": 64}, "data": {"validation": 0.4}, "train": {**defaults, **settings}}
    )


def weights(trained):
    return load_file(trained.model / "model.safetensors")


def test_eight_chunks_are_learned_by_heart(wordpiece_model, tmp_path):
    # The same eight texts in every document: what is held out is what was learned.
    data = [row | {"chunk": f"{row['chunk']}-{group}", "group": f"g{group}"} for group in range(6) for row in rows(8)]
    settings = recipe(wordpiece_model, epochs=16, validate_every=1000, final=0.1)
    trained = train(data, tmp_path / "run", settings, device="cpu")
    assert trained.accuracy > 0.99
    from llmlingua2.compressor import Compressor

    compressor = Compressor.from_pretrained(trained.model, device="cpu", counter="words")
    text = "the budget of the meeting and so a report of the team"
    assert compressor.compress(text, rate=4 / 12).text.split() == ["budget", "meeting", "report", "team"]


def test_scores_react_to_both_sides_of_a_word(wordpiece_model, tmp_path):
    trained = train(rows(8), tmp_path / "run", recipe(wordpiece_model, max_steps=2), device="cpu")
    from llmlingua2.compressor import Compressor

    compressor = Compressor.from_pretrained(trained.model, device="cpu", counter="words")

    def middle(text):
        return compressor.score(text).words[2].score

    assert middle("the of budget so a") != middle("team of budget so a")
    assert middle("the of budget so a") != middle("the of budget so team")


class InterruptedRunError(Exception):
    pass


@pytest.mark.parametrize("seconds", [60, 0], ids=["states with validations", "a state each step"])
@pytest.mark.parametrize("at", [3, 6])
def test_a_stopped_run_that_goes_on_equals_one_that_never_stopped(wordpiece_model, tmp_path, monkeypatch, at, seconds):
    settings = recipe(wordpiece_model, epochs=2)
    data = rows(24)
    straight = train(data, tmp_path / "straight", settings, seed=3, device="cpu")

    learn, taken = training._Training._learn, []

    def stopping(self):
        if self.step == at:
            raise InterruptedRunError
        return learn(self)

    def counting(self):
        taken.append(self.step)
        return learn(self)

    with monkeypatch.context() as patch:
        patch.setattr(training, "_STATE_SECONDS", seconds)
        patch.setattr(training, "_STATE_PAUSE", 0)
        patch.setattr(training._Training, "_learn", stopping)
        with pytest.raises(InterruptedRunError):
            train(data, tmp_path / "stopped", settings, seed=3, device="cpu")
    with monkeypatch.context() as patch:
        patch.setattr(training._Training, "_learn", counting)
        resumed = train(data, tmp_path / "stopped", settings, seed=3, device="cpu", resume=True)
    assert taken[0] == (at if seconds == 0 else at - at % 2)
    logs = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("straight", "stopped")]
    assert logs[0] == logs[1]
    assert (resumed.step, resumed.loss, resumed.accuracy) == (straight.step, straight.loss, straight.accuracy)
    for name, value in weights(straight).items():
        assert torch.equal(value, weights(resumed)[name]), name
    again = train(data, tmp_path / "stopped", settings, seed=3, device="cpu", resume=True)
    assert again.step == resumed.step


def test_seeds_matter_and_the_callers_random_numbers_do_not_move(wordpiece_model, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one = train(rows(12), tmp_path / "one", recipe(wordpiece_model, max_steps=2), seed=1, device="cpu")
    assert torch.equal(torch.rand(1), expected)
    two = train(rows(12), tmp_path / "two", recipe(wordpiece_model, max_steps=2), seed=2, device="cpu")
    assert any(not torch.equal(value, weights(two)[name]) for name, value in weights(one).items())


def test_frozen_parameters_stay_and_others_move(wordpiece_model, tmp_path):
    settings = recipe(wordpiece_model, max_steps=2)
    settings = dataclasses.replace(settings, model=dataclasses.replace(settings.model, freeze=("embeddings",)))
    trained = weights(train(rows(12), tmp_path / "run", settings, device="cpu"))
    before = load_file(wordpiece_model / "model.safetensors")
    moved = {name for name, value in before.items() if not torch.equal(value, trained[name])}
    assert moved
    assert not any("embeddings" in name for name in moved)
    wrong = dataclasses.replace(settings, model=dataclasses.replace(settings.model, freeze=("no_such_part",)))
    with pytest.raises(ValueError, match="no_such_part"):
        train(rows(12), tmp_path / "wrong", wrong, device="cpu")


def test_gradients_are_clipped_before_they_are_used(wordpiece_model, tmp_path, monkeypatch):
    # Fault 4: upstream clips what the step before has already used.
    norms = []
    step = torch.optim.AdamW.step

    def watching(self, *args, **kwargs):
        gradients = [value.grad for group in self.param_groups for value in group["params"] if value.grad is not None]
        norms.append(float(torch.linalg.vector_norm(torch.stack([gradient.norm() for gradient in gradients]))))
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", watching)
    train(rows(12), tmp_path / "free", recipe(wordpiece_model, max_steps=2, clip=0.0), device="cpu")
    free = max(norms)
    norms.clear()
    train(rows(12), tmp_path / "clipped", recipe(wordpiece_model, max_steps=2, clip=free / 10), device="cpu")
    assert max(norms) <= free / 10 * 1.001


def test_documents_are_not_split_between_training_and_validation(wordpiece_model, monkeypatch):
    from llmlingua2.scoring.pieces import PieceTokenizer

    settings = recipe(wordpiece_model)
    learned, held = training._examples(rows(30, groups=10), PieceTokenizer(wordpiece_model), settings, 0)
    assert not {item.group for item in learned} & {item.group for item in held}
    assert len(learned) + len(held) == 30
    with pytest.raises(ValueError, match="of one document"):
        training._examples(rows(4, groups=1), PieceTokenizer(wordpiece_model), settings, 0)


def test_of_few_documents_one_is_held_out(wordpiece_model):
    from llmlingua2.scoring.pieces import PieceTokenizer

    tokenizer = PieceTokenizer(wordpiece_model)
    for share in (0.02, 0.98):
        settings = recipe(wordpiece_model)
        settings = dataclasses.replace(settings, data=dataclasses.replace(settings.data, validation=share))
        for seed in range(5):
            learned, held = training._examples(rows(6, groups=2), tokenizer, settings, seed)
            assert len(learned) == len(held) == 3
            assert {item.group for item in learned}.isdisjoint(item.group for item in held)


def test_shuffled_labels_teach_nothing(wordpiece_model, tmp_path):
    def accuracy(shuffle):
        settings = recipe(wordpiece_model, epochs=8, validate_every=8, shuffle_labels=shuffle)
        return train(rows(32), tmp_path / f"run-{shuffle}", settings, device="cpu").accuracy

    majority = np.mean([1 - np.mean(row["labels"]) for row in rows(32)])
    assert accuracy(shuffle=True) < majority + 0.08 < accuracy(shuffle=False) - 0.08


def test_the_recipe_ends_at_the_earlier_of_epochs_and_steps(wordpiece_model, tmp_path):
    def steps(**settings):
        run = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
        train(rows(12), run, recipe(wordpiece_model, validate_every=1000, **settings), device="cpu")
        return json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["step"]

    once = steps(epochs=1)
    assert steps(epochs=2) == 2 * once
    assert steps(epochs=2, max_steps=1) == 1
    assert steps(epochs=1, max_steps=1000) == once


def test_a_run_leaves_a_page_with_its_curves(wordpiece_model, tmp_path):
    trained = train(rows(12), tmp_path / "run", recipe(wordpiece_model, epochs=2, validate_every=1), device="cpu")
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page or "data:image" in page
    assert f"{trained.accuracy:.1%}" in page
    assert f"{trained.majority:.1%}" in page
    assert 0.5 <= trained.majority < 1


def test_what_cannot_be_gone_on_with_is_named(wordpiece_model, tmp_path):
    train(rows(12), tmp_path / "run", recipe(wordpiece_model, max_steps=1), device="cpu")
    with pytest.raises(ValueError, match=r"argument 'train.clip' was 1.0 and is 2.0$"):
        train(rows(12), tmp_path / "run", recipe(wordpiece_model, max_steps=1, clip=2.0), device="cpu", resume=True)
    with pytest.raises(ValueError, match="device"):
        train(rows(12), tmp_path / "other", recipe(wordpiece_model), device="mars")


def test_the_best_checkpoint_wins_not_the_last(wordpiece_model, tmp_path):
    ruinous = recipe(
        wordpiece_model, max_steps=12, learning_rate=0.5, head_learning_rate=0.5, select_by="loss", clip=0.0
    )
    trained = train(rows(24), tmp_path / "run", ruinous, device="cpu")
    history = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert trained.loss == min(row["loss"] for row in history)
    assert trained.step == min(history, key=lambda row: row["loss"])["step"]
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["seed"] == 0


def _work(rank, port, base, output, kill_at, resume):
    """One of two processes of a run; the first may be killed at a step, and takes the other with it."""
    from accelerate.state import AcceleratorState

    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    AcceleratorState._reset_state(reset_partial_state=True)
    torch.set_num_threads(1)
    learn = training._Training._learn

    def killing(self):
        assert self.accelerator.num_processes == 2
        if self.step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return learn(self)

    training._Training._learn = killing
    train(rows(22), output, recipe(base, epochs=2), seed=1, device="cpu", resume=resume)


def _run_two(base, output, *, kill_at=-1, resume=False):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    team = [context.Process(target=_work, args=(rank, port, base, output, kill_at, resume)) for rank in (0, 1)]
    for process in team:
        process.start()
    for process in team:
        process.join(100)
        assert process.exitcode is not None, "a process hangs"
    return [process.exitcode for process in team]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_processes_killed_and_resumed(wordpiece_model, tmp_path):
    assert _run_two(wordpiece_model, tmp_path / "straight") == [0, 0]
    assert _run_two(wordpiece_model, tmp_path / "killed", kill_at=3) == [-signal.SIGKILL] * 2
    assert not (tmp_path / "killed" / "model").exists()
    assert (tmp_path / "killed" / "checkpoints" / "last.pt").exists()
    assert _run_two(wordpiece_model, tmp_path / "killed", resume=True) == [0, 0]
    straight, resumed = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("straight", "killed"))
    assert straight.keys() == resumed.keys()
    for name, value in straight.items():
        assert torch.equal(value, resumed[name]), name
