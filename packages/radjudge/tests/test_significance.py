"""Levels of findings: from the table, shifted by degree and by what is known of the patient."""

import pytest

import radjudge
from radjudge.significance import SignificanceTable, at_least, at_most, default_table


def level(text, **context):
    [result] = radjudge.score(references=[text], candidates=[""], contexts=[context or None])
    return result.errors[0].significance


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Pneumothorax.", "urgent"),
        ("Free air under the diaphragm.", "urgent"),
        ("Pneumonia.", "actionable"),
        ("Small pleural effusion.", "actionable"),
        ("Trace pleural effusion.", "not_actionable"),
        ("Borderline cardiomegaly.", "not_actionable"),
        ("Severe emphysema.", "actionable"),
        ("Severe scoliosis.", "not_actionable"),
        ("Calcified granuloma.", "not_actionable"),
        ("History of pneumonia.", "not_actionable"),
        ("Nipple shadow.", "benign"),
    ],
)
def test_levels(text, expected):
    assert level(text) == expected


def test_context_shifts_a_level():
    assert level("Aortic calcification.", age=82) == "benign"
    assert level("Aortic calcification.", age=25) == "actionable"
    assert level("Aortic calcification.", age=55) == "not_actionable"
    assert level("Calcified granuloma.", indication="History of lung cancer") == "not_actionable"
    assert level("Right IJ central venous catheter.", indication="line placement") == "actionable"
    assert level("Atelectasis.", indication="Hypoxia") == "actionable"


def test_context_moves_the_score():
    def score(age):
        return radjudge.score(references=["Aortic calcification."], candidates=[""], contexts=[{"age": age}])[0].score

    assert score(82) == 1.0 > score(25)


def test_a_user_may_replace_the_table(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "levels: {scoliosis: urgent}\nweights: {urgent: 0.8, actionable: 0.5, not_actionable: 0.1, benign: 0}\n"
    )
    judge = radjudge.StructuredJudge(significance=path)
    [result] = judge.evaluate([radjudge.Pair("Scoliosis.", "")])
    assert result.errors[0].significance == "urgent"
    assert result.score == pytest.approx(0.25 / 1.05)
    assert judge.fingerprint != radjudge.StructuredJudge().fingerprint
    assert judge.fingerprint == radjudge.StructuredJudge(significance=path).fingerprint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"levels": {"scoliosis": "dire"}}, "levels.scoliosis"),
        ({"weights": {"urgent": 1.0}}, "must give all four levels"),
        ({"weights": {"urgent": 2.0, "actionable": 0.5, "not_actionable": 0.1, "benign": 0}}, r"in \[0, 1\]"),
        ({"colour": 1}, "colour"),
        ({"context": [{"entities": ["x"], "level": "urgent", "age_under": -1}]}, "age_under"),
    ],
)
def test_a_faulty_table_is_refused(content, message):
    with pytest.raises(ValueError, match=message):
        SignificanceTable.load(content)


def test_steps_between_levels():
    assert at_most("urgent", "actionable") == "actionable"
    assert at_least("benign", "actionable") == "actionable"


def test_shipped_table_names_known_entities():
    from radjudge.lexicon import load_lexicon

    table, known = default_table(), set(load_lexicon().entities)
    assert table.weights == {"urgent": 1.0, "actionable": 0.5, "not_actionable": 0.25, "benign": 0.0}
    assert {*table.minor_entities, *table.harmless} <= known
    assert {entity for rule in table.context for entity in rule.entities} <= known
