"""The shipped pairs and the counts that their author gave them."""

import radjudge
from radjudge.samples import load_samples


def test_samples_are_judged_as_a_person_would():
    samples = load_samples()
    assert len(samples) >= 60
    assert len({sample.id for sample in samples}) == len(samples)
    results = radjudge.score(
        references=[sample.reference for sample in samples], candidates=[sample.candidate for sample in samples]
    )
    wrong = [s.id for s, item in zip(samples, results, strict=True) if dict(item.counts) != s.expected]
    assert len(wrong) <= 2, wrong


def test_every_category_and_no_error_are_among_them():
    samples = load_samples()
    assert all(any(sample.expected[name] for sample in samples) for name in radjudge.CATEGORIES)
    assert sum(not any(sample.expected.values()) for sample in samples) >= 15
