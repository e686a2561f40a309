"""The counting rules, row by row: reference, candidate, and the errors two people would count.

Each rule is phrased in at least five ways. A row's expectation is written as "kind kind ..." with o = omission,
f = false finding, l = location, s = severity, + = spurious comparison, - = omitted comparison; "" means no error.
"""

import pytest

import radjudge

KINDS = {
    "o": "omission",
    "f": "false_finding",
    "l": "location",
    "s": "severity",
    "+": "spurious_comparison",
    "-": "omitted_comparison",
}

NORMALS_COST_NOTHING = [
    ("No pneumothorax.", "", ""),
    ("", "No pneumothorax or pleural effusion.", ""),
    ("The heart is normal in size.", "Cardiac silhouette is within normal limits. Bones are intact.", ""),
    ("No acute cardiopulmonary disease.", "Lungs are clear. No effusion. No pneumothorax.", ""),
    ("Lungs are clear. Normal heart size.", "No acute cardiopulmonary abnormality.", ""),
    ("No focal consolidation, effusion, or pneumothorax.", "Normal chest radiograph.", ""),
    ("The lungs are well expanded and clear.", "No pneumonia.", ""),
    ("Osseous structures are unremarkable.", "No acute fracture.", ""),
    ("Heart size and pulmonary vascularity are normal.", "Heart size normal.", ""),
    ("There is no evidence of pulmonary edema.", "Pulmonary vasculature is unremarkable.", ""),
    ("Trachea is midline. Hila are unremarkable.", "Mediastinal contours are normal.", ""),
    ("No free air under the diaphragm.", "Upper abdomen is unremarkable.", ""),
]

POLARITY_IS_ONE_ERROR = [
    ("Small left pleural effusion.", "No pleural effusion.", "o"),
    ("Cardiomegaly.", "Heart size is normal.", "o"),
    ("Right lower lobe consolidation.", "The lungs are clear.", "o"),
    ("Right apical pneumothorax.", "No pneumothorax is seen.", "o"),
    ("Mild pulmonary edema.", "No acute cardiopulmonary process.", "o"),
    ("No pleural effusion.", "Small left pleural effusion.", "f"),
    ("Heart size is normal.", "The heart is enlarged.", "f"),
    ("The lungs are clear.", "Left lower lobe pneumonia.", "f"),
    ("There is no pneumothorax.", "Tiny right apical pneumothorax.", "f"),
    ("No acute osseous abnormality.", "Acute left rib fracture.", "f"),
    ("Normal chest.", "Right hilar mass.", "f"),
    ("", "Large hiatal hernia.", "f"),
    ("Large hiatal hernia.", "", "o"),
    ("The aorta is tortuous.", "The aorta is normal.", "o"),
    ("No lymphadenopathy.", "There is hilar lymphadenopathy.", "f"),
    ("The right hemidiaphragm is elevated.", "Diaphragm is unremarkable.", "o"),
]

PER_FINDING_NOT_PER_MENTION = [
    ("Left effusion. Impression: Left effusion.", "No effusion.", "o"),
    ("No effusion.", "Left pleural effusion. There is a small left effusion. Impression: left effusion.", "f"),
    ("Cardiomegaly.", "Cardiomegaly. The heart is enlarged. Enlarged cardiac silhouette.", ""),
    (
        "FINDINGS: Opacity in the right upper lobe. IMPRESSION: Right upper lobe opacity.",
        "FINDINGS: Opacity in the left upper lobe. IMPRESSION: Left upper lobe opacity.",
        "l",
    ),
    ("Pneumothorax on the right. Right pneumothorax.", "", "o"),
    ("Moderate cardiomegaly. Stable cardiomegaly.", "Cardiomegaly is moderate and stable.", ""),
    ("Atelectasis at the left base. Left basilar atelectasis.", "Left basilar atelectasis.", ""),
]

