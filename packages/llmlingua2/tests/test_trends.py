"""The paper's trends at a size that runs offline, each beside a control in which it must not appear."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest

from llmlingua2.compressor import Compressor
from llmlingua2.corpora.sources import document_chunks
from llmlingua2.demo import sample_meetings
from llmlingua2.distill import distill
from llmlingua2.evaluation.measures import answer_bigram_recall, answer_recall
from llmlingua2.quality import Rates, select
from llmlingua2.scores import Scores
from llmlingua2.teachers.noisy import NoisyTeacher
from llmlingua2.teachers.protocol import Answer, Chunk
from llmlingua2.text.function_words import FUNCTION_WORDS, is_content
from llmlingua2.text.lemmas import stem
from llmlingua2.text.words import words
from llmlingua2.training.labels import label
from tenfold_core.datasets import read_jsonl
from tenfold_core.metrics import paired_difference


def cut(text, spans):
    return [text[start:end] for start, end in spans]


# --- a teacher whose choice is known ----------------------------------------------------------------------------------


class Chooser:
    """Keeps the words that begin with a capital: the truth is in the text."""

    name, concurrency = "chooser", 1

    def compress(self, chunk):
        return Answer(" ".join(word for word in chunk.text.split() if word[0].isupper()))


def made_text(draw, size):
    """Words of which some recur, three in ten of them to be kept, a full stop after every tenth."""
    items = [f"w{draw.integers(300)}" for _ in range(size)]
    items = [item.upper() if draw.random() < 0.3 else item for item in items]
    return " ".join(item + (" ." if number % 10 == 9 else "") for number, item in enumerate(items))


def label_of(chunk, answer):
    row = {"id": chunk.id, "chunk": chunk.id, "teacher": "t", "source": "s", "group": chunk.id, "text": chunk.text}
    return label(row | {"compressed": answer.text})


def truth(text):
    return np.array([word[0].isupper() for word in cut(text, words(text))])


@pytest.fixture(scope="module")
def noisy_labels():
    """Chunks answered with more or less noise: share of wrong labels [n], and the rates of each."""
    draw = np.random.default_rng(0)
    errors, measured = [], []
    for number in range(160):
        strength = float(draw.choice([0.02, 0.05, 0.1, 0.4], p=[0.3, 0.3, 0.3, 0.1]))
        teacher = NoisyTeacher(Chooser(), inflection=0, insertion=strength, swap=strength, seed=1)
        chunk = Chunk(str(number), made_text(draw, 120))
        row = label_of(chunk, teacher.compress(chunk))
        errors.append(np.mean(np.array(row["labels"], bool) != truth(chunk.text)))
        measured.append(Rates(*(row[name] for name in ("vr", "mr", "hr", "ag"))))
    return np.array(errors), measured


@pytest.mark.parametrize(("vr", "ag"), [(10, 0), (0, 10), (5, 10)], ids=["variation rate", "alignment gap", "both"])
def test_each_filter_lowers_the_noise_of_labels(noisy_labels, vr, ag):
    errors, measured = noisy_labels
    kept = select(measured, vr=vr, ag=ag).kept
    assert 0.8 < kept.mean() < 0.95
    assert errors[kept].mean() < 0.9 * errors.mean()
    # The control: rates that belong to other chunks, as where columns slip, select nothing.
    order = np.random.default_rng(0).permutation(len(measured))
    slipped = select([measured[index] for index in order], vr=vr, ag=ag).kept
    assert errors[slipped].mean() > 0.95 * errors.mean()


# --- long inputs ------------------------------------------------------------------------------------------------------


@dataclass
class Degrading:
    """Answers at most so many words, evenly spread: what GPT-4 does to long inputs (paper, section 3.1)."""

    most: int
    name: str = "degrading"
    concurrency: int = 1

    def compress(self, chunk):
        answer = Chooser().compress(chunk).text.split()
        chosen = np.linspace(0, len(answer) - 1, min(self.most, len(answer)), dtype=int)
        return Answer(" ".join(answer[index] for index in chosen))


def recovered(text, most, size, folder):
    """F1 of the labels of a document that was answered in chunks of ``size`` words."""
    path = folder / f"{most}-{size}.jsonl"
    distill(document_chunks([{"idx": "d", "prompt": text}], size=size), Degrading(most), path)
    labels = np.concatenate([label(row)["labels"] for row in read_jsonl(path)]).astype(bool)
    wanted = truth(text)
    return 2 * (labels & wanted).sum() / (labels.sum() + wanted.sum())


def test_chunks_help_a_teacher_that_gives_up_on_long_texts(tmp_path):
    text = made_text(np.random.default_rng(1), 3000)
    chunked, whole = (recovered(text, 100, size, tmp_path) for size in (300, 10_000))
    assert chunked > 0.95
    assert whole < 0.5
    # The control: a teacher that does not mind the length gains nothing from chunks.
    chunked, whole = (recovered(text, 10_000, size, tmp_path) for size in (300, 10_000))
    assert abs(chunked - whole) < 0.03


# --- the shipped model ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compressor():
    return Compressor.default(counter="words")


@pytest.fixture(scope="module")
def mixed_prompts(compressor):
    """(scores, passage, answer): a passage with a human answer beside as many words of "Mm-hmm" and "Okay"."""
    meetings = sample_meetings()
    chatter = [text for meeting in meetings for _, text in meeting.turns if len(words(text)) <= 6]
    found = []
    for meeting in meetings:
        passages = {query: "\n".join(meeting.turns[turn][1] for turn in query.turns()) for query in meeting.queries}
        fitting = [query for query, text in passages.items() if 300 < len(words(text)) < 800][:3]
        for query in fitting:
            passage, talk = passages[query], ""
            at = 97 * len(found)
            while len(words(talk)) < len(words(passage)):
                talk, at = f"{talk}{chatter[at % len(chatter)]}\n", at + 1
            text = f"{talk}{passage}" if len(found) % 2 else f"{passage}\n{talk}"
            found.append((compressor.score(text), passage, query.answer))
    return found


def recalls(prompts, budget):
    """[n, 2]: recall of the answer's words and pairs in the passage when the whole prompt is compressed to a fifth.

    At a twentieth the two budgets are level.
    """
    found = []
    for scores, passage, answer in prompts:
        result = scores.compress(rate=0.2, budget=budget, keep_negation=False)
        start = result.source.index(passage)
        inside = (result.words[:, 0] >= start) & (result.words[:, 1] <= start + len(passage))
        items, kept, wanted = cut(passage, words(passage)), result.kept[inside], cut(answer, words(answer))
        found.append([measure(wanted, items, kept) for measure in (answer_recall, answer_bigram_recall)])
    return np.array(found)


def levelled(scores):
    """The same order within each chunk, and nothing that compares one chunk with another."""
    (scored,) = scores.scored
    ranks = scored.scores.copy()
    chunk = np.searchsorted(scored.chunks, scored.spans[:, 0], side="right")
    for number in np.unique(chunk):
        here = chunk == number
        ranks[here] = np.argsort(np.argsort(scored.scores[here], kind="stable")) / here.sum()
    return Scores([replace(scored, scores=ranks)], scores.counter, single=True)


def test_one_threshold_for_the_prompt_beats_one_per_chunk(mixed_prompts):
    whole, each = (recalls(mixed_prompts, budget) for budget in ("prompt", "chunk"))
    for column in (0, 1):
        there = ~np.isnan(whole[:, column])
        assert paired_difference(whole[there, column], each[there, column]).low > 0
    # The control: scores that say nothing across chunks gain nothing from one threshold.
    levels = [(levelled(scores), passage, answer) for scores, passage, answer in mixed_prompts]
    whole, each = (recalls(levels, budget) for budget in ("prompt", "chunk"))
    assert np.nanmean(whole - each, axis=0).max() < 0.02


VERBS = """agree ask believe bring choose compare consider continue decide describe develop discuss ensure expect explain
    follow happen hear imagine improve include introduce involve learn listen mention prefer provide receive recommend
    remember remove represent solve speak suggest tell try understand wait write"""
NOUNS = """battery budget button channel child company council cost data design education feature government group health
    idea language market material model money parent price problem product project pupil question result school sector
    service speaker staff student system teacher team technology television university voice volume"""
NUMBERS = "eleven twelve fifteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million".split()
ENDS = frozenset(".,;:!?()\"'{}")


def word_classes(items):
    """The class of each word, or "" where a list does not say; names are capitalised inside a sentence."""
    verbs, nouns = ({stem(word) for word in listed.split()} for listed in (VERBS, NOUNS))
    for before, word in pairwise([".", *items]):
        if any(map(str.isdigit, word)) or word.lower() in NUMBERS:
            yield "number"
        elif word.lower() in FUNCTION_WORDS:
            yield "function word"
        elif not is_content(word):
            yield ""
        elif word[0].isupper() and len(word) > 1 and before not in ENDS:
            yield "name"
        else:
            yield "verb" if stem(word) in verbs else "noun" if stem(word) in nouns else ""


@pytest.fixture(scope="module")
def talk(compressor):
    """Scores of about 900 words of each meeting, from its second third on, and the class of each word."""
    found = []
    for meeting in sample_meetings():
        lines = [text for _, text in meeting.turns[len(meeting.turns) // 3 :]]
        ends = np.cumsum([len(line.split()) for line in lines])
        text = "\n".join(lines[: np.searchsorted(ends, 900) + 1])
        found.append((compressor.score(text), list(word_classes(cut(text, words(text))))))
    return found


def keep_rates(talk, rate):
    """Share of the words kept, by class."""
    kept = np.concatenate([scores.compress(rate=rate, keep_negation=False).kept for scores, _ in talk])
    classes = np.concatenate([named for _, named in talk])
    return {name: kept[classes == name].mean() for name in np.unique(classes) if name}


@pytest.mark.parametrize("rate", [0.33, 0.2, 0.1])
def test_content_is_kept_more_often_than_grammar(talk, rate):
    kept = keep_rates(talk, rate)
    assert kept["function word"] + 0.1 < kept["verb"] < min(kept["noun"], kept["name"], kept["number"])


def test_scores_in_another_order_show_no_preference(talk):
    draw = np.random.default_rng(0)
    shuffled = [
        (Scores.from_words(scores.texts[0], scored.spans, draw.permutation(scored.scores)), named)
        for scores, named in talk
        for scored in scores.scored
    ]
    kept = keep_rates(shuffled, 0.2)
    assert abs(kept["function word"] - kept["noun"]) < 0.1
    assert abs(kept["function word"] - kept["name"]) < 0.1
