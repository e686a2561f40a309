"""Offline teachers are deterministic and keep what they promise; model teachers read answers strictly."""

import json

import pytest

from llmlingua2.corpora.meetings import Meeting, Query
from llmlingua2.corpora.sources import document_chunks, meeting_chunks, problem_chunks, read_documents
from llmlingua2.teachers.noisy import NoisyTeacher
from llmlingua2.teachers.protocol import BadAnswerError, Chunk, Teacher, prompt, read_answer
from llmlingua2.teachers.reference import ReferenceTeacher, SalienceTeacher
from llmlingua2.teachers.salience import Salience

TEXT = "Well , we will not ship the new remote before 2 May because Anna found faults ."


@pytest.fixture(scope="module")
def salience():
    pairs = [("the remote has faults and a price".split(), "remote faults".split())] * 6
    return Salience.fit(pairs, [words for words, _ in pairs])


def test_reference_keeps_hinted_words_numbers_and_negations():
    chunk = Chunk("c", TEXT, ((0, len(TEXT), "The remotes are shipped later"),))
    assert ReferenceTeacher().compress(chunk).text == "not ship remote 2"


def test_hints_reach_only_their_place():
    chunk = Chunk("c", "the remote . the remote", ((0, 11, "remote"),))
    assert ReferenceTeacher().compress(chunk).text == "remote"


def test_without_hints_names_numbers_and_operators_stay():
    chunk = Chunk("c", "We saw Anna pay 3 + 4 = 7 euros")
    assert ReferenceTeacher().compress(chunk).text == "Anna 3 + 4 = 7"


def test_a_chunk_without_evidence_is_refused_with_a_reason():
    with pytest.raises(BadAnswerError, match="no word"):
        ReferenceTeacher().compress(Chunk("c", "well you know", ((0, 5, "remote"),)))
    with pytest.raises(ValueError, match="rate"):
        SalienceTeacher(None, rate=0)


def test_salience_is_the_share_of_answers_that_use_a_word(salience):
    assert salience.probability("remot") > salience.probability("price")
    assert salience.probability("fault") > salience.probability("unheard")
    assert 0 < salience.probability("unheard") < 1


def test_salience_survives_saving(salience, tmp_path):
    salience.save(tmp_path / "salience.json")
    assert Salience.load(tmp_path / "salience.json") == salience
    with pytest.raises(ValueError, match="content word"):
        Salience.fit([(["the"], ["the"])], [])


def test_higher_rates_keep_more_in_the_original_order(salience):
    chunk = Chunk("c", TEXT)
    previous: list[str] = []
    for rate in (0.1, 0.3, 0.6):
        answer = SalienceTeacher(salience, rate=rate).compress(chunk).text.split()
        assert set(previous) <= set(answer)
        assert [word for word in TEXT.split() if word in answer] == answer
        previous = answer


def test_later_mentions_give_way_to_new_words(salience):
    teacher = SalienceTeacher(salience, rate=0.3, neighbour=0.0)
    assert teacher.compress(Chunk("c", "remote remote remote remote price faults")).text == "remote faults"


def test_a_negation_goes_with_what_it_negates(salience):
    teacher = SalienceTeacher(salience, rate=0.5, neighbour=0.0)
    assert teacher.compress(Chunk("c", "there are not any faults")).text == "not faults"


def test_noise_is_fixed_by_seed_and_chunk_and_counted(salience):
    teacher = NoisyTeacher(SalienceTeacher(salience, rate=0.9), inflection=0.5, insertion=0.5, swap=0.5)
    first, again = (teacher.compress(Chunk("c", TEXT)) for _ in range(2))
    other = teacher.compress(Chunk("d", TEXT))
    assert first == again
    assert first.text != other.text
    assert sum(first.details["faults"].values()) > 0
    silent = NoisyTeacher(SalienceTeacher(salience, rate=0.9), inflection=0, insertion=0, swap=0)
    assert silent.compress(Chunk("c", TEXT)).text == SalienceTeacher(salience, rate=0.9).compress(Chunk("c", TEXT)).text
    with pytest.raises(ValueError, match="swap"):
        NoisyTeacher(ReferenceTeacher(), swap=2)