SIDE = [
    ("Left pleural effusion.", "Right pleural effusion.", "l"),
    ("There is a small effusion on the left.", "There is a small effusion on the right.", "l"),
    ("Right-sided pneumothorax.", "Left-sided pneumothorax.", "l"),
    ("Opacity in the left lung base.", "Opacity at the right lung base.", "l"),
    ("RUL nodule.", "LUL nodule.", "l"),
    ("Bilateral pleural effusions.", "Left pleural effusion.", "l"),
    ("Left basilar atelectasis.", "Bibasilar atelectasis.", "l"),
    ("Pleural effusions in both hemithoraces.", "Right pleural effusion.", "l"),
    ("Right PICC.", "Left PICC.", "l"),
    ("Bilateral pleural effusions.", "Unilateral pleural effusion.", "l"),
    ("Left pleural effusion.", "Unilateral pleural effusion.", ""),
    ("Left pleural effusion. It is unilateral.", "Bilateral pleural effusions.", "l"),
    ("Elevated right hemidiaphragm.", "Elevated left hemidiaphragm.", "l"),
    ("Blunting of the left costophrenic angle.", "Blunting of the right costophrenic angle.", "l"),
    ("Left rib fracture.", "Right rib fracture.", "l"),
    ("Fracture of the right clavicle.", "Fracture of the left clavicle.", "l"),
    ("RLL pneumonia.", "Pneumonia in the left lower lobe.", "l"),
]

ZONE = [
    ("Right upper lobe consolidation.", "Right lower lobe consolidation.", "l"),
    ("Nodule in the left apex.", "Nodule at the left base.", "l"),
    ("Opacity in the right mid lung.", "Opacity in the right apex.", ""),
    ("LLL opacity.", "LUL opacity.", "l"),
    ("Consolidation in the left lower lobe.", "Consolidation in the left upper lobe.", "l"),
    ("Scarring at the lung apices.", "Scarring at the lung bases.", "l"),
    ("Right basilar opacity.", "Right lower lobe opacity.", ""),
    ("Left apical scarring.", "Left upper lobe scarring.", ""),
    ("Compression deformity of T7.", "Compression deformity of C5.", "l"),
    ("Right upper lobe mass.", "Right lower lobe mass.", "l"),
]

MORE_SPECIFIC_IS_NO_ERROR = [
    ("Pleural effusion.", "Left pleural effusion.", ""),
    ("There is an opacity.", "There is an opacity in the right lower lobe.", ""),
    ("Pneumothorax.", "Small right apical pneumothorax.", ""),
    ("Atelectasis is present.", "Bibasilar atelectasis is present.", ""),
    ("Rib fracture.", "Left rib fracture.", ""),
    ("Nodule.", "6 mm nodule in the left upper lobe.", ""),
    ("Cardiomegaly.", "Mild cardiomegaly.", ""),
    ("PICC.", "Right PICC with tip in the mid SVC.", ""),
]

UMBRELLA = [
    ("Left pleural effusion. Right pleural effusion.", "Bilateral pleural effusions.", ""),
    ("Bilateral pleural effusions.", "Right pleural effusion and left pleural effusion.", ""),
    ("Small left effusion and small right effusion.", "Small bilateral pleural effusions.", ""),
    ("Opacities at both lung bases.", "Right basilar opacity. Left basilar opacity.", ""),
    ("Bibasilar atelectasis.", "Left basilar atelectasis. There is also atelectasis at the right base.", ""),
    ("Left effusion. Right effusion.", "Left effusion.", "o"),
    ("Right and left apical scarring.", "Biapical scarring.", ""),
]

