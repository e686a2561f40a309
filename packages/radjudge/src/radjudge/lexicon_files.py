"""Schema of the lexicon's YAML files, and their loading.

The files hold only strings, lists and mappings; pydantic turns them into typed records and refuses what it does not
know, naming file and field, so that a user's own lexicon fails at the door.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

ASSETS = Path(__file__).parent / "assets"
Level = Literal["urgent", "actionable", "not_actionable", "benign"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EntityEntry(_Strict):
    """One entry of ``entities.yaml``."""

    terms: list[str] = Field(min_length=1)
    name: str = ""
    parents: list[str] = []
    explains: list[str] = []
    removed: list[str] = []
    group: str = ""
    kind: Literal["pathology", "device", "post_operative"] = "pathology"
    level: Level = "actionable"
    acute: bool = False
    quantity: bool = False
    mimic: bool = False
    plural: bool = True


class NormalEntry(_Strict):
    """A normal statement and what it denies; ``acute`` stands for every acute entity."""

    id: str
    name: str
    denies: list[str]


class AnatomyEntry(_Strict):
    """One structure of ``anatomy.yaml``."""

    terms: list[str] = Field(min_length=1)
    zone: str = ""
    normal: NormalEntry | None = None
    negated: NormalEntry | None = None
    when: dict[str, str] = {}


class AnatomyFile(_Strict):
    """``anatomy.yaml``."""

    defaults: dict[str, str]
    interchangeable: list[str]
    lasting: list[str] = []
    transformed: dict[str, dict[str, str]]
    relocated: dict[str, dict[str, str]] = {}
    predicates: dict[str, list[str]]
    anatomy: dict[str, AnatomyEntry]


class LocatedEntry(_Strict):
    """A word that carries both a side and a zone."""

    terms: list[str]
    sides: list[Literal["left", "right"]] = []
    zones: list[str] = []


class ModifiersFile(_Strict):
    """``modifiers.yaml``."""

    sides: dict[Literal["left", "right", "unilateral", "both"], list[str]]
    zones: dict[str, list[str]]
    located: dict[str, LocatedEntry]
    paired: list[str]
    sharing: list[str]
    lateral: list[str]
    levels: dict[str, list[str]]
    compatible: list[tuple[str, str]]
    positions: dict[str, list[str]]
    degrees: dict[float, list[str]]
    trajectories: dict[Literal["stable", "improved", "worsened", "new", "resolved"], list[str]]
    still_there: list[str] = []
    quantity_words: dict[Literal["increased", "decreased"], list[str]]


class TriggersFile(_Strict):
    """``triggers.yaml``."""

    negation: list[str]
    negation_after: list[str]
    pseudo_negation: list[str]
    terminators: list[str]
    uncertain: list[str]
    uncertain_clause: list[str]
    uncertain_after: list[str]
    history: list[str]
    old: list[str]
    not_asserted: list[str]
    not_asserted_after: list[str] = []
    links: list[str]
    conjunctions: list[str]
    verbs: list[str]
    prepositions: list[str]
    joiners: list[str]
    suspicious: list[str]


class WordsFile(_Strict):
    """``words.yaml``."""

    function: list[str]
    report: list[str]
    clerical: list[str]
    foreign: list[str]


class LexiconFiles(_Strict):
    """Every file of one lexicon folder."""

    entities: dict[str, EntityEntry]
    anatomy: AnatomyFile
    modifiers: ModifiersFile
    triggers: TriggersFile
    words: WordsFile


def read_yaml(path: Path) -> Any:
    """Content of a YAML file with every scalar as a string ("no" must stay a word)."""
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{path.name}: not valid YAML: {error}") from None


@cache
def load_files(folder: Path = ASSETS) -> LexiconFiles:
    """Read and validate the five files of a lexicon folder.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a field is unknown, missing or of the wrong type, or an id is referred to but not defined.
    """
    content = {name: read_yaml(folder / f"{name}.yaml") for name in LexiconFiles.model_fields}
    try:
        files = LexiconFiles.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"lexicon {folder.name}: {place}: {first['msg']} ({error.error_count()} problems)") from None
    _check_references(files)
    return files


def _check_references(files: LexiconFiles) -> None:
    known = set(files.entities)
    for entity, entry in files.entities.items():
        for field in ("parents", "explains"):
            for other in getattr(entry, field):
                if other not in known:
                    raise ValueError(f"entities.yaml: {entity}.{field} names {other!r}, which is not an entity")
    for predicate, entity in files.anatomy.defaults.items():
        if predicate not in files.anatomy.predicates or entity not in known:
            raise ValueError(f"anatomy.yaml: defaults.{predicate} names an unknown predicate or entity {entity!r}")
    for predicate, change in files.anatomy.transformed.items():
        for entity in (*change, *change.values()):
            if predicate not in files.anatomy.predicates or entity not in known:
                raise ValueError(
                    f"anatomy.yaml: transformed.{predicate} names an unknown predicate or entity {entity!r}"
                )
    for place, change in files.anatomy.relocated.items():
        for entity in (*change, *change.values()):
            if (place not in files.anatomy.anatomy and place not in known) or entity not in known:
                raise ValueError(f"anatomy.yaml: relocated.{place} names an unknown structure or entity {entity!r}")
    verbs = set(files.anatomy.predicates) | set(files.modifiers.quantity_words) | {"graded"}
    for name, structure in files.anatomy.anatomy.items():
        for predicate, entity in structure.when.items():
            if predicate not in verbs or (entity and entity not in known):
                raise ValueError(f"anatomy.yaml: {name}.when.{predicate} is unknown or names {entity!r}")
        for normal in (structure.normal, structure.negated):
            for entity in normal.denies if normal else ():
                if entity != "acute" and entity not in known:
                    raise ValueError(f"anatomy.yaml: {name} denies {entity!r}, which is not an entity")
