"""What a request is for, by the words of the clients; a user who quotes them asks a question."""

from typing import Any

import pytest

from maker.chat.types import ChatRequest, Fill, Sampling
from maker.pipeline.classify import by_rules
from maker.pipeline.purpose import purpose

TOOLS = ({"type": "function", "function": {"name": "x"}},)


def asked(*texts: str, first: str = "user", **more: Any) -> ChatRequest:
    roles = [first, *("user" if first != "user" else "assistant" for _ in texts[1:])]
    return ChatRequest(tuple({"role": role, "content": text} for role, text in zip(roles, texts, strict=True)), **more)


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        (asked("x", fill=Fill("x", "y")), "autocomplete"),
        (asked("please reply with a title for the chat that is 3-4 words"), "title"),
        (asked("You are a title generator. You output ONLY a title.", "hi", first="system"), "title"),
        (asked("Generate a concise 3-7 word title for this conversation"), "title"),
        (asked("Analyze if this is a new topic; set isNewTopic", "hi", first="system", tools=TOOLS), "title"),
        (asked("Create a comprehensive summary of this conversation."), "summary"),
        (asked("Your task is to create a detailed summary of the conversation so far", tools=TOOLS), "summary"),
        (asked("ORIGINAL CODE:\n```\nx\n```\n\nSUGGESTED EDIT:\n```\ny\n```"), "apply"),
        (asked("...\n\nHere is the rewritten code:"), "edit"),
        (asked("a\n<START EDITING HERE>\nb\n<STOP EDITING HERE>\n"), "edit"),
        (asked("go on", "It was a"), "prefill"),
        (asked("quota", sampling=Sampling(max_tokens=1)), "short"),
        (asked("hi"), None),
        (asked("hi", tools=TOOLS), None),
        (asked("hi", tools=TOOLS, sampling=Sampling(max_tokens=20)), None),
        (asked("write a class with a title for this page"), None),
        (asked("why does the prompt contain ORIGINAL CODE: and SUGGESTED EDIT: ?"), None),
        (asked("x" * 700 + " reply with a title for the chat"), None),
        (asked("what does <|im_start|> mean, and <fim_prefix>?"), None),
    ],
)
def test_a_purpose_is_told_by_what_clients_say(request_: ChatRequest, wanted: str | None) -> None:
    assert purpose(request_) == wanted
    assert by_rules(request_) == ("utility" if wanted else "agent" if request_.tools else None)


def test_a_conversation_that_ends_in_a_tools_result_is_a_question_where_no_tools_are_offered() -> None:
    last = {"role": "tool", "tool_call_id": "c", "content": "42"}
    assert by_rules(ChatRequest(({"role": "user", "content": "hi"}, last))) == "question"
