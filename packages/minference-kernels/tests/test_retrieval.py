"""The hand-compiled model is exact, and the patterns separate as the method predicts, on prompts nobody tuned on."""

from __future__ import annotations

import secrets

import pytest
import torch

import minference_kernels as mk
from minference_kernels.demo import configurations, probe_table
from minference_kernels.evaluate import evaluate_pairs
from minference_kernels.retrieval import pair_prompt


@pytest.fixture(scope="module")
def seed() -> int:
    """A fresh seed per run: codes, prompts and questions are new every time. It is shown when a test fails."""
    drawn = secrets.randbelow(1_000_000)
    print(f"seed {drawn}")
    return drawn


@pytest.fixture(scope="module")
def model(seed: int):
    return mk.build_retrieval_llama(seed=seed)


def everywhere(pattern):
    return mk.MInferenceConfig.uniform(pattern, min_seq_len=0, dense_below=0)


@pytest.mark.parametrize("length", [64, 512, 2048, 8192])
def test_dense_attention_answers_everything(model, seed: int, length: int) -> None:
    prompts = [pair_prompt(length, seed=seed + i) for i in range(3 if length < 8192 else 1)]
    result = evaluate_pairs(model, prompts, everywhere(mk.Dense()))
    assert result.correct == result.asked == 8 * len(prompts)


def test_it_is_an_ordinary_llama(model) -> None:
    assert type(model).__name__ == "LlamaForCausalLM" and model.config.num_hidden_layers == 2
    eager = mk.build_retrieval_llama(256, seed=1, attn_implementation="eager")
    ids, positions, answers = pair_prompt(200, vocab_size=256)
    with torch.no_grad():
        assert (eager(ids).logits[0, positions].argmax(-1) == answers).all()


@pytest.mark.parametrize("which", [0, 1, 2, 100, -1])
def test_every_depth_is_found_and_each_head_does_its_job(seed: int, which: int) -> None:
    model = mk.build_retrieval_llama(seed=seed, attn_implementation="eager")
    ids, _, _ = pair_prompt(600, questions=1, span=1, seed=seed)
    pairs = (600 - 2) // 2
    which = which % pairs
    ids[0, -1] = ids[0, 1 + 2 * which]
    with torch.no_grad():
        out = model(ids, output_attentions=True)
    assert out.logits[0, -1].argmax() == ids[0, 2 + 2 * which]
    previous, content = out.attentions[0][0, 0], out.attentions[1][0, 0]
    assert previous.diagonal(-1)[1:].min() > 0.99  # layer 0 head 0 looks one token back
    assert content[-1, 2 + 2 * which] > 0.99  # layer 1 head 0 finds the place after the key
    for layer in (0, 1):
        assert out.attentions[layer][0, 1, :, 0].min() > 0.99  # the sinks


def test_the_table_of_patterns(model, seed: int) -> None:
    prompts = [pair_prompt(4096, seed=seed + i) for i in range(2)]
    found = {name: evaluate_pairs(model, prompts, c) for name, c in configurations(model, 4096, seed).items()}
    dense, top, aware, a_shape, block, static = found.values()
    assert dense.correct == 16
    assert top.correct >= 15 and aware.correct >= 15
    assert top.density <= 0.15 and aware.area <= 0.15
    for control in (a_shape, block, static):  # each sees at least as many cells as Vertical-Slash does
        assert control.density >= aware.density
        assert control.correct <= 11
    assert a_shape.correct + block.correct + static.correct <= 24


def test_a_wider_probe_sees_questions_a_short_one_misses(model, seed: int) -> None:
    found = probe_table(
        model, length=4096, questions=100, span=199, vertical_size=200, slash_size=100, last_q=[64, 256], seed=seed
    )
    short, wide = found.values()
    assert wide.correct >= 98
    assert short.correct <= 60
    assert wide.density <= short.density + 0.01


def test_prompts_are_what_they_say() -> None:
    ids, positions, answers = pair_prompt(301, questions=5, span=20, vocab_size=512, seed=3)
    assert ids.shape == (1, 301) and ids[0, 0] == 0 and ids.max() < 512
    assert positions.min() >= 281 and positions.max() <= 300 and len(set(positions.tolist())) == 5
    body = ids[0, 1:281].tolist()
    for position, answer in zip(positions.tolist(), answers.tolist(), strict=True):
        at = body.index(int(ids[0, position]))
        assert at % 2 == 0 and body[at + 1] == answer
    same = pair_prompt(301, questions=5, span=20, vocab_size=512, seed=3)
    assert all(torch.equal(a, b) for a, b in zip((ids, positions, answers), same, strict=True))
    for bad in ({"questions": 0}, {"questions": 30, "span": 10}, {"vocab_size": 100}, {"questions": 200}):
        with pytest.raises(ValueError, match="questions in the last"):
            pair_prompt(301, **({"vocab_size": 512} | bad))


def test_tokenizer() -> None:
    tokenizer = mk.RetrievalTokenizer(10)
    assert tokenizer.encode("w0 w8") == [0, 1, 9]
    assert tokenizer.decode([0, 1, 9]) == "w0 w8"
    for word in ("w9", "x", "w", "w-1"):
        with pytest.raises(ValueError, match="not in the vocabulary"):
            tokenizer.encode(word)
    with pytest.raises(ValueError, match="vocab_size must be at least 2"):
        mk.RetrievalTokenizer(1)
    with pytest.raises(ValueError, match="vocab_size must be at least 2"):
        mk.build_retrieval_llama(1)
