"""What llama-server's answers look like on the wire, and what the fake one says in them."""

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Behaviour:
    """What the next generations do; the keys of `POST /control`. Token numbers count from 0."""

    replies: list[Any] = field(default_factory=list)
    """Used up in turn, then echo: a text, a list of pieces, or {text, reasoning, tool_calls, finish_reason}."""
    first_byte_delay_s: float = 0
    token_delay_s: float = 0
    tokens: int | None = None
    """Exactly this many pieces: the echo is cut or padded."""
    stall_at: int | None = None
    """Say nothing more from this token on, until `release`."""
    ping_s: float | None = None
    """While stalled, send a comment this often."""
    stall_end: bool = False
    """Keep the connection open after [DONE], until `release`."""
    stall_first_byte: bool = False
    """Send not even headers, until `release`."""
    reset_at: int | None = None
    """TCP reset before this token."""
    reset_first_byte: bool = False
    """TCP reset before the headers."""
    cut_at: int | None = None
    """Close the connection before this token, without the last HTTP chunk."""
    end_at: int | None = None
    """End the response properly before this token, with neither finish nor [DONE]."""
    malformed_at: int | None = None
    error_at: int | None = None
    """An in-band error at HTTP 200 in place of this token."""
    status: int | None = None
    """Refuse generation with this status."""
    refusal: str = "the model refuses"
    """What the error of that status says."""
    no_health: bool = False
    """Have no /health, as other OpenAI-compatible servers."""
    broken: bool = False
    """Say "ok" on /health, and 500 to every generation."""
    loading_s: float = 0
    """Answer 503 for so long from the moment this is set."""
    context: int | None = None
    """Longest prompt in tokens; a longer one is 400."""
    vision: bool | None = False
    """Take images, and say so on /props; None refuses them too, but does not say so before."""
    fim: bool = True
    """Have markers for filling gaps; what was trained on them takes a quoted word from behind the gap."""
    markers: tuple[str, ...] = ()
    """Texts with signs in them that are one token each."""
    reasoning: str = ""
    done: bool = True
    """End streams with [DONE]."""
    times: int | None = None
    """Apply all this to so many generations only, then behave."""


@dataclass
class Reply:
    """One choice: the deltas of its pieces, and why it ends."""

    pieces: list[dict[str, Any]]
    finish: str = "stop"


def reply_to(body: Any, scripted: Any, *, tokens: int | None, reasoning: str) -> Reply:
    """The scripted reply (a text, a list of pieces, or an object), else an echo; within the limit of the request."""
    if isinstance(scripted, dict):
        reply = Reply(_scripted_pieces(scripted), scripted.get("finish_reason", "stop"))
    elif isinstance(scripted, list):
        reply = Reply([{"content": piece} for piece in scripted])
    else:
        words = _words(_last_user_text(body) if scripted is None else scripted)
        if tokens is not None:
            words = [*words, *(f" tok{n}" for n in range(tokens))][:tokens]
        reply = Reply([{"content": word} for word in words])
    reply.pieces[:0] = [{"reasoning_content": word} for word in _words(reasoning)]
    limit = body.get("max_tokens") or body.get("max_completion_tokens") or body.get("n_predict")
    if limit and limit < len(reply.pieces):
        return Reply(reply.pieces[:limit], "length")
    return reply


