"""What a request that wants no pipeline is for, told by the words that clients are known to send; pure."""

import re
from typing import Literal

from maker.chat.types import ChatRequest, JsonObject
from maker.pipeline import prompts

Purpose = Literal["autocomplete", "title", "summary", "edit", "apply", "prefill", "short"]
"""`prefill`: the client began the answer itself. `short`: so few tokens that no code fits into them."""

SHORT_TOKENS = 64
HEAD = 600
"""Characters at the beginning of a message in which a client says what it wants."""

TITLE = re.compile(
    r"reply with a title for the chat|you are a title generator|generate a title for this conversation|"
    r"concise,? \d-\d+ word title|write a (?:brief|short) title for|\d-\d+ word title|isNewTopic",
    re.IGNORECASE,
)
"""Continue, opencode, Zed and Open WebUI, Copilot, Claude Code."""
SUMMARY = re.compile(
    r"create a comprehensive summary of this conversation|concise summary of our conversation so far|"
    r"create a detailed summary of (?:the|our|this) conversation|generate a detailed summary of this conversation|"
    r"detailed prompt for continuing our conversation|CONTEXT CHECKPOINT COMPACTION",
    re.IGNORECASE,
)
"""Continue's editor and command line, Claude Code, Zed, opencode, Codex."""
START, STOP = "<START EDITING HERE>", "<STOP EDITING HERE>"
EDIT_END = "Here is the rewritten code:"
APPLY = ("ORIGINAL CODE:", "SUGGESTED EDIT:")


def purpose(request: ChatRequest) -> Purpose | None:
    """What the request is for; None for one that is a question, a task or an agent's turn."""
    if request.fill is not None:
        return "autocomplete"
    *_, last = request.messages
    text = prompts.text_of(request.messages)
    named = _named(request.messages, text)
    if named:
        return named
    if request.tools:
        return None
    if last.get("role") == "assistant" and last.get("content"):
        return "prefill"
    limit = request.sampling.max_tokens
    return "short" if limit is not None and limit <= SHORT_TOKENS else None


def _named(messages: tuple[JsonObject, ...], text: str) -> Purpose | None:
    if START in text and STOP in text:
        return "edit"
    if text.rstrip().endswith(EDIT_END):
        return "edit"
    # In this order, and the first at the very beginning: a user who quotes a prompt asks about it.
    if text.startswith(APPLY[0]) and APPLY[1] in text:
        return "apply"
    system = messages[0].get("content") if messages[0].get("role") in ("system", "developer") else ""
    heads = [text[:HEAD], system[:HEAD] if isinstance(system, str) else ""]
    if any(TITLE.search(head) for head in heads):
        return "title"
    return "summary" if SUMMARY.search(heads[0]) else None
