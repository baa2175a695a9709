"""Filling gaps, between maker and its model servers: llama.cpp's own `/infill`, and plain completions.

`/infill` renders the prompt with the markers of the model's own file, so that a model gets what it was trained on.
"""

from typing import Any

from maker.chat.types import ChatRequest, Fill

Json = dict[str, Any]


def goes_on(fill: Fill) -> bool:
    """Whether the model goes on with one text: there is no gap, or its markers are in the text already."""
    return fill.suffix is None or fill.rendered is not None


def fill_body(request: ChatRequest, fill: Fill, model: str | None = None) -> Json:
    """The body for `POST /infill`, or for `/completions` where the model goes on with one text."""
    sampling = request.sampling
    files = [{"filename": name, "text": text} for name, text in fill.files]
    fields: Json = {
        "model": model,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "stop": list(sampling.stop) or None,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "stream": True,
    }
    if not goes_on(fill):
        fields |= {"input_prefix": fill.prefix, "input_suffix": fill.suffix, "input_extra": files or None, "prompt": ""}
        fields["n_predict"] = sampling.max_tokens
    else:
        fields |= {
            "prompt": fill.prefix if fill.rendered is None else fill.rendered,
            "max_tokens": sampling.max_tokens,
            "n": sampling.n if sampling.n > 1 else None,
        }
        fields["stream_options"] = {"include_usage": True}
    return {name: value for name, value in fields.items() if value is not None}


def as_chat_chunk(chunk: Json) -> Json:
    """A chunk of either form as the chunk of a chat; one that is a chat's already stays as it is."""
    if "choices" not in chunk and isinstance(chunk.get("content"), str):
        return _from_infill(chunk)
    choices = chunk.get("choices")
    if not isinstance(choices, list) or not any(isinstance(choice, dict) and "text" in choice for choice in choices):
        return chunk
    return {**chunk, "choices": [_from_text(choice) for choice in choices]}


def _from_text(choice: object) -> object:
    return {**choice, "delta": {"content": choice["text"]}} if isinstance(choice, dict) and "text" in choice else choice


def _from_infill(chunk: Json) -> Json:
    reason = None
    if chunk.get("stop") is True:
        reason = "length" if chunk.get("stop_type") == "limit" else "stop"
    choice = {"index": 0, "delta": {"content": chunk["content"]}, "finish_reason": reason}
    turned: Json = {"choices": [choice], "timings": chunk.get("timings")}
    if reason:
        turned["usage"] = {
            "prompt_tokens": chunk.get("tokens_evaluated"),
            "completion_tokens": chunk.get("tokens_predicted"),
        }
    return turned
