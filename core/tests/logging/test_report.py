import base64
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure as MatplotlibFigure

from tenfold_core.logging import Figure, Section, Table, report
from tenfold_core.metrics import Interval

VOID = {"meta", "img", "br", "hr", "link"}


class Page(HTMLParser):
    """Parses a page strictly: every tag is closed where it should be."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def named(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    def said_in(self, tag):
        return [text for name, text in self.texts if name == tag]


def drawn(points=3):
    figure = MatplotlibFigure(figsize=(3, 2))
    figure.subplots().scatter(np.arange(points), np.arange(points) ** 2)
    return figure


def cells(rows, columns=None):
    columns = columns or [f"column {index}" for index in range(len(rows[0]))]
    page = Page(report("t", [Section("s", tables=[Table(columns, rows, "c")])]))
    return page.said_in("td"), [attributes.get("class") for attributes in page.named("td")][: len(columns)]


# --- the page


def test_a_page_with_everything_is_well_formed_and_needs_nothing_else():
    sections = [
        Section("One", "First.\n\nSecond.", [Figure(drawn(), "A curve")], [Table(["a", "b"], [[1, "x"]], "A table")]),
        Section("Two", html="<details><summary>more</summary><p>raw</p></details>"),
        Section("One"),
    ]
    text = report("Title", sections, footer="made by hand")
    page = Page(text)
    assert page.said_in("title") == page.said_in("h1") == ["Title"]
    assert page.said_in("h2") == ["One", "Two", "One"]
    assert page.said_in("p") == ["First.", "Second.", "raw", "made by hand"]
    assert page.said_in("caption") == ["A table"]
    assert page.said_in("figcaption") == ["A curve"]
    anchors = [attributes["id"] for attributes in page.named("section")]
    assert len(set(anchors)) == 3
    assert [attributes["href"] for attributes in page.named("a")] == [f"#{anchor}" for anchor in anchors]
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "data"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)
    style = "".join(page.said_in("style"))
    assert "prefers-color-scheme: dark" in style
    assert "url(" not in style
    assert "@import" not in style
    policy = next(attributes["content"] for attributes in page.named("meta") if "http-equiv" in attributes)
    assert "default-src 'none'" in policy


def test_short_reports_have_no_list_of_contents():
    assert Page(report("t", [Section("a"), Section("b")])).named("nav") == []
    assert Page(report("t", [])).named("section") == []


def test_same_content_same_page():
    def page():
        return report("t", [Section("s", figures=[Figure(drawn(), "c")])])

    assert page() == page()


TEXT = st.text(st.sampled_from("<>&\"' ax\n/{}%é"), max_size=12)


@given(TEXT, TEXT, TEXT, TEXT)
def test_everything_is_escaped(title, text, caption, cell):
    page = report(title, [Section(title, text, tables=[Table([text], [[cell]], caption)])], footer=text)
    parsed = Page(page)
    expected = {"html", "head", "meta", "title", "style", "body", "header", "h1", "main", "section", "h2", "p"}
    expected |= {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "footer"}
    assert {tag for tag, _ in parsed.tags} <= expected
    assert "".join(parsed.said_in("td")) == cell
    assert "".join(parsed.said_in("h2")) == title


# --- figures


def test_figures_are_vector_images_with_alternative_text():
    figure = Figure(drawn(), 'Loss "falls" & <rises>')
    (image,) = Page(report("t", [Section("s", figures=[figure])])).named("img")
    assert image["alt"] == 'Loss "falls" & <rises>'
    kind, _, data = image["src"].partition(";base64,")
    assert kind == "data:image/svg+xml"
    assert b"<svg" in base64.b64decode(data)


def test_a_drawing_of_too_many_parts_is_put_in_as_pixels(monkeypatch):
    monkeypatch.setattr(sys.modules["tenfold_core.logging.report"], "_SVG_LIMIT", 20_000)
    (image,) = Page(report("t", [Section("s", figures=[Figure(drawn(2000), "c")])])).named("img")
    kind, _, data = image["src"].partition(";base64,")
    assert kind == "data:image/png"
    assert base64.b64decode(data).startswith(b"\x89PNG")


# --- tables


def test_numbers_share_their_decimals_and_stand_to_the_right():
    texts, classes = cells([["a", 0.5, 1200, 1e-9], ["b", 0.8125, 3, 1.0], ["c", None, -4, 2.0]])
    assert texts == ["a", "0.5000", "1,200", "1.0e−09", "b", "0.8125", "3", "1.0", "c", "–", "−4", "2.0"]
    assert classes == [None, "number", "number", "number"]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([0.5, 0.25], ["0.50", "0.25"]),
        ([1234.5678, 2.5], ["1,234.6", "2.5"]),
        ([12.345, -0.5], ["12.35", "−0.50"]),
        ([0.0, 0.0], ["0.0", "0.0"]),
        ([float("nan"), float("inf"), 1.5], ["nan", "inf", "1.5"]),
        ([1e20, 1.0], ["1.0e+20", "1.0"]),
        ([0.0312, 0.0004], ["0.0312", "0.0004"]),
        ([np.float32(0.5), torch.tensor(0.25)], ["0.50", "0.25"]),
        ([np.int64(12345)], ["12,345"]),
        ([True, np.bool_(False), None], ["yes", "no", "–"]),
        ([Interval(0.5, 0.4, 0.6, 0.95), None], ["0.50 [0.40, 0.60]", "–"]),
        (["12.3 %", "1.40x", "±3", "0.8 [0.7, 0.9]"], ["12.3 %", "1.40x", "±3", "0.8 [0.7, 0.9]"]),
    ],
)
def test_how_cells_are_written(column, expected):
    texts, classes = cells([[cell] for cell in column])
    assert texts == expected
    assert classes == [None if expected[0] == "yes" else "number"]


@pytest.mark.parametrize("column", [["a", 1], [None, None], ["3 apples", "4"], [""], ["1.2.3"]])
def test_other_columns_stand_to_the_left(column):
    assert cells([[cell] for cell in column])[1] == [None]


def test_tables_without_rows_keep_their_head():
    page = Page(report("t", [Section("s", tables=[Table(["a", "b"], [])])]))
    assert page.said_in("th") == ["a", "b"]
    assert page.named("caption") == []


def test_wide_tables_scroll_by_themselves():
    page = Page(report("t", [Section("s", tables=[Table(["a"], [[1]])])]))
    assert {"class": "table", "tabindex": "0"} in page.named("div")
    assert re.search(r"\.table \{[^}]*overflow-x: auto", "".join(page.said_in("style")))


# --- bad input


def test_bad_parts_are_refused():
    with pytest.raises(ValueError, match="row 1 of the table 'c' has 1 cells for 2 columns"):
        report("t", [Section("s", tables=[Table(["a", "b"], [[1, 2], [1]], "c")])])
    with pytest.raises(TypeError, match="sections must be Section objects, got str"):
        report("t", ["text"])
    with pytest.raises(TypeError, match="figures must be Figure objects, got Figure"):
        report("t", [Section("s", figures=[drawn()])])
    with pytest.raises(TypeError, match="tables must be Table objects, got list"):
        report("t", [Section("s", tables=[[1]])])