TWO_FINDINGS_TWO_SIDES = [
    ("Small left effusion and right basilar atelectasis.", "Small left effusion and right basilar atelectasis.", ""),
    ("Small left effusion and right basilar atelectasis.", "Small right effusion and left basilar atelectasis.", "l l"),
    ("Right pneumothorax and left effusion.", "Left effusion. Right pneumothorax.", ""),
    ("Right pneumothorax and left effusion.", "Right effusion. Right pneumothorax.", "l"),
    ("Left upper lobe nodule with right lower lobe consolidation.", "RLL consolidation. LUL nodule.", ""),
    (
        "Right pleural effusion and a left lower lobe opacity.",
        "Right pleural effusion and a right lower lobe opacity.",
        "l",
    ),
    ("Moderate right and small left pleural effusions.", "Small left effusion and moderate right effusion.", ""),
    (
        "Scarring in the left apex and a granuloma in the right base.",
        "Left apical scarring. Right basilar granuloma.",
        "",
    ),
]

DEGREE = [
    ("Small pleural effusion.", "Large pleural effusion.", "s"),
    ("Mild cardiomegaly.", "Severe cardiomegaly.", "s"),
    ("Trace effusion.", "Moderate effusion.", "s"),
    ("Moderate cardiomegaly.", "Mild cardiomegaly.", "s"),
    ("The heart is mildly enlarged.", "The heart is markedly enlarged.", "s"),
    ("Small right pneumothorax.", "Tiny right pneumothorax.", "s"),
    ("Mild edema.", "Slight edema.", ""),
    ("Large effusion.", "Extensive effusion.", ""),
    ("Small effusion.", "Mild effusion.", ""),
    ("Minimal atelectasis.", "Trace atelectasis.", ""),
    ("Mild to moderate edema.", "Moderate edema.", ""),
    ("Cardiomegaly is mild.", "Mild cardiomegaly.", ""),
    ("Severe degenerative changes of the spine.", "Mild degenerative changes of the spine.", "s"),
    ("Moderate effusion.", "Effusion.", ""),
]

MEASUREMENTS = [
    ("5 mm nodule.", "6 mm nodule.", ""),
    ("5 mm nodule.", "9 mm nodule.", "s"),
    ("8 mm nodule in the RUL.", "11 mm nodule in the RUL.", ""),
    ("8 mm nodule in the RUL.", "15 mm nodule in the RUL.", "s"),
    ("Nodule measuring 1.0 cm.", "Nodule measuring 10 mm.", ""),
    ("1.2 cm nodule.", "12 mm nodule.", ""),
    ("1.2 cm nodule.", "2.1 cm nodule.", "s"),
    ("4 cm mass.", "4.5 cm mass.", ""),
    ("4 cm mass.", "6 cm mass.", "s"),
    ("Mass measuring 2.8 cm.", "Mass measuring 3.1 cm.", "s"),
    ("A 3.0 x 2.0 cm mass.", "A 2.9 x 2.0 cm mass.", "s"),
    ("Mass measures 40 mm.", "Mass measures 4.0 cm.", ""),
    ("0.9 cm nodule.", "9 mm nodule.", ""),
    ("Nodule (7 mm).", "Nodule (20 mm).", "s"),
]

TRAJECTORY = [
    ("Stable left effusion.", "Left effusion.", "-"),
    ("Left effusion.", "Stable left effusion.", "+"),
    ("Left effusion has increased.", "Left effusion has decreased.", "+"),
    ("Improved edema.", "Worsened edema.", "+"),
    ("Unchanged cardiomegaly.", "Cardiomegaly is stable.", ""),
    ("No significant change in the right effusion.", "Stable right effusion.", ""),
    ("New right lower lobe opacity.", "Right lower lobe opacity.", "-"),
    ("Right lower lobe opacity.", "New right lower lobe opacity.", "+"),
    ("Pneumothorax has resolved.", "No pneumothorax.", "-"),
    ("No pneumothorax.", "The pneumothorax has resolved.", "+"),
    ("Interval resolution of the effusion.", "The effusion has resolved.", ""),
    ("The effusion is no longer seen.", "Resolved effusion.", ""),
    ("Interval worsening of pulmonary edema.", "Pulmonary edema has worsened.", ""),
    ("Interval increase in left effusion.", "Left effusion, increased.", ""),
    ("Cardiomegaly. No significant interval change.", "Cardiomegaly.", "-"),
    ("Cardiomegaly.", "Cardiomegaly. No interval change.", "+"),
    ("Cardiomegaly, unchanged.", "Cardiomegaly. No interval change.", ""),
    ("Effusion is unchanged from the prior study.", "Unchanged effusion.", ""),
    ("Left basilar atelectasis is improved.", "Decreased left basilar atelectasis.", ""),
    ("Mild cardiomegaly. This is unchanged.", "Stable mild cardiomegaly.", ""),
]

