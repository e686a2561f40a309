"""The comparison metrics beside sacrebleu, rouge-score and nltk."""

import sys
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radjudge import baselines
from radjudge.baselines import external
from radjudge.baselines.porter import stem
from radjudge.baselines.tokens import v13a, words

WORDS = st.sampled_from(
    [
        "no",
        "acute",
        "pleural",
        "effusion",
        "opacities",
        "opacity",
        "3.5",
        "cm",
        "1,000",
        "left-sided",
        "2-view",
        "x-ray",
        "the",
        ".",
        ",",
        ";",
        "(",
        ")",
        "heart",
        "enlarged",
        "Enlarged",
        "atelectatic",
        "improving",
        "&amp;",
        "improved",
        "nodule/mass",
        "100%",
        "generalizations",
        "oscillators",
    ]
)
TEXT = st.lists(WORDS, min_size=1, max_size=30).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(TEXT, TEXT, st.integers(1, 4))
def test_bleu_equals_sacrebleu(reference, candidate, order):
    from sacrebleu import BLEU

    peer = BLEU(max_ngram_order=order, effective_order=True)
    assert baselines.bleu(references=[reference], candidates=[candidate], order=order)[0] == pytest.approx(
        peer.sentence_score(candidate, [reference]).score / 100, abs=1e-9
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6))
def test_corpus_bleu_equals_sacrebleu(pairs):
    from sacrebleu import BLEU

    references, candidates = (list(texts) for texts in zip(*pairs, strict=True))
    assert baselines.corpus_bleu(references=references, candidates=candidates) == pytest.approx(
        BLEU().corpus_score(candidates, [references]).score / 100, abs=1e-9
    )


@pytest.mark.parametrize(
    "text", ["a-b 3-4 x", "1,000.5 mm.", "(no) <skipped> a&quot;b", "line-\nbreak\nend", "£5 ½ _x_"]
)
def test_13a_tokens_equal_sacrebleu(text):
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    assert v13a(text) == Tokenizer13a()(text).split()


@settings(max_examples=150, deadline=None)
@given(TEXT, TEXT)
def test_rouge_l_equals_rouge_score(reference, candidate):
    from rouge_score.rouge_scorer import RougeScorer

    expected = RougeScorer(["rougeL"]).score(reference, candidate)["rougeL"].fmeasure
    if words(reference) or words(candidate):
        assert baselines.rouge_l(references=[reference], candidates=[candidate])[0] == pytest.approx(expected)


@settings(max_examples=150, deadline=None)
@given(TEXT, TEXT)
def test_meteor_equals_nltk_without_synonyms(reference, candidate):
    from nltk.stem.porter import PorterStemmer
    from nltk.translate.meteor_score import single_meteor_score

    if not words(reference) or not words(candidate):
        return
    expected = single_meteor_score(
        words(reference),
        words(candidate),
        stemmer=PorterStemmer(PorterStemmer.ORIGINAL_ALGORITHM),
        wordnet=SimpleNamespace(synsets=lambda word: []),  # needs no WordNet download
    )
    assert baselines.meteor(references=[reference], candidates=[candidate])[0] == pytest.approx(expected)


def test_meteor_is_a_lower_bound_of_nltk_with_wordnet():
    from nltk.corpus import wordnet
    from nltk.translate.meteor_score import single_meteor_score

    try:
        wordnet.ensure_loaded()
    except LookupError:
        pytest.skip("shared data absent: the WordNet corpus of nltk")
    reference, candidate = "the heart is big", "the heart is large"
    assert baselines.meteor(references=[reference], candidates=[candidate])[0] <= single_meteor_score(
        words(reference), words(candidate)
    )


@settings(max_examples=300, deadline=None)
@given(st.text("abcdeilmnorstuyzg", min_size=3, max_size=12))
def test_stems_equal_nltk(word):
    from nltk.stem.porter import PorterStemmer

    assert stem(word) == PorterStemmer(PorterStemmer.ORIGINAL_ALGORITHM).stem(word)


