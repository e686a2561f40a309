"""Configurations: validated, versioned, saved, and the published tables."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path

import pytest

import minference_kernels as mk
from minference_kernels.config import DEFAULT_PATTERN
from minference_kernels.published import _files
from minference_kernels.recipes import load_recipe, recipe_config, recipe_names

ROW = [mk.Dense(), mk.AShape(4, 8), mk.TriShape(1, 2, 3), mk.VerticalSlash(16, 16, mass=0.9, selection="cost_aware"),
       mk.BlockSparse(1), mk.Static((1, 5), ((0, 64), (90, 160)))]  # fmt: skip


def test_round_trip_through_json_and_files(tmp_path: Path) -> None:
    config = mk.MInferenceConfig(
        layers=[ROW, ROW[::-1]], min_seq_len=7, dense_below=0, starting_layer=1, backend="torch"
    )
    assert mk.MInferenceConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    path = tmp_path / "heads.json"
    config.save(path)
    assert mk.MInferenceConfig.load(path) == config
    assert [p.name for p in tmp_path.iterdir()] == ["heads.json"]
    uniform = mk.MInferenceConfig.uniform(mk.BlockSparse(3), min_seq_len=0)
    assert mk.MInferenceConfig.from_dict(uniform.to_dict()) == uniform
    assert uniform.replace(dense_below=5).dense_below == 5


def test_bad_configurations_are_refused(tmp_path: Path) -> None:
    good = mk.MInferenceConfig(layers=[ROW]).to_dict()
    bad = [
        (good | {"version": 2}, "version 2 is not supported"),
        ({k: v for k, v in good.items() if k != "version"}, "version None"),
        (good | {"surprise": 1}, "unknown configuration key 'surprise'"),
        (good | {"layers": [[{"type": "magic"}]]}, "unknown pattern type 'magic'"),
        (good | {"layers": [[{"type": "dense", "size": 3}]]}, "unknown field 'size' of pattern 'dense'"),
        (good | {"layers": [[{"type": "a_shape", "n_local": 0}]]}, "n_local"),
        (good | {"layers": [[{"type": "dense"}], []]}, "full table"),
        (good | {"min_seq_len": -1}, "must not be negative"),
    ]
    for data, message in bad:
        with pytest.raises(ValueError, match=message):
            mk.MInferenceConfig.from_dict(data)
    for data in (
        good | {"layers": 3},
        good | {"dense_below": "7"},
        good | {"backend": None},
        [1],
        good | {"default": 3},
    ):
        with pytest.raises(TypeError):
            mk.MInferenceConfig.from_dict(data)
    path = tmp_path / "broken.json"
    path.write_text("{")
    with pytest.raises(ValueError, match=r"broken\.json"):
        mk.MInferenceConfig.load(path)
    with pytest.raises(TypeError, match="unknown pattern"):
        mk.MInferenceConfig.uniform("dense")


def test_patterns_are_looked_up_by_global_head() -> None:
    row = [mk.AShape(0, n) for n in range(1, 9)]
    config = mk.MInferenceConfig(layers=[row, row], starting_layer=1)
    assert config.patterns_for(0, 4) == (mk.Dense(),) * 4
    assert config.patterns_for(1, 4, rank=1) == tuple(row[4:])
    assert config.patterns_for(1, 8) == tuple(row)
    for heads, rank in ((3, 0), (4, 2), (16, 0)):
        with pytest.raises(ValueError, match=f"8 heads per layer, but the model has {heads}"):
            config.patterns_for(1, heads, rank)
    with pytest.raises(ValueError, match="has 2 layers, but the model asks for layer 2"):
        config.patterns_for(2, 8)


def test_thresholds() -> None:
    config = mk.MInferenceConfig.uniform()
    assert config.stays_dense(2048, 2048, "cpu") and not config.stays_dense(2049, 2049, "cpu")
    assert config.stays_dense(8192, 8192, "cuda") and not config.stays_dense(8193, 8193, "cuda")
    assert config.stays_dense(63, 9000, "cpu") and not config.stays_dense(64, 9000, "cpu")
    off = mk.MInferenceConfig.uniform(min_seq_len=0, dense_below=0)
    assert off.stays_dense(1, 9000, "cpu") and not off.stays_dense(2, 2, "cpu")
    mix = mk.MInferenceConfig.triangle_mix()
    assert mix.starting_layer == 16 and mix.default == mk.TriShape(8, 512, 128)


def test_published_tables_equal_the_originals_and_round_trip(shared) -> None:
    original = json.loads((shared("minference_head_patterns") / "head_patterns.json").read_text())
    assert _files() == original
    for entry in original.values():
        for name in entry["models"]:
            config = mk.MInferenceConfig.for_model(name)
            assert (len(config.layers), len(config.layers[0])) == (entry["num_layers"], entry["num_heads"])
    for entry in original.values():
        config = mk.MInferenceConfig.from_official(entry["layers"])
        for written, row in zip(config.to_official(), entry["layers"], strict=True):
            assert [written[str(h)][:3] for h in range(len(row))] == [head[:3] for head in row]
        assert mk.MInferenceConfig.from_official(config.to_official()) == config


def test_published_tables_are_intact_and_licensed() -> None:
    assets = files("minference_kernels").joinpath("assets")
    digest = hashlib.sha256(assets.joinpath("head_patterns.json.gz").read_bytes()).hexdigest()
    assert digest in assets.joinpath("README.md").read_text()
    assert "Microsoft" in assets.joinpath("LICENSE-MIT").read_text()
    assert "Qwen/Qwen2.5-7B-Instruct-1M" in mk.published_models()
    llama = mk.MInferenceConfig.for_model("meta-llama/Llama-3.1-8B-Instruct")
    assert {p for row in llama.layers for p in row} == {mk.VerticalSlash(512, 2048)}
    phi = mk.MInferenceConfig.for_model("microsoft/Phi-3-mini-128k-instruct")
    assert sum(isinstance(p, mk.AShape) for row in phi.layers for p in row) == 43
    with pytest.raises(ValueError, match=r"no published head table for 'unknown/model'.*Qwen"):
        mk.MInferenceConfig.for_model("unknown/model")


def test_official_form_with_missing_heads_and_its_limits(tmp_path: Path) -> None:
    layers = [
        {"0": ["vertical_and_slash", 30, 800, 0.9], "2": ["stream_llm", 100, 800, 1]},
        {"1": ["block_sparse", 100, 0, 1]},
    ]
    config = mk.MInferenceConfig.from_official(layers)
    assert config.layers[0] == (mk.VerticalSlash(30, 800), DEFAULT_PATTERN, mk.AShape(100, 800))
    assert config.layers[1] == (DEFAULT_PATTERN, mk.BlockSparse(100), DEFAULT_PATTERN)
    path = tmp_path / "official.json"
    path.write_text(json.dumps(layers))
    assert mk.MInferenceConfig.load(path) == config
    for bad in ([], [{}], [{"0": ["magic", 1, 2, 3]}], [{"0": [1]}]):
        with pytest.raises(ValueError, match=r"published|unknown"):
            mk.MInferenceConfig.from_official(bad)
    with pytest.raises(ValueError, match="uniform"):
        mk.MInferenceConfig.uniform().to_official()
    with pytest.raises(ValueError, match="no published form"):
        mk.MInferenceConfig(layers=[[mk.VerticalSlash(1, 2, last_q=256)]]).to_official()


def test_recipes_load_and_the_paper_is_the_default() -> None:
    assert recipe_names() == ("demo", "full", "paper")
    assert recipe_config("paper").default == mk.VerticalSlash(1000, 6096) == mk.MInferenceConfig().default
    for name in recipe_names():
        recipe_config(name)
        assert load_recipe(name)["config"]["version"] == 1
    with pytest.raises(ValueError, match="accepted: demo, full, paper"):
        load_recipe("nope")


def test_a_published_table_fits_its_model_at_full_size() -> None:
    """The real 8B configuration, built without memory: the table has its sizes and every layer reads its own row."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from minference_kernels.enable import check_table

    config = LlamaConfig(
        vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
        num_key_value_heads=8, max_position_embeddings=131072, attn_implementation="minference",
    )  # fmt: skip
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    assert sum(p.numel() for p in model.parameters()) == 8_030_261_248
    table = mk.MInferenceConfig.for_model("meta-llama/Llama-3.1-8B-Instruct")
    check_table(table, model.config)
    with pytest.raises(ValueError, match="28 layers x 28 heads, but the model has 32 x 32"):
        check_table(mk.MInferenceConfig.for_model("Qwen/Qwen2.5-7B-Instruct"), model.config)
    with mk.enable(model, table), torch.no_grad():
        out = model.model.embed_tokens(torch.zeros(1, 4, dtype=torch.long, device="meta"))
        assert out.shape == (1, 4, 4096) and model.config.minference["layers"][31][31]["vertical_size"] == 512