CERTAINTY_IS_NOT_COUNTED = [
    ("Possible pneumonia in the right base.", "Pneumonia in the right base.", ""),
    ("Pneumonia cannot be excluded.", "Possible pneumonia.", ""),
    ("Pneumonia cannot be excluded.", "No pneumonia.", "o"),
    ("Probable small left effusion.", "Small left effusion.", ""),
    ("Small left effusion is possible.", "Small left effusion.", ""),
    ("Cannot exclude a small right effusion.", "Small right effusion.", ""),
    ("Questionable nodule in the left apex.", "Nodule in the left apex.", ""),
    ("Findings may represent pulmonary edema.", "Pulmonary edema.", ""),
    ("No pneumonia.", "Pneumonia is not excluded.", "f"),
]

NEGATION_SCOPE = [
    ("No consolidation, effusion or pneumothorax.", "Effusion.", "f"),
    ("No effusion, pneumothorax or edema.", "Edema.", "f"),
    ("No pneumothorax, but there is a small left effusion.", "Small left effusion.", ""),
    ("No pneumothorax; small left effusion.", "Left effusion, small.", ""),
    ("There is no effusion and the heart is enlarged.", "Cardiomegaly.", ""),
    ("Without effusion or pneumothorax.", "No effusion. No pneumothorax.", ""),
    ("No pneumothorax although there is cardiomegaly.", "Enlarged heart.", ""),
    ("No pneumothorax, small left pleural effusion.", "Small left pleural effusion.", ""),
    ("Negative for pneumothorax or effusion.", "Effusion.", "f"),
    ("The heart is not enlarged.", "Cardiomegaly.", "f"),
    ("Pneumothorax is not seen.", "Pneumothorax.", "f"),
    ("No evidence of pneumonia; mild cardiomegaly.", "Mild cardiomegaly.", ""),
    ("No focal opacity to suggest pneumonia.", "Pneumonia.", "f"),
    ("Lungs are clear of consolidation or effusion.", "Effusion.", "f"),
    ("Free of pneumothorax, effusion, or consolidation.", "Consolidation.", "f"),
    ("Neither effusion nor pneumothorax is identified.", "Pneumothorax.", "f"),
    ("Absence of pleural effusion.", "Pleural effusion.", "f"),
    ("Effusion is absent.", "Pleural effusion.", "f"),
    ("No pneumothorax or large effusion.", "Large effusion.", "f"),
    ("Atelectasis rather than pneumonia.", "Atelectasis.", ""),
]

PSEUDO_NEGATION = [
    ("No change in left effusion.", "Left effusion.", "-"),
    ("No significant change in cardiomegaly.", "Cardiomegaly, stable.", ""),
    ("Pneumonia cannot be ruled out.", "Pneumonia.", ""),
    ("Not only the left effusion but also cardiomegaly.", "Left effusion. Cardiomegaly.", ""),
    ("No interval change in the right pneumothorax.", "Unchanged right pneumothorax.", ""),
    ("Edema is not significantly changed.", "Stable edema.", ""),
]

HISTORY_IS_INSIGNIFICANT = [
    ("Status post sternotomy.", "", "o"),
    ("History of pneumonia.", "", "o"),
    ("", "Status post CABG.", "f"),
    ("Median sternotomy wires.", "Status post median sternotomy.", ""),
    ("Healed left rib fractures.", "Old left rib fractures.", ""),
    ("Status post mastectomy.", "Mastectomy.", ""),
]

