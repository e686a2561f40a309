"""Recipes: the paper's numbers, refused mistakes, and the paper's sizes on the meta device."""

import pytest

from llmlingua2.scoring.base_weights import locate
from llmlingua2.train import learning_rate_factor
from llmlingua2.training.recipe import Recipe


def test_the_papers_settings():
    large, small = Recipe.load("paper"), Recipe.load("paper-small")
    assert (large.model.base, small.model.base) == (
        "FacebookAI/xlm-roberta-large",
        "google-bert/bert-base-multilingual-cased",
    )
    for recipe in (large, small):
        train = recipe.train
        assert (train.learning_rate, train.batch_size, train.epochs) == (1e-5, 10, 10)
        assert (train.warmup, train.final, train.weight_decay, train.select_by) == (0, 1, 0, "accuracy")
        assert (recipe.data.vr, recipe.data.ag, recipe.data.validation) == (5, 10, 0.2)
        assert [learning_rate_factor(step, 100, train) for step in (0, 50, 99)] == [1, 1, 1]


def test_the_embedded_recipe_never_names_an_evaluation_set():
    recipe = Recipe.load("embedded")
    assert set(recipe.data.sources) == {"qmsum", "gsm8k"}
    assert recipe.model.freeze == ("embeddings",)
    factors = [learning_rate_factor(step, 100, recipe.train) for step in range(100)]
    assert max(factors) <= 1
    assert factors[0] < factors[5]
    assert factors[-1] == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"trian": {}}, "unknown section"),
        ({"train": {"lr": 1}}, "unknown key"),
        ({"train": {"batch_size": 0}}, "batch_size must be at least 1"),
        ({"data": {"validation": 1.0}}, "validation must be between"),
        ({"data": {"sources": ["xquad"]}}, "sources"),
        ({"train": {"precision": "int4"}}, "precision"),
    ],
)
def test_mistakes_are_named(content, message):
    with pytest.raises(ValueError, match=message):
        Recipe.from_dict(content)


def test_unknown_recipe_lists_the_known(tmp_path):
    with pytest.raises(FileNotFoundError, match="embedded, paper, paper-small"):
        Recipe.load("papr")
    (tmp_path / "own.toml").write_text('[model]\nbase = "x"\n', encoding="utf-8")
    assert Recipe.load(tmp_path / "own.toml").model.base == "x"


# name, config, parameters of the published encoder (with its pooler), keys of the released compressors
SIZES = [
    ("XLMRoberta", {"vocab_size": 250002, "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
                    "intermediate_size": 4096, "max_position_embeddings": 514, "type_vocab_size": 1}, 559_890_432,
     "roberta.encoder.layer.23.attention.self.query.weight"),
    ("Bert", {"vocab_size": 119547, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
              "intermediate_size": 3072, "max_position_embeddings": 512, "type_vocab_size": 2}, 177_853_440,
     "bert.encoder.layer.11.attention.self.query.weight"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings", "published", "key"), SIZES)
def test_the_papers_students_have_the_published_size(name, settings, published, key):
    import torch
    import transformers

    config = getattr(transformers, f"{name}Config")(num_labels=2, **settings)
    with torch.device("meta"):
        student = transformers.AutoModelForTokenClassification.from_config(config)
    hidden = settings["hidden_size"]
    pooler, head = hidden * hidden + hidden, 2 * hidden + 2
    assert sum(weight.numel() for weight in student.parameters()) == published - pooler + head
    assert key in student.state_dict()
    assert student.classifier.weight.shape == (2, hidden)


def test_base_weights(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        locate(str(tmp_path))
    assert (locate("minilm") / "model.safetensors").is_file()
