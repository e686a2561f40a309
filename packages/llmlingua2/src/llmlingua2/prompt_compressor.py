"""``PromptCompressor``: the drop-in for the class of that name in llmlingua 0.2.2, in its LLMLingua-2 mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from .upstream.checkpoint import Checkpoint, max_pieces, resolve_device
from .upstream.counting import cl100k
from .upstream.frame import Frame
from .upstream.pipeline import Options, Pipeline
from .upstream.recovery import recover
from .upstream.scoring import ChunkScorer
from .upstream.segments import json_report, native_compressor, structured_report
from .upstream.tokenizer import PieceTokenizer

if TYPE_CHECKING:
    from .compressor import Compressor

__all__ = ["PromptCompressor"]

_DEFAULT_MODEL = "microsoft/llmlingua-2-xlm-roberta-large-meetingbank"


class PromptCompressor:
    """Compresses prompts by token classification, with the interface and the results of llmlingua 0.2.2.

    With ``compat="0.2.2"`` (the default) ``compress_prompt`` returns, on the same weights, exactly what 0.2.2 returns,
    key by key. Where 0.2.2 raises, it returns the sensible result or raises a ``ValueError`` that names the argument.
    ``compat=False`` differs in one thing: chunks are framed by the model's own special tokens. (0.2.2 writes BERT's
    names whatever the model, so that XLM-RoBERTa sees unknown tokens instead, and a full chunk loses its closing
    token.) ``Compressor`` is the interface without these inherited rules.

    Example:
        >>> compressor = PromptCompressor("microsoft/llmlingua-2-bert-base-multilingual-cased-meetingbank")
        >>> compressor.compress_prompt(text, rate=0.33, force_tokens=["\\n", "?"])["compressed_prompt"]

    Args:
        model_name: local folder or hub id of a token classifier, WordPiece or Unigram; its family is read from the
            tokenizer, never from the name.
        device_map: ``"auto"`` (an accelerator if there is one) or a device such as ``"cpu"`` or ``"cuda:1"``.
        model_config: ``torch_dtype`` (or ``dtype``), ``attn_implementation``, ``pad_to_left`` as in 0.2.2, and for the
            hub ``revision``, ``subfolder``, ``cache_dir``, ``token``, ``local_files_only``, ``force_download``. Code
            from a checkpoint is never run: ``trust_remote_code`` is ignored with a warning.
        open_api_config: accepted for compatibility, unused in this mode.
        use_llmlingua2: must stay True.
        llmlingua2_config: ``max_batch_size`` (50) chunks per forward pass; ``max_force_token`` (100) force tokens.
        use_slingua: must stay False.
        compat: ``"0.2.2"`` or False.

    Raises:
        ImportError: tiktoken is missing (``pip install "llmlingua2[tiktoken]"``).
        ValueError: an argument outside what is listed above, or a checkpoint that is not such a token classifier.
    """

    def __init__(
        self,
        model_name: str = _DEFAULT_MODEL,
        device_map: str = "auto",
        model_config: Mapping[str, Any] | None = None,
        open_api_config: Mapping[str, Any] | None = None,
        use_llmlingua2: bool = True,
        llmlingua2_config: Mapping[str, Any] | None = None,
        *,
        use_slingua: bool = False,
        compat: Literal["0.2.2", False] = "0.2.2",
    ) -> None:
        if not use_llmlingua2:
            raise ValueError("use_llmlingua2=False: causal-LM compression is not in this package; use llmlingua's")
        if use_slingua:
            raise ValueError("use_slingua=True: SecurityLingua is not in this package; use llmlingua's main branch")
        if compat not in ("0.2.2", False):
            raise ValueError(f"compat must be '0.2.2' or False, not {compat!r}")
        settings = _settings(llmlingua2_config)
        device = resolve_device(device_map)
        counter = cl100k()
        checkpoint = Checkpoint.find(model_name, model_config)
        tokenizer = PieceTokenizer.load(checkpoint.folder)
        tokenizer.add_placeholders(settings["max_force_token"])
        frame = Frame.upstream(tokenizer) if compat else Frame.true(tokenizer)
        pad_id = getattr(checkpoint.config, "pad_token_id", None)
        as_upstream = compat and checkpoint.options.get("pad_to_left", True)
        limit = max_pieces(checkpoint.config)
        self.model_name = model_name
        self.compat = compat
        self.tokenizer = tokenizer
        self.model = checkpoint.load(device, len(tokenizer))
        self.device = self.model.device
        self._folder = checkpoint.folder
        self._pipeline = Pipeline(
            tokenizer=tokenizer,
            scorer=ChunkScorer(self.model, tokenizer, frame, limit=limit, max_batch_size=settings["max_batch_size"]),
            counter=counter,
            skip=_skipped_pieces(tokenizer, pad_id) if as_upstream else tokenizer.special,
            window=limit - 2 if compat else limit - 3,  # a chunk holds one piece more than its window
            max_force_token=settings["max_force_token"],
        )

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The same as ``compress_prompt``."""
        return self.compress_prompt(*args, **kwargs)

    def compress_prompt(
        self,
        context: str | Sequence[str],
        instruction: str = "",
        question: str = "",
        rate: float = 0.5,
        target_token: float = -1,
        iterative_size: int = 200,
        force_context_ids: Sequence[int] | None = None,
        force_context_number: int | None = None,
        use_sentence_level_filter: bool = False,
        use_context_level_filter: bool = True,
        use_token_level_filter: bool = True,
        keep_split: bool = False,
        keep_first_sentence: int = 0,
        keep_last_sentence: int = 0,
        keep_sentence_number: int = 0,
        high_priority_bonus: int = 100,
        context_budget: str = "+100",
        token_budget_ratio: float = 1.4,
        condition_in_question: str = "none",
        reorder_context: str = "original",
        dynamic_context_compression_ratio: float = 0.0,
        condition_compare: bool = False,
        add_instruction: bool = False,
        rank_method: str = "llmlingua",
        concate_question: bool = True,
        context_segs: Sequence[Any] | None = None,
        context_segs_rate: Sequence[Any] | None = None,
        context_segs_compress: Sequence[Any] | None = None,
        target_context: int = -1,
        context_level_rate: float = 1.0,
        context_level_target_token: int = -1,
        return_word_label: bool = False,
        word_sep: str = "\t\t|\t\t",
        label_sep: str = " ",
        token_to_word: str = "mean",
        force_tokens: Sequence[str] = (),
        force_reserve_digit: bool = False,
        drop_consecutive: bool = False,
        chunk_end_tokens: Sequence[str] = (".", "\n"),
        strict_preserve_uncompressed: bool = True,
    ) -> dict[str, Any]:
        """Compresses one text or a list of contexts.

        The arguments not described here are accepted and have no effect, as in 0.2.2's LLMLingua-2 mode:
        ``instruction`` and ``question`` do not appear in the output.

        Args:
            context: a text, or a list of texts; a list goes through the context filter first.
            rate: share of tokens to keep, above 0; 1 or more keeps everything.
            target_token: if above 0, cl100k tokens to aim at instead of ``rate``.
            use_context_level_filter: whether a list of contexts loses the contexts with the lowest mean score.
            target_context: if 0 or more, how many contexts to keep.
            context_level_rate: share of contexts to keep; by default it follows from ``rate``.
            context_level_target_token: if 0 or more, the share of contexts follows from this many tokens.
            force_context_ids: indices of contexts to keep in any case.
            use_token_level_filter: False stops after the context filter.
            token_to_word: score of a word: ``"mean"`` of its pieces, or the ``"first"``.
            force_tokens: strings to keep wherever they stand; at most ``max_force_token``.
            force_reserve_digit: keep pieces with a digit.
            drop_consecutive: keep one of several equal force tokens in a row.
            chunk_end_tokens: pieces a chunk may end on.
            return_word_label: add ``fn_labeled_original_prompt``: every word, ``label_sep``, 1 (kept) or 0, joined
                with ``word_sep``.

        Returns:
            ``compressed_prompt`` (str), ``compressed_prompt_list`` (one text per context that was kept),
            ``origin_tokens`` and ``compressed_tokens`` (cl100k), and as text ``ratio`` ("3.2x"), ``rate`` ("31.6%") and
            ``saving``.

        Raises:
            ValueError: an argument that cannot be used, by name.
        """
        return self._pipeline.compress(context, Options.read(locals()))

    def compress_prompt_llmlingua2(
        self,
        context: str | Sequence[str],
        rate: float = 0.5,
        target_token: float = -1,
        use_context_level_filter: bool = False,
        use_token_level_filter: bool = True,
        target_context: int = -1,
        context_level_rate: float = 1.0,
        context_level_target_token: int = -1,
        force_context_ids: Sequence[int] | None = (),
        return_word_label: bool = False,
        word_sep: str = "\t\t|\t\t",
        label_sep: str = " ",
        token_to_word: str = "mean",
        force_tokens: Sequence[str] = (),
        force_reserve_digit: bool = False,
        drop_consecutive: bool = False,
        chunk_end_tokens: Sequence[str] = (".", "\n"),
    ) -> dict[str, Any]:
        """``compress_prompt`` with the effective arguments only, and the context filter off by default."""
        return self._pipeline.compress(context, Options.read(locals()))

    def structured_compress_prompt(
        self,
        context: str | Sequence[str],
        instruction: str = "",
        question: str = "",
        rate: float = 0.5,
        target_token: float = -1,
        iterative_size: int = 200,
        force_context_ids: Sequence[int] | None = None,
        force_context_number: int | None = None,
        use_sentence_level_filter: bool = False,
        use_context_level_filter: bool = True,
        use_token_level_filter: bool = True,
        keep_split: bool = False,
        keep_first_sentence: int = 0,
        keep_last_sentence: int = 0,
        keep_sentence_number: int = 0,
        high_priority_bonus: int = 100,
        context_budget: str = "+100",
        token_budget_ratio: float = 1.4,
        condition_in_question: str = "none",
        reorder_context: str = "original",
        dynamic_context_compression_ratio: float = 0.0,
        condition_compare: bool = False,
        add_instruction: bool = False,
        rank_method: str = "llmlingua",
        concate_question: bool = True,
        strict_preserve_uncompressed: bool = True,
    ) -> dict[str, Any]:
        """Compresses texts whose parts are marked: ``<llmlingua, rate=0.3>...</llmlingua>``, ``<llmlingua,
        compress=False>...</llmlingua>``.

        0.2.2 forgets the tags in this mode. Here each segment is compressed to its own rate, the tags go, and what is
        not to be compressed stays byte for byte, "<" included. No context is dropped as a whole; the arguments not
        described here are accepted and have no effect.

        Args:
            context: a text or a list of texts.
            rate: for segments without one, above 0 and at most 1.
            target_token: if not -1, the rate is this many tokens' share of all texts instead.

        Returns:
            As of ``compress_prompt``.

        Raises:
            ValueError: an argument that cannot be used, by name; a tag that is malformed, with its place.
        """
        return structured_report(self._native, self._pipeline.counter, context, rate=rate, target_token=target_token)

    def compress_json(
        self,
        json_data: Mapping[str, Any],
        json_config: str | Mapping[str, Mapping[str, Any]],
        instruction: str = "",
        question: str = "",
        rate: float = 0.5,
        target_token: float = -1,
        iterative_size: int = 200,
        use_sentence_level_filter: bool = False,
        use_keyvalue_level_filter: bool = False,
        use_token_level_filter: bool = True,
        keep_split: bool = False,
        keep_first_sentence: int = 0,
        keep_last_sentence: int = 0,
        keep_sentence_number: int = 0,
        high_priority_bonus: int = 100,
        context_budget: str = "+100",
        token_budget_ratio: float = 1.4,
        condition_in_question: str = "none",
        reorder_keyvalue: str = "original",
        condition_compare: bool = False,
        rank_method: str = "llmlingua",
    ) -> dict[str, Any]:
        """Compresses the strings of a JSON object, each key's to its own rate; see ``Compressor.compress_json``.

        The arguments not described here are accepted and have no effect.

        Args:
            json_data: the object; it is not changed.
            json_config: for each key a dictionary with ``rate``, ``compress``, ``pair_remove`` and ``value_type``, or
                the path of a YAML file that holds this.
            rate: for keys without one, above 0 and at most 1.
            target_token: if not -1, the rate is this many tokens' share of the object's text instead.
            use_keyvalue_level_filter: first remove low-scoring pairs among those with ``pair_remove``.

        Returns:
            As of ``compress_prompt``, except that ``compressed_prompt`` is an object of the same shape.

        Raises:
            ValueError: an argument that cannot be used, by name.
        """
        return json_report(
            self._native,
            self._pipeline.counter,
            json_data,
            json_config,
            rate=rate,
            target_token=target_token,
            use_keyvalue_level_filter=use_keyvalue_level_filter,
        )

    @cached_property
    def _native(self) -> Compressor:
        return native_compressor(self._folder, self.model)

    def recover(self, original_prompt: str, compressed_prompt: str, response: str) -> str:
        """A response to the compressed prompt with the passages it copied put back as the original had them.

        Raises:
            ValueError: an argument that is not a string.
        """
        texts = {"original_prompt": original_prompt, "compressed_prompt": compressed_prompt, "response": response}
        for name, text in texts.items():
            if not isinstance(text, str):
                raise ValueError(f"{name} must be a string, not {type(text).__name__}")
        return recover(**texts, encode=self.tokenizer.ids, decode=self.tokenizer.decode)


def _settings(given: Mapping[str, Any] | None) -> dict[str, int]:
    settings = {"max_batch_size": 50, "max_force_token": 100}
    for name, value in dict(given or {}).items():
        if name not in settings:
            raise ValueError(f"llmlingua2_config has the unknown key {name!r}; it takes {', '.join(settings)}")
        least = 1 if name == "max_batch_size" else 0
        if not isinstance(value, int) or value < least:
            raise ValueError(f"llmlingua2_config[{name!r}] must be a whole number from {least} up, not {value!r}")
        settings[name] = value
    return settings


def _skipped_pieces(tokenizer: PieceTokenizer, pad_id: int | None) -> frozenset[str]:
    """The special tokens of 0.2.2: it makes the configuration's padding id the tokenizer's, and reads mBERT's id 0 as
    none at all, so that "[PAD]" is no special token there."""
    names = {role: name for role, name in tokenizer.names.items() if role != "pad_token"}
    return frozenset(names.values()) | ({tokenizer.piece(pad_id)} if pad_id else set())
