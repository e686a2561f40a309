"""Ask a teacher to compress every chunk, and lose nothing when the run is killed (LLMLingua-2 paper, section 3.1).

Each answer is appended to a JSON lines file the moment it arrives; a run on the same file asks only for what is not
there yet. An answer that cannot be used is recorded with its reason and not asked for again unless you say so.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmlingua2.rows import answer_rows
from llmlingua2.teachers.protocol import Answer, BadAnswerError, Chunk, Teacher, prompt
from tenfold_core.datasets import append_jsonl
from tenfold_core.logging import get_logger, progress

__all__ = ["Estimate", "Summary", "distill", "estimate"]

_logger = get_logger(__name__)


@dataclass(frozen=True)
class Estimate:
    """What a run will ask for. Tokens as counted by the given counter; ``cost`` in the currency of the prices."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost: float


@dataclass(frozen=True)
class Summary:
    """What a run did: answers written, bad answers recorded, chunks that were there already."""

    answered: int
    failed: int
    skipped: int


def estimate(
    chunks: Iterable[Chunk],
    *,
    input_price: float = 0.0,
    output_price: float = 0.0,
    count: Callable[[str], int] | None = None,
    output_share: float = 0.6,
) -> Estimate:
    """Calls, tokens and cost before any money is spent.

    Args:
        chunks: what will be sent.
        input_price, output_price: per million tokens.
        count: tokens of a text; default: one per four characters, the usual rule of thumb for English.
        output_share: expected length of an answer as a share of its text (the paper's corpus: 1,415 / 3,635 = 0.39;
            0.6 is on the safe side).
    """
    counter = count or (lambda text: math.ceil(len(text) / 4))
    calls = asked = given = 0
    overhead = sum(counter(message["content"]) for message in prompt(""))
    for chunk in chunks:
        size = counter(chunk.text)
        calls += 1
        asked += overhead + size
        given += math.ceil(size * output_share)
    return Estimate(calls, asked, given, (asked * input_price + given * output_price) / 1e6)


def distill(
    chunks: Iterable[Chunk],
    teacher: Teacher,
    path: str | Path,
    *,
    retry_failed: bool = False,
    stop_after: int = 20,
) -> Summary:
    """Append one row per chunk to ``path``: id, chunk, teacher, text, compressed, source, group, details or error.

    Rows are keyed by chunk and teacher, so several teachers (or one at several rates) may write to one file. Rows of
    one thread come in the order of the chunks; with more threads, in the order of arrival.

    Args:
        chunks: consumed lazily; at most four per thread wait in memory.
        teacher: its ``concurrency`` says how many threads call it at once.
        path: JSON lines; made if missing, and added to otherwise.
        retry_failed: ask again for chunks whose last row is a bad answer.
        stop_after: give up after so many bad answers in a row: then the fault is not in the text.

    Raises:
        RuntimeError: ``stop_after`` bad answers in a row; they are recorded.
        ValueError: ``path`` holds something else than answers.
        Exception: what the teacher raises other than ``BadAnswerError``; every answer that had arrived is on the disk.
    """
    if stop_after < 1:
        raise ValueError(f"distill: stop_after must be at least 1, not {stop_after}")
    done = _finished(Path(path), retry_failed)
    answered = failed = skipped = in_a_row = 0

    def waiting() -> Iterator[Chunk]:
        nonlocal skipped
        for chunk in chunks:
            if _key(chunk, teacher) in done:
                skipped += 1
                advance()
            else:
                done.add(_key(chunk, teacher))
                yield chunk

    total = len(chunks) if isinstance(chunks, Sized) else None
    with progress(f"distilling with {teacher.name}", total=total) as advance:
        for chunk, answer in _answers(waiting(), teacher):
            row = _row(chunk, teacher)
            if isinstance(answer, BadAnswerError):
                failed, in_a_row = failed + 1, in_a_row + 1
                append_jsonl(path, {**row, "compressed": None, "error": str(answer)})
                _logger.debug("%s: %s", row["id"], answer)
                if in_a_row >= stop_after:
                    raise RuntimeError(f"{in_a_row} bad answers in a row from {teacher.name}, the last: {answer}")
            else:
                answered, in_a_row = answered + 1, 0
                append_jsonl(path, {**row, "compressed": answer.text, "details": answer.details})
            advance()
    return Summary(answered, failed, skipped)


def _key(chunk: Chunk, teacher: Teacher) -> str:
    return f"{chunk.id}#{teacher.name}"


def _row(chunk: Chunk, teacher: Teacher) -> dict[str, Any]:
    return {
        "id": _key(chunk, teacher),
        "chunk": chunk.id,
        "teacher": teacher.name,
        "source": chunk.source,
        "group": chunk.group or chunk.id,
        "text": chunk.text,
    }


def _finished(path: Path, retry_failed: bool) -> set[str]:
    if not path.exists():
        return set()
    done: dict[str, bool] = {}
    for row in answer_rows(path):
        done[row["id"]] = row.get("compressed") is not None
    return {key for key, good in done.items() if good or not retry_failed}


def _answers(chunks: Iterator[Chunk], teacher: Teacher) -> Iterator[tuple[Chunk, Answer | BadAnswerError]]:
    def ask(chunk: Chunk) -> Answer | BadAnswerError:
        try:
            return teacher.compress(chunk)
        except BadAnswerError as error:
            return error

    if teacher.concurrency == 1:
        for chunk in chunks:
            yield chunk, ask(chunk)
        return
    pool = ThreadPoolExecutor(teacher.concurrency, thread_name_prefix="teacher")
    pending: dict[Future[Answer | BadAnswerError], Chunk] = {}
    try:
        ready: deque[Future[Answer | BadAnswerError]] = deque()
        exhausted = False
        while pending or not exhausted:
            while not exhausted and len(pending) < 4 * teacher.concurrency:
                following = next(chunks, None)
                if following is None:
                    exhausted = True
                else:
                    pending[pool.submit(ask, following)] = following
            ready.extend(wait(pending, return_when=FIRST_COMPLETED).done)
            # Successes first: an exception must not lose answers that arrived together with it.
            for future in sorted(ready, key=lambda item: item.exception() is not None):
                yield pending.pop(future), future.result()
            ready.clear()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
