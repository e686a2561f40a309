"""The steps of ``compress_prompt`` in order: chunk, score, choose contexts, choose words, join, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from .arguments import context_list, number, whole_characters
from .chunking import chunk_text
from .contexts import ContextBudget, keep_contexts
from .counting import TokenCounter
from .force import ForceTokens
from .frame import ScoredChunk
from .labels import labelled_listing, result, split_words
from .thresholds import Reduction
from .tokenizer import PieceTokenizer
from .words import ChunkWords, WordRules

__all__ = ["Options", "Pipeline", "Scorer"]


class Scorer(Protocol):
    """Anything that gives each chunk's pieces a probability of being kept."""

    def score(self, chunks: Sequence[str]) -> list[ScoredChunk]: ...


@dataclass(frozen=True)
class Options:
    """The arguments of one call that have an effect, under the names and defaults of 0.2.2."""

    rate: Any = 0.5
    target_token: Any = -1
    use_context_level_filter: Any = False
    use_token_level_filter: Any = True
    target_context: Any = -1
    context_level_rate: Any = 1.0
    context_level_target_token: Any = -1
    force_context_ids: Any = None
    return_word_label: Any = False
    word_sep: Any = "\t\t|\t\t"
    label_sep: Any = " "
    token_to_word: Any = "mean"
    force_tokens: Any = ()
    force_reserve_digit: Any = False
    drop_consecutive: Any = False
    chunk_end_tokens: Any = (".", "\n")

    @classmethod
    def read(cls, arguments: Mapping[str, Any]) -> Options:
        """Pick them from all arguments of a call, by name."""
        return cls(**{option.name: arguments[option.name] for option in fields(cls)})


@dataclass
class _Output:
    """What the token filter leaves of each context."""

    texts: list[str] = field(default_factory=list)
    words: list[list[str]] = field(default_factory=list)
    labels: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True)
class Pipeline:
    """The resources one ``PromptCompressor`` holds.

    Attributes:
        window: how many pieces after the first a chunk may hold.
        skip: the special tokens that never reach the output.
    """

    tokenizer: PieceTokenizer
    scorer: Scorer
    counter: TokenCounter
    skip: frozenset[str]
    window: int
    max_force_token: int

    def compress(self, context: str | Sequence[str], options: Options) -> dict[str, Any]:
        """The result dictionary for one call.

        Raises:
            ValueError: an argument that cannot be used, by name.
        """
        force = ForceTokens.read(options.force_tokens, self.tokenizer.pieces, self.max_force_token)
        ends = force.chunk_ends(options.chunk_end_tokens)
        contexts = context_list(context)
        origin_tokens = sum(self.counter.length(text) for text in contexts)
        chunks = [
            chunk_text(
                force.hide(whole_characters(text)),
                ends,
                self.window,
                pieces=self.tokenizer.pieces,
                join=self.tokenizer.join,
            )
            for text in contexts
        ]
        if options.use_context_level_filter and len(contexts) != 1:
            return self._coarse_to_fine(chunks, origin_tokens, force, options)
        rate, source = options.rate, "rate"
        if number("target_token", options.target_token) > 0 and origin_tokens:
            rate, source = min(options.target_token / origin_tokens, 1.0), "target_token"
        reduction = self._reduction(rate, source, options) if any(chunks) else None
        words = None if reduction is None else self._merge(chunks, force, options)
        output = self._filter_words(chunks, words, reduction, force)
        return self._report(output, origin_tokens, options, output.words, output.labels)

    def _coarse_to_fine(
        self, chunks: list[list[str]], origin_tokens: int, force: ForceTokens, options: Options
    ) -> dict[str, Any]:
        budget = ContextBudget(options.target_context, options.context_level_rate, options.context_level_target_token)
        share, source = budget.share(
            rate=options.rate,
            target_token=options.target_token,
            contexts=len(chunks),
            origin_tokens=origin_tokens,
            token_filter=bool(options.use_token_level_filter),
        )
        words = self._merge(chunks, force, options)
        kept = keep_contexts(words, share, source, options.force_context_ids)
        kept_chunks = [chunk for chunk, stays in zip(chunks, kept, strict=True) if stays]
        rate, source = options.rate, "rate"
        if number("target_token", options.target_token) >= 0:
            left = sum(self.counter.length(text) for texts in kept_chunks for text in texts)
            rate, source = min(options.target_token / left, 1.0) if left else 1.0, "target_token"
        reduction = self._reduction(rate, source, options) if any(kept_chunks) else None
        # The scores of the first pass serve again: 0.2.2 runs the model a second time on the same chunks.
        kept_words = [chunk for chunk, stays in zip(words, kept, strict=True) if stays]
        output = self._filter_words(kept_chunks, kept_words, reduction, force)
        label = self.tokenizer.family.label
        remaining = zip(output.words, output.labels, strict=True)
        all_words: list[list[str]] = []
        all_labels: list[list[int]] = []
        for stays, context in zip(kept, words, strict=True):
            if stays:
                texts, labels = next(remaining)
            else:
                texts = [label(text) for chunk in context for text in chunk.texts]
                labels = [0] * len(texts)
            all_words.append(texts)
            all_labels.append(labels)
        return self._report(output, origin_tokens, options, all_words, all_labels)

    def _reduction(self, rate: Any, source: str, options: Options) -> Reduction | None:
        if not options.use_token_level_filter:
            return None
        share = max(0, 1 - number("rate", rate))
        return Reduction.check(share, bool(options.drop_consecutive), source) if share > 0 else None

    def _merge(self, chunks: Sequence[Sequence[str]], force: ForceTokens, options: Options) -> list[list[ChunkWords]]:
        rules = WordRules(self.tokenizer, self.skip, force, bool(options.force_reserve_digit), options.token_to_word)
        merged = iter(rules.merge(self.scorer.score([text for texts in chunks for text in texts])))
        return [[next(merged) for _ in texts] for texts in chunks]

    def _filter_words(
        self,
        chunks: Sequence[Sequence[str]],
        words: Sequence[Sequence[ChunkWords]] | None,
        reduction: Reduction | None,
        force: ForceTokens,
    ) -> _Output:
        output = _Output()
        if reduction is None or words is None:
            for texts in chunks:
                shown = [force.show(text) for text in texts]
                output.texts.append("".join(shown))
                output.words.append([word for text in shown for word in split_words(text)])
                output.labels.append([1] * len(output.words[-1]))
            return output
        label = self.tokenizer.family.label
        for context in words:
            joined: list[str] = []
            listed: list[str] = []
            labels: list[int] = []
            for chunk in context:
                keep = reduction.keep(chunk, self.counter.word_lengths(chunk.texts), force.tokens).tolist()
                joined.append(
                    self.tokenizer.join([text for text, stays in zip(chunk.texts, keep, strict=True) if stays])
                )
                listed += map(label, chunk.texts)
                labels += map(int, keep)
            output.texts.append("".join(joined))
            output.words.append(listed)
            output.labels.append(labels)
        return output

    def _report(
        self,
        output: _Output,
        origin_tokens: int,
        options: Options,
        words: Sequence[Sequence[str]],
        labels: Sequence[Sequence[int]],
    ) -> dict[str, Any]:
        report = result(output.texts, origin_tokens, sum(self.counter.length(text) for text in output.texts))
        if options.return_word_label:
            report["fn_labeled_original_prompt"] = labelled_listing(
                (word for context in words for word in context),
                (mark for context in labels for mark in context),
                options.word_sep,
                options.label_sep,
            )
        return report
