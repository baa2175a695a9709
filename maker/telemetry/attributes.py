"""Attributes of spans by the names that OpenInference gives them."""

import json
from collections.abc import Iterable, Sequence

from openinference.semconv.trace import (
    DocumentAttributes,
    MessageAttributes,
    SpanAttributes,
    ToolCallAttributes,
)

from maker.chat.types import Completion, JsonObject, Usage
from maker.pipeline.repository import Excerpt

MAX_CONTENT = 20_000
"""Characters kept of one captured message."""


def tokens_of(usage: Usage) -> dict[str, int]:
    """The token counts."""
    return {
        SpanAttributes.LLM_TOKEN_COUNT_PROMPT: usage.prompt_tokens,
        SpanAttributes.LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_READ: usage.cached_tokens,
        SpanAttributes.LLM_TOKEN_COUNT_COMPLETION: usage.completion_tokens,
        SpanAttributes.LLM_TOKEN_COUNT_TOTAL: usage.prompt_tokens + usage.completion_tokens,
    }


def documents_of(excerpts: Sequence[Excerpt], *, content: bool) -> dict[str, str | float]:
    """Where the excerpts are from; what is in them only with `content`."""
    attributes: dict[str, str | float] = {}
    for number, excerpt in enumerate(excerpts):
        at = f"{SpanAttributes.RETRIEVAL_DOCUMENTS}.{number}"
        attributes[f"{at}.{DocumentAttributes.DOCUMENT_ID}"] = (
            f"{excerpt.path}:{excerpt.first_line}-{excerpt.last_line}"
        )
        attributes[f"{at}.{DocumentAttributes.DOCUMENT_SCORE}"] = excerpt.score
        if content:
            attributes[f"{at}.{DocumentAttributes.DOCUMENT_CONTENT}"] = text_of(excerpt.text)
    return attributes


def input_of(messages: Sequence[JsonObject]) -> dict[str, str]:
    """What was asked, in short."""
    return {SpanAttributes.INPUT_VALUE: text_of(messages[-1].get("content")) if messages else ""}


def output_of(completions: Sequence[Completion]) -> dict[str, str]:
    """What was answered."""
    return {SpanAttributes.OUTPUT_VALUE: text_of("\n\n".join(completion.text for completion in completions))}


def message_of(completion: Completion) -> JsonObject:
    """A completion as the message it is."""
    calls = [
        {"id": call.id, "function": {"name": call.name, "arguments": call.arguments}} for call in completion.tool_calls
    ]
    return {"role": "assistant", "content": completion.text, "tool_calls": calls}


def messages_of(prefix: str, messages: Iterable[JsonObject]) -> dict[str, str]:
    """Messages as numbered attributes."""
    attributes = {}
    for number, message in enumerate(messages):
        at = f"{prefix}.{number}"
        attributes[f"{at}.{MessageAttributes.MESSAGE_ROLE}"] = str(message.get("role"))
        attributes[f"{at}.{MessageAttributes.MESSAGE_CONTENT}"] = text_of(message.get("content"))
        for index, call in enumerate(message.get("tool_calls") or ()):
            function, below = call["function"], f"{at}.{MessageAttributes.MESSAGE_TOOL_CALLS}.{index}"
            attributes[f"{below}.{ToolCallAttributes.TOOL_CALL_FUNCTION_NAME}"] = str(function["name"])
            arguments = f"{below}.{ToolCallAttributes.TOOL_CALL_FUNCTION_ARGUMENTS_JSON}"
            attributes[arguments] = text_of(function["arguments"])
    return attributes


def text_of(content: object) -> str:
    """Content as text of a bounded length."""
    text = content if isinstance(content, str) else "" if content is None else json.dumps(content, ensure_ascii=False)
    return text if len(text) <= MAX_CONTENT else f"{text[:MAX_CONTENT]} ... ({len(text)} characters)"
