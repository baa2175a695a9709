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
    r"generate a concise,? \d-\d+ word title|write a (?:brief|short) title for the (?:following|chat|conversation)|"
    r"extract a \d-\d+ word title|isNewTopic",
    re.IGNORECASE,
)
"""Continue, opencode, Zed and Open WebUI, Copilot, Claude Code."""
SUMMARY = re.compile(
    r"create a comprehensive summary of this conversation|concise summary of our conversation so far|"
    r"create a detailed summary of (?:the|our|this) conversation(?= so far|[.,:;\n]|$)|"
    r"generate a detailed summary of this conversation|detailed prompt for continuing our conversation|"
    r"CONTEXT CHECKPOINT COMPACTION|\*?briefly\*? summarize this partial conversation about programming|"
    r"generates? (?:concise, )?one-line git commit messages",
    re.IGNORECASE,
)
"""Continue's editor and command line, Claude Code, Zed, opencode, Codex, aider and its commit messages."""
OWN_FORM = re.compile(r"SEARCH/REPLACE|\*file listing\*|XML-style tags|<<<<<<< SEARCH|BEGIN_ARG")
"""What clients say that read edits or tool calls from the text itself: aider, Cline and Roo, Continue's older tools."""
REMINDER = re.compile(r"\*(?:SEARCH/REPLACE blocks?|file listing)\*")
"""As aider puts it behind the user's own words; nobody else writes the stars."""
START, STOP = "<START EDITING HERE>", "<STOP EDITING HERE>"
EDIT_END = "Here is the rewritten code:"
APPLY = ("ORIGINAL CODE:", "SUGGESTED EDIT:")


def purpose(request: ChatRequest) -> Purpose | None:
    """What the request is for; None for one that is a question, a task or an agent's turn."""
    if request.fill is not None:
        return "autocomplete"
    *_, last = request.messages
    text = prompts.text_of(request.messages)
    named = _named(text, _system(request.messages), with_tools=bool(request.tools))
    if named or request.tools:
        return named
    if last.get("role") == "assistant" and last.get("content"):
        return "prefill"
    limit = request.sampling.max_tokens
    return "short" if limit is not None and limit <= SHORT_TOKENS else None


def has_own_form(request: ChatRequest) -> bool:
    """Whether the client prescribes in words how the answer is to be written, and reads that and nothing else."""
    said = _system(request.messages), prompts.text_of(request.messages)
    return bool(OWN_FORM.search(said[0]) or REMINDER.search(said[1]))


def _system(messages: tuple[JsonObject, ...]) -> str:
    said = messages[0].get("content") if messages[0].get("role") in ("system", "developer") else ""
    return said if isinstance(said, str) else ""


def _named(text: str, system: str, *, with_tools: bool) -> Purpose | None:
    """By the client's own words. A user who may use tools says such words of files, where only a summary is certain."""
    head = system[:HEAD]
    if SUMMARY.search(text[:HEAD]) or SUMMARY.search(head):
        return "summary"
    if TITLE.search(head) or (TITLE.search(text[:HEAD]) and not with_tools):
        return "title"
    if with_tools:
        return None
    if (START in text and STOP in text) or text.rstrip().endswith(EDIT_END):
        return "edit"
    # At the very beginning: a user who quotes the prompt asks about it.
    return "apply" if text.startswith(APPLY[0]) and APPLY[1] in text else None
