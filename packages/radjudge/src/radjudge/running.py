"""Judging a file of pairs so that a killed run can be resumed: lines are appended as they are made, then put in order.

Until a run has ended its lines stand in ``<output>.part``. Every line carries a hash of its inputs, so that a resumed
run takes over only what was made from the same texts by the same judge.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from radjudge.judgement_lines import from_dict
from radjudge.judges import Judge, as_judge
from radjudge.records import Judgement, Pair
from radjudge.scoring import Results
from radjudge.tables import PairTable
from tenfold_core.datasets import read_jsonl, write_jsonl
from tenfold_core.logging import get_logger, progress

BATCH = 64
_logger = get_logger(__name__)


def input_hash(pair: Pair) -> str:
    """Sixteen hexadecimal digits over both texts and the context; says nothing about them."""
    context = None if pair.context is None else [pair.context.age, pair.context.indication]
    content = json.dumps([pair.reference, pair.candidate, context], ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _row(pair: Pair, judgement: Judgement) -> dict[str, Any]:
    return {**judgement.to_dict(), "input": input_hash(pair)}


def _batches(pairs: Iterable[Pair], size: int) -> Iterator[list[Pair]]:
    iterator = iter(pairs)
    while batch := list(islice(iterator, size)):
        yield batch


def _append(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """One write and one flush to disk per batch: a kill loses the batch in flight and no more."""
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    with path.open("ab") as file:
        file.write(content.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())


def _finished(paths: Iterable[Path], pairs: Sequence[Pair], fingerprint: str) -> dict[str, Judgement]:
    """Judgements of earlier runs that are about these pairs and by this judge."""
    hashes = {pair.id: input_hash(pair) for pair in pairs}
    kept: dict[str, Judgement] = {}
    other = 0
    for path in paths:
        for row in read_jsonl(path) if path.exists() else ():
            judgement = from_dict(row)
            if judgement.judge == fingerprint and hashes.get(judgement.id) == row.get("input"):
                kept[judgement.id] = judgement
            else:
                other += 1
    if other:
        _logger.warning("%d earlier lines are of other texts or of another judge and are made again", other)
    return kept


def run(
    table: PairTable,
    *,
    judge: str | Judge = "structured",
    output: Path | None = None,
    resume: bool = False,
    batch: int = BATCH,
) -> Results:
    """Judge every pair of a table.

    Args:
        output: JSON lines, one per pair in the order of the table; nothing is written when None.
        resume: take over what an earlier run on the same output has finished.
        batch: pairs per append to the disk.

    Raises:
        ValueError: ``batch`` below 1, or ``resume`` without ``output``.
        FileExistsError: an unfinished run stands beside ``output`` and ``resume`` is False.
    """
    if batch < 1:
        raise ValueError(f"batch must be at least 1, not {batch}")
    if resume and output is None:
        raise ValueError("resume needs an output file")
    chosen = as_judge(judge)
    done: dict[str, Judgement] = {}
    part = None if output is None else output.with_name(f"{output.name}.part")
    if part is not None and output is not None:
        if resume:
            done = _finished((output, part), table.pairs, chosen.fingerprint)
            by_id = {pair.id: pair for pair in table.pairs}
            write_jsonl(part, (_row(by_id[name], judgement) for name, judgement in done.items()))
        elif part.exists():
            raise FileExistsError(f"{part.name} holds an unfinished run: continue it with --resume, or delete it")
    missing = [pair for pair in table.pairs if pair.id not in done]
    with progress("judging", total=len(missing)) as advance:
        for pairs in _batches(missing, batch):
            judgements = chosen.evaluate(pairs)
            if part is not None:
                _append(part, [_row(pair, item) for pair, item in zip(pairs, judgements, strict=True)])
            done.update((item.id, item) for item in judgements)
            advance(len(pairs))
    ordered = [done[pair.id] for pair in table.pairs]
    if output is not None and part is not None:
        write_jsonl(output, (_row(pair, item) for pair, item in zip(table.pairs, ordered, strict=True)))
        part.unlink(missing_ok=True)
    return Results(table.pairs, ordered, judge=chosen.fingerprint, groups=table.studies)
