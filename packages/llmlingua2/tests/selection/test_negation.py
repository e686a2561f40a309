"""Polarity: wherever a negated word is kept, so is its negation."""

import itertools
import re

import numpy as np
import pytest
from hostile_text import texts
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmlingua2.scores import Scores
from llmlingua2.selection.layout import Layout
from llmlingua2.selection.negation import REACH, above_clause, find_negations
from llmlingua2.selection.prompt import Prompt
from llmlingua2.selection.settings import Settings
from llmlingua2.text.words import words

# (sentence, negation, negated word); [..] marks nothing, the words are looked up.
HANDWRITTEN = [
    ("We do not want to ship it without the security review.", "not", "want"),
    ("We do not want to ship it without the security review.", "without", "review"),
    ("The committee didn't approve the budget.", "didn't", "approve"),
    ("They didn’t sign the contract.", "didn’t", "sign"),
    ("You can't deploy on Fridays.", "can't", "deploy"),
    ("Customers cannot cancel online.", "cannot", "cancel"),
    ("We do n't have the numbers yet .", "n't", "have"),
    ("He has never visited the plant.", "never", "visited"),
    ("Nobody objected to the plan.", "Nobody", "objected"),
    ("No one has read the report.", "No", "read"),
    ("None of the tests passed.", "None", "passed"),
    ("Neither the mayor nor the council agreed.", "Neither", "agreed"),
    ("Neither the mayor nor the council agreed.", "nor", "agreed"),
    ("There is no evidence of fraud.", "no", "evidence"),
    ("Nothing changed after the update.", "Nothing", "changed"),
    ("Do not, under any circumstances, press the red button.", "not", "press"),
    ("I don't think that we should accept the offer.", "don't", "accept"),
    ("It isn't a bug.", "isn't", "bug"),
    ("Unless the board agrees, nothing moves.", "Unless", "agrees"),
    ("She hardly slept.", "hardly", "slept"),
    ("We dont support Windows.", "dont", "support"),
    ("Wir haben den Vertrag nicht unterschrieben.", "nicht", "unterschrieben"),
    ("Das ist kein Fehler.", "kein", "Fehler"),
    ("Ohne Prüfung liefern wir das aus.", "Ohne", "Prüfung"),
    ("Er kommt niemals pünktlich.", "niemals", "kommt"),
    ("No queremos aprobar el presupuesto.", "No", "aprobar"),
    ("El comité nunca aprobó la propuesta.", "nunca", "aprobó"),
    ("Salió sin permiso.", "sin", "permiso"),
    ("Le comité n'a pas approuvé le budget.", "pas", "approuvé"),
    ("Le comité n'a pas approuvé le budget.", "n'a", "approuvé"),
    ("Il ne viendra jamais.", "ne", "viendra"),
    ("Sans autorisation, rien ne part.", "Sans", "autorisation"),
    ("Non vogliamo approvare il bilancio.", "Non", "approvare"),
    ("Non ha mai firmato.", "mai", "firmato"),
    ("A comissão não aprovou o orçamento.", "não", "aprovou"),
    ("Ninguém leu o relatório.", "Ninguém", "leu"),
    ("De commissie heeft het budget niet goedgekeurd.", "niet", "goedgekeurd"),
    ("Wij hebben geen tijd.", "geen", "tijd"),
    ("Комитет не одобрил бюджет.", "не", "одобрил"),
    ("Никто не читал отчёт.", "Никто", "читал"),
    ("Мы работаем без перерыва.", "без", "перерыва"),
    ("Komisja nie zatwierdziła budżetu.", "nie", "zatwierdziła"),
    ("Vi har inte godkänt budgeten.", "inte", "godkänt"),
    ("Vi har ikke godkendt budgettet.", "ikke", "godkendt"),
    ("لم توافق اللجنة على الميزانية", "لم", "توافق"),
    ("هذا ليس خطأ", "ليس", "خطأ"),
    ("הוועדה לא אישרה את התקציב", "לא", "אישרה"),
    ("समिति ने बजट मंज़ूर नहीं किया", "नहीं", "मंज़ूर"),
    ("Komite bütçeyi onaylamak için değil toplandı", "değil", "onaylamak"),
    ("Ủy ban không thông qua ngân sách.", "không", "thông"),
    ("Komite tidak menyetujui anggaran.", "tidak", "menyetujui"),
    ("위원회는 예산을 안 승인했다.", "안", "승인했다"),
    ("我们不同意这个预算。", "不", "意"),
    ("委员会没有批准预算。", "没", "批"),
    ("他未经许可离开了。", "未", "许"),
    ("委員会は予算を承認しなかった。", "なかっ", "承"),
    ("私は賛成しません。", "ません", "賛"),
    ("คณะไม่อนุมัติงบ", "ไม่", "อ"),
]  # fmt: skip
SUBJECTS = ["The committee", "Our customers", "I", "The old server in Berlin", "She"]
NEGATIONS = ["did not", "didn't", "will never", "cannot", "won't", "has not yet", "should under no circumstances"]
VERBS = ["approve", "delete", "deliver", "confirm", "sign", "pay"]
OBJECTS = ["the final contract before Monday.", "it; the others did."]
GENERATED = [
    (f"{subject} {negation} {verb} {target}", re.search(r"not|didn't|never|cannot|won't|no(?= c)", negation)[0], verb)
    for subject, negation, verb, target in itertools.product(SUBJECTS, NEGATIONS, VERBS, OBJECTS)
]


