"""Token counters: exact, lazy, and never a reason to reach for the network."""

import logging
import pickle
import subprocess
import sys

import pytest
import tiktoken
from hostile_text import sentences, texts
from hypothesis import given

from llmlingua2.text import counters
from llmlingua2.text.counters import Counter, default_counter, resolve_counter


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base"])
def test_tiktoken_counters_equal_tiktoken(name):
    try:
        encoding = tiktoken.get_encoding(name)
    except OSError:
        assert name != "cl100k_base"
        encoding = None
    if encoding is None:
        return
    counter = resolve_counter(name)
    assert counter.name == name

    @given(texts | sentences)
    def check(text):
        assert counter(text) == len(encoding.encode_ordinary(text))

    check()


def test_names_of_special_tokens_are_ordinary_text():
    counter = resolve_counter("cl100k_base")
    assert counter("<|endoftext|>") > 1
    assert counter("") == 0


def test_the_cache_of_words_is_bounded(monkeypatch):
    monkeypatch.setattr(counters, "_CACHED_CHARACTERS", 100)
    counter = resolve_counter("cl100k_base")
    encoding = tiktoken.get_encoding("cl100k_base")
    for number in range(50):
        text = " ".join(f"word{number}x{index}" for index in range(7))
        assert counter(text) == len(encoding.encode_ordinary(text))
        assert sum(map(len, counter._known)) <= 100


@given(texts | sentences)
def test_long_texts_are_counted_in_portions(text):
    counter = resolve_counter("cl100k_base")
    encoding = tiktoken.get_encoding("cl100k_base")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counters, "_PORTION", 4)
        assert counter(text) == len(encoding.encode_ordinary(text))


def test_words_functions_and_tokenizers_count(wordpiece_model):
    assert resolve_counter("words")("It isn't 3.14.") == 4
    assert resolve_counter("words")("我们开会") == 4
    assert resolve_counter(len)("abc") == 3
    assert resolve_counter(len).name == "len"
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(wordpiece_model / "tokenizer.json"))
    expected = len(tokenizer.encode("the committee", add_special_tokens=False))
    assert resolve_counter(tokenizer)("the committee") == expected
    assert resolve_counter(f"hf:{wordpiece_model}")("the committee") == expected
    counter = resolve_counter("words")
    assert resolve_counter(counter) is counter
    assert isinstance(counter, Counter)


def test_bad_counters_are_refused():
    with pytest.raises(ValueError, match="cl100k_base"):
        resolve_counter("cl100k")
    with pytest.raises(TypeError, match="neither a name"):
        resolve_counter(3)
    with pytest.raises(TypeError, match="whole number"):
        resolve_counter(lambda text: 1.5)("a")
    with pytest.raises(TypeError, match="whole number"):
        resolve_counter(lambda text: -1)("a")


def test_without_tiktoken_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    with pytest.raises(ImportError, match=r"pip install \"llmlingua2\[tiktoken\]\""):
        resolve_counter("cl100k_base")


def test_default_is_cl100k_only_if_its_vocabulary_is_here(monkeypatch, tmp_path, caplog):
    assert default_counter().name == "cl100k_base"
    monkeypatch.setattr(counters, "_announced", False)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    with caplog.at_level(logging.INFO, "llmlingua2"):
        assert default_counter().name == "words"
        (tmp_path / counters._CL100K_FILE).write_bytes(b"damaged")
        assert default_counter().name == "words"
    assert len([record for record in caplog.records if "counted as words" in record.message]) == 1


def test_counters_can_be_sent_to_other_processes():
    for counter in ("cl100k_base", "words", len):
        resolved = resolve_counter(counter)
        assert pickle.loads(pickle.dumps(resolved))("two words") == resolved("two words")


def test_importing_counters_neither_imports_tiktoken_nor_opens_a_socket():
    program = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network')\n"
        "socket.socket.connect = socket.create_connection = refuse\n"
        "import llmlingua2.text.counters\n"
        "llmlingua2.text.counters.default_counter()('a b')\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
