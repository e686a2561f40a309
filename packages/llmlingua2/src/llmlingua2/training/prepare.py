"""From a recipe to filtered labels: the offline teachers over the recipe's own sources, aligned, measured, selected."""

from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from llmlingua2.corpora.meetings import load_meetings
from llmlingua2.corpora.sources import TRAINING_MEETINGS, meeting_chunks, open_salience, problem_chunks
from llmlingua2.distill import distill
from llmlingua2.teachers.protocol import Chunk, Teacher
from llmlingua2.teachers.reference import ReferenceTeacher, SalienceTeacher
from llmlingua2.teachers.salience import Salience
from llmlingua2.training.labels import filter_file, label_file
from llmlingua2.training.recipe import DataSettings
from tenfold_core.datasets import read_jsonl, resolve
from tenfold_core.logging import Run, get_logger

__all__ = ["prepare", "recipe_chunks", "recipe_teachers"]

_logger = get_logger(__name__)
_PROBLEMS = "llmlingua2/gsm8k_train.jsonl.gz"


def prepare(settings: DataSettings, directory: str | Path, *, limit: int = 0) -> Path:
    """Write distilled.jsonl, labels.jsonl and filtered.jsonl under ``directory`` and return the last.

    A run that was killed goes on where it stopped; one that was finished is not made again. ``limit`` > 0 takes only so
    many chunks of each source.

    Raises:
        FileNotFoundError: the shared data of a source are not there; the message says where they were looked for.
        ValueError: ``directory`` was prepared by other settings or from other data; the message names them.
    """
    directory = Path(directory)
    distilled, labels, filtered = (directory / f"{name}.jsonl" for name in ("distilled", "labels", "filtered"))
    arguments = {**asdict(settings), "limit": limit}
    del arguments["validation"]  # is of the training
    with Run(directory, arguments=arguments, inputs=recipe_files(settings), resume=True):
        if filtered.exists():
            _logger.info("the labels are there already: %s", filtered)
            return filtered
        chunks = list(recipe_chunks(settings, limit=limit))
        for teacher in recipe_teachers(settings, directory):
            summary = distill(chunks, teacher, distilled)
            _logger.info("%s: %d answers, %d bad, %d there already", teacher.name, *vars(summary).values())
        count = label_file(distilled, labels, method=settings.aligner)  # type: ignore[arg-type]
        by = settings.by
        kept = filter_file(labels, filtered, vr=settings.vr, ag=settings.ag, by=by).kept  # type: ignore[arg-type]
        _logger.info("%d answers labelled, %d kept: %s", count, kept.sum(), filtered)
    return filtered


def recipe_files(settings: DataSettings) -> dict[str, Path]:
    """The data files that the recipe reads, by name."""
    wanted = {"qmsum": TRAINING_MEETINGS, "gsm8k": _PROBLEMS}
    sources = {*settings.sources, "qmsum"} if settings.teacher == "salience" else settings.sources
    return {wanted[name]: resolve(wanted[name]) for name in sorted(sources)}


def recipe_chunks(settings: DataSettings, *, limit: int = 0) -> Iterator[Chunk]:
    """The chunks of the recipe's sources. Every second meeting shows its speakers, as prompts may or may not."""
    if "qmsum" in settings.sources:
        meetings = load_meetings(resolve(TRAINING_MEETINGS), strict=False)
        named, plain = meetings[::2], meetings[1::2]
        size = settings.chunk_size
        found = (
            chunk
            for part, speakers in ((named, True), (plain, False))
            for chunk in meeting_chunks(part, size=size, speakers=speakers)
        )
        yield from islice(found, 0, limit * settings.stride or None, settings.stride)
    if "gsm8k" in settings.sources:
        rows = islice(read_jsonl(resolve(_PROBLEMS)), settings.problems or None)
        yield from islice(problem_chunks(rows, size=settings.chunk_size), limit or None)


def recipe_teachers(settings: DataSettings, directory: Path) -> list[Teacher]:
    """The recipe's teacher, once per rate. What people repeat is counted on the training meetings and kept beside the
    answers as salience.json."""
    if settings.teacher == "reference":
        return [ReferenceTeacher()]
    path = directory / "salience.json"
    if not path.exists():
        open_salience().save(path)
    salience = Salience.load(path)
    return [SalienceTeacher(salience, rate=rate, neighbour=settings.neighbour) for rate in settings.rates]
