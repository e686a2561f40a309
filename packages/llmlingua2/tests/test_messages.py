"""Chat messages: an exact total, and nothing touched that must not be."""

import copy

import pytest

from llmlingua2.compressor import Compressor
from llmlingua2.selection.budget import BudgetError

LONG = (
    "The council's budget isn't final yet, and the report recommends to increase the appropriation in the general fund."
)


@pytest.fixture(scope="module")
def compressor(wordpiece_model):
    return Compressor.from_pretrained(wordpiece_model, device="cpu", counter="cl100k_base")


def openai():
    return [
        {"role": "system", "content": f"You are a clerk. {LONG}"},
        {"role": "user", "content": LONG, "name": "sarah"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "the report of the council"}'}}]},
        {"role": "tool", "tool_call_id": "1", "content": LONG * 2},
        {"role": "assistant", "content": LONG},
        {"role": "user", "content": [{"type": "text", "text": LONG}, {"type": "image_url", "image_url": {"url": "data:x"}}]},
        {"role": "user", "content": "And now?"},
        {"role": "assistant", "content": LONG},
    ]  # fmt: skip


def anthropic():
    return [
        {"role": "user", "content": [{"type": "text", "text": LONG}]},
        {"role": "assistant", "content": [{"type": "text", "text": "I look."}, {"type": "tool_use", "id": "t", "name": "f", "input": {"q": LONG}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": LONG}, {"type": "image", "source": {}}]}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "u", "content": LONG}]},
    ]  # fmt: skip


def contents(messages):
    for message in messages:
        content = message.get("content")
        stack = [content] if isinstance(content, str) else list(content or [])
        while stack:
            part = stack.pop(0)
            if isinstance(part, str):
                yield part
            elif part["type"] == "text":
                yield part["text"]
            elif part["type"] == "tool_result":
                inner = part["content"]
                stack = ([inner] if isinstance(inner, str) else list(inner)) + stack


@pytest.mark.parametrize("make", [openai, anthropic])
@pytest.mark.parametrize("rate", [0.6, 0.8, 1.0])
def test_total_is_exact_and_counts_what_is_not_touched(compressor, make, rate):
    messages = make()
    before = copy.deepcopy(messages)
    result = compressor.compress_messages(messages, rate=rate, keep_last=1)
    assert messages == before
    count = compressor.counter
    total = sum(map(count, contents(messages)))
    assert result.origin_tokens == total
    assert result.compressed_tokens == sum(map(count, contents(result.messages))) <= rate * total
    assert result.compressed_tokens > rate * total - 12
    assert result.rate == result.compressed_tokens / total
    if rate == 1:
        assert result.messages == messages


def test_system_prompts_tool_calls_and_the_last_messages_are_untouched(compressor):
    messages = openai()
    result = compressor.compress_messages(messages, rate=0.75).messages
    for index in (0, 2, 4, 6, 7):
        assert result[index] == messages[index]
    assert result[1]["name"] == "sarah"
    assert result[3]["tool_call_id"] == "1"
    assert result[5]["content"][1] == messages[5]["content"][1]
    assert len(result[1]["content"]) < len(LONG)
    assert len(result[3]["content"]) < 2 * len(LONG)


def test_tool_results_of_anthropic_are_tool_texts(compressor):
    messages = anthropic()
    result = compressor.compress_messages(messages, rate=0.6, roles=["tool"], keep_last=0).messages
    assert result[0] == messages[0]
    assert result[1] == messages[1]
    assert len(result[2]["content"][0]["content"][0]["text"]) < len(LONG)
    assert result[2]["content"][0]["content"][1] == {"type": "image", "source": {}}
    assert len(result[3]["content"][0]["content"]) < len(LONG)
    users = compressor.compress_messages(messages, rate=0.8, roles=["user"], keep_last=0).messages
    assert users[3] == messages[3]
    assert users[0] != messages[0]


def test_no_text_becomes_empty(compressor):
    messages = [{"role": "user", "content": f"word{number} and some more of it"} for number in range(6)]
    result = compressor.compress_messages(messages, rate=0.5, keep_last=0)
    assert all(message["content"].strip() for message in result.messages)
    empty = compressor.compress_messages([{"role": "user", "content": ""}, *messages], rate=0.5, keep_last=0)
    assert empty.messages[0]["content"] == ""


def test_what_stays_must_fit(compressor):
    with pytest.raises(BudgetError, match="above the target of 20"):
        compressor.compress_messages(openai(), target_tokens=20)
    kept = compressor.compress_messages(openai(), target_tokens=20, on_overflow="keep")
    assert kept.messages[0] == openai()[0]
    assert kept.compressed_tokens > 20


def test_empty_conversations(compressor):
    assert compressor.compress_messages([], rate=0.5).messages == []
    only = [{"role": "user", "content": "short"}]
    assert compressor.compress_messages(only, target_tokens=5).messages == only


@pytest.mark.parametrize(
    ("messages", "options", "error", "message"),
    [
        ([{"content": "a"}], {"rate": 0.5}, ValueError, r"messages\[0\]: give a mapping with a role"),
        ([{"role": "robot", "content": "a"}], {"rate": 0.5}, ValueError, r"messages\[0\]"),
        ([{"role": "user", "content": 3}], {"rate": 0.5}, TypeError, r"messages\[0\]: content is int"),
        ([{"role": "user", "content": ["a"]}], {"rate": 0.5}, TypeError, "a part of the content is str"),
        ([], {"rate": 0.5, "roles": "user"}, ValueError, "roles: 'user' is not a list"),
        ([], {"rate": 0.5, "roles": ["robot"]}, ValueError, "roles"),
        ([], {"rate": 0.5, "keep_last": -1}, ValueError, "keep_last: -1"),
        ([], {}, ValueError, "exactly one of rate, target_tokens"),
        ([], {"rate": 0.5, "budget": "chunk"}, ValueError, "one total"),
        ([], {"rate": 0.5, "preserve": [(0, 1)]}, ValueError, "in which message"),
    ],
)
def test_bad_arguments_are_refused(compressor, messages, options, error, message):
    with pytest.raises(error, match=message):
        compressor.compress_messages(messages, **options)