DEVICES = [
    ("ETT tip 4 cm above the carina.", "Endotracheal tube tip 4.5 cm above the carina.", ""),
    ("ETT tip 5 cm above the carina.", "ETT tip 1 cm above the carina.", "l"),
    ("ETT in standard position.", "ETT tip in the right mainstem bronchus.", "l"),
    ("NG tube tip in the stomach.", "Nasogastric tube terminates in the stomach.", ""),
    ("NG tube tip in the stomach.", "NG tube tip in the distal esophagus.", "l"),
    ("Right PICC tip in the mid SVC.", "Right PICC tip in the right atrium.", "l"),
    ("Right IJ central venous catheter.", "", "o"),
    ("", "Left chest tube in place.", "f"),
    ("Left-sided dual lead pacemaker.", "Pacemaker with leads in the right atrium and right ventricle.", ""),
    ("Right internal jugular Swan-Ganz catheter.", "Swan-Ganz catheter.", ""),
    ("The NG tube has been removed.", "NG tube tip in the stomach.", "f"),
    ("Port-A-Cath on the right.", "Right chest port.", ""),
    ("Left subclavian line.", "Left subclavian central venous catheter.", ""),
    ("Intra-aortic balloon pump.", "IABP.", ""),
    ("Feeding tube courses below the diaphragm.", "Dobhoff tube tip in the stomach.", ""),
]

EMPTY = [
    ("", "", ""),
    ("  \n ", "", ""),
    ("Left effusion. Cardiomegaly. Right upper lobe nodule.", "", "o o o"),
    ("", "Left effusion. Cardiomegaly. Right upper lobe nodule.", "f f f"),
    ("Normal chest.", "", ""),
    ("", "Normal chest.", ""),
]

CONTRADICTION_AND_REPETITION = [
    ("No effusion.", "No effusion. Small left effusion.", "f"),
    ("Small left effusion.", "Small left effusion. No pleural effusion.", "o"),
    ("Cardiomegaly.", "No cardiomegaly. Cardiomegaly.", "o"),
    ("Left effusion. No effusion.", "Left effusion. No effusion.", ""),
    ("Pneumothorax.", "Pneumothorax. Pneumothorax. Pneumothorax.", ""),
    ("No pneumothorax.", "No pneumothorax. There is no pneumothorax.", ""),
]

SAME_THING_IN_OTHER_WORDS = [
    ("Cardiomegaly.", "The cardiac silhouette is enlarged.", ""),
    ("Cardiomegaly.", "Enlargement of the heart.", ""),
    ("Pleural effusion.", "Fluid in the pleural space.", ""),
    ("Bilateral pleural effusions.", "Fluid collections in both pleural spaces.", ""),
    ("Hyperinflated lungs.", "The lungs are hyperexpanded.", ""),
    ("Low lung volumes.", "Lung volumes are low.", ""),
    ("Low lung volumes.", "Poor inspiratory effort.", ""),
    ("Tortuous aorta.", "Tortuosity of the thoracic aorta.", ""),
    ("Right hemidiaphragm elevation.", "The right hemidiaphragm is elevated.", ""),
    ("Blunted left costophrenic angle.", "There is blunting of the left CP angle.", ""),
    ("Degenerative changes of the thoracic spine.", "Thoracic spondylosis.", ""),
    ("Calcified granuloma in the left lower lobe.", "Calcified nodule in the LLL.", ""),
    ("CHF.", "Congestive heart failure.", ""),
    ("COPD.", "Chronic obstructive pulmonary disease.", ""),
    ("Aortic calcification.", "Atherosclerotic calcification of the aorta.", ""),
    ("Pleural thickening at the right apex.", "Right apical pleural thickening.", ""),
    ("Widened mediastinum.", "Mediastinal widening.", ""),
    ("Free air under the diaphragm.", "Pneumoperitoneum.", ""),
    ("Pulmonary edema.", "Pulmonary oedema.", ""),
    ("Scoliosis.", "Scoliotic curvature of the spine.", ""),
    ("PTX on the right.", "Right pneumothorax.", ""),
    ("Left lower lobe consolidation.", "LLL consolidation.", ""),
    ("Airspace disease in the right base.", "Right basilar air space opacity.", ""),
    ("Osteopenia.", "The bones are demineralized.", ""),
    ("Prominent interstitial markings.", "Interstitial markings are increased.", ""),
    ("Hiatal hernia.", "Hiatus hernia.", ""),
    ("Deviation of the trachea to the right.", "The trachea is deviated to the right.", ""),
    ("Hilar fullness.", "The hila are prominent.", ""),
]

