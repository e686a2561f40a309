"""The report grammar: distinct, reproducible, free of contradictions."""

import numpy as np
import pytest

from radjudge.grammar import STYLES, expand, write_report, write_reports


def test_same_seed_same_reports_and_more_than_a_million_distinct():
    reports = write_reports(4000, seed=3)
    assert reports == write_reports(4000, seed=3)
    assert reports[:5] != write_reports(5, seed=4)
    # n draws from N equally likely reports repeat n^2 / 2N times on average: 8 times for a million.
    assert len(reports) - len(set(reports)) <= 8


@pytest.mark.parametrize("style", STYLES)
def test_every_house_style_is_complete_text(style):
    for seed in range(60):
        report = write_report(np.random.default_rng(seed), style=style, findings=seed % 7)
        assert not set("{}()|") & set(report)
        assert "  " not in report
        assert ("IMPRESSION" in report.upper()) == (style in STYLES[:3] or style == "terse")


def test_a_region_with_a_finding_is_not_called_normal():
    for report in write_reports(400, seed=8):
        text = report.lower()
        if "cardiomegaly" in text:
            assert "heart size is normal" not in text
        if "consolidation in the" in text or "lobe consolidation" in text:
            assert "lungs are clear" not in text


def test_articles_and_choices():
    rng = np.random.default_rng(0)
    assert expand("a {x} nodule", rng, {"x": "8 mm"}) == "An 8 mm nodule"
    assert expand("(only) one.", rng) == "Only one."


def test_bad_arguments():
    with pytest.raises(ValueError, match="style must be one of sections"):
        write_report(np.random.default_rng(0), style="gothic")
    with pytest.raises(ValueError, match=r"0\.\.6"):
        write_report(np.random.default_rng(0), findings=7)
    with pytest.raises(ValueError, match="negative"):
        write_reports(-1)
