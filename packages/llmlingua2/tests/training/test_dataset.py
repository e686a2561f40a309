"""What the student sees, and the faults of upstream's training code that must not come back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlingua2.scoring.pieces import PieceTokenizer
from llmlingua2.training.dataset import IGNORED, batches, collate, encode, shuffled
from llmlingua2.training.labels import label
from llmlingua2.training.objective import correct, loss_sum

TEXT = "Managers, finally, agreed on 12.50 euros for the reports"


@pytest.fixture(scope="module")
def tokenizer(wordpiece_model):
    return PieceTokenizer(wordpiece_model)


def labelled(text, compressed, chunk="c"):
    return label(
        {
            "id": chunk,
            "chunk": chunk,
            "teacher": "t",
            "source": "s",
            "group": "g",
            "text": text,
            "compressed": compressed,
        }
    )


def test_pieces_are_those_of_the_surface_text(tokenizer):
    # Fault 1: upstream trains on lemmas without commas, and compresses text that has both.
    example = encode(labelled(TEXT, "manager agreed report"), tokenizer)
    pieces = tokenizer.encode(TEXT)
    assert example.ids.tolist() == [*tokenizer.prefix, *pieces.ids.tolist(), *tokenizer.suffix]
    inner = example.targets[len(tokenizer.prefix) : len(example.targets) - len(tokenizer.suffix)]
    marked = {TEXT[start:end] for start, end, goal in zip(pieces.starts, pieces.ends, inner, strict=True) if goal == 1}
    assert "".join(sorted(marked)) != ""
    for start, end, goal in zip(pieces.starts, pieces.ends, inner, strict=True):
        inside = any(
            TEXT.index(word) <= start < TEXT.index(word) + len(word) for word in ("Managers", "agreed", "reports")
        )
        assert goal == inside, TEXT[start:end]


def test_the_last_word_keeps_its_label_and_separators_have_none(tokenizer):
    # Fault 2: upstream shifts the last label onto [SEP] and always teaches "drop" for the last piece.
    example = encode(labelled(TEXT, "reports"), tokenizer)
    assert example.targets[-1 - len(tokenizer.suffix)] == 1
    assert (example.targets[: len(tokenizer.prefix)] == IGNORED).all()
    assert (example.targets[-len(tokenizer.suffix) :] == IGNORED).all()


def test_padding_has_no_loss_and_no_gradient(tokenizer):
    # Fault 3: upstream labels padding "drop" and trains on it.
    short, long = encode(labelled("agreed", "agreed"), tokenizer), encode(labelled(TEXT, "agreed"), tokenizer)
    batch = collate([short, long], tokenizer.pad_id)
    size = len(short.ids)
    assert (batch["targets"][0, size:] == IGNORED).all()
    assert (batch["attention_mask"][0, size:] == 0).all()
    assert (batch["input_ids"][0, size:] == tokenizer.pad_id).all()
    logits = torch.randn(*batch["targets"].shape, 2, requires_grad=True)
    total, count = loss_sum(logits, batch["targets"])
    total.backward()
    assert (logits.grad[0, size:] == 0).all()
    assert (logits.grad[0, 0] == 0).all()  # [CLS]
    assert count == (batch["targets"] != IGNORED).sum()


def test_stored_offsets_are_trusted_not_recomputed(tokenizer):
    # Fault 6: upstream splits the text again when it trains, and stops if its splitter has changed.
    row = {"chunk": "c", "text": "abcd efgh", "words": [[0, 4], [5, 9]], "labels": [1, 0]}
    assert 1 in encode(row, tokenizer).targets
    joined = {**row, "words": [[0, 9]], "labels": [1]}
    inner = encode(joined, tokenizer).targets
    assert (inner[(inner != IGNORED)] == 1).all()
    with pytest.raises(ValueError, match="1 labels for 2 words"):
        encode({**row, "labels": [1]}, tokenizer)


def test_long_chunks_are_cut_with_their_targets(tokenizer):
    example = encode(labelled(TEXT * 20, "reports"), tokenizer, max_length=32)
    assert len(example.ids) == len(example.targets) == 32
    assert example.ids[-len(tokenizer.suffix) :].tolist() == list(tokenizer.suffix)


@given(st.lists(st.integers(1, 500), min_size=1, max_size=80), st.integers(1, 9), st.integers(0, 3))
def test_an_epoch_holds_every_chunk_once(lengths, size, epoch):
    found = batches(lengths, size, seed=1, epoch=epoch)
    assert sorted(np.concatenate(found).tolist()) == list(range(len(lengths)))
    assert all(len(batch) <= size for batch in found)
    again = batches(lengths, size, seed=1, epoch=epoch)
    assert [batch.tolist() for batch in found] == [batch.tolist() for batch in again]


def test_epochs_differ_and_neighbours_have_similar_length():
    lengths = np.random.default_rng(0).integers(10, 500, 400)
    first, second = (batches(lengths, 4, seed=0, epoch=epoch) for epoch in (0, 1))
    assert [batch.tolist() for batch in first] != [batch.tolist() for batch in second]
    spread = np.mean([np.ptp(lengths[batch]) for batch in first])
    assert spread < np.mean([np.ptp(lengths[at : at + 4]) for at in range(0, 400, 4)]) / 3


@settings(max_examples=20)
@given(st.integers(0, 5))
def test_shuffling_keeps_the_rate_and_loses_the_place(seed):
    from llmlingua2.training.dataset import Example

    targets = np.array([IGNORED, *np.linspace(0, 1, 30), IGNORED], dtype=np.float32)
    (mixed,) = shuffled([Example(np.arange(32), targets)], seed=seed)
    assert sorted(mixed.targets) == sorted(targets)
    assert mixed.targets[0] == mixed.targets[-1] == IGNORED
    assert (mixed.targets != targets).any()


def test_loss_against_its_formula():
    logits = torch.tensor([[[0.3, -1.0], [2.0, 0.5], [0.0, 0.0]]], dtype=torch.float64)
    targets = torch.tensor([[1.0, 0.25, IGNORED]])
    total, count = loss_sum(logits, targets, positive_weight=3.0)
    p = torch.softmax(logits[0], dim=-1)[:, 1].numpy()
    wanted = -(3 * np.log(p[0])) - (3 * 0.25 * np.log(p[1]) + 0.75 * np.log(1 - p[1]))
    assert float(total) == pytest.approx(wanted, rel=1e-5)
    assert int(count) == 2
    assert int(correct(logits, targets)) == 1  # 0.25 counts as drop, which is what it says; the first is wrong
