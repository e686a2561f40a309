"""A report as one HTML file that needs nothing else: no network, no folder of pictures."""

import base64
import html as _html
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

_NUMBER_TEXT = re.compile(r"[+\-−±]?\d[\d,]*(\.\d+)?([eE][+-]?\d+)?\s?(%|x|×|[mµn]?s|[kMG]B)?(\s[\[(±].*)?")
"""A number with its unit or its uncertainty, written out by the caller: 12.3 %, 1.4x, 0.81 [0.79, 0.83]."""
_SVG_LIMIT = 1_000_000
"""Bytes; a larger drawing (a scatter of 100,000 points) is put in as pixels."""


@dataclass(frozen=True)
class Figure:
    """A matplotlib figure with the sentence that says what it shows (also the alternative text)."""

    figure: "MatplotlibFigure"
    caption: str


@dataclass(frozen=True)
class Table:
    """A table; rows are as long as `columns`.

    Cells are text, numbers, truth values, None (shown as a dash) or anything that `str` makes readable.  Columns of
    numbers or intervals stand to the right, and their floats share one number of decimals.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a report: text (blank lines separate paragraphs), tables, figures, and last `html`, unescaped."""

    title: str
    text: str = ""
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    html: str = ""


def report(title: str, sections: Sequence[Section], *, footer: str = "") -> str:
    """Compose a self-contained HTML page, for light and dark screens, wide and narrow ones, and paper.

    Everything is escaped except `Section.html`.  The same content gives the same page.  A content security policy in
    the page forbids it to load anything from outside, whatever `Section.html` holds.

    Args:
        title: heading and window title.
        sections: from top to bottom; with three or more, a list of contents is added.
        footer: a last line, such as versions and the command.

    Returns:
        The page; write it with `Run.save_artifact("report.html", ...)`.

    Raises:
        TypeError: a section, figure or table of another type.
        ValueError: a table row that is not as long as its columns.
    """
    for section in sections:
        if not isinstance(section, Section):
            raise TypeError(f"sections must be Section objects, got {type(section).__name__}")
    anchors = _anchors([section.title for section in sections])
    parts = [_section(section, anchor) for section, anchor in zip(sections, anchors, strict=True)]
    contents = ""
    if len(sections) >= 3:
        links = (f'<a href="#{anchor}">{_text(s.title)}</a>' for s, anchor in zip(sections, anchors, strict=True))
        contents = f'<nav aria-label="Contents">{"".join(links)}</nav>\n'
    style = resources.files(__package__).joinpath("report.css").read_text(encoding="utf-8")
    end = f"<footer>{_paragraphs(footer)}</footer>\n" if footer else ""
    return _PAGE.format(title=_text(title), style=style, contents=contents, sections="\n".join(parts), footer=end)


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; media-src data:; \
font-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header><h1>{title}</h1>
{contents}</header>
<main>
{sections}
</main>
{footer}</body>
</html>
"""


def _section(section: Section, anchor: str) -> str:
    parts = [f'<section id="{anchor}">', f"<h2>{_text(section.title)}</h2>", _paragraphs(section.text)]
    parts += [_table(table) for table in section.tables]
    if section.figures:
        parts.append(f'<div class="figures">{"".join(map(_figure, section.figures))}</div>')
    return "\n".join(part for part in [*parts, section.html, "</section>"] if part)


def _anchors(titles: Sequence[str]) -> list[str]:
    taken: dict[str, int] = {}
    anchors = []
    for title in titles:
        base = "-".join(re.findall(r"\w+", title.lower())) or "section"
        taken[base] = taken.get(base, 0) + 1
        anchors.append(base if taken[base] == 1 else f"{base}--{taken[base]}")
    return anchors


def _text(value: object) -> str:
    return _html.escape(str(value))


def _paragraphs(text: str) -> str:
    blocks = (block.strip() for block in re.split(r"\n\s*\n", text))
    return "\n".join(f"<p>{_text(block)}</p>" for block in blocks if block)


def _figure(figure: Figure) -> str:
    if not isinstance(figure, Figure):
        raise TypeError(f"figures must be Figure objects, got {type(figure).__name__}")
    kind, content = _drawn(figure.figure)
    data = base64.b64encode(content).decode()
    caption = _text(figure.caption)
    # As an image and not inline, because the ids of two inline drawings can clash.
    return f'<figure><img src="data:{kind};base64,{data}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'


def _drawn(figure: "MatplotlibFigure") -> tuple[str, bytes]:
    import matplotlib

    buffer = io.BytesIO()
    # Without a salt and with a date, equal figures would differ from run to run.
    with matplotlib.rc_context({"svg.hashsalt": "tenfold"}):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    if buffer.tell() <= _SVG_LIMIT:
        return "image/svg+xml", buffer.getvalue()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=200, bbox_inches="tight")
    return "image/png", buffer.getvalue()


def _table(table: Table) -> str:
    if not isinstance(table, Table):
        raise TypeError(f"tables must be Table objects, got {type(table).__name__}")
    width = len(table.columns)
    for index, row in enumerate(table.rows):
        if len(row) != width:
            raise ValueError(f"row {index} of the table {table.caption!r} has {len(row)} cells for {width} columns")
    columns = [[row[index] for row in table.rows] for index in range(width)]
    numeric = [_is_numeric(column) for column in columns]
    shown = [_shown(column) for column in columns]
    marks = [' class="number"' if right else "" for right in numeric]
    head = "".join(f'<th scope="col"{mark}>{_text(name)}</th>' for name, mark in zip(table.columns, marks, strict=True))
    rows = zip(*shown, strict=True) if shown else []
    body = "\n".join(
        f"<tr>{''.join(f'<td{mark}>{_text(cell)}</td>' for cell, mark in zip(row, marks, strict=True))}</tr>"
        for row in rows
    )
    caption = f"<caption>{_text(table.caption)}</caption>" if table.caption else ""
    # The wrapper scrolls, so that a wide table does not widen the page; tabindex lets the keyboard scroll it.
    return (
        f'<div class="table" tabindex="0"><table>{caption}\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _plain(cell: Any) -> Any:
    """NumPy and torch scalars as Python numbers."""
    return cell.item() if hasattr(cell, "item") and getattr(cell, "ndim", None) == 0 else cell


def _is_number(cell: Any) -> bool:
    return isinstance(cell, (int, float)) and not isinstance(cell, bool)


def _is_numeric(column: Sequence[Any]) -> bool:
    cells = [cell for cell in map(_plain, column) if cell is not None]
    return bool(cells) and all(map(_is_quantity, cells))


def _is_quantity(cell: Any) -> bool:
    if isinstance(cell, str):
        return _NUMBER_TEXT.fullmatch(cell.strip()) is not None
    return _is_number(cell) or hasattr(cell, "estimate")  # an Interval of tenfold_core.metrics


def _shown(column: Sequence[Any]) -> list[str]:
    """The cells as text; the floats of a column share their number of decimals, so that they can be compared by eye."""
    cells = [_plain(cell) for cell in column]
    decimals = _decimals([cell for cell in cells if isinstance(cell, float)])
    return [_cell(cell, decimals) for cell in cells]


def _decimals(values: Sequence[float]) -> int:
    """Enough for four digits of the largest value and two of the smallest, but no zeros that all of them end with."""
    finite = [value for value in values if math.isfinite(value)]
    sizes = [math.floor(math.log10(abs(value))) for value in finite if value != 0]
    if not sizes:
        return 1
    decimals = min(6, max(0, 3 - max(sizes), min(3, 1 - min(sizes))))
    while decimals > 1 and all(f"{value:.{decimals}f}".endswith("0") for value in finite):
        decimals -= 1
    return decimals


def _cell(cell: Any, decimals: int) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}".replace("-", "−")
    if isinstance(cell, float):
        if math.isfinite(cell) and (0 < abs(cell) < 10.0**-decimals or abs(cell) >= 1e15):
            return f"{cell:.1e}".replace("-", "−")
        return f"{cell:,.{decimals}f}".replace("-", "−")
    return str(cell)
