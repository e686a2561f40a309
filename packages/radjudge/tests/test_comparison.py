"""Two systems: direction, ties, failed pairs, studies."""

import pytest
from scipy import stats

import radjudge
from radjudge.comparison import compare
from radjudge.records import Judgement

REFERENCES = ["Small left effusion.", "Mild cardiomegaly.", "No acute disease.", "Scoliosis.", "Hiatal hernia.",
              "Right lower lobe pneumonia."]  # fmt: skip


def results(candidates):
    return radjudge.score(references=REFERENCES, candidates=candidates)


def test_perfect_system_beats_a_normal_template():
    perfect, template = results(REFERENCES), results(["No acute disease."] * len(REFERENCES))
    for key, better in (("score", "first"), ("total_errors", "first"), ("significant_errors", "first")):
        found = compare(perfect, template, key=key)
        assert found.better == better
        assert (found.wins, found.losses) == (found.studies - found.ties, 0)
        assert compare(template, perfect, key=key).better == "second"
    assert found.higher_is_better is False


def test_same_system_is_neither_better_nor_worse():
    found = compare(results(REFERENCES), results(REFERENCES))
    assert (found.wins, found.ties, found.losses, found.p_value) == (0, 6, 0, 1.0)
    assert found.better == "neither"
    assert found.to_dict()["difference"] == {"estimate": 0.0, "low": 0.0, "high": 0.0, "level": 0.95}


def test_p_value_is_near_the_exact_permutation_test():
    first = [Judgement(str(i), "ok", score=v) for i, v in enumerate([0.9, 0.8, 0.7, 0.9, 0.4, 0.8])]
    second = [Judgement(str(i), "ok", score=v) for i, v in enumerate([0.5, 0.9, 0.4, 0.6, 0.3, 0.6])]
    exact = stats.permutation_test(
        ([a.score for a in first], [b.score for b in second]),
        lambda a, b: a.mean() - b.mean(), permutation_type="samples", n_resamples=1e5,
    ).pvalue  # fmt: skip
    assert compare(first, second).p_value == pytest.approx(exact, abs=0.02)


def test_failed_pairs_are_excluded_and_counted():
    spanish = "El corazon es de tamano normal y los pulmones estan sin infiltrados ni derrame pleural."
    first = results([spanish, *REFERENCES[1:]])
    assert len(first.failed) == 1
    found = compare(first, results(REFERENCES))
    assert (found.pairs, found.excluded) == (5, 1)


def test_groups_make_studies():
    groups = {str(index): "ab"[index % 2] for index in range(6)}
    found = compare(results(REFERENCES), results([""] * 6), groups=groups)
    assert found.studies == 2


def test_refusals():
    with pytest.raises(ValueError, match="key must be one of score"):
        compare(results(REFERENCES), results(REFERENCES), key="bleu")
    with pytest.raises(ValueError, match="1 only in the first, 0 only in the second"):
        compare(list(results(REFERENCES)), list(results(REFERENCES))[1:])
    with pytest.raises(ValueError, match="at least two pairs"):
        compare(list(results(REFERENCES))[:1], list(results(REFERENCES))[:1])
