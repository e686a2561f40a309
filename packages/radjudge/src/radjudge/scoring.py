"""The front door: :func:`score`, and :class:`Results`, what it returns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from radjudge.judges import Judge, as_judge
from radjudge.records import CATEGORIES, Context, Judgement, Pair
from radjudge.scores import SCORES

if TYPE_CHECKING:
    import pandas

    from tenfold_core.metrics import Interval

_CONTEXT_KEYS = ("age", "indication")


@dataclass(frozen=True, slots=True)
class Means:
    """Means over the judged pairs; None when none could be judged. ``counts`` are mean errors per pair and category."""

    score: float | None
    total_errors: float | None
    significant_errors: float | None
    green_like: float | None
    crimson_like: float | None
    exp_count: float | None
    counts: Mapping[str, float]


class Results(Sequence[Judgement]):
    """Judgements of a list of pairs, in order, with corpus figures over those that could be judged.

    Attributes:
        pairs: what was judged.
        judgements: one per pair.
        judge: fingerprint of the judge.
        groups: study of each pair, for intervals that resample studies; None when every pair is its own study.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        judgements: Sequence[Judgement],
        *,
        judge: str = "",
        groups: Sequence[str] | None = None,
    ) -> None:
        if len(pairs) != len(judgements):
            raise ValueError(f"number of pairs ({len(pairs)}) and of judgements ({len(judgements)}) differ")
        if groups is not None and len(groups) != len(pairs):
            raise ValueError(f"number of groups ({len(groups)}) and of pairs ({len(pairs)}) differ")
        self.pairs = tuple(pairs)
        self.judgements = tuple(judgements)
        self.judge = judge
        self.groups = None if groups is None else tuple(groups)

    @overload
    def __getitem__(self, index: int) -> Judgement: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Judgement]: ...
    def __getitem__(self, index: int | slice) -> Judgement | Sequence[Judgement]:
        return self.judgements[index]

    def __len__(self) -> int:
        return len(self.judgements)

    def __iter__(self) -> Iterator[Judgement]:
        return iter(self.judgements)

    def __repr__(self) -> str:
        mean = self.mean
        figure = "no score" if mean.score is None else f"score {mean.score:.4f}, {mean.total_errors:.3f} errors a pair"
        return f"Results({len(self)} pairs, {len(self.failed)} failed, {figure})"

    @cached_property
    def judged(self) -> tuple[Judgement, ...]:
        """Judgements with ``status="ok"``."""
        return tuple(item for item in self.judgements if item.status == "ok")

    @cached_property
    def failed(self) -> tuple[Judgement, ...]:
        """Judgements with ``status="failed"``: outside every mean, never counted as 0 errors."""
        return tuple(item for item in self.judgements if item.status == "failed")

    @cached_property
    def mean(self) -> Means:
        """Corpus means."""
        judged = self.judged
        values: dict[str, float | None] = {}
        for name in SCORES:
            values[name] = math.fsum(getattr(item, name) for item in judged) / len(judged) if judged else None
        counts: dict[str, float] = (
            {category: math.fsum(item.counts[category] for item in judged) / len(judged) for category in CATEGORIES}
            if judged
            else {}
        )
        return Means(**values, counts=dict(counts))

    @cached_property
    def ci(self) -> dict[str, Interval]:
        """95 % bootstrap intervals of the means, resampling studies; empty when nothing could be judged."""
        from tenfold_core.metrics import bootstrap_ci

        if not self.judged:
            return {}
        groups = None
        if self.groups is not None:
            groups = [group for group, item in zip(self.groups, self.judgements, strict=True) if item.status == "ok"]
        return {
            name: bootstrap_ci([getattr(item, name) for item in self.judged], groups=groups, seed=0) for name in SCORES
        }

    @cached_property
    def precision(self) -> float | None:
        """Share of the candidates' positive findings that the references have, over the corpus; None without any."""
        return self._share("false_finding")

    @cached_property
    def recall(self) -> float | None:
        """Share of the references' positive findings that the candidates have, over the corpus; None without any."""
        return self._share("omission")

    def _share(self, category: str) -> float | None:
        matched = math.fsum(len(item.matched) for item in self.judged)
        wrong = math.fsum(item.counts[category] for item in self.judged)
        return matched / (matched + wrong) if matched + wrong else None

    def to_pandas(self) -> pandas.DataFrame:
        """One row per pair: id, status, scores, one column per category, flags, error.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise ImportError('to_pandas needs pandas: pip install "radjudge[pandas]"') from None
        rows = []
        for item in self.judgements:
            row: dict[str, Any] = {"id": item.id, "status": item.status}
            row.update((name, getattr(item, name)) for name in SCORES)
            row.update((category, item.counts.get(category)) for category in CATEGORIES)
            row.update(flags=",".join(item.flags), error=item.error, judge=item.judge, version=item.version)
            rows.append(row)
        columns = ["id", "status", *SCORES, *CATEGORIES, "flags", "error", "judge", "version"]
        return pd.DataFrame(rows, columns=columns)

    def to_jsonl(self, path: str | Path) -> Path:
        """Write one JSON object per pair, without report text; returns the path. The write is atomic."""
        from tenfold_core.datasets import write_jsonl

        write_jsonl(Path(path), (item.to_dict() for item in self.judgements))
        return Path(path)

    def to_html(self, path: str | Path) -> Path:
        """Write a self-contained page with both texts side by side and the errors marked; returns the path."""
        from radjudge import report_html

        report_html.render(self, Path(path))
        return Path(path)


def score(
    *,
    references: Sequence[str],
    candidates: Sequence[str],
    judge: str | Judge = "structured",
    contexts: Sequence[Context | Mapping[str, Any] | None] | None = None,
    ids: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
) -> Results:
    """Judge candidate reports against reference reports. All arguments by keyword: peers disagree on the order.

    Args:
        references: what the radiologist wrote, one text per study.
        candidates: what is to be judged, as many as references.
        judge: ``"structured"`` (the default whatever is installed) or any :class:`Judge`.
        contexts: per pair ``{"age": years, "indication": text}`` (either may be left out), a :class:`Context` or None;
            may shift the significance of errors.
        ids: unique names of the pairs; default "0", "1", ...
        groups: study of each pair when several candidates belong to one study; intervals then resample studies.

    Returns:
        Results in the order given. ``results.mean.score`` is in [0, 1], higher is better.

    Raises:
        TypeError: a report, id or context is not of the type it should be (None and NaN included).
        ValueError: lengths differ, ids repeat, or a context has an unknown key or an age outside 0 to 130.

    Example:
        >>> results = score(references=["Small left effusion."], candidates=["No effusion."])
        >>> results[0].counts["omission"]
        1.0
    """
    references = _texts("references", references)
    candidates = _texts("candidates", candidates)
    if len(references) != len(candidates):
        raise ValueError(
            f"the number of reports differs: {len(references)} references and {len(candidates)} candidates "
            "(the reports themselves may have any length)"
        )
    names = _ids(ids, len(references))
    known = _contexts(contexts, len(references))
    chosen = as_judge(judge)
    pairs = [Pair(*row) for row in zip(references, candidates, names, known, strict=True)]
    return Results(pairs, chosen.evaluate(pairs), judge=chosen.fingerprint, groups=groups)


def _texts(argument: str, texts: Sequence[str]) -> list[str]:
    if isinstance(texts, (str, bytes)):
        raise TypeError(f"{argument} must be a list of reports, not one {type(texts).__name__}")
    texts = list(texts)
    for place, text in enumerate(texts):
        if isinstance(text, bytes):
            try:
                text.decode("utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(f"{argument}[{place}] is not UTF-8: bad byte at position {error.start}") from None
            raise TypeError(f"{argument}[{place}] is bytes; decode it first")
        if not isinstance(text, str):
            missing = text is None or (isinstance(text, float) and math.isnan(text))
            what = "missing (None or NaN)" if missing else type(text).__name__
            raise TypeError(f"{argument}[{place}] must be a string, not {what}; pass '' for an empty report")
    return texts


def _ids(ids: Sequence[str] | None, count: int) -> list[str]:
    if ids is None:
        return [str(place) for place in range(count)]
    names = list(ids)
    if len(names) != count:
        raise ValueError(f"the number of ids ({len(names)}) and of reports ({count}) differ")
    seen: set[str] = set()
    for place, name in enumerate(names):
        if not isinstance(name, (str, int)) or isinstance(name, bool):
            raise TypeError(f"ids[{place}] must be a string or a whole number, not {type(name).__name__}")
        names[place] = str(name)
        if names[place] in seen:
            raise ValueError(f"ids must be unique; {names[place]!r} repeats at position {place}")
        seen.add(names[place])
    return names


def _contexts(contexts: Sequence[Context | Mapping[str, Any] | None] | None, count: int) -> list[Context | None]:
    if contexts is None:
        return [None] * count
    given = list(contexts)
    if len(given) != count:
        raise ValueError(f"the number of contexts ({len(given)}) and of reports ({count}) differ")
    return [_context(place, item) for place, item in enumerate(given)]


def _context(place: int, item: Context | Mapping[str, Any] | None) -> Context | None:
    if item is None:
        return None
    if isinstance(item, Mapping):
        unknown = sorted(set(item) - set(_CONTEXT_KEYS))
        if unknown:
            raise ValueError(f"contexts[{place}] has unknown keys {unknown}; known: {list(_CONTEXT_KEYS)}")
        item = Context(item.get("age"), item.get("indication") or "")
    if not isinstance(item, Context):
        raise TypeError(f"contexts[{place}] must be a Context, a mapping or None, not {type(item).__name__}")
    age = item.age
    if age is not None:
        if isinstance(age, bool) or not isinstance(age, (int, float)):
            raise TypeError(f"contexts[{place}].age must be a number of years, not {type(age).__name__}")
        if not 0 <= age <= 130:
            raise ValueError(f"contexts[{place}].age must lie in 0 to 130, not {age}")
    if not isinstance(item.indication, str):
        raise TypeError(f"contexts[{place}].indication must be a string, not {type(item.indication).__name__}")
    return item
