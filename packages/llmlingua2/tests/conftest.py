"""What the tests of this package share: an offline cl100k vocabulary and tiny models."""

from __future__ import annotations

import importlib.util
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from reference_0_2_2 import Reference

    from llmlingua2.prompt_compressor import PromptCompressor

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


@pytest.fixture(scope="session")
def folders(wordpiece_model: Path, unigram_model: Path) -> dict[str, Path]:
    """Both tiny models, by family."""
    return {"wordpiece": wordpiece_model, "unigram": unigram_model}


@pytest.fixture(scope="session")
def compressors(folders: dict[str, Path]) -> dict[str, PromptCompressor]:
    """Both tiny models opened, by family."""
    from llmlingua2.prompt_compressor import PromptCompressor

    return {family: PromptCompressor(str(folder), device_map="cpu") for family, folder in folders.items()}


@pytest.fixture(scope="session")
def references(folders: dict[str, Path], compressors: dict[str, PromptCompressor]) -> dict[str, Reference]:
    """The slow reference on both tiny models, by family."""
    from reference_0_2_2 import Reference
    from transformers import AutoModelForTokenClassification, PreTrainedTokenizerFast

    return {
        family: Reference(
            # The generic class keeps the file's pipeline; XLMRobertaTokenizer of transformers 5.0 lost its normaliser.
            PreTrainedTokenizerFast.from_pretrained(folder),
            AutoModelForTokenClassification.from_pretrained(folder),
            pad_token_id={"wordpiece": 0, "unigram": 1}[family],
            wordpiece=family == "wordpiece",
            count=compressors[family]._pipeline.counter.length,
        )
        for family, folder in folders.items()
    }


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., SimpleNamespace]:
    """Runs the program in this process: exit code, standard output, standard error."""
    from llmlingua2 import cli

    def run(*arguments: object, stdin: str | bytes | None = None) -> SimpleNamespace:
        if stdin is not None:
            content = stdin if isinstance(stdin, bytes) else stdin.encode()
            fake = SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: False)
            monkeypatch.setattr(sys, "stdin", fake)
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=stop.value.code or 0, out=out, err=err)

    return run