@pytest.mark.parametrize("name", ["bleu-1", "bleu-2", "bleu-3", "bleu-4", "rouge-l", "keyword-f1", "meteor"])
def test_identical_pair_has_the_best_value_and_direction_is_stated(name):
    metric = baselines.load(name)
    report = "Small left effusion. No pneumothorax. Heart size is normal today."
    same, other = metric(references=[report, report], candidates=[report, "Widened mediastinum, rib fracture."])
    assert metric.higher_is_better
    assert same > other
    assert same == pytest.approx(1.0, abs=1e-3)


def test_empty_reports():
    for name in ("bleu-4", "rouge-l", "meteor"):
        assert baselines.load(name)(references=["", "a b"], candidates=["", ""]) == [1.0, 0.0]


def test_keyword_labels_see_negation_but_no_side():
    assert baselines.keyword_labels("No pneumothorax. Left effusion.") == {"pleural effusion"}
    assert baselines.keyword_labels("The lungs are clear.") == {"no finding"}
    assert baselines.keyword_f1(references=["Left effusion."], candidates=["Right effusion."]) == [1.0]


@pytest.mark.parametrize("name", ["bleu-4", "rouge-l", "meteor", "keyword-f1"])
def test_bad_lists_are_refused(name):
    metric = baselines.load(name)
    with pytest.raises(ValueError, match="2 references, 1 candidates"):
        metric(references=["a", "b"], candidates=["a"])
    with pytest.raises(TypeError, match="candidates must be a list"):
        metric(references=["a"], candidates="a")
    with pytest.raises(TypeError, match=r"references\[0\] must be a string, not float"):
        metric(references=[float("nan")], candidates=["a"])


def test_unknown_names_and_absent_peers(monkeypatch):
    with pytest.raises(ValueError, match="known: bleu-1"):
        baselines.load("bleurt")
    with pytest.raises(ValueError, match="order"):
        baselines.bleu(references=["a"], candidates=["a"], order=5)
    for name, distribution in (("bertscore", "bert-score"), ("radgraph", "radgraph"), ("ratescore", "RaTEScore")):
        monkeypatch.setitem(sys.modules, {"bertscore": "bert_score", "ratescore": "RaTEScore"}.get(name, name), None)
        with pytest.raises(ImportError, match=f'pip install "{distribution}"'):
            baselines.load(name)


def test_adapters_pass_the_lists_in_the_order_of_each_peer(monkeypatch):
    """The peers disagree on the order of their arguments; stand-ins with their signatures record what they get."""

    def bert_score(cands, refs, model_type=None, lang=None, device=None, verbose=False):
        return [0.0], [0.0], [float(cands == ["c"] and refs == ["r"])]

    class F1RadGraph:
        def __init__(self, *, reward_level, model_type):
            assert (reward_level, model_type) == ("all", "radgraph-xl")

        def __call__(self, *, refs, hyps):
            right = float(refs == ["r"] and hyps == ["c"])
            return (0, 0, 0), ([0.1], [right], [0.3]), [], []

    class RaTEScore:
        def compute_score(self, candidate_list, reference_list):
            return [float(candidate_list == ["c"] and reference_list == ["r"])]

    monkeypatch.setitem(sys.modules, "bert_score", SimpleNamespace(score=bert_score))
    monkeypatch.setitem(sys.modules, "radgraph", SimpleNamespace(F1RadGraph=F1RadGraph))
    monkeypatch.setitem(sys.modules, "RaTEScore", SimpleNamespace(RaTEScore=RaTEScore))
    for name in ("bertscore", "radgraph", "ratescore"):
        assert baselines.load(name)(references=["r"], candidates=["c"]) == [1.0]
    with pytest.raises(ValueError, match="simple, partial, complete"):
        external.radgraph(reward_level="some")
