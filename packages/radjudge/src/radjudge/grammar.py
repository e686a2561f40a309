"""A grammar that writes chest radiograph reports: the licence-clean text for demos, tests and controls.

Every sentence comes from ``assets/grammar.yaml``; no patient's report was used. A report is drawn as a case (findings
with their side, degree, place, size and change), then written in one of several house styles, so that regions with a
finding never carry the matching statement of normality.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml

_CHOICE = re.compile(r"\(([^()]*)\)")
_BLANKS = re.compile(r"[ ]{2,}")


STYLES = ("sections", "headings_on_lines", "with_history", "plain", "terse", "findings_only")


@lru_cache(maxsize=1)
def _tables() -> Mapping[str, Any]:
    text = files("radjudge").joinpath("assets/grammar.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def _pick(rng: np.random.Generator, options: list[Any]) -> Any:
    return options[int(rng.integers(len(options)))]


def expand(template: str, rng: np.random.Generator, values: Mapping[str, str] | None = None) -> str:
    """Resolve the ``(a|b)`` choices and ``{slot}`` values of a template and start it with a capital."""
    while match := _CHOICE.search(template):
        template = template[: match.start()] + _pick(rng, match[1].split("|")) + template[match.end() :]
    text = template.format_map(dict(values or {}))
    text = _BLANKS.sub(" ", text).replace(" .", ".").replace(" ,", ",").strip()
    text = re.sub(r"\b([Aa]) (?=[aeiou8]|11 )", r"\1n ", text)
    return text[:1].upper() + text[1:]


def _plural(text: str, values: Mapping[str, str]) -> str:
    """Number agreement for bilateral effusions, the one finding that the grammar puts in the plural."""
    if values.get("side") != "bilateral":
        return text
    text = text.replace("effusion", "effusions").replace("There is a ", "There are ")
    text = text.replace("There appears to be a ", "There appear to be ").replace("effusions is", "effusions are")
    text = re.sub(r"^An? ", "", text)
    return text[:1].upper() + text[1:]


def _say(finding: Mapping[str, Any], values: Mapping[str, str], form: str, rng: np.random.Generator) -> str:
    return _plural(expand(_pick(rng, finding[form]), rng, values), values)


def _with_change(
    finding: Mapping[str, Any], values: Mapping[str, str], statement: str, form: str, rng: np.random.Generator
) -> str:
    changes = _tables()["changes"]
    words = expand(_pick(rng, changes["chronic" if finding.get("chronic") or finding.get("steady") else "acute"]), rng)
    slots = {
        "finding": _say(finding, values, "terse", rng).rstrip("."),
        "statement": statement,
        "change": words[0].lower() + words[1:],
    }
    return expand(_pick(rng, changes[form]), rng, slots)


def _numbered(lines: list[str]) -> str:
    return lines[0] if len(lines) == 1 else "\n".join(f"{rank}. {line}" for rank, line in enumerate(lines, 1))


def write_report(rng: np.random.Generator, *, style: str | None = None, findings: int | None = None) -> str:
    """One report.

    Args:
        rng: source of every draw.
        style: house style (``STYLES``); drawn when None.
        findings: exact number of abnormal findings (0 to 6); drawn from the rates of the grammar when None.

    Raises:
        ValueError: unknown ``style``, or ``findings`` outside 0..6.
    """
    tables = _tables()
    styles = {entry["name"]: entry for entry in tables["styles"]}
    if style is not None and style not in styles:
        raise ValueError(f"style must be one of {', '.join(STYLES)}, not {style!r}")
    if findings is not None and not 0 <= findings <= 6:
        raise ValueError(f"findings must lie in 0..6, not {findings}")
    house = styles[style] if style else _pick(rng, tables["styles"])
    form = "terse" if house.get("terse") else "full"

    if findings is None:
        drawn = [entry for entry in tables["findings"] if rng.random() < entry["rate"]][:6]
    else:
        order = rng.permutation(len(tables["findings"]))[:findings]
        drawn = [tables["findings"][int(index)] for index in sorted(order)]

    comparison = _pick(rng, tables["comparisons"])
    compared = "{comparison}" not in house["layout"] or not comparison.startswith("None")
    body: dict[str, list[str]] = {
        region: [] for region in ("devices", "heart", "mediastinum", "lungs", "pleura", "bones")
    }
    impression = []
    for finding in drawn:
        values = {name: _pick(rng, tables["slots"][table]) for name, table in finding["slots"].items()}
        statement = _say(finding, values, form, rng)
        if compared and rng.random() < tables["changes"]["rate"]:
            statement = _with_change(finding, values, statement, form, rng)
        body[finding["region"]].append(statement)
        if not finding.get("chronic"):
            impression.append(_say(finding, values, "terse", rng))
    normals = tables["terse_normals" if form == "terse" else "normals"]
    for region, options in normals.items():
        if not body[region] and rng.random() < 0.9:
            body[region].append(expand(_pick(rng, options), rng))
    if not impression:
        options = tables["normal_impressions"]
        impression = [expand(_pick(rng, options[: tables["qualified_impressions"]] if drawn else options), rng)]

    regions = list(body)
    if rng.random() < 0.4:
        rng.shuffle(regions)
    return house["layout"].format(
        findings=" ".join(sentence for region in regions for sentence in body[region]),
        impression=_numbered(impression) if house.get("numbered") else " ".join(impression),
        examination=_pick(rng, tables["examinations"]) + ".",
        indication=_pick(rng, tables["indications"]) + ".",
        comparison=f"{comparison}.",
    )


def write_reports(n: int, *, seed: int = 0) -> list[str]:
    """``n`` reports; the same ``seed`` writes the same reports.

    Raises:
        ValueError: negative ``n``.
    """
    if n < 0:
        raise ValueError(f"n must not be negative, got {n}")
    rng = np.random.default_rng(seed)
    return [write_report(rng) for _ in range(n)]
