"""The classifier: pieces with true offsets, text that cannot pose as special tokens, scores independent of company."""

import json
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
import torch
from hostile_text import texts
from hypothesis import given, settings
from sample_texts import SAMPLES, long_text

from llmlingua2.scoring import classifier as module
from llmlingua2.scoring import windows
from llmlingua2.scoring.backends import TorchForward, load_module
from llmlingua2.scoring.classifier import TokenClassifier
from llmlingua2.scoring.pieces import PieceTokenizer
from llmlingua2.text.words import words

SPECIAL = ("[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]", "<s>", "</s>", "<pad>", "<mask>", "<unk>")


@pytest.fixture(scope="module", params=["wordpiece", "unigram"])
def folder(request, wordpiece_model, unigram_model):
    return wordpiece_model if request.param == "wordpiece" else unigram_model


@pytest.fixture(scope="module")
def tokenizer(folder):
    return PieceTokenizer(folder)


@pytest.fixture(scope="module")
def classifier(folder):
    return TokenClassifier.from_pretrained(folder, device="cpu")


def keep(classifier, text):
    return np.concatenate([np.zeros(0, np.float32), *(block.keep for block in classifier.keep_probabilities([text]))])


def test_true_special_tokens_wrap_an_input(tokenizer, folder):
    from tokenizers import Tokenizer

    plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
    expected = ("[CLS]", "[SEP]") if plain.token_to_id("[CLS]") is not None else ("<s>", "</s>")
    assert (tokenizer.prefix, tokenizer.suffix) == tuple([plain.token_to_id(name)] for name in expected)
    assert tokenizer.pad_id == plain.token_to_id("[PAD]" if expected[0] == "[CLS]" else "<pad>")


def test_ordinary_text_has_the_pieces_of_the_tokenizer(tokenizer, folder):
    from tokenizers import Tokenizer

    plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
    for text in SAMPLES:
        assert tokenizer.encode(text).ids.tolist() == plain.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("name", SPECIAL)
def test_text_is_never_a_special_token(tokenizer, folder, name):
    description = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    unknown = description["model"].get("unk_id", None)
    special = {token["id"] for token in description["added_tokens"] if token["content"] not in ("[UNK]", "<unk>")}
    for text in (name, f"a {name} b", f"a{name}b", f"{name}{name}", f" {name} "):
        encoded = tokenizer.encode(text)
        assert not special & set(encoded.ids.tolist()), text
        # Its characters are there: pieces, or unknown ones, stand for them.
        visible = [at for at, character in enumerate(text) if not character.isspace()]
        assert all(((encoded.starts <= at) & (encoded.ends > at)).any() for at in visible), (text, unknown)


@settings(deadline=None)
@given(texts)
def test_offsets_are_those_of_the_original_text(folder, text):
    tokenizer = _tokenizer(folder)
    encoded = tokenizer.encode(text)
    assert len(encoded.ids) == len(encoded.starts) == len(encoded.ends)
    assert (np.diff(encoded.starts) >= 0).all()
    assert (np.diff(encoded.ends) >= 0).all()
    assert (encoded.starts <= encoded.ends).all()
    assert len(text) == 0 or not len(encoded.ends) or encoded.ends[-1] <= len(text)


_TOKENIZERS = {}


def _tokenizer(folder):
    return _TOKENIZERS.setdefault(folder, PieceTokenizer(folder))


@pytest.mark.parametrize("odd", ["\ud800", "\udfff\ud83d", "ﬁ", "①", "Å", "e\u0301", "👩\u200d👩", "\U0001f600"])
def test_odd_characters_do_not_shift_what_follows(tokenizer, odd):
    alone, behind = tokenizer.encode("council"), tokenizer.encode(f"{odd} council")
    count = len(alone.ids)
    assert behind.ids[-count:].tolist() == alone.ids.tolist()
    text = f"{odd} council"
    assert text[behind.starts[-count] : behind.ends[-1]].strip() == "council"


def test_scores_equal_transformers(classifier, folder):
    network = load_module(folder)
    text = SAMPLES[0]
    ids = classifier.tokenizer.encode(text).ids.tolist()
    wrapped = torch.tensor([classifier.tokenizer.prefix + ids + classifier.tokenizer.suffix])
    with torch.inference_mode():
        expected = torch.softmax(network(wrapped, attention_mask=torch.ones_like(wrapped)).logits, -1)[0, 1:-1, 1]
    np.testing.assert_allclose(keep(classifier, text), expected.numpy(), atol=1e-6)


