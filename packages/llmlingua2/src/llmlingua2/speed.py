"""Timing beside the peer: `llmlingua` 0.2.2 and this package, same weights, same text, one process, interleaved.

Ratios are what to read. Processor time of one process is measured, so that a busy machine disturbs both alike.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tenfold_core.logging import environment, track
from tenfold_core.metrics import paired_benchmark

LENGTHS = (100, 1_500, 6_000)
RATE = 0.33
# The peer tells a model's family by its path; under this name it takes the shipped weights for WordPiece, as they are.
PEER_FOLDER = "bert-base-multilingual-cased"


def run(lengths: Sequence[int] | None = None, *, rounds: int = 7, seed: int = 0) -> dict[str, Any]:
    """Time `Compressor` and `PromptCompressor` against `llmlingua.PromptCompressor` on the shipped weights.

    Args:
        lengths: prompt lengths in words of meeting text.
        rounds: interleaved repetitions of each pair.
        seed: of the order within the rounds and of the intervals.

    Returns:
        `table` (columns, rows, caption), `records` (one a length and contender: `length`, `contender`, `ratio` = peer's
        time / ours, `low`, `high`, `peer_seconds`, `seconds`), `command`, `environment`.

    Raises:
        ImportError: llmlingua 0.2.2 or tiktoken is not installed.
    """
    lengths = tuple(lengths or LENGTHS)
    words = _sample_words(max(lengths))
    records: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        peer, native, drop_in = _contenders(Path(folder) / PEER_FOLDER)
        for length in track(lengths, "timing"):
            text = " ".join(words[:length])

            def theirs(text: str = text) -> object:
                return peer.compress_prompt(text, rate=RATE)

            def ours(text: str = text) -> object:
                native.clear_cache()
                return native.compress(text, rate=RATE)

            def same_interface(text: str = text) -> object:
                return drop_in.compress_prompt(text, rate=RATE)

            for contender, function in (("Compressor", ours), ("PromptCompressor", same_interface)):
                found = paired_benchmark(theirs, function, rounds=rounds, warmup=1, seed=seed)
                records.append(
                    {
                        "length": length,
                        "contender": contender,
                        "ratio": found.ratio,
                        "low": found.low,
                        "high": found.high,
                        "peer_seconds": found.a,
                        "seconds": found.b,
                    }
                )
    rows = [
        [f"{r['length']:,}", r["contender"], f"{r['ratio']:.2f}x [{r['low']:.2f}, {r['high']:.2f}]"] for r in records
    ]
    return {
        "command": f"llmlingua2 speed --rounds {rounds}" + "".join(f" --words {n}" for n in lengths),
        "package": "llmlingua2",
        "environment": environment("llmlingua", "tiktoken"),
        "seed": seed,
        "rate": RATE,
        "records": records,
        "table": {
            "columns": ["words", "class", "times faster than llmlingua 0.2.2"],
            "rows": rows,
            "caption": "Processor time, same weights and text, interleaved in one process: median ratio and interval.",
        },
    }


def table(result: dict[str, Any]) -> str:
    """The result as plain text, for a terminal."""
    rows = [result["table"]["columns"], *result["table"]["rows"]]
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([*lines, result["table"]["caption"]])


def _sample_words(count: int) -> list[str]:
    from .demo import sample_meetings

    words: list[str] = []
    for meeting in sample_meetings():
        words += meeting.text().split()
        if len(words) >= count:
            return words
    raise ValueError(f"lengths must be at most {len(words)} words, the length of the sample meetings; got {count}")


def _contenders(folder: Path) -> tuple[Any, Any, Any]:
    try:
        import llmlingua
        import tiktoken  # noqa: F401  (the peer counts with it; without it the error would come later and say less)
    except ImportError as error:
        raise ImportError("speed compares with llmlingua 0.2.2: pip install llmlingua==0.2.2 tiktoken") from error
    from .compressor import Compressor
    from .prompt_compressor import PromptCompressor

    native = Compressor.default(counter="cl100k_base", device="cpu")
    native.classifier.save_pretrained(folder)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    peer = llmlingua.PromptCompressor(str(folder), device_map="cpu", use_llmlingua2=True)
    return peer, native, PromptCompressor(str(folder), device_map="cpu")
