"""maker's own types to the JSON of the OpenAI wire: streamed chunks, whole completions, models and errors.

`ChunkEncoder` keeps the invariants that clients depend on: the role comes first, one kind per delta, tool calls open
with id and name and empty arguments, usage comes once and last.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from maker.chat.types import (
    Completion,
    Delta,
    Finish,
    JsonObject,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)

Json = dict[str, Any]


class ChunkEncoder:
    """Encodes one streamed response; `opening` first, `encode` each delta, `closing` only if all went well.

    The deltas of a choice's tool calls must come call by call. With `reasoning` false, reasoning is left out: clients
    paste it into code on edit, apply and title requests.
    """

    def __init__(
        self, *, id: str, created: int, model: str, include_usage: bool = False, reasoning: bool = True
    ) -> None:
        self._head = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._include_usage = include_usage
        self._reasoning = reasoning
        self._opened: set[int] = set()
        self._held: dict[int, ToolCallDelta] = {}
        self._finishes: dict[int, Finish] = {}
        self._usage = Usage()

    def opening(self, choice: int = 0) -> list[Json]:
        """The chunks that name the role, of this choice and of those before it, unless they had it already.

        OpenAI's own library takes choices to begin in the order of their numbers.
        """
        begun = [number for number in range(choice + 1) if number not in self._opened]
        self._opened.update(begun)
        return [self._chunk(number, {"role": "assistant", "content": ""}) for number in begun]

    def encode(self, delta: Delta) -> list[Json]:
        """The chunks for one delta; none for what is held back until `closing`."""
        if isinstance(delta, Usage):
            self._usage = self._usage + delta
            return []
        if isinstance(delta, ReasoningDelta) and not self._reasoning:
            return []
        chunks = self.opening(delta.choice)
        if not isinstance(delta, ToolCallDelta) or delta.name is not None:
            chunks += self._release(delta.choice)
        if isinstance(delta, Finish):
            self._finishes[delta.choice] = delta
        elif isinstance(delta, ToolCallDelta):
            chunks += self._call(delta)
        elif delta.text:
            chunks.append(self._text(delta))
        return chunks

    def closing(self, *, usage: Usage | None = None, maker: JsonObject | None = None) -> list[Json]:
        """The finish of every choice, then usage if it was asked for; `maker` goes into the last chunk.

        `usage` replaces the sum of the deltas seen. Raises ValueError where a choice has not finished: such a stream
        ends in an error, not in this.
        """
        if self._opened != set(self._finishes):
            raise ValueError("a choice has not finished")
        chunks = [self._chunk(choice, {}, self._finishes[choice].reason) for choice in sorted(self._finishes)]
        if self._include_usage:
            chunks.append({**self._head, "choices": [], "usage": usage_body(usage or self._usage)})
        if maker is not None and chunks:
            chunks[-1]["maker"] = dict(maker)
        return chunks

    def _text(self, delta: TextDelta | ReasoningDelta) -> Json:
        if isinstance(delta, ReasoningDelta):
            return self._chunk(delta.choice, {"reasoning_content": delta.text})
        chunk = self._chunk(delta.choice, {"content": delta.text})
        if delta.logprobs:
            chunk["choices"][0]["logprobs"] = {"content": list(delta.logprobs)}
        return chunk

    def _call(self, delta: ToolCallDelta) -> list[Json]:
        chunks = []
        if delta.name is not None:
            function = {"name": delta.name, "arguments": ""}
            chunks.append(self._call_chunk(delta, {"id": delta.id, "type": "function", "function": function}))
        if not delta.arguments:
            return chunks
        held = self._held.pop(delta.choice, None)
        if held is None and delta.arguments == "{}":
            # Clients stop reading arguments once they are whole JSON; some servers begin with a placeholder.
            self._held[delta.choice] = delta
            return chunks
        return [*chunks, self._call_chunk(delta, {"function": {"arguments": delta.arguments}})]

    def _release(self, choice: int) -> list[Json]:
        held = self._held.pop(choice, None)
        return [self._call_chunk(held, {"function": {"arguments": held.arguments}})] if held else []

    def _call_chunk(self, delta: ToolCallDelta, call: Mapping[str, Any]) -> Json:
        return self._chunk(delta.choice, {"tool_calls": [{"index": delta.index, **call}]})

    def _chunk(self, choice: int, delta: Mapping[str, Any], finish: str | None = None) -> Json:
        return {**self._head, "choices": [{"index": choice, "delta": delta, "finish_reason": finish}]}


def completion_body(
    completions: Sequence[Completion],
    *,
    id: str,
    created: int,
    model: str,
    usage: Usage | None = None,
    maker: JsonObject | None = None,
    reasoning: bool = True,
) -> Json:
    """The body of a response that is not streamed, with every choice; `usage` replaces that of the completions."""
    choices = [_choice(index, completion, reasoning) for index, completion in enumerate(completions)]
    spent = usage or next((completion.usage for completion in completions), Usage())
    body: Json = {"id": id, "object": "chat.completion", "created": created, "model": model, "choices": choices}
    body["usage"] = usage_body(spent)
    if maker is not None:
        body["maker"] = dict(maker)
    return body


def usage_body(usage: Usage) -> Json:
    """Tokens as the wire counts them."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def error_body(message: str, *, type: str, code: str | None = None, param: str | None = None) -> Json:
    """The one shape of every error, as a body or as the last event of a stream that failed."""
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


def model_body(id: str, *, created: int) -> Json:
    """One model that this port serves."""
    return {"id": id, "object": "model", "created": created, "owned_by": "maker"}


def models_body(ids: Iterable[str], *, created: int) -> Json:
    """The list of models that this port serves."""
    return {"object": "list", "data": [model_body(id, created=created) for id in ids]}


def _choice(index: int, completion: Completion, reasoning: bool) -> Json:
    message: Json = {"role": "assistant", "content": completion.text}
    if completion.reasoning and reasoning:
        message["reasoning_content"] = completion.reasoning
    if completion.tool_calls:
        message["content"] = completion.text or None
        message["tool_calls"] = [_tool_call(call) for call in completion.tool_calls]
    choice: Json = {"index": index, "message": message, "finish_reason": completion.finish_reason}
    if completion.logprobs:
        choice["logprobs"] = {"content": list(completion.logprobs)}
    return choice


def _tool_call(call: ToolCall) -> Json:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
