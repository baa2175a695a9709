"""Judging calls that write or run before they are released: the reviewer in high mode, the planner in low mode.

The judge reads the conversation as one text: chat templates differ in what they make of tool calls and results, and
many refuse them. Rule of shortening: long messages lose their middle, then the oldest after the first wish go; what
is left out is marked where it stood, and said.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from maker.chat.types import JsonObject, ToolCall
from maker.errors import ContextOverflow, ModelReplyError, ModelTimeout
from maker.pipeline import prompts
from maker.pipeline.calls import calls_of, written
from maker.pipeline.events import VerdictGiven
from maker.pipeline.replies import ReflectionReply, ReviewReply
from maker.pipeline.turn import STEP
from maker.pipeline.values import Candidate, Verdict
from maker.pipeline.work import Work

ROOMS = (2.0, 0.5)
"""Characters of conversation for each token of a slot, at first, and where those were too many: a token is some three
characters, and the calls and the verdict need room too."""
MESSAGE_SHARE = 5
"""One message takes at most this fraction of the room."""
SHOWN_DESCRIPTION = 600


async def review(work: Work, candidate: Candidate, round: int) -> Verdict | None:
    """The verdict; None, with a note, where the judge's answer cannot be had: that is never an approval.

    Raises:
        ModelUnavailable: the judge is down.
    """
    role = "reviewer" if work.task.mode == "high" else "planner"
    verdict = None
    async with work.stage("validate"):
        try:
            verdict = await _verdict(work, role, candidate)
        except (ModelReplyError, ModelTimeout, ContextOverflow) as error:
            await work.note(f"{candidate.action} was not validated: {error}")
        await work.emit(VerdictGiven(STEP, role, verdict, round))
    return verdict


async def _verdict(work: Work, role: str, candidate: Candidate) -> Verdict:
    roomy, tight = (int(share * work.tools.slot_tokens) for share in ROOMS)
    try:
        return await _asked(work, role, candidate, roomy)
    except ContextOverflow:
        return await _asked(work, role, candidate, tight)


async def _asked(work: Work, role: str, candidate: Candidate, room: int) -> Verdict:
    request, calls = work.task.request, calls_of(candidate)
    conversation, is_whole = transcript(request.messages, room)
    if not is_whole:
        await work.note(f"the {role} was shown a shortened conversation: it is too long")
    texts = {
        "conversation": conversation,
        "calls": "\n".join(map(written, calls)),
        "tools": "\n".join(_described(request.tools, calls)),
    }
    if role == "reviewer":
        return (await work.reply(role, _ask(work, "agent_review", texts), ReviewReply, stage="validate")).verdict()
    return (await work.reply(role, _ask(work, "agent_reflect", texts), ReflectionReply, stage="validate")).verdict()


def _ask(work: Work, name: str, texts: Mapping[str, str]) -> tuple[JsonObject, ...]:
    return ({"role": "user", "content": prompts.render(work.tools.profile, name, **texts)},)


def transcript(messages: Sequence[JsonObject], room: int) -> tuple[str, bool]:
    """The conversation as text of about `room` characters at most, and whether it is all of it."""
    whole = [_told(message) for message in messages]
    parts = [_shortened(text, room // MESSAGE_SHARE) for text in whole]
    first = next((index for index, message in enumerate(messages) if message.get("role") == "user"), 0)
    kept: list[str] = []
    left = room - len(parts[first])
    for index in range(len(parts) - 1, first, -1):
        left -= len(parts[index])
        if left < 0:
            kept.append(f"[{index - first} messages left out]")
            break
        kept.append(parts[index])
    shown = [*parts[:first], parts[first], *reversed(kept)]
    return "\n\n".join(shown), shown == whole


def _told(message: JsonObject) -> str:
    """One message: who, what was said, what was called."""
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    lines = [f"{call['name']}({call['arguments']})" for call in calls]
    said = "\n".join(filter(None, [_words(message.get("content")).strip(), *lines]))
    who = {"tool": "result of a tool", "assistant": "agent", "user": "user"}.get(message["role"], "instructions")
    return f"[{who}]\n{said}"


def _words(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "(an image)")) for part in parts if isinstance(part, Mapping))


def _shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"


def _described(tools: Sequence[JsonObject], calls: Sequence[ToolCall]) -> Iterator[str]:
    """What the called tools say of themselves."""
    called = {call.name for call in calls}
    for function in (tool["function"] for tool in tools):
        if function["name"] in called:
            description = _shortened(function.get("description") or "no description", SHOWN_DESCRIPTION)
            schema = json.dumps(function.get("parameters") or {}, ensure_ascii=False)
            yield f"{function['name']}: {description}\narguments: {_shortened(schema, SHOWN_DESCRIPTION)}"
