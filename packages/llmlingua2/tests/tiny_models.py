"""Tiny random token classifiers in the layout of the hub: one WordPiece/BERT, one Unigram/XLM-RoBERTa.

They read every script of ``sample_texts`` except emoji, cut words into several pieces, and spread their probabilities
over (0, 1), so that compressing with them exercises every rule. Nothing is downloaded; the same seed writes the same
bytes.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from pathlib import Path

import torch
from charsmap import nfkc_mapping, precompiled_charsmap
from sample_texts import SAMPLES
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

__all__ = ["build_unigram_model", "build_wordpiece_model"]

FORCE_ROWS = 100  # embedding rows for [NEW0]..[NEW99], which the released checkpoints hold too
_EMOJI = re.compile("[\u200d\ufe0f\u2600-\u27bf\U0001f000-\U0001faff]")


def build_wordpiece_model(
    directory: str | Path, *, seed: int = 0, layers: int = 1, hidden: int = 32, spare_rows: int = FORCE_ROWS
) -> Path:
    """A cased multilingual WordPiece tokenizer with a BERT token classifier, written to ``directory``."""
    from transformers import BertConfig, BertForTokenClassification

    directory = Path(directory)
    tokenizer = _wordpiece_tokenizer()
    names = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]"}
    _write_tokenizer(
        directory,
        tokenizer,
        {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "mask_token": "[MASK]"} | names,
    )
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size() + spare_rows,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * hidden,
        max_position_embeddings=512,
        num_labels=2,
    )
    _write_model(directory, lambda: BertForTokenClassification(config), seed)
    return directory


def build_unigram_model(
    directory: str | Path, *, seed: int = 1, layers: int = 1, hidden: int = 32, spare_rows: int = FORCE_ROWS
) -> Path:
    """A Unigram tokenizer with a precompiled NFKC map and an XLM-RoBERTa token classifier, written to ``directory``."""
    from transformers import XLMRobertaConfig, XLMRobertaForTokenClassification

    directory = Path(directory)
    tokenizer = _unigram_tokenizer()
    names = {"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "<unk>"}
    _write_tokenizer(
        directory,
        tokenizer,
        {"tokenizer_class": "XLMRobertaTokenizer", "pad_token": "<pad>", "mask_token": "<mask>"} | names,
    )
    config = XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size() + spare_rows,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * hidden,
        max_position_embeddings=514,
        type_vocab_size=1,
        num_labels=2,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )
    _write_model(directory, lambda: XLMRobertaForTokenClassification(config), seed)
    return directory


def _wordpiece_tokenizer() -> Tokenizer:
    normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, lowercase=False)
    splitter = pre_tokenizers.BertPreTokenizer()
    words = Counter(
        word
        for text in SAMPLES
        for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(_EMOJI.sub("", text)))
    )
    letters = sorted({letter for word in words for letter in word} | {chr(code) for code in range(33, 127)})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    for rank, word in enumerate(sorted(words)):
        if len(word) > 1 and rank % 3:  # every third word is left to be spelled out
            pieces.append(word)
        if len(word) > 5:
            pieces += [word[:3], f"##{word[3:5]}", f"##{word[-3:]}"]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return tokenizer


def _unigram_tokenizer() -> Tokenizer:
    normalizer = normalizers.Precompiled(precompiled_charsmap(nfkc_mapping()))
    splitter = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    counts: Counter[str] = Counter()
    for text in SAMPLES:
        for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(_EMOJI.sub("", text))):
            counts.update(word)
            counts.update({word[:end]: 1 for end in (3, 4, 6, len(word)) if 1 < end <= len(word) and len(word) < 12})
            counts.update({word[start : start + 2]: 1 for start in range(1, len(word) - 1)})
    counts.update({chr(code): 1 for code in range(33, 127)})
    counts.update(dict.fromkeys(["▁", ".", ",", "()", ").", ":;", "...", "!?", "??"], 30))
    total = sum(counts.values())
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    scored = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    vocabulary = [(special, 0.0) for special in specials]
    vocabulary += [(piece, math.log(count / total)) for piece, count in scored] + [("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens([*specials, "<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def _write_tokenizer(directory: Path, tokenizer: Tokenizer, config: dict[str, object]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(directory / "tokenizer.json"))
    config = {"model_max_length": 512, **config}
    (directory / "tokenizer_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


def _write_model(directory: Path, build, seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build().eval()
    with torch.no_grad():
        model.classifier.weight *= 16.0  # spreads the probabilities: with the usual 0.02 all would lie near one half
        for name, parameter in model.named_parameters():
            if "encoder" in name and parameter.ndim == 2:
                parameter *= 8.0  # so that context moves the probabilities as well as the piece itself
    model.save_pretrained(directory)
