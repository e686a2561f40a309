import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold_core.logging._redaction import MASK, without_secrets

TELLING = """key api_key apiKey APIKey OPENAI_API_KEY hf_token token client-secret password db.passwd credentials
Authorization keys api_tokens"""


@pytest.mark.parametrize("key", TELLING.split())
def test_values_under_telling_names_are_masked_however_deep(key):
    assert without_secrets({key: "hunter2"}) == {key: MASK}
    assert without_secrets({"llm": [{key: "hunter2"}]}) == {"llm": [{key: MASK}]}
    assert "hunter2" not in json.dumps(without_secrets({key: ["hunter2", {"inner": ("hunter2", b"hunter2")}]}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("target_token", 200),
        ("max_tokens", 512),
        ("num_keys", 8),
        ("force_tokens", ["\n", "."]),
        ("keyframes", "all"),
        ("monkey", "george"),
        ("tokenizer", "wordpiece"),
        ("author", "Ann"),
        ("api_key", None),
        ("path", "runs/a"),
    ],
)
def test_settings_stay_readable(key, value):
    assert without_secrets({key: value}) == {key: value}


def test_a_number_can_be_a_password_but_no_token():
    assert without_secrets({"password": 1234, "token": 1234}) == {"password": MASK, "token": 1234}


@pytest.mark.parametrize(
    "secret",
    [
        "sk-" + "proj-" + "abcdefghij0123456789",
        "hf_" + "abcdefghijklmnopqrstuvwxyz",
        "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789",
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl",
    ],
)
def test_tokens_of_services_are_masked_inside_any_text(secret):
    assert without_secrets({"argv": ["--header", f"Bearer {secret}"]}) == {"argv": ["--header", f"Bearer {MASK}"]}


def test_names_that_only_resemble_tokens_stay():
    for text in ("sk-learn", "hf_internal/tiny", "task-specific-prompt-compression-model"):
        assert without_secrets({"model": text}) == {"model": text}


def test_passwords_in_urls_are_masked():
    assert without_secrets("https://ann:hunter2@host:8080/v1") == f"https://ann:{MASK}@host:8080/v1"
    assert without_secrets("http://host:8080/a@b") == "http://host:8080/a@b"


@dataclasses.dataclass
class Options:
    rate: float
    api_key: str


def test_everything_becomes_plain_json():
    class Thing:
        pass

    value = {
        "options": Options(0.5, "hunter2"),
        "path": Path("a/b"),
        "array": np.arange(3),
        "scalar": np.float32(0.5),
        "limits": (float("inf"), float("nan")),
        "names": {"b", "a"},
        "thing": Thing(),
        3: "three",
    }
    plain = without_secrets(value)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["options"] == {"rate": 0.5, "api_key": MASK}
    assert plain["path"] == "a/b"
    assert plain["array"] == [0, 1, 2]
    assert plain["limits"] == ["inf", "nan"]
    assert plain["names"] == ["a", "b"]
    assert plain["3"] == "three"
    assert "Thing" in plain["thing"]
    assert " at 0x" not in plain["thing"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_any_value_can_be_written_and_is_stable(value):
    plain = without_secrets(value)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert without_secrets(plain) == plain
