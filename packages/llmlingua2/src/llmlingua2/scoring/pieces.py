"""Text to tokenizer pieces with character offsets, in which the text itself can never be a special token.

A checkpoint's ``tokenizer.json`` is read through `tokenizers` directly, because rebuilding it through a tokenizer
class can lose its normaliser. Two things then differ from ordinary use. Added tokens are taken out of the pipeline
and their entries in the vocabulary are renamed to something no text can produce, so that "[SEP]", "</s>" or "<mask>"
in a prompt are ordinary characters. And the special tokens that wrap an input are read from the file, never guessed
from a name.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Encoded", "PieceTokenizer"]

# A lone surrogate has no UTF-8 form. One becomes one U+FFFD, so that offsets stay those of the text.
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Encoded(NamedTuple):
    """The pieces of one text: three arrays of the same length, in order."""

    ids: NDArray[np.int32]
    starts: NDArray[np.int32]
    """First character of each piece in the text."""
    ends: NDArray[np.int32]
    """Character after each piece."""


class PieceTokenizer:
    """The tokenizer of a checkpoint folder.

    Attributes:
        prefix: ids that open every input, such as [CLS] or <s>.
        suffix: ids that close it, such as [SEP] or </s>.
        pad_id: id for padding.

    Raises:
        FileNotFoundError: the folder has no tokenizer.json.
        ValueError: the file names no special tokens that wrap an input.
    """

    def __init__(self, directory: Path) -> None:
        from tokenizers import Tokenizer

        path = directory / "tokenizer.json"
        if not path.is_file():
            raise FileNotFoundError(
                f"{directory} has no tokenizer.json; AutoTokenizer.from_pretrained(...).save_pretrained(...) writes one"
            )
        self.path = path
        description = json.loads(path.read_text(encoding="utf-8"))
        self.prefix, self.suffix = _wrapping(Tokenizer.from_file(str(path)), directory)
        self.pad_id = _pad_id(description, directory)
        self._tokenizer = Tokenizer.from_str(json.dumps(_without_special_tokens(description)))

    def encode(self, text: str) -> Encoded:
        """Split `text` into pieces, without special tokens.

        Args:
            text: any string. A lone surrogate counts as U+FFFD. White space and what the normaliser removes have no
                piece.

        Returns:
            The pieces, with starts and ends that never decrease.
        """
        encoding = self._tokenizer.encode(_LONE_SURROGATE.sub("\ufffd", text), add_special_tokens=False)
        offsets = np.array(encoding.offsets, np.int32).reshape(-1, 2)
        # Normalisers may reorder marks; searching needs both ends in order.
        starts, ends = (np.maximum.accumulate(column) for column in offsets.T)
        return Encoded(np.array(encoding.ids, np.int32), starts, ends)


def _without_special_tokens(description: dict) -> dict:
    model = dict(description["model"])
    special = {token["id"]: token["content"] for token in description.get("added_tokens", ())}
    # Pieces never hold U+0000 followed by a blank: each is either removed, replaced or split off before the model.
    inert = {content: f"\0 special {index}" for index, content in special.items()}
    if isinstance(model["vocab"], dict):
        model["vocab"] = {inert.get(piece, piece): index for piece, index in model["vocab"].items()}
    else:
        model["vocab"] = [[inert.get(piece, piece), score] for piece, score in model["vocab"]]
    if model.get("unk_token"):
        model["unk_token"] = inert.get(model["unk_token"], model["unk_token"])
    cleared = dict.fromkeys(("post_processor", "truncation", "padding"))
    return {**description, **cleared, "added_tokens": [], "model": model}


def _wrapping(tokenizer, directory: Path) -> tuple[list[int], list[int]]:
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encoding = tokenizer.encode("a")
    ordinary = [position for position, special in enumerate(encoding.special_tokens_mask) if not special]
    if len(encoding) > len(ordinary) > 0:
        return encoding.ids[: ordinary[0]], encoding.ids[ordinary[-1] + 1 :]
    names = _special_names(directory)
    found = [tokenizer.token_to_id(names[key]) for key in ("cls_token", "sep_token") if key in names]
    if len(found) != 2 or None in found:
        raise ValueError(
            f"{directory}: neither tokenizer.json nor the tokenizer's settings say which special tokens wrap an input"
        )
    return found[:1], found[1:]


def _pad_id(description: dict, directory: Path) -> int:
    name = _special_names(directory).get("pad_token")
    for token in description.get("added_tokens", ()):
        if token["content"] == name or (name is None and token["content"] in ("[PAD]", "<pad>")):
            return token["id"]
    return 0


def _special_names(directory: Path) -> dict[str, str]:
    names = {}
    for file in ("special_tokens_map.json", "tokenizer_config.json"):
        if (directory / file).is_file():
            for key, value in json.loads((directory / file).read_text(encoding="utf-8")).items():
                content = value.get("content") if isinstance(value, dict) else value
                if key.endswith("_token") and isinstance(content, str):
                    names[key] = content
    return names
