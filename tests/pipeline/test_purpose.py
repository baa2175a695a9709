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
        (asked("Create a detailed summary of the conversation module in docs/conv.md", tools=TOOLS), None),
        (asked("Create a detailed summary of the conversation.", tools=TOOLS), "summary"),
        (asked("*Briefly* summarize this partial conversation about programming.", "x", first="system"), "summary"),
        (asked("You generate concise, one-line Git commit messages.", "diff", first="system"), "summary"),
        (asked("Add a concise 3-5 word title to every slide in deck.md", tools=TOOLS), None),
        (asked("Write a short title for each section of README.md and save it", tools=TOOLS), None),
        (asked("Write a short title for each section of README.md"), None),
        (asked("Fix the isNewTopic flag in chat.ts", tools=TOOLS), None),
        (asked("What do <START EDITING HERE> and <STOP EDITING HERE> mean in edit.ts?", tools=TOOLS), None),
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


@pytest.mark.parametrize(
    "system",
    [
        "Act as an expert software developer. Describe each change with a *SEARCH/REPLACE block*.",
        "To suggest changes to a file you MUST use this *file listing* format:",
        "TOOL USE\n\nTool use is formatted using XML-style tags. The tool name is enclosed in tags.",
    ],
)
def test_a_client_that_reads_edits_from_the_text_gets_the_models_own_answer(system: str) -> None:
    assert by_rules(asked(system, "Write a function add to main.py", first="system")) == "question"


def test_a_form_may_be_prescribed_behind_the_users_words() -> None:
    said = "Write a function\n\nEvery *file listing* MUST use this format:\n- First line: the filename"
    assert by_rules(asked("Act as an expert.", said, first="system")) == "question"


def test_a_user_who_asks_about_such_a_form_prescribes_none() -> None:
    assert by_rules(asked("Write a parser for SEARCH/REPLACE blocks")) is None
