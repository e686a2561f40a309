"""Loaders on folders written in the published formats, with a tau known beforehand."""

import csv
import json

import numpy as np
import pytest

from radjudge.rating_report import measure
from radjudge.ratings import (
    REXVAL_CANDIDATES,
    REXVAL_ERRORS,
    REXVAL_SAMPLES,
    load_radpref,
    load_ratings_csv,
    load_rexval,
)

FINDINGS = ("Left pleural effusion.", "Mild cardiomegaly.", "Scoliosis.", "Hiatal hernia.", "Right rib fracture.")


def write_rexval(folder, studies=50, raters=6):
    """Candidate j of every study leaves out j findings, and every rater counts exactly those (two significant)."""
    with (folder / REXVAL_SAMPLES).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("study_id", "gt_report", *REXVAL_CANDIDATES))
        for study in range(studies):
            texts = [" ".join(FINDINGS[left_out:]) for left_out in range(4)]
            writer.writerow((1000 + study, " ".join(FINDINGS), *texts))
    with (folder / REXVAL_ERRORS).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("study_number", "candidate_type", "error_category", "rater_index", "clinically_significant", "num_errors")
        )
        for study in range(studies):
            for index, kind in enumerate(REXVAL_CANDIDATES):
                for category in range(1, 7):
                    for rater in range(raters):
                        for significant in (False, True):
                            count = 0
                            if category == 2:
                                count = min(index, 2) if significant else max(0, index - 2)
                            writer.writerow((study, kind, category, rater, significant, count))
    return folder


def test_rexval_folder_with_known_tau(tmp_path):
    ratings = load_rexval(write_rexval(tmp_path))
    assert len(ratings) == 200
    assert ratings.total.shape == (200, 6)
    assert ratings.categories.shape == (200, 6, 6)
    assert ratings.total[3].tolist() == [3.0] * 6
    assert ratings.significant[3].tolist() == [2.0] * 6
    assert ratings.studies[:5] == ("1000",) * 4 + ("1001",)
    assert ratings.identical.sum() == 50
    report = measure(ratings, metrics=["rouge-l"], draws=20)
    assert report.agreements["radjudge total_errors"].tau.estimate == pytest.approx(1.0)
    assert report.absolute["omission"].estimate == 0
    assert report.agreements["rouge-l"].within_tau.estimate == pytest.approx(1.0)
    assert report.agreements["radjudge score"].ceiling.leave_one_out.mean == pytest.approx(1.0)
    assert report.identical == 50
    assert "tau-b" in report.notes()


def test_rexval_checks_its_shape(tmp_path):
    write_rexval(tmp_path, studies=3, raters=2)
    with pytest.raises(ValueError, match="expected 200 pairs x 6 raters"):
        load_rexval(tmp_path)
    assert len(load_rexval(tmp_path, complete=False)) == 12
    text = (tmp_path / REXVAL_ERRORS).read_text().replace("0,radgraph,1,0,False,0", "9,radgraph,1,0,False,0", 1)
    (tmp_path / REXVAL_ERRORS).write_text(text)
    with pytest.raises(ValueError, match="line 2: no such study"):
        load_rexval(tmp_path, complete=False)
    (tmp_path / REXVAL_SAMPLES).write_text("study_id,gt_report\n1,a\n")
    with pytest.raises(ValueError, match=r"no column radgraph.*columns: study_id, gt_report"):
        load_rexval(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_rexval(tmp_path / "nowhere")


def write_radpref(folder, studies=6):
    data = [
        {
            "id": str(index),
            "ground_truth_report": " ".join(FINDINGS),
            "C1_report": " ".join(FINDINGS[1:]),
            "C2_report": " ".join(FINDINGS[3:]),
            "PatientAge": "64Y",
            "Indication": "cough",
        }
        for index in range(studies)
    ]
    (folder / "preference_data.json").write_text(json.dumps(data))
    (folder / "radiologist_annotations").mkdir()
    for user in (1, 2, 3):
        missing = {"0": {"clinical_significance": "actionable"}, "1": {"clinical_significance": "not actionable"}}
        wrong = {"0": {"error_type": "attribute", "clinical_significance": "urgent", "attributes": {"location": True}}}
        annotations = {
            str(index): {
                "C1": {"finding_errors": {}, "missing_findings": {"0": missing["0"]}, "rating": 4},
                "C2": {"finding_errors": wrong, "missing_findings": missing, "rating": 1 + (user == 2)},
            }
            for index in range(studies)
        }
        path = folder / "radiologist_annotations" / f"user_{user}.json"
        path.write_text(json.dumps({"annotations": annotations}))
    return folder


def test_radpref_folder(tmp_path):
    ratings = load_radpref(write_radpref(tmp_path))
    assert len(ratings) == 12
    assert ratings.total[:2].tolist() == [[1, 1, 1], [3, 3, 3]]
    assert ratings.significant[:2].tolist() == [[1, 1, 1], [2, 2, 2]]
    assert ratings.quality[:2].tolist() == [[4, 4, 4], [1, 2, 1]]
    assert ratings.contexts[0].age == 64
    for target in ("total", "quality"):
        report = measure(ratings, target=target, draws=10)
        assert report.agreements["radjudge total_errors"].preference_accuracy.estimate == 1.0
    content = json.loads((tmp_path / "radiologist_annotations/user_3.json").read_text())
    del content["annotations"]["2"]["C1"]
    (tmp_path / "radiologist_annotations/user_3.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"user_3.json: no rating of C1 for study 2"):
        load_radpref(tmp_path)
    (tmp_path / "preference_data.json").write_text("{")
    with pytest.raises(ValueError, match="not JSON at line 1"):
        load_radpref(tmp_path)


def test_csv_of_ones_own(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(
        "ref,cand,study,rater_a,rater_b,sig\nLeft effusion.,Left effusion.,s1,0,0,0\n"
        "Left effusion.,Right effusion.,s1,1,1,1\nScoliosis.,Clear lungs.,s2,1,2,0\nScoliosis.,Scoliosis.,s2,0,0,0\n"
    )
    ratings = load_ratings_csv(path, reference="ref", candidate="cand", significant=["sig"])
    assert np.array_equal(ratings.total, [[0, 0], [1, 1], [1, 2], [0, 0]])
    assert ratings.studies == ("s1", "s1", "s2", "s2")
    assert measure(ratings, draws=10).agreements["radjudge total_errors"].tau.estimate > 0.8
    with pytest.raises(ValueError, match="no quality ratings"):
        measure(ratings, target="quality")
    path.write_text("reference,candidate,rater1\na,b,two\n")
    with pytest.raises(ValueError, match=r"line 2, column rater1: expected a number"):
        load_ratings_csv(path)
    path.write_text("reference,candidate,other\na,b,2\n")
    with pytest.raises(ValueError, match="no column starts with 'rater'"):
        load_ratings_csv(path)
