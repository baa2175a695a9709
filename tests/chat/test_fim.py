"""Prompts that clients rendered for some model or other come apart again; what only speaks of the markers does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maker.chat.fim import FAMILIES, Family, parse_fill
from maker.chat.types import ChatRequest, Fill
from maker.chat.unwrap import unwrapped

TEXT = st.text(alphabet="ab(): \n\u2028é", max_size=30)


def rendered(family: Family, prefix: str, suffix: str, *, suffix_first: bool = False) -> str:
    if family.spaced:
        return f"<PRE> {prefix} <SUF>{suffix} <MID>"
    if suffix_first or not family.middle:
        return f"{family.suffix}{suffix}{family.prefix}{prefix}{family.middle}"
    return f"{family.prefix}{prefix}{family.suffix}{suffix}{family.middle}"


@pytest.mark.parametrize("family", FAMILIES, ids=[family.prefix for family in FAMILIES])
@given(prefix=TEXT, suffix=TEXT, suffix_first=st.booleans())
def test_every_family_comes_apart_into_what_was_put_in(
    family: Family, prefix: str, suffix: str, suffix_first: bool
) -> None:
    assert parse_fill(rendered(family, prefix, suffix, suffix_first=suffix_first)) == Fill(prefix, suffix)


RENDERED = {
    "Qwen2.5-Coder": "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>",
    "StarCoder2": "<fim_prefix>P<fim_suffix>S<fim_middle>",
    "SantaCoder": "<fim-prefix>P<fim-suffix>S<fim-middle>",
    "DeepSeek-Coder": "<｜fim▁begin｜>P<｜fim▁hole｜>S<｜fim▁end｜>",
    "Code Llama": "<PRE> P <SUF>S <MID>",
    "Codestral": "[SUFFIX]S[PREFIX]P",
    "Seed-Coder": "<[fim-suffix]>S<[fim-prefix]>P<[fim-middle]>",
}


@pytest.mark.parametrize("name", RENDERED)
def test_a_gap_is_rendered_as_the_family_was_trained(name: str) -> None:
    [family] = [one for one in FAMILIES if RENDERED[name].startswith((one.prefix, one.suffix))]
    gap = Fill("P", "S", (("a.py", "x"),))
    assert family.rendered(gap) == Fill("P", "S", rendered=RENDERED[name])
    assert all(marker in RENDERED[name] for marker in family.markers)


@pytest.mark.parametrize("family", FAMILIES, ids=[family.prefix for family in FAMILIES])
@given(prefix=TEXT, suffix=TEXT)
def test_what_is_rendered_comes_apart_again(family: Family, prefix: str, suffix: str) -> None:
    assert parse_fill(family.rendered(Fill(prefix, suffix)).rendered or "") == Fill(prefix, suffix)


def test_a_prefix_may_stand_behind_the_marker_for_the_middle() -> None:
    assert parse_fill("<fim_prefix><fim_suffix>after<fim_middle>before") == Fill("before", "after")
    assert parse_fill("<PRE> <SUF>after <MID> before") == Fill("before", "after")


def test_other_files_before_the_markers_are_kept_as_context() -> None:
    head = "<|repo_name|>shop\n<|file_sep|>a.py\nx = 1\n<|file_sep|>b.py\n"
    found = parse_fill(f"{head}<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>")
    assert found == Fill("P", "S", (("a.py", "x = 1\n"),))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "what do <fim_prefix>, <fim_suffix> and <fim_middle> mean?",
        "<fim_prefix>P<fim_suffix>S",
        "[PREFIX]P",
    ],
)
def test_anything_else_is_no_gap(text: str) -> None:
    assert parse_fill(text) is None


def asked(*messages: tuple[str, object]) -> ChatRequest:
    return ChatRequest(tuple({"role": role, "content": content} for role, content in messages))


def test_a_chat_of_one_such_message_is_the_gap_itself() -> None:
    prompt = "<fim_prefix>P<fim_suffix>S<fim_middle>"
    for content in (prompt, [{"type": "text", "text": prompt}]):
        assert unwrapped(asked(("system", "be brief"), ("user", content))).fill == Fill("P", "S")
    assert unwrapped(asked(("user", "hi"), ("assistant", "ho"), ("user", prompt))).fill is None


def test_a_rendered_conversation_becomes_messages_behind_the_system_prompt() -> None:
    text = "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU <|x|>\n<|im_end|>\n<|im_start|>assistant\n```\n"
    found = unwrapped(asked(("system", "rules"), ("user", text)))
    assert [(message["role"], message["content"]) for message in found.messages] == [
        ("system", "rules"),
        ("system", "S"),
        ("user", "U <|x|>\n"),
        ("assistant", "```\n"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "what is <|im_start|>user\nin this log?",
        "<|im_start|>user\nhi<|im_end|>\n",
        "<|im_start|>assistant\n",
        "<|im_start|>user\nhi<|im_end|>\nand more",
        "<|im_start|>robot\nhi<|im_end|>\n<|im_start|>assistant\n",
    ],
)
def test_a_text_that_is_not_wholly_a_conversation_stays_a_message(text: str) -> None:
    request = asked(("user", text))
    assert unwrapped(request) is request
