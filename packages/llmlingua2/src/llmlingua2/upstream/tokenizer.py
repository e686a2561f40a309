"""The tokenizer as 0.2.2 sees it: piece strings, special names, and the added ``[NEWi]`` placeholders.

``tokenizer.json`` is read through ``tokenizers`` directly. Where ``transformers`` lets ``tokenizer_config.json`` decide
how BERT text is normalised, so does this, because the pieces must be the ones that 0.2.2 gets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, normalizers

from .arguments import whole_characters
from .families import Family, family_of
from .force import placeholder_names

__all__ = ["PieceTokenizer"]

_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
# What the tokenizer classes of transformers use when the files name nothing else.
_BERT = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"}
_XLMR = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "cls_token": "<s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}
_GENERIC_CLASSES = ("PreTrainedTokenizerFast", "PreTrainedTokenizer", "TokenizersBackend", "PythonBackend")


class PieceTokenizer:
    """Turns text into piece strings or ids, and pieces back into text.

    Attributes:
        family: the word-boundary rules.
        names: special tokens by role (``cls_token`` ...), as ``special_tokens_map`` would list them.
    """

    def __init__(self, backend: Tokenizer, names: Mapping[str, str]) -> None:
        self.family: Family = family_of(type(backend.model).__name__)
        self.names = dict(names)
        backend.no_truncation()
        backend.no_padding()
        self._backend = backend

    @classmethod
    def load(cls, folder: Path) -> PieceTokenizer:
        """From a checkpoint's folder; without ``tokenizer.json``, converted by ``transformers.AutoTokenizer``."""
        if not (folder / "tokenizer.json").is_file():
            from transformers import AutoTokenizer

            converted = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            names = {role: str(name) for role, name in converted.special_tokens_map.items() if role in _NAMES}
            return cls(Tokenizer.from_str(converted.backend_tokenizer.to_str()), names)
        backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
        config = _json(folder / "tokenizer_config.json")
        if _is_bert(backend, config):
            backend.normalizer = normalizers.BertNormalizer(
                clean_text=True,
                handle_chinese_chars=config.get("tokenize_chinese_chars", True),
                strip_accents=config.get("strip_accents"),
                lowercase=config.get("do_lower_case", True),
            )
        # Where the configuration lists the added tokens itself, transformers ignores the older map file.
        old = {} if "added_tokens_decoder" in config else _json(folder / "special_tokens_map.json")
        return cls(backend, _special_names(backend, config, old))

    @property
    def special(self) -> frozenset[str]:
        """The special tokens, whatever their role."""
        return frozenset(self.names.values())

    def __len__(self) -> int:
        return self._backend.get_vocab_size(with_added_tokens=True)

    def add_placeholders(self, count: int) -> None:
        """Makes ``[NEW0] .. [NEW<count-1>]`` special tokens; those the files hold already keep their ids."""
        self._backend.add_special_tokens(
            [AddedToken(name, normalized=False, special=True) for name in placeholder_names(count)]
        )

    def pieces(self, text: str) -> list[str]:
        """Piece strings of a text, without special tokens; an unknown piece keeps its surface."""
        return self._backend.encode(text, add_special_tokens=False).tokens

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of several texts, without special tokens."""
        # The fast variant keeps neither offsets nor piece strings.
        encodings = self._backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def places(self, piece: str, text: str, ids: Sequence[int]) -> list[int]:
        """Where a piece string stands among the pieces of ``text``, whose ids are ``ids``."""
        token_id = self._backend.token_to_id(piece)
        if token_id is not None:
            return [index for index, other in enumerate(ids) if other == token_id] if token_id in ids else []
        # Not in the vocabulary: then only an unknown piece, which keeps its surface, can read like it.
        return [index for index, other in enumerate(self.pieces(text)) if other == piece] if piece in text else []

    def ids(self, text: str) -> list[int]:
        """Ids of a text, without special tokens."""
        return self._backend.encode(whole_characters(text), add_special_tokens=False).ids

    def join(self, pieces: list[str]) -> str:
        """The decoder's text for piece strings."""
        decoder = self._backend.decoder
        return " ".join(pieces) if decoder is None else decoder.decode(pieces)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, special tokens included."""
        return self._backend.decode(list(ids), skip_special_tokens=False)

    def piece(self, token_id: int) -> str:
        """The piece string of an id."""
        piece = self._backend.id_to_token(token_id)
        if piece is None:
            raise ValueError(f"model_name: its tokenizer has no piece with id {token_id}")
        return piece

    def id_of(self, piece: str) -> int:
        """The id of a piece string, or the unknown token's.

        Raises:
            ValueError: the piece is unknown and there is no unknown token.
        """
        token_id = self._backend.token_to_id(piece)
        if token_id is None and "unk_token" in self.names:
            token_id = self._backend.token_to_id(self.names["unk_token"])
        if token_id is None:
            raise ValueError(f"model_name: its tokenizer has neither the piece {piece!r} nor an unknown token")
        return token_id


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _is_bert(backend: Tokenizer, config: Mapping[str, Any]) -> bool:
    """Whether transformers would rebuild the normaliser from the configuration."""
    return isinstance(backend.normalizer, normalizers.BertNormalizer) and (
        config.get("tokenizer_class") not in _GENERIC_CLASSES
    )


def _special_names(backend: Tokenizer, config: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, str]:
    names: dict[str, str] = {}
    if config.get("tokenizer_class") not in _GENERIC_CLASSES:
        names.update(_BERT if type(backend.model).__name__ == "WordPiece" else _XLMR)
    for source in (config, old):
        for role in _NAMES:
            value = source.get(role)
            if isinstance(value, Mapping):
                value = value["content"]
            if isinstance(value, str):
                names[role] = value
            elif role in source and value is None:
                names.pop(role, None)
    return names