def test_scores_do_not_depend_on_company_and_order(folder):
    many = [*SAMPLES, "", "one", "two", *(text[:40] for text in SAMPLES), long_text(3000)]
    reference = [keep(TokenClassifier.from_pretrained(folder, device="cpu"), text) for text in many]
    order = np.random.default_rng(0).permutation(len(many)).tolist()
    for batch_pieces in (None, 64, 100_000):
        classifier = TokenClassifier.from_pretrained(folder, device="cpu")
        classifier.forward.batch_pieces = batch_pieces or classifier.forward.batch_pieces
        found = {number: [] for number in range(len(many))}
        for block in classifier.keep_probabilities([many[number] for number in order]):
            found[order[block.text]].append(block.keep)
        for number in range(len(many)):
            got = np.concatenate([np.zeros(0, np.float32), *found[number]])
            # To the last bit as CPUs are used; up to rounding in larger batches.
            np.testing.assert_allclose(got, reference[number], rtol=0, atol=1e-5 if batch_pieces else 0)


def test_padding_changes_nothing_but_rounding(folder):
    many = [text[:length] for text in SAMPLES for length in (30, 90, 200)]
    plain, padded = (TokenClassifier.from_pretrained(folder, device="cpu") for _ in range(2))
    padded.forward.pad_multiple = 64
    for text in many:
        np.testing.assert_allclose(keep(plain, text), keep(padded, text), atol=1e-5)


def test_cache_changes_nothing_and_saves_work(folder, monkeypatch):
    classifier = TokenClassifier.from_pretrained(folder, device="cpu")
    calls, call = [], TorchForward.__call__
    monkeypatch.setattr(TorchForward, "__call__", lambda *args: calls.append(len(args[1])) or call(*args))
    text = long_text(8000)
    first = keep(classifier, text)
    scored = sum(calls)
    assert scored > 1
    assert (keep(classifier, text) == first).all()
    assert sum(calls) == scored
    keep(classifier, text + " One more sentence at the end of the conversation.")
    assert sum(calls) == scored + 1  # only the last chunk is new
    classifier.clear_cache()
    assert (keep(classifier, text) == first).all()
    assert sum(calls) == 2 * scored + 1
    list(classifier.keep_probabilities(["the same text"] * 5))
    assert sum(calls) == 2 * scored + 2


def test_cache_is_bounded():
    cache = module._ChunkCache(2)
    for key in (b"a", b"b", b"a", b"c"):
        cache.put(key, np.zeros(1, np.float32))
        cache.get(b"a")
    assert (cache.get(b"a") is not None, cache.get(b"b") is None, cache.get(b"c") is not None) == (True, True, True)


def test_chunks_end_with_sentences_and_never_inside_words(classifier):
    text = long_text(20_000)
    size = classifier.chunk_pieces
    assert size == 510
    for block in classifier.keep_probabilities([text]):
        limits = [*block.chunks.tolist(), len(block.keep)]
        starts = set(words(text)[:, 0].tolist())
        for first, last in pairwise(limits):
            assert 0 < last - first <= size
            assert int(block.starts[first]) in starts
            if last < len(block.keep):
                before = text[: block.starts[last]]
                assert before.rstrip(" ").endswith(windows.CHUNK_END_TOKENS), before[-20:]


def test_chunk_ends_can_be_chosen(classifier):
    text = "alpha beta; " * 400
    ends = [block.starts[block.chunks] for block in classifier.keep_probabilities([text], chunk_end_tokens=[";"])]
    assert len(ends[0]) > 2
    assert all(text[:start].rstrip().endswith(";") for start in ends[0][1:])


def test_a_giant_word_and_a_long_text_without_ends_are_cut(classifier, monkeypatch):
    monkeypatch.setattr(windows, "_BLOCK_CHARACTERS", 4096)
    for text in ("x" * 20_000, "我" * 5_000, "word " * 3_000, "a" * 5000 + " " + "b" * 5000):
        blocks = list(classifier.keep_probabilities([text]))
        assert len(blocks) > 1
        assert blocks[0].starts[0] <= 1
        assert blocks[-1].ends[-1] >= len(text.rstrip())
        for before, after in pairwise(blocks):
            assert before.ends[-1] <= after.starts[0] + 1