class Answer:
    """The JSON of one answer, as llama-server writes it."""

    def __init__(
        self, body: Any, *, chat: bool, number: int, model: str, prompt: int, cached: int, infill: bool = False
    ) -> None:
        self._chat, self._prompt, self._cached, self._infill = chat, prompt, cached, infill
        self._usage = bool((body.get("stream_options") or {}).get("include_usage"))
        self._head = {
            "created": int(time.time()),
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{number}",
            "model": body.get("model") or model,
            "system_fingerprint": "b11549-fake",
        }

    def opening(self) -> bytes:
        """The role, which llama-server names once, whatever the number of choices."""
        return self._chunk(0, {"role": "assistant", "content": None}, None) if self._chat else b""

    def piece(self, choice: int, piece: dict[str, Any]) -> bytes:
        return self._chunk(choice, piece, None)

    def ending(self, choice: int, reply: Reply) -> list[bytes]:
        tail = {"timings": self._timings(reply)}
        if self._infill:
            counts = {"tokens_predicted": len(reply.pieces), "tokens_evaluated": self._prompt}
            kind = "limit" if reply.finish == "length" else "eos"
            return [sse({"index": 0, "content": "", "stop": True, "stop_type": kind, **counts, **tail})]
        finish = self._chunk(choice, {}, reply.finish, {} if self._usage else tail)
        usage: Any = {
            "choices": [],
            **self._head,
            "object": "chat.completion.chunk",
            "usage": self._usage_of(reply),
            **tail,
        }
        return [finish, sse(usage)] if self._usage else [finish]

    def whole(self, replies: list[Reply]) -> dict[str, Any]:
        choices = [self._choice(number, reply) for number, reply in enumerate(replies)]
        kind = "chat.completion" if self._chat else "text_completion"
        # As llama-server does: the figures of the first choice stand for all.
        tail = {"usage": self._usage_of(replies[0]), "timings": self._timings(replies[0])}
        return {"choices": choices, **self._head, "object": kind, **tail}

    def _choice(self, number: int, reply: Reply) -> dict[str, Any]:
        text = "".join(piece.get("content", "") for piece in reply.pieces)
        if not self._chat:
            return {"text": text, "index": number, "logprobs": None, "finish_reason": reply.finish}
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if thought := "".join(piece.get("reasoning_content", "") for piece in reply.pieces):
            message["reasoning_content"] = thought
        if calls := _joined_calls(reply.pieces):
            message |= {"content": text or None, "tool_calls": calls}
        return {"finish_reason": reply.finish, "index": number, "message": message}

    def _chunk(self, choice: int, delta: dict[str, Any], finish: str | None, tail: Any = ()) -> bytes:
        if self._chat:
            one: dict[str, Any] = {"finish_reason": finish, "index": choice, "delta": delta}
            return sse({"choices": [one], **self._head, "object": "chat.completion.chunk", **dict(tail)})
        if self._infill:
            return sse({"index": 0, "content": delta.get("content", ""), "tokens": [1], "stop": False})
        one = {"text": delta.get("content", ""), "index": choice, "logprobs": None, "finish_reason": finish}
        return sse({"choices": [one], **self._head, "object": "text_completion", **dict(tail)})

    def _usage_of(self, reply: Reply) -> dict[str, Any]:
        return {
            "completion_tokens": len(reply.pieces),
            "prompt_tokens": self._prompt,
            "total_tokens": self._prompt + len(reply.pieces),
            "prompt_tokens_details": {"cached_tokens": self._cached},
        }

    def _timings(self, reply: Reply) -> dict[str, Any]:
        return {
            "cache_n": self._cached,
            "prompt_n": self._prompt - self._cached,
            "prompt_ms": 1.0,
            "predicted_n": len(reply.pieces),
            "predicted_ms": float(len(reply.pieces)),
        }


def _scripted_pieces(reply: dict[str, Any]) -> list[dict[str, Any]]:
    pieces: list[dict[str, Any]] = [{"reasoning_content": word} for word in _words(reply.get("reasoning", ""))]
    pieces += [{"content": word} for word in _words(reply.get("text", ""))]
    for index, call in enumerate(reply.get("tool_calls", ())):
        function = {"name": call["name"], "arguments": ""}
        head = {"index": index, "id": call.get("id", f"call_{index}"), "type": "function", "function": function}
        pieces.append({"tool_calls": [head]})
        pieces += [
            {"tool_calls": [{"index": index, "function": {"arguments": part}}]}
            for part in re.findall(r".{1,5}", call["arguments"], re.DOTALL)
        ]
    return pieces


def _joined_calls(pieces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    calls: dict[int, dict[str, Any]] = {}
    for delta in (call for piece in pieces for call in piece.get("tool_calls", ())):
        if "id" in delta:
            calls[delta["index"]] = {"type": "function", "id": delta["id"], "function": dict(delta["function"])}
        else:
            calls[delta["index"]]["function"]["arguments"] += delta["function"]["arguments"]
    return list(calls.values())


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+\s*$|\s*\S+|\s+", text)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def prompt_text(body: Any) -> str:
    if "messages" in body:
        return "\n".join(_text(message.get("content")) for message in body["messages"])
    if "input_prefix" in body:
        return f"{body['input_prefix']}{body['input_suffix']}"
    return str(body.get("prompt", ""))


def _last_user_text(body: Any) -> str:
    if "input_suffix" in body:
        quoted = re.search(r'"(\w+)"', body["input_suffix"])
        return quoted[1] if quoted else "filled"
    users = [message for message in body.get("messages", ()) if message.get("role") == "user"]
    return _text(users[-1].get("content")) if users else prompt_text(body)


def sse(value: Any) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"
