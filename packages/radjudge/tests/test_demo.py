"""The demonstration, quickly: it shows what it says, and its control loses."""

import json

from radjudge import demo


def test_quick_demo(tmp_path):
    outcome = demo.run(tmp_path / "run", seed=1, quick=True)
    results = outcome["results"]
    assert outcome["package"] == "radjudge"
    assert "\n" not in outcome["headline"]
    assert results["tau"]["radjudge"] >= 0.85
    assert abs(results["tau_shuffled_truth"]) < 0.3
    assert results["order"]["radjudge"] == results["order"]["truth"]
    assert results["order"]["rouge-l"] != results["order"]["truth"]
    assert results["triplets"]["radjudge"] >= 0.8 > 0.2 >= results["triplets"]["rouge-l"]
    assert results["monotone_neighbours"] >= 0.85
    assert results["injection"]["strings"] == 12
    assert results["injection"]["largest_drop"] == 0
    written = json.loads((tmp_path / "run/result.json").read_text())
    assert written["headline"] == outcome["headline"]
    for name in ("report.html", "pairs.html"):
        assert "not a medical device" in (tmp_path / "run" / name).read_text()
    assert (tmp_path / "run/manifest.json").exists()
    again = demo.run(tmp_path / "run", seed=1, quick=True)
    assert again["results"] == results
