"""A second, slow reading of what llmlingua 0.2.2 does in its LLMLingua-2 mode, in plain Python.

It shares no code with the package: tokenizer and model are those of ``transformers``, every chunk is padded to 512
pieces, words grow piece by piece in lists, and scores are added up one scalar at a time. Where 0.2.2 raises, so does
this.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable

import numpy as np
import torch

WORDS = re.compile(r"\b\w+\b|[" + re.escape('<>=/!@#$%^&*()?":{}|\\`~;_+-') + "]")


class Reference:
    """``compress(context, **options)`` returns the dictionary of ``compress_prompt``.

    Args:
        tokenizer: a ``transformers`` tokenizer, fresh from its files.
        model: maps ``input_ids`` and ``attention_mask`` to an object with ``logits`` of shape ``(chunks, 512, 2)``.
        pad_token_id: that of the model's configuration.
        wordpiece: whether the word rules are mBERT's or XLM-RoBERTa's.
        count: cl100k tokens of a text.
    """

    def __init__(self, tokenizer, model, *, pad_token_id: int, wordpiece: bool, count: Callable[[str], int]) -> None:
        self.tokenizer = tokenizer
        self.model = model
        self.wordpiece = wordpiece
        self.count = count
        roles = dict(tokenizer.special_tokens_map)
        roles.pop("additional_special_tokens", None)
        roles.pop("pad_token", None)
        self.special = set(roles.values())
        if pad_token_id:
            self.special.add(tokenizer.convert_ids_to_tokens(pad_token_id))
        self.added = [f"[NEW{i}]" for i in range(100)]
        tokenizer.add_special_tokens({"additional_special_tokens": self.added})

    def compress(
        self,
        context,
        rate=0.5,
        target_token=-1,
        use_context_level_filter=True,
        use_token_level_filter=True,
        target_context=-1,
        context_level_rate=1.0,
        context_level_target_token=-1,
        force_context_ids=None,
        return_word_label=False,
        word_sep="\t\t|\t\t",
        label_sep=" ",
        token_to_word="mean",
        force_tokens=(),
        force_reserve_digit=False,
        drop_consecutive=False,
        chunk_end_tokens=(".", "\n"),
    ) -> dict:
        self.force = force_tokens
        self.mapped = {t: self.added[i] for i, t in enumerate(force_tokens) if len(self.tokenizer.tokenize(t)) != 1}
        self.digits = force_reserve_digit
        self.how = token_to_word
        ends = set(chunk_end_tokens)
        for token in chunk_end_tokens:
            if token in self.mapped:
                ends.add(self.mapped[token])

        contexts = [context] if isinstance(context, str) else list(context)
        origin = sum(self.count(text) for text in contexts)
        chunks = []
        for text in contexts:
            for token, name in self.mapped.items():
                text = text.replace(token, name)
            chunks.append(self.cut(text, ends))

        filtered = use_context_level_filter and len(contexts) != 1
        kept = list(range(len(contexts)))
        all_words = {}
        if filtered:
            if target_context <= 0 and context_level_rate >= 1.0 and context_level_target_token <= 0:
                half_way = use_token_level_filter
                if target_token < 0 and rate < 1.0:
                    context_level_rate = (rate + 1.0) / 2 if half_way else rate
                if target_token >= 0:
                    context_level_target_token = target_token * 2 if half_way else target_token
            if target_context >= 0:
                context_level_rate = min(target_context / len(contexts), 1.0)
            if context_level_target_token >= 0:
                context_level_rate = min(context_level_target_token / origin, 1.0)
            means = []
            for number, texts in enumerate(chunks):
                scores, all_words[number] = [], []
                for text in texts:
                    words, _, raw = self.words(text)
                    all_words[number] += [self.bare(word) for word in words]
                    scores += raw
                means.append(sum(scores) / len(scores))
            bar = np.percentile(means, int(100 * (1 - context_level_rate)))
            kept = [i for i, mean in enumerate(means) if mean >= bar or i in (force_context_ids or ())]
            if target_token >= 0:
                rate = min(target_token / sum(self.count(text) for i in kept for text in chunks[i]), 1.0)
        elif target_token > 0:
            rate = min(target_token / origin, 1.0)

        reduce = max(0, 1 - rate) if use_token_level_filter else 0
        texts, listed = [], {}
        for number in kept:
            parts, labelled = [], []
            for chunk in chunks[number]:
                part, marks = self.shorten(chunk, reduce, drop_consecutive)
                parts.append(part)
                labelled += marks
            texts.append("".join(parts))
            listed[number] = labelled
        compressed = sum(self.count(text) for text in texts)
        ratio = origin / compressed if compressed else 1
        report = {
            "compressed_prompt": "\n\n".join(texts),
            "compressed_prompt_list": texts,
            "origin_tokens": origin,
            "compressed_tokens": compressed,
            "ratio": f"{ratio:.1f}x",
            "rate": f"{1 / ratio * 100:.1f}%",
            "saving": f", Saving ${(origin - compressed) * 0.06 / 1000:.1f} in GPT-4.",
        }
        if return_word_label:
            pairs = []
            for number in range(len(contexts)):
                pairs += listed[number] if number in listed else [(word, 0) for word in all_words[number]]
            report["fn_labeled_original_prompt"] = word_sep.join(f"{word}{label_sep}{mark}" for word, mark in pairs)
        return report

    def cut(self, text: str, ends: set[str]) -> list[str]:
        """Chunks of at most 511 pieces, cut after the last chunk end among the last 510."""
        rest = self.tokenizer.tokenize(text)
        chunks = []
        while len(rest) > 510:
            size = 511
            while size > 1 and rest[size - 1] not in ends:
                size -= 1
            if size == 1:
                size = 511
            chunks.append(rest[:size])
            rest = rest[size:]
        if rest:
            chunks.append(rest)
        return [self.tokenizer.convert_tokens_to_string(chunk) for chunk in chunks]

    def probabilities(self, text: str) -> list[tuple[str, np.floating]]:
        """Each visible piece, frame included, with its probability of class 1."""
        pieces = ["[CLS]", *self.tokenizer.tokenize(text), "[SEP]"][:512]
        pieces += ["[PAD]"] * (512 - len(pieces))
        ids = self.tokenizer.convert_tokens_to_ids(pieces)
        mask = [piece != "[PAD]" for piece in pieces]
        with torch.no_grad():
            logits = self.model(input_ids=torch.tensor([ids]), attention_mask=torch.tensor([mask])).logits
        keep = torch.softmax(logits, dim=-1)[0, :, 1].numpy()
        return [(self.tokenizer.convert_ids_to_tokens(ids[place]), keep[place]) for place in range(512) if mask[place]]

    def words(self, text: str) -> tuple[list[str], list, list]:
        """Words of a chunk, their scores, and their scores without forcing."""
        words, pieces_of, first_of = [], [], []
        names = set(self.mapped.values())
        for piece, p in self.probabilities(text):
            if piece in self.special:
                continue
            pure = piece.lstrip("#" if self.wordpiece else "▁")
            if self.wordpiece:
                new = not piece.startswith("##") or pure in self.force or pure in names
            else:
                new = piece.startswith("▁") or piece in string.punctuation or piece in self.force or piece in names
            if new:
                shown = piece
                for token, name in self.mapped.items():
                    shown = shown.replace(name, token)
                sure = pure in self.force or pure in names or (self.digits and re.search(r"\d", shown))
                words.append(shown)
                pieces_of.append([1.0 if sure else p])
                first_of.append([p])
            else:
                words[-1] += pure
                pieces_of[-1].append(1.0 if self.digits and re.search(r"\d", piece) else p)
                first_of[-1].append(first_of[-1][0])
        if self.how == "first":
            return words, [values[0] for values in pieces_of], [values[0] for values in first_of]
        if self.how != "mean":
            raise NotImplementedError
        return words, [sum(v) / len(v) for v in pieces_of], [sum(v) / len(v) for v in first_of]

    def shorten(self, chunk: str, reduce: float, drop_consecutive: bool) -> tuple[str, list[tuple[str, int]]]:
        """The text left of a chunk, and its words with labels."""
        if reduce <= 0:
            for token, name in self.mapped.items():
                chunk = chunk.replace(name, token)
            return chunk, [(word, 1) for word in WORDS.findall(chunk)]
        words, scores, _ = self.words(chunk)
        if drop_consecutive:
            bar = np.percentile(scores, int(100 * reduce))
            between, previous = False, None
            for place, word in enumerate(words):
                if word not in self.force:
                    between = between or scores[place] > bar
                    continue
                if between:
                    between = False
                elif word == previous:
                    scores[place] = 0.0
                previous = word
        weighed = []
        for word, score in zip(words, scores, strict=True):
            weighed += [score] * self.count(word)
        bar = np.percentile(weighed, int(100 * reduce + 1))
        kept, pairs = [], []
        for word, score in zip(words, scores, strict=True):
            keep = score > bar or (bar == 1.0 and score == 1.0)
            if keep and drop_consecutive and word in self.force and kept and kept[-1] == word:
                keep = False
            if keep:
                kept.append(word)
            pairs.append((self.bare(word), int(keep)))
        return self.tokenizer.convert_tokens_to_string(kept), pairs

    def bare(self, word: str) -> str:
        return word if self.wordpiece else word.lstrip("▁")