def test_blocks_of_a_long_text_are_found_again_when_it_grows(classifier, monkeypatch):
    monkeypatch.setattr(windows, "_BLOCK_CHARACTERS", 4096)
    text = long_text(30_000)
    spans = words(text)
    before = list(windows.blocks(text, spans))
    after = list(windows.blocks(text + " more", words(text + " more")))
    assert before[:-1] == after[: len(before) - 1]
    assert [start for start, _ in before[1:]] == [end for _, end in before[:-1]]


def test_probabilities_that_are_not_finite_name_the_chunk(folder):
    classifier = TokenClassifier.from_pretrained(folder, device="cpu")
    with torch.no_grad():
        classifier.forward.module.classifier.bias[0] = float("nan")
    with pytest.raises(ValueError, match=r"not finite for the chunk at characters 0 to \d+ of text 1"):
        list(classifier.keep_probabilities(["", "some words"]))


def test_many_threads_load_once_and_agree(folder, monkeypatch):
    loads = []
    original = module.load_backend
    monkeypatch.setattr(module, "load_backend", lambda *a, **k: loads.append(1) or original(*a, **k))
    classifier = TokenClassifier.from_pretrained(folder, device="cpu")
    texts = [SAMPLES[index % len(SAMPLES)] for index in range(24)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: keep(classifier, text), texts))
    assert len(loads) == 1
    for text, got in zip(texts, found, strict=True):
        assert (got == keep(classifier, text)).all()


def test_bfloat16_agrees_with_float32(folder):
    half = TokenClassifier.from_pretrained(folder, device="cpu", dtype="bfloat16")
    full = TokenClassifier.from_pretrained(folder, device="cpu")
    differences = np.concatenate([keep(half, text) - keep(full, text) for text in SAMPLES])
    assert 0 < np.abs(differences).max() < 0.05


def test_loading_leaves_the_global_random_state_alone(folder):
    before = torch.random.get_rng_state()
    keep(TokenClassifier.from_pretrained(folder, device="cpu"), "text")
    assert (torch.random.get_rng_state() == before).all()


def test_save_pretrained_round_trip(classifier, tmp_path):
    classifier.save_pretrained(tmp_path / "copy")
    copy = TokenClassifier.from_pretrained(tmp_path / "copy", device="cpu")
    assert (keep(copy, SAMPLES[0]) == keep(classifier, SAMPLES[0])).all()


def test_classifiers_can_be_sent_to_other_processes(classifier):
    copy = pickle.loads(pickle.dumps(classifier))
    assert (keep(copy, SAMPLES[1]) == keep(classifier, SAMPLES[1])).all()


def test_the_folder_may_have_any_name(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "renamed")
    copy = TokenClassifier.from_pretrained(tmp_path / "renamed", device="cpu")
    assert copy.tokenizer.prefix == PieceTokenizer(folder).prefix


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backend": "onnxruntime"}, r"'onnxruntime' is not available; choose from torch"),
        ({"dtype": "int8"}, r"'int8' is not one of auto, float32, bfloat16, float16"),
        ({"device": "gpu"}, r"device: 'gpu'"),
    ],
)
def test_arguments_are_checked_before_weights_are_read(folder, arguments, message):
    with pytest.raises(ValueError, match=message):
        TokenClassifier.from_pretrained(folder, **arguments)


def test_broken_checkpoints_are_refused(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    weights = load_file(copy / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"missing or of the wrong shape: classifier\.weight"):
        keep(TokenClassifier.from_pretrained(copy, device="cpu"), "text")
    (copy / "model.safetensors").unlink()
    torch.save(weights, copy / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match="never pickled"):
        keep(TokenClassifier.from_pretrained(copy, device="cpu"), "text")
    (copy / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no tokenizer\.json"):
        TokenClassifier.from_pretrained(copy)


def test_a_classifier_with_other_labels_is_refused(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    config = json.loads((copy / "config.json").read_text())
    config.update(id2label={"0": "a", "1": "b", "2": "c"}, label2id={"a": 0, "b": 1, "c": 2})
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="3 labels"):
        keep(TokenClassifier.from_pretrained(copy, device="cpu"), "text")


def test_missing_hub_id_offline_is_one_clear_error():
    with pytest.raises(Exception, match="no-such-owner/no-such-model"):
        TokenClassifier.from_pretrained("no-such-owner/no-such-model", local_files_only=True)
