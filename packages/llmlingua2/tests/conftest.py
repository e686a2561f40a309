"""What the tests of this package share: an offline cl100k vocabulary and tiny models."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session", autouse=True)
def cl100k_vocabulary() -> Iterator[None]:
    """Points tiktoken at the vocabulary that litellm bundles, without importing litellm (it calls home)."""
    package = importlib.util.find_spec("litellm")
    assert package is not None
    assert package.origin is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(Path(package.origin).parent / "litellm_core_utils" / "tokenizers"))
        yield


# llmlingua 0.2.2 finds a model's family in its path, hence the folders' names.
@pytest.fixture(scope="session")
def wordpiece_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT token classifier with a WordPiece tokenizer."""
    from tiny_models import build_wordpiece_model

    return build_wordpiece_model(tmp_path_factory.mktemp("models") / "bert-base-multilingual-cased")


@pytest.fixture(scope="session")
def unigram_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny XLM-RoBERTa token classifier with a Unigram tokenizer."""
    from tiny_models import build_unigram_model

    return build_unigram_model(tmp_path_factory.mktemp("models") / "xlm-roberta-large")
