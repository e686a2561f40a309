"""The page: everything escaped, nothing loaded, readable without colour, complete."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import radjudge
from radjudge.records import CATEGORIES
from radjudge.report_html import DISCLAIMER, LABELS, page, pair_html, render

HOSTILE = '<script>alert("x")</script> <img src=x onerror=alert(1)> & Large left effusion. </div></article>'
SPANISH = "El corazon es de tamano normal y los pulmones estan sin infiltrados ni derrame pleural."


class Reader(HTMLParser):
    """Counts elements and collects the text of the columns."""

    def __init__(self):
        super().__init__()
        self.tags, self.open, self.attributes, self.text = [], [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br", "img", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(html):
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def results():
    return radjudge.score(
        references=[
            "Small left effusion, unchanged.",
            "Mild cardiomegaly.",
            HOSTILE,
            SPANISH,
            "",
            "Normal heart size.",
        ],
        candidates=[
            "Large right effusion.",
            "Scoliosis. Increased effusion.",
            HOSTILE,
            SPANISH,
            "",
            "Normal heart size.",
        ],
        ids=["a", "<b>", "c", "d", "e", "f"],
    )


def test_report_text_is_escaped_and_nothing_is_loaded(results):
    html = page(results, title="<i>title</i>")
    reader = read(html)
    assert reader.tags.count("script") == 1
    assert "img" not in reader.tags
    assert "i" not in reader.tags
    assert not any(name.startswith("on") or name in ("src", "href") for name, _ in reader.attributes)
    assert "default-src 'none'" in html
    assert not re.search(r"https?://", html)
    assert HOSTILE in reader.text


def test_every_error_has_number_label_and_underline(results):
    html = page(results)
    reader = read(html)
    for item in results:
        for error in item.errors:
            assert f'<span class="tag">{LABELS[error.category]}</span>' in html
    assert re.search(r'<mark class="location" title="\d+ Location[;"]', html)
    style = html[: html.index("</style>")]
    for category in CATEGORIES:
        assert re.search(rf"\.{category} {{[^}}]*text-decoration-style", style)
    assert reader.text.count("(higher is better)") >= 5
    assert DISCLAIMER in reader.text


def test_failed_pairs_are_listed_and_lead(results):
    html = page(results)
    assert "1 of 6 pairs could not be judged" in html
    assert html.index('data-kinds="failed"') < html.index('data-kinds="none"')
    assert "UnsupportedLanguageError" in html


def test_one_pair_none_judged_and_cuts(results, tmp_path):
    one = radjudge.score(references=["Left effusion."], candidates=["Right effusion."])
    read(page(one))
    none = radjudge.score(references=[SPANISH], candidates=[SPANISH])
    assert "–" in read(page(none)).text
    html = page(results, max_pairs=2)
    assert "The 2 worst of 6 pairs are shown" in html
    assert html.count("<article") == 2
    with pytest.raises(ValueError, match="at least 1"):
        page(results, max_pairs=0)
    path = tmp_path / "r.html"
    assert render(results, path) == path
    assert path.read_text(encoding="utf-8") == page(results)
    assert results.to_html(path) == path


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_survives_marking(first, second):
    [pair], [judgement] = (lambda r: (r.pairs, list(r)))(
        radjudge.score(references=[f"{first} left effusion. {second}"], candidates=[f"{second} no effusion {first}"])
    )
    reader = read(pair_html(pair, judgement))
    squeezed = "".join(reader.text.split()).translate({ord(c): None for c in "0123456789,"})
    for text in (pair.reference, pair.candidate):
        wanted = "".join(text.replace("\r\n", "\n").split()).translate({ord(c): None for c in "0123456789,"})
        assert wanted.replace("\x00", "\ufffd") in squeezed.replace("\x00", "\ufffd")
