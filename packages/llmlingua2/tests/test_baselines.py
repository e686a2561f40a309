"""Baselines rank as they say; Selective-Context equals a float64 sum over the model's own probabilities."""

import numpy as np
import pytest

from llmlingua2.baselines import BASELINES, Statistics, baseline, selective_context
from llmlingua2.text.words import words

TEXTS = ["the budget of the house was cut .", "the house of the minister .", "a new budget ."]


@pytest.fixture(scope="module")
def statistics():
    return Statistics.fit(TEXTS)


def ranked(name, text, statistics, **options):
    spans = words(text)
    scores = baseline(name, statistics, **options)(text, spans)
    assert scores.shape == (len(spans),)
    order = np.argsort(-scores, kind="stable")
    return [text[start:end] for start, end in spans[order]]


@pytest.mark.parametrize("name", BASELINES)
def test_same_text_same_scores_and_any_text_works(name, statistics):
    for text in (*TEXTS, "", "…", "你好 world"):
        spans = words(text)
        score = baseline(name, statistics)
        assert (score(text, spans) == score(text, spans)).all()
        assert np.isfinite(score(text, spans)).all()


def test_truncate_keeps_the_beginning(statistics):
    assert ranked("truncate", TEXTS[0], statistics)[:3] == ["the", "budget", "of"]


def test_stop_words_go_first_and_draws_differ(statistics):
    first = ranked("stopword", TEXTS[0], statistics, seed=0)
    assert set(first[:3]) == {"budget", "house", "cut"}
    assert len({tuple(ranked("stopword", TEXTS[0], statistics, seed=seed)) for seed in range(8)}) > 1


def test_stop_list_from_the_most_frequent_words():
    counted = Statistics.fit(["der die das der die der haus"], stop_words=2)
    assert [counted.content(word) for word in ("der", "Die", "das", "Haus", ".")] == [False, False, True, True, False]


def test_rare_words_have_more_information(statistics):
    order = ranked("selfinfo", TEXTS[0], statistics)
    assert order.index("cut") < order.index("house") < order.index("the")
    assert order[-1] == "."


def test_bigram_information_falls_when_the_neighbour_gives_it_away(statistics):
    text = "of the"
    spans = words(text)
    alone = baseline("selfinfo", statistics)(text, spans)
    given = baseline("selfinfo-bigram", statistics)(text, spans)
    assert given[0] == alone[0]
    assert given[1] < alone[1]  # "of" is always followed by "the" here


def test_tfidf_against_its_formula(statistics):
    text = "house house cut"
    scores = baseline("tfidf", statistics)(text, words(text))
    assert scores[0] == pytest.approx((1 + np.log(2)) * np.log(4 / 2.5))
    assert scores[2] == pytest.approx(np.log(4 / 1.5))


def test_unknown_name(statistics):
    with pytest.raises(ValueError, match="random, truncate"):
        baseline("best", statistics)


def test_selective_context_sums_the_information_of_a_words_tokens():
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    vocabulary = {"<s>": 0, "a": 1, "b": 2, "c": 3, "[UNK]": 4}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", unk_token="[UNK]")
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=5, n_positions=32, n_embd=8, n_layer=1, n_head=1)).eval()
    text = "abc a"
    spans = words(text)
    scores = selective_context(model, tokenizer)(text, spans)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logits = model(torch.tensor([[0, *ids]])).logits[0].double()
    information = [-torch.log_softmax(logits[at], dim=-1)[token].item() for at, token in enumerate(ids)]
    assert scores == pytest.approx([sum(information[:3]), information[-1]], rel=1e-5)

    short = selective_context(model, tokenizer, window=2)(text, spans)
    assert short.shape == scores.shape
    assert short[0] != pytest.approx(scores[0])
