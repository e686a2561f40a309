"""Where training text comes from: meetings, worked problems, or any JSON lines with a ``prompt``.

Every loader yields ``Chunk`` objects cut by ``chunks.split``. Hints (what people wrote about a place of the text)
travel with the chunk in its own character offsets.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from llmlingua2.corpora.chunks import Offsets, split
from llmlingua2.corpora.meetings import Meeting, load_meetings
from llmlingua2.teachers.protocol import Chunk
from llmlingua2.teachers.salience import Salience
from llmlingua2.text.plain_text import read_plain_text
from llmlingua2.text.words import words
from tenfold_core.datasets import read_jsonl, resolve
from tenfold_core.logging import get_logger

__all__ = [
    "TRAINING_MEETINGS",
    "document_chunks",
    "fit_salience",
    "meeting_chunks",
    "open_salience",
    "problem_chunks",
    "read_documents",
]

_logger = get_logger(__name__)

TRAINING_MEETINGS = "llmlingua2/qmsum_train.jsonl.gz"
"""QMSum's training split, by its name in the data folder."""


def document_chunks(
    documents: Iterable[Mapping[str, object]], *, size: int = 512, offsets: Offsets = words, source: str = ""
) -> Iterator[Chunk]:
    """Chunks of documents with ``prompt`` (text) and ``idx`` or ``id``; without either, the row's number.

    Raises:
        ValueError: a row without a text under ``prompt``, or named as an earlier one; the message counts rows from 1.
    """
    places: dict[str, int] = {}
    for number, row in enumerate(documents, 1):
        text = row.get("prompt")
        if not isinstance(text, str):
            raise ValueError(f"document {number}: 'prompt' must be a text, not {type(text).__name__}")
        name = str(row.get("idx", row.get("id", number - 1)))
        if places.setdefault(name, number) != number:
            raise ValueError(f"document {number}: document {places[name]} is named {name!r}, too; 'idx' must be unique")
        yield from _cut(text, (), name, source, size, offsets)


def read_documents(path: str | Path) -> Iterator[Mapping[str, object]]:
    """Documents from JSON lines (.jsonl, .jsonl.gz), or a plain text file as one document.

    Raises:
        ValueError: a file that is neither; the message names the place.
    """
    path = Path(path)
    if ".jsonl" in path.suffixes:
        yield from read_jsonl(path)
    elif path.suffix in (".json", ".gz"):
        raise ValueError(f"{path}: give JSON lines (.jsonl, .jsonl.gz) or plain text")
    else:
        yield {"idx": path.stem, "prompt": read_plain_text(path)}


def meeting_chunks(
    meetings: Iterable[Meeting], *, size: int = 512, offsets: Offsets = words, speakers: bool = False
) -> Iterator[Chunk]:
    """Chunks of transcripts; each turn's hints are the answers and topics whose span covers it.

    Args:
        meetings: with queries and topics.
        size, offsets: see ``chunks.split``.
        speakers: put ``speaker:`` before each turn.
    """
    for meeting in meetings:
        lines = [f"{speaker}: {text}" if speakers else text for speaker, text in meeting.turns]
        starts, at = [], 0
        for line in lines:
            starts.append(at)
            at += len(line) + 1
        hints = []
        for query in (*meeting.queries, *meeting.topics):
            # What was asked says little about which words matter; what was answered, or the topic's name, does.
            said = query.answer or query.question
            for first, last in query.spans:
                hints.append((starts[first], starts[last] + len(lines[last]), said))
        yield from _cut("\n".join(lines), hints, meeting.id, "qmsum", size, offsets)


def problem_chunks(
    rows: Iterable[Mapping[str, str]],
    *,
    per_chunk: int = 4,
    source: str = "gsm8k",
    size: int = 512,
    offsets: Offsets = words,
) -> Iterator[Chunk]:
    """Worked problems (``question``, ``answer``) as few-shot prompts of ``per_chunk`` problems each, without hints."""
    shots: list[str] = []
    group = 0
    for row in rows:
        # <<48/2=24>> are marks for a calculator, not text that a prompt would hold.
        answer = "".join(part.rpartition(">>")[2] for part in row["answer"].split("<<")).replace(
            "#### ", "The answer is "
        )
        shots.append(f"Question: {row['question']}\nLet's think step by step.\n{answer}")
        if len(shots) == per_chunk:
            yield from _cut("\n\n".join(shots), (), f"{source}-{group}", source, size, offsets)
            shots, group = [], group + 1
    if shots:
        yield from _cut("\n\n".join(shots), (), f"{source}-{group}", source, size, offsets)


def fit_salience(meetings: Sequence[Meeting]) -> Salience:
    """What people repeat, counted over the queries of the meetings (never give it meetings of an evaluation)."""
    return Salience.fit(
        (
            (_words("\n".join(meeting.turns[turn][1] for turn in query.turns())), _words(query.answer))
            for meeting in meetings
            for query in meeting.queries
        ),
        (_words("\n".join(text for _, text in meeting.turns)) for meeting in meetings),
    )


def open_salience(source: str | Path | None = None) -> Salience:
    """What people repeat, from a file.

    Args:
        source: counts that ``Salience.save`` wrote (.json), or meetings in QMSum's layout (.jsonl, .jsonl.gz), which
            are counted now; None: QMSum's training meetings in the data folder (``TENFOLD_DATA``).

    Raises:
        FileNotFoundError: no such file; without a source, the message says where the meetings were looked for.
        ValueError: a file that holds neither.
    """
    if source is not None and Path(source).suffix == ".json":
        return Salience.load(source)
    path = resolve(TRAINING_MEETINGS) if source is None else Path(source)
    _logger.info("counting what people repeat on %s", path)
    return fit_salience(load_meetings(path, strict=False))


def _words(text: str) -> list[str]:
    return [text[start:end] for start, end in words(text)]


def _cut(
    text: str, hints: Sequence[tuple[int, int, str]], name: str, source: str, size: int, offsets: Offsets
) -> Iterator[Chunk]:
    for number, (start, end) in enumerate(split(text, offsets, size=size)):
        piece = text[start:end]
        if not piece.strip():
            continue
        local = tuple(
            (max(first, start) - start, min(last, end) - start, said)
            for first, last, said in hints
            if first < end and last > start
        )
        yield Chunk(f"{name}:{number}", piece, local, source, f"{source}:{name}" if source else name)