def occurrences(text, spans, part):
    """Words that overlap the first occurrence of `part` as a word (or inside one, in scripts without spaces)."""
    at = re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text) or re.search(re.escape(part), text)
    return np.flatnonzero((spans[:, 0] < at.end()) & (spans[:, 1] > at.start()))


def test_two_hundred_sentences_keep_their_polarity():
    """Kept sets are the first words of the ranking, so its order decides for every size at once."""
    sentences = HANDWRITTEN + GENERATED
    assert len(sentences) >= 200
    for number, (text, negation, verb) in enumerate(sentences):
        spans = words(text)
        negating, negated = occurrences(text, spans, negation), occurrences(text, spans, verb)
        assert find_negations(text, spans)[negating].all(), (text, negation)
        for seed in range(2):
            values = np.random.default_rng(1000 * seed + number).random(len(spans))
            values[negating] = 0.001  # the model would drop it
            scores = Scores.from_words(text, spans, values)
            for protect in (True, False):
                asked = Settings(target_tokens=1, keep_negation=protect)
                _, ranked, _ = Prompt(scores.scored, asked, scores.counter).ranking()
                rank = np.argsort(ranked)
                safe = rank[negating].max() < np.setdiff1d(rank[negated], rank[negating], assume_unique=True).min(
                    initial=99
                )
                assert safe == protect, (text, negation, verb)  # without the rule the meaning is lost


@pytest.mark.parametrize("sentence", [*HANDWRITTEN[::3], *GENERATED[::20]])
def test_compressed_sentences_keep_their_polarity(sentence):
    text, negation, verb = sentence
    spans = words(text)
    negating, negated = occurrences(text, spans, negation), occurrences(text, spans, verb)
    values = np.random.default_rng(0).random(len(spans))
    values[negated], values[negating] = 0.9, 0.001
    scores = Scores.from_words(text, spans, values)
    seen = False
    for size in range(1, len(spans)):
        kept = scores.compress(target_tokens=size).kept
        assert kept[negating].all() or not kept[negated].any(), size
        seen |= bool(kept[negated].any())
    assert seen


def test_threshold_chunks_and_queries_keep_polarity_too():
    text = "We do not approve the plan. The plan costs money.\n\nNobody has read the plan about money."
    spans = words(text)
    values = np.where(find_negations(text, spans), 0.01, np.random.default_rng(0).random(len(spans)))
    scores = Scores.from_words(text, spans, values)
    for options in (
        *({"threshold": level} for level in (0.1, 0.3, 0.5, 0.7, 0.9)),
        *({"rate": rate, "query": "what costs money"} for rate in (0.2, 0.4, 0.6, 0.8)),
    ):
        kept = scores.compress(**options).kept
        for negation, verb in (("not", "approve"), ("Nobody", "read")):
            negating, negated = occurrences(text, spans, negation), occurrences(text, spans, verb)
            assert kept[negating].all() or not kept[negated].any()


def test_a_negation_is_charged_and_never_forced():
    text = "alpha beta not gamma"
    scores = Scores.from_words(text, words(text), [0.9, 0.8, 0.1, 0.2])
    assert scores.compress(target_tokens=1).text == "not"  # just above the best word it may negate
    assert scores.compress(target_tokens=2).text == "alpha not"
    assert scores.compress(target_tokens=2, keep_negation=False).text == "alpha beta"
    # Beside a forced word it comes first of all that is free, but is not forced itself.
    assert scores.compress(target_tokens=2, force_tokens=["gamma"]).text == "not gamma"
    assert scores.compress(target_tokens=1, force_tokens=["gamma"]).text == "gamma"


def test_the_rule_changes_no_reported_score():
    text = "do not ship"
    scores = Scores.from_words(text, words(text), [0.5, 0.1, 0.9])
    scores.compress(rate=0.5)
    assert [word.score for word in scores.words] == pytest.approx([0.5, 0.1, 0.9])


def test_reach_ends_with_the_clause():
    def raised(text):
        spans = words(text)
        values = np.linspace(0.1, 0.9, len(spans))
        return above_clause(values, find_negations(text, spans), Layout(text, spans)), values

    priority, values = raised("not good. much better words here")
    assert priority[0] == values[1]
    priority, values = raised("not " + " ".join("abcdefghijklmnop"))
    assert priority[0] == values[REACH]
    priority, values = raised("not at 3.14 metres")  # the point is no end
    assert priority[0] == values[-1]
    priority, values = raised("not, (so) far")  # punctuation is neither a word nor an end, but for the clause ends
    assert priority[0] == values[-1]


@pytest.mark.parametrize(
    ("text", "negations"),
    [
        ("notable nothingness knot Nora innocent", []),
        ("it is another note", []),
        ("非常好，特别快", []),
        ("不要动，不同意", ["不", "不"]),
        ("DON'T panic, it's NOT bad", ["DON'T", "NOT"]),
        ("rock'n'roll isn`t", []),
        ("n'est-ce pas", ["n'est-ce", "pas"]),
        ("not-for-profit", []),
        ("İ not", ["not"]),
    ],
)
def test_what_is_a_negation(text, negations):
    spans = words(text)
    assert [text[start:end] for start, end in spans[find_negations(text, spans)].tolist()] == negations


@settings(deadline=None)
@given(texts, st.integers(0, 3))
@example("\u202bnot\u0301", 0)
def test_any_text_has_as_many_flags_as_words_and_negations_only_rise(text, seed):
    spans = words(text)
    flags = find_negations(text, spans)
    values = np.random.default_rng(seed).random(len(spans))
    raised = above_clause(values, flags, Layout(text, spans))
    assert flags.shape == (len(spans),)
    assert (raised >= values).all()
    assert (raised[~flags] == values[~flags]).all()
