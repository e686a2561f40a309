"""Variation, matching and hitting rate and the alignment gap against closed forms; selection against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlingua2.align import dp
from llmlingua2.quality import Rates, rates, select


def test_identity():
    text = ["we", "ship", "on", "friday"]
    assert rates(text, text, [True] * 4) == Rates(vr=0.0, mr=1.0, hr=1.0, ag=0.0)


def test_pure_hallucination():
    assert rates(["we", "ship"], ["unrelated", "words", "only"], [False, False]) == Rates(1.0, 0.0, 0.0, 0.0)


def test_half_invented_and_one_word_not_placed():
    # Of four answered words two are known; both count as hits, one was labelled.
    measured = rates(["a", "b", "c", "d"], ["a", "x", "c", "y"], [True, False, False, False])
    assert measured == Rates(vr=0.5, mr=0.25, hr=0.5, ag=0.25)


def test_repeated_words_count_each_time():
    measured = rates(["a", "b"], ["a", "a", "a"], [True, False])
    assert (measured.vr, measured.mr, measured.hr, measured.ag) == (0.0, 0.5, 1.5, 1.0)


def test_lemmas_and_case_are_compared():
    assert rates(["Meetings"], ["meeting"], [True]).vr == 0.0


def test_empty_answer_invents_nothing():
    assert rates(["a"], [], [False]) == Rates(0.0, 0.0, 0.0, 0.0)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="empty"):
        rates([], ["a"], [])
    with pytest.raises(ValueError, match="2 labels for 1"):
        rates(["a"], ["a"], [True, False])


@given(
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=20),
    st.lists(st.sampled_from("abcdefxyz"), max_size=20),
)
def test_gap_is_never_negative_for_an_honest_alignment(original, answer):
    measured = rates(original, answer, dp(original, answer))
    assert measured.ag >= -1e-12
    assert 0 <= measured.vr <= 1


def _many(vr, ag):
    return [Rates(vr=v, mr=0.0, hr=a, ag=a) for v, a in zip(vr, ag, strict=True)]


def test_percentiles_are_applied_one_after_the_other():
    # 20 chunks: 5 % of 20 is the worst VR; 10 % of the 19 left is one more, by AG.
    vr, ag = [0.0] * 19 + [0.9], [0.1] * 18 + [0.8, 0.99]
    chosen = select(_many(vr, ag))
    assert np.flatnonzero(~chosen.kept).tolist() == [18, 19]
    assert (chosen.vr_limit, chosen.ag_limit) == (0.0, 0.1)


def test_the_gap_of_a_chunk_goes_with_its_own_variation():
    # The column of gaps must not slip by the chunk that the first filter took out.
    vr, ag = [0.9] + [0.0] * 19, [0.0] * 10 + [0.7] + [0.0] * 9
    chosen = select(_many(vr, ag))
    assert np.flatnonzero(~chosen.kept).tolist() == [0, 10]


def test_ties_lose_the_share_and_no_more():
    assert select(_many([0.0] * 100, [0.0] * 100)).kept.sum() == 100 - 5 - 9


def test_by_value():
    chosen = select(_many([0.0, 0.2, 0.0], [0.0, 0.0, 0.5]), vr=0.1, ag=0.1, by="value")
    assert chosen.kept.tolist() == [True, False, False]


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="by must"):
        select([], by="rank")
    with pytest.raises(ValueError, match="vr must"):
        select([], vr=101)
    assert select([]).kept.shape == (0,)
