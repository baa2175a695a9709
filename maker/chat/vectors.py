"""The wires of embeddings and of reranking, in both directions."""

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from maker.chat.fields import a_body, a_string, an_integer, required, wrong
from maker.errors import ModelReplyError, RequestError

MAX_INPUTS = 2048
MAX_DIMENSIONS = 2**16

Json = dict[str, Any]


def parse_embeddings(body: object) -> tuple[Json, bool]:
    """What to ask the embedding model, and whether the client wants base64 and not lists of numbers.

    Raises:
        RequestError: something in it cannot be used; `param` is the field.
    """
    fields = a_body(body, ("input", "model"))
    form = a_string(fields, "encoding_format") or "float"
    if form not in ("float", "base64"):
        raise RequestError("'encoding_format' must be float or base64", param="encoding_format")
    dimensions = an_integer(fields, "dimensions", 1, MAX_DIMENSIONS)
    asked = {"input": _inputs(fields.get("input")), "model": a_string(fields, "model"), "dimensions": dimensions}
    return {name: value for name, value in asked.items() if value is not None}, form == "base64"


def _inputs(given: object) -> list[str] | list[list[int]]:
    """One item for each embedding that is wanted: texts, or lists of token numbers."""
    items: Any = [given] if isinstance(given, str) or _are_tokens(given) else given
    if not isinstance(items, list) or not items:
        raise wrong("input", "a text or a list of texts", given)
    if len(items) > MAX_INPUTS:
        raise RequestError(f"'input' has {len(items)} texts; send at most {MAX_INPUTS}", param="input")
    if not (all(isinstance(item, str) and item for item in items) or all(map(_are_tokens, items))):
        raise RequestError("'input' must be texts that are not empty, or lists of token numbers", param="input")
    return items


def _are_tokens(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is int for item in value)


def embeddings_body(answer: Mapping[str, Any], count: int, *, model: str, as_base64: bool) -> Json:
    """The answer for the client, one vector for each of the `count` inputs, in their order.

    Raises:
        ModelReplyError: the model's answer does not have them.
    """
    vectors = dict(map(_vector, enumerate(_list(answer, "data"))))
    if set(vectors) != set(range(count)):
        raise ModelReplyError("the embedding model answered with another number of vectors", role="embeddings")
    data = [
        {"object": "embedding", "index": index, "embedding": _base64(vectors[index]) if as_base64 else vectors[index]}
        for index in range(count)
    ]
    return {"object": "list", "data": data, "model": model, "usage": _usage(answer)}


def _vector(numbered: tuple[int, object]) -> tuple[int, list[float]]:
    number, item = numbered
    vector = item.get("embedding") if isinstance(item, dict) else None
    # Some servers wrap the vector in a list of one.
    if isinstance(vector, list) and len(vector) == 1 and isinstance(vector[0], list):
        vector = vector[0]
    if isinstance(vector, list) and all(type(one) in (int, float) for one in vector) and isinstance(item, dict):
        index = item.get("index")
        if index is None or type(index) is int:
            return number if index is None else index, [float(one) for one in vector]
    raise ModelReplyError("the embedding model answered with something that is no vector", role="embeddings")


def _base64(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def parse_rerank(body: object) -> Json:
    """What to ask the reranking model.

    Raises:
        RequestError: something in it cannot be used; `param` is the field.
    """
    fields = a_body(body, ("query", "documents", "model"))
    query = fields.get("query")
    if not isinstance(query, str) or not query:
        raise wrong("query", "a text", query)
    given = required(fields, "documents", list, "a list of texts", "body")
    documents = [item.get("text") if isinstance(item, dict) else item for item in given]
    if not documents or len(documents) > MAX_INPUTS or not all(isinstance(item, str) for item in documents):
        raise RequestError(f"'documents' must be a list of 1 to {MAX_INPUTS} texts", param="documents")
    top = an_integer(fields, "top_n", 1, MAX_INPUTS) or an_integer(fields, "top_k", 1, MAX_INPUTS)
    asked = {"query": query, "documents": documents, "model": a_string(fields, "model"), "top_n": top}
    return {name: value for name, value in asked.items() if value is not None}


def rerank_body(answer: Mapping[str, Any], count: int, *, model: str, top: int | None = None) -> Json:
    """The ranks for the client, best first, under both names that clients look for.

    Raises:
        ModelReplyError: the model's answer has none.
    """
    ranks: list[Json] = []
    for item in _list(answer, "results" if "results" in answer else "data"):
        index = item.get("index") if isinstance(item, dict) else None
        score = item.get("relevance_score", item.get("score")) if isinstance(item, dict) else None
        if type(index) is not int or not 0 <= index < count or type(score) not in (int, float):
            raise ModelReplyError("the reranking model answered with something that is no rank", role="rerank")
        ranks.append({"index": index, "relevance_score": score})
    ranks.sort(key=lambda rank: -rank["relevance_score"])
    best = ranks[:top]
    return {"object": "list", "model": model, "data": best, "results": best, "usage": _usage(answer)}


def _list(answer: Mapping[str, Any], name: str) -> list[Any]:
    found = answer.get(name)
    if not isinstance(found, list):
        raise ModelReplyError(f"the answer of the model has no {name!r}", role="embeddings")
    return found


def _usage(answer: Mapping[str, Any]) -> Json:
    usage = answer.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    counts = {name: value for name in ("prompt_tokens", "total_tokens") if type(value := usage.get(name)) is int}
    return {"prompt_tokens": 0, "total_tokens": 0, **counts}