def test_the_offline_teachers_are_teachers(salience):
    for teacher in (ReferenceTeacher(), SalienceTeacher(salience, rate=0.5), NoisyTeacher(ReferenceTeacher())):
        assert isinstance(teacher, Teacher)


def test_answers_are_read_strictly():
    assert read_answer("a long text", " a text \n") == "a text"
    for answer, reason in ((None, "empty"), ("  ", "empty"), ("x" * 500, "500 characters"), ("a", "over-compressed")):
        with pytest.raises(BadAnswerError, match=reason):
            read_answer("word " * 30, answer)


def test_the_request_states_the_five_rules():
    system, user = prompt("the text")
    assert system["role"] == "system"
    assert user["content"].endswith("the text")
    assert all(f"\n{number}. " in user["content"] for number in range(1, 6))


def test_meeting_chunks_carry_hints_in_their_own_offsets():
    turns = (("A", "first turn here ."), ("B", "second about the budget ."), ("A", "third ."))
    meeting = Meeting(
        "m", "academic", turns, (Query("Budget", "", ((1, 1),)),), (Query("What?", "It grew", ((1, 2),)),)
    )
    chunks = list(meeting_chunks([meeting], size=5))
    assert "".join(chunk.text for chunk in chunks) == "first turn here .\nsecond about the budget .\nthird ."
    assert chunks[0].hints == ()
    for chunk in chunks[1:]:
        for first, last, said in chunk.hints:
            assert chunk.text[first:last].strip().startswith("second about" if "second" in chunk.text else "third")
            assert said in ("It grew", "Budget")
    assert {chunk.group for chunk in chunks} == {"qmsum:m"}
    named = next(meeting_chunks([meeting], size=50, speakers=True))
    assert named.text.startswith("A: first")


def test_problems_lose_their_calculator_marks():
    row = {"question": "How many?", "answer": "48/2 = <<48/2=24>>24 clips\n#### 24"}
    chunks = list(problem_chunks([row] * 5, per_chunk=2, size=500))
    assert [chunk.id for chunk in chunks] == ["gsm8k-0:0", "gsm8k-1:0", "gsm8k-2:0"]
    assert "48/2 = 24 clips\nThe answer is 24" in chunks[0].text


def test_documents_from_files(tmp_path):
    (tmp_path / "a.txt").write_text("One text . Two .", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text(json.dumps({"idx": 7, "prompt": "Some text ."}) + "\n", encoding="utf-8")
    assert [chunk.id for chunk in document_chunks(read_documents(tmp_path / "a.txt"))] == ["a:0"]
    assert [chunk.id for chunk in document_chunks(read_documents(tmp_path / "b.jsonl"))] == ["7:0"]
    with pytest.raises(ValueError, match="document 1"):
        list(document_chunks([{"text": "no prompt"}]))


def test_a_local_model_answers_through_its_chat_template():
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from llmlingua2.teachers.local import TransformersTeacher

    core = Tokenizer(
        models.WordLevel({"<s>": 0, "</s>": 1, "[UNK]": 2, "we": 3, "ship": 4, "today": 5}, unk_token="[UNK]")
    )
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="[UNK]")
    with pytest.raises(ValueError, match="chat template"):
        TransformersTeacher(None, tokenizer)
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }} {% endfor %}"
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=6, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
                    max_position_embeddings=512, pad_token_id=1)
    ).eval()  # fmt: skip
    model.generation_config.pad_token_id = 1
    teacher = TransformersTeacher(model, tokenizer, max_new_tokens=4)
    # Random weights never stop: the answer is cut, and that is said.
    model.generation_config.eos_token_id = None
    with pytest.raises(BadAnswerError, match="cut at 4"):
        teacher.compress(Chunk("c", "we ship today"))

    class Fixed:
        device = "cpu"

        def generate(self, input_ids, **_):
            assert 3 in input_ids[0].tolist()  # the text reached the model
            return torch.cat([input_ids, torch.tensor([[4, 5, 1]])], dim=1)

    answer = TransformersTeacher(Fixed(), tokenizer).compress(Chunk("c", "we ship today"))
    assert answer.text == "ship today"
    assert answer.details["output_tokens"] == 3
