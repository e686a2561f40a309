"""What counts as one thing: a sign and its readings within a report, and rival readings of one sign across two."""

import pytest

import radjudge
from radjudge import parse_report
from radjudge.lexicon import load_lexicon
from radjudge.readings import readings


def grouped(text):
    report = parse_report(text)
    return [
        sorted(finding.entity for finding in reading.findings)
        for reading in readings(list(report.present), load_lexicon())
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Left basilar opacity. Left lower lobe pneumonia.", [["opacity", "pneumonia"]]),
        ("Left basilar opacity. Findings suggest pneumonia.", [["opacity", "pneumonia"]]),
        ("Left basilar opacity. Right lower lobe pneumonia.", [["opacity"], ["pneumonia"]]),
        ("Left basilar opacity, atelectasis versus pneumonia.", [["atelectasis", "opacity", "pneumonia"]]),
        ("Left lower lobe consolidation. Left lower lobe atelectasis.", [["consolidation"], ["atelectasis"]]),
        ("Septal lines and indistinct vessels. Interstitial edema.", None),
        (
            "Blunting of the left costophrenic angle. Small left effusion.",
            [["costophrenic_blunting", "pleural_effusion"]],
        ),
        ("Left mid lung opacity. Pulmonary fibrosis.", [["opacity"], ["fibrosis"]]),
        ("Right IJ central line. Left PICC.", [["central_line"], ["picc"]]),
        (
            "Hyperinflation with flattened diaphragms, consistent with COPD.",
            [["copd", "diaphragm_flattening", "hyperinflation"]],
        ),
    ],
)
def test_signs_join_what_explains_them(text, expected):
    found = grouped(text)
    if expected is None:
        assert len(found) == 1
    else:
        assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    ("reference", "candidate", "errors"),
    [
        ("Left basilar opacity, possible pneumonia.", "Left basilar opacity.", []),
        ("Left basilar opacity.", "Left lower lobe atelectasis.", []),
        ("Left basilar opacity, atelectasis or pneumonia.", "", ["omission"]),
        ("", "Left basilar opacity. Left lower lobe pneumonia.", ["false_finding"]),
        # rivals: the graver reading counts, in whichever report it stands
        ("Left basilar atelectasis.", "Left basilar pneumonia.", ["false_finding"]),
        ("Left basilar pneumonia.", "Left basilar atelectasis.", ["omission"]),
        ("Left basilar pneumonia.", "Right basilar atelectasis.", ["false_finding", "omission"]),
        ("Right upper lobe opacity.", "Left upper lobe consolidation.", ["location"]),
        ("Interstitial prominence from edema.", "Interstitial edema.", []),
        ("Small left effusion.", "Blunted left costophrenic angle.", []),
        ("Nipple shadows.", "", []),
        (
            "Endotracheal tube, feeding tube and left PICC.",
            "Endotracheal tube, feeding tube and left PICC are unchanged.",
            ["spurious_comparison"],
        ),
        ("The left opacity has cleared. Resolution of pneumonia.", "No opacity.", ["omitted_comparison"]),
        # three readings of one place, one graver than the other two
        (
            "Left lower lobe consolidation.",
            "Left lower lobe atelectasis. 11 mm left lower lobe nodule. Mass in the left lower lobe.",
            ["false_finding"] * 2,
        ),
        (
            "Left lower lobe atelectasis. 11 mm left lower lobe nodule. Mass in the left lower lobe.",
            "Left lower lobe consolidation.",
            ["omission"] * 2,
        ),
        # what is new is not what has long been there
        ("Bibasilar fibrosis.", "New left lung opacity.", ["false_finding", "omission"]),
        ("Bibasilar fibrosis.", "Bibasilar fibrosis. New left opacity.", ["false_finding"]),
        ("Bibasilar fibrosis. New left opacity.", "Bibasilar fibrosis.", ["omission"]),
        ("New left basilar opacity.", "Left lower lobe pneumonia.", ["omitted_comparison"]),
        (
            "Unchanged bilateral interstitial opacities. New left mid lung opacity.",
            "Unchanged bilateral interstitial opacities.",
            ["omission"],
        ),
        # metastases at two sites are two findings, "metastases" in general are those of the bones
        ("Pulmonary metastases. Bone metastases.", "", ["omission"] * 2),
        ("Diffuse metastases. Bone metastases.", "", ["omission"]),
        ("Pulmonary metastases.", "Multiple lung nodules.", []),
        ("Rib metastasis.", "Destructive rib lesion, likely metastatic. Lungs are clear.", []),
        # one side against both is one error of location
        ("Right effusion.", "Bilateral effusions.", ["location"]),
        ("Bilateral effusions.", "Right effusion.", ["location"]),
        ("Right effusion and basilar atelectasis.", "Bilateral effusions and bibasilar atelectasis.", ["location"]),
        # the limit of normal
        ("Borderline cardiomegaly.", "Heart size is at the upper limits of normal.", []),
        ("The heart size is upper limits of normal.", "The heart is borderline enlarged.", []),
        ("The heart is enlarged.", "Heart size is at the upper limits of normal.", ["omission"]),
        ("Heart size is at the upper limits of normal.", "Heart size is normal.", []),
        # the heart of "heart size is stable" is the enlarged one
        ("Cardiomegaly, unchanged.", "The heart is enlarged. Heart size is stable.", []),
        ("Cardiomegaly.", "The cardiac silhouette is unchanged. Cardiomegaly.", ["spurious_comparison"]),
        ("Cardiomegaly, worse.", "Cardiomegaly. Heart size is stable.", ["spurious_comparison"]),
        # a denial of more of the same, and of what is only possible, contradicts nothing
        ("Left nodule.", "Left nodule. No other nodule.", []),
        ("Left opacity.", "Left opacity. The lungs are otherwise clear of opacity.", []),
        ("Possible pneumonia.", "Possible pneumonia. No pneumonia.", []),
        ("Left pneumonia.", "Left pneumonia. No pneumonia.", ["omission"]),
        # a wrong place of a device, once as the place and once as wrong
        (
            "PICC loops in the brachiocephalic vein, its tip in the jugular vein.",
            "Malpositioned PICC with its tip in the jugular vein.",
            [],
        ),
        # outside the lexicon
        ("The flumpish blorb has resolved.", "The flumpish blorb has resolved.", []),
    ],
)
def test_one_thing_is_one_error(reference, candidate, errors):
    [judged] = radjudge.score(references=[reference], candidates=[candidate])
    assert sorted(error.category for error in judged.errors if error.counted) == errors


@pytest.mark.parametrize(
    ("reference", "candidate", "errors"),
    [
        ("Left effusion and atelectasis have increased.", "Left effusion and atelectasis.", ["omitted_comparison"]),
        ("Left effusion and atelectasis.", "Left effusion and atelectasis have increased.", ["spurious_comparison"]),
        ("Left effusion and left atelectasis have increased.", "Increased left effusion. Left atelectasis.", []),
        (
            "Increased left effusion. Unchanged cardiomegaly.",
            "Left effusion. Cardiomegaly.",
            ["omitted_comparison"] * 2,
        ),
        ("Small effusion.", "Small effusion; lines and tubes are unchanged.", []),
        ("Unchanged small effusion.", "Small effusion. Support devices are unchanged.", ["omitted_comparison"]),
        ("Small effusion and mild edema. These are unchanged.", "Small effusion, unchanged. Mild edema, stable.", []),
    ],
)
def test_a_change_said_of_several_is_one_comparison(reference, candidate, errors):
    [judged] = radjudge.score(references=[reference], candidates=[candidate])
    assert sorted(error.category for error in judged.errors if error.counted) == errors
