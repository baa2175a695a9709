"""The legacy completions wire in both directions: a text to go on with, a gap to fill, or a rendered conversation."""

from collections.abc import Mapping, Sequence
from typing import Any

from maker.chat.chatml import parse_chatml
from maker.chat.encode import Json, usage_body
from maker.chat.fields import a_body, a_flag, a_string, an_object, kind_of
from maker.chat.fim import parse_fill
from maker.chat.parse import parse_sampling
from maker.chat.types import ChatRequest, Completion, Delta, Fill, Finish, JsonObject, TextDelta, Usage
from maker.errors import RequestError

_KEPT = ("prompt", "suffix", "model", "stop")


def parse_completion(body: object) -> ChatRequest:
    """Parse the decoded body of a completion request.

    Raises:
        RequestError: something in it cannot be used; `param` is the field.
    """
    body = a_body(body, _KEPT)
    if body.get("echo"):
        raise RequestError("'echo' is not supported; leave it out", param="echo")
    prompt, suffix = _prompt(body), a_string(body, "suffix")
    fill = Fill(prompt, suffix) if suffix else parse_fill(prompt)
    turns = None if fill else parse_chatml(prompt)
    if turns is None:
        fill = fill or Fill(prompt)
        turns = ({"role": "user", "content": fill.prefix},)
    options = an_object(body, "stream_options") or {}
    # Here `logprobs` is a number, of which a model server knows nothing.
    sampling = parse_sampling({name: value for name, value in body.items() if name not in ("logprobs", "top_logprobs")})
    return ChatRequest(
        messages=turns,
        model=a_string(body, "model"),
        sampling=sampling,
        stream=a_flag(body, "stream") or False,
        include_usage=a_flag(options, "include_usage", "stream_options.include_usage") or False,
        fill=fill,
    )


def _prompt(body: Mapping[str, Any]) -> str:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, list):
        raise RequestError("'prompt' must be one text; send token numbers and several texts one by one", param="prompt")
    if not isinstance(prompt, str) or not prompt:
        what = "empty" if prompt == "" else f"not {kind_of(prompt)}"
        raise RequestError(f"'prompt' must be a text, {what}", param="prompt")
    return prompt


class CompletionEncoder:
    """Encodes one streamed completion; this wire has no place for reasoning and tool calls."""

    def __init__(self, *, id: str, created: int, model: str, include_usage: bool = False) -> None:
        self._head = {"id": id, "object": "text_completion", "created": created, "model": model}
        self._include_usage = include_usage
        self._finishes: dict[int, Finish] = {}

    def opening(self) -> list[Json]:
        """Nothing: this wire names no role."""
        return []

    def encode(self, delta: Delta) -> list[Json]:
        """The chunk for one delta; none for what is held back until `closing` or left out."""
        if isinstance(delta, Finish):
            self._finishes[delta.choice] = delta
        elif isinstance(delta, TextDelta) and delta.text:
            return [self._chunk(delta.choice, delta.text)]
        return []

    def closing(self, *, usage: Usage, maker: JsonObject | None = None) -> list[Json]:
        """The finish of every choice, then usage if it was asked for; `maker` goes into the last chunk."""
        chunks = [self._chunk(choice, "", _reason(self._finishes[choice])) for choice in sorted(self._finishes)]
        if self._include_usage:
            chunks.append({**self._head, "choices": [], "usage": usage_body(usage)})
        if maker is not None and chunks:
            chunks[-1]["maker"] = dict(maker)
        return chunks

    def _chunk(self, choice: int, text: str, reason: str | None = None) -> Json:
        return {
            **self._head,
            "choices": [{"index": choice, "text": text, "logprobs": None, "finish_reason": reason}],
        }


def _reason(finish: Finish) -> str:
    return "length" if finish.reason == "length" else "stop"


def text_body(
    completions: Sequence[Completion], *, id: str, created: int, model: str, usage: Usage, maker: JsonObject
) -> Json:
    """The body of a completion that is not streamed."""
    choices = [
        {"index": index, "text": one.text, "logprobs": None, "finish_reason": _reason(Finish(one.finish_reason))}
        for index, one in enumerate(completions)
    ]
    head = {"id": id, "object": "text_completion", "created": created, "model": model}
    return {**head, "choices": choices, "usage": usage_body(usage), "maker": dict(maker)}