PARENT_AND_CHILD = [
    ("Left lower lobe opacity.", "Left lower lobe consolidation.", ""),
    ("Left lower lobe pneumonia.", "Left lower lobe consolidation.", ""),
    ("Left basilar opacity, likely atelectasis.", "Left basilar atelectasis.", ""),
    ("Left basilar atelectasis.", "Left basilar opacity consistent with atelectasis.", ""),
    ("Pulmonary vascular congestion.", "Pulmonary edema.", ""),
    ("Right central venous catheter.", "Right PICC.", ""),
    ("Fracture.", "Rib fracture.", ""),
    ("Pneumothorax.", "Pleural effusion.", "o f"),
    ("Cardiomegaly.", "Hiatal hernia.", "o f"),
    ("Pneumonia in the right base.", "Atelectasis in the right base.", "o"),
    ("Nodule in the left apex.", "Effusion on the left.", "o f"),
]

ONE_THING_SAID_TWICE_IS_ONE_ERROR = [
    ("Left basilar opacity, atelectasis versus pneumonia.", "", "o"),
    ("", "Right basilar opacity, possibly scarring or atelectasis.", "f"),
    ("Left lower lobe opacity. Impression: left lower lobe pneumonia.", "Lungs are clear.", "o"),
    (
        "Left basilar opacity likely representing atelectasis.",
        "Right basilar opacity likely representing atelectasis.",
        "l",
    ),
    ("Low lung volumes with bronchovascular crowding.", "", "o"),
    ("RUL opacity and LLL pneumonia.", "", "o o"),
    ("Pulmonary edema and bilateral effusions.", "", "o o"),
]

MASKS_AND_STYLE = [
    ("XXXX opacities in the left base.", "Opacities in the left base.", ""),
    ("Small left pleural effusion, ___.", "Small left pleural effusion.", ""),
    ("SMALL LEFT PLEURAL EFFUSION.", "small left pleural effusion", ""),
    ("Small   left\r\npleural  effusion .", "Small left pleural effusion.", ""),
    ("Small left pleural effu\u200bsion.", "Small left pleural effusion.", ""),
    ("1. Cardiomegaly. 2. Left effusion.", "Left effusion and cardiomegaly.", ""),
    ("Dr. Smith was notified. Left effusion.", "Left effusion.", ""),
    ("INDICATION: rule out pneumonia. FINDINGS: Lungs are clear.", "Lungs are clear.", ""),
    ("HISTORY: CHF. IMPRESSION: Normal chest.", "Normal chest.", ""),
    ("Left effusion. Recommend CT to exclude mass.", "Left effusion.", ""),
]

RULES = {name: rows for name, rows in globals().items() if name.isupper() and isinstance(rows, list)}
ROWS = [
    pytest.param(*row, id=f"{name.lower()}-{place}") for name, rows in RULES.items() for place, row in enumerate(rows)
]


def test_the_table_is_large_enough():
    assert len(ROWS) >= 200
    assert all(len(rows) >= 5 for rows in RULES.values())


@pytest.mark.parametrize(("reference", "candidate", "expected"), ROWS)
def test_rule(reference, candidate, expected):
    [result] = radjudge.score(references=[reference], candidates=[candidate])
    found = sorted(error.category for error in result.errors if error.counted)
    assert found == sorted(KINDS[mark] for mark in expected.split())
    assert result.total_errors == len(found)
