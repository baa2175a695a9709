"""Embeddings and ranks: what is asked, and what comes back in the form that each client decodes."""

import base64
import struct
from typing import Any

import pytest

from maker.chat.vectors import embeddings_body, parse_embeddings, parse_rerank, rerank_body
from maker.errors import ModelReplyError, RequestError


def answer(*vectors: Any) -> dict[str, Any]:
    return {"data": [{"index": number, "embedding": vector} for number, vector in enumerate(vectors)]}


def test_vectors_come_as_numbers_or_as_base64_in_the_order_of_their_texts() -> None:
    found = {"data": answer([1.5, -2.0], [0.25, 3.0])["data"][::-1], "usage": {"prompt_tokens": 4, "total_tokens": 4}}
    plain = embeddings_body(found, 2, model="m", as_base64=False)
    assert [one["embedding"] for one in plain["data"]] == [[1.5, -2.0], [0.25, 3.0]]
    assert plain["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    packed = embeddings_body(found, 2, model="m", as_base64=True)["data"][1]["embedding"]
    assert struct.unpack("<2f", base64.b64decode(packed)) == (0.25, 3.0)


@pytest.mark.parametrize("given", ["a", ["a", "b"], [1, 2], [[1, 2], [3]]])
def test_every_form_of_input_is_taken(given: Any) -> None:
    asked, as_base64 = parse_embeddings({"input": given})
    assert len(asked["input"]) == (2 if given in (["a", "b"], [[1, 2], [3]]) else 1)
    assert not as_base64
    assert parse_embeddings({"input": given, "encoding_format": "base64"})[1]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"input": ""},
        {"input": []},
        {"input": [""]},
        {"input": ["a", 1]},
        {"input": "a", "encoding_format": "hex"},
        {"input": ["a"] * 2049},
        {"input": "a", "dimensions": 0},
    ],
)
def test_what_cannot_be_embedded_is_the_callers_error(body: Any) -> None:
    with pytest.raises(RequestError):
        parse_embeddings(body)


def test_vectors_without_a_number_of_their_own_are_taken_in_their_order() -> None:
    found = {"data": [{"index": None, "embedding": [1.0]}, {"embedding": [2.0]}]}
    body = embeddings_body(found, 2, model="m", as_base64=False)
    assert [one["embedding"] for one in body["data"]] == [[1.0], [2.0]]


ODD = {"data": [{"index": 0, "embedding": [1.0]}, {"index": "second", "embedding": [1.0]}]}


@pytest.mark.parametrize("found", [{}, answer([1.0]), answer([1.0], "x"), answer([1.0], [None]), {"data": [1, 2]}, ODD])
def test_vectors_that_are_missing_or_none_are_the_models_error(found: Any) -> None:
    with pytest.raises(ModelReplyError):
        embeddings_body(found, 2, model="m", as_base64=False)


def test_ranks_come_best_first_under_both_names() -> None:
    asked = parse_rerank({"query": "q", "documents": ["a", {"text": "b"}, "c"], "top_n": 2})
    assert asked["documents"] == ["a", "b", "c"]
    found = {
        "results": [
            {"index": 0, "relevance_score": 0.1},
            {"index": 2, "relevance_score": 0.9},
            {"index": 1, "score": 0.5},
        ]
    }
    body = rerank_body(found, 3, model="m", top=2)
    assert (
        body["data"] == body["results"] == [{"index": 2, "relevance_score": 0.9}, {"index": 1, "relevance_score": 0.5}]
    )


@pytest.mark.parametrize(
    "body", [{}, {"query": "q"}, {"query": "", "documents": ["a"]}, {"query": "q", "documents": [1]}]
)
def test_what_cannot_be_ranked_is_the_callers_error(body: Any) -> None:
    with pytest.raises(RequestError):
        parse_rerank(body)


@pytest.mark.parametrize("item", [{"index": 5, "score": 1}, {"index": 0}, "x", {"index": True, "score": 1}])
def test_ranks_that_make_no_sense_are_the_models_error(item: Any) -> None:
    with pytest.raises(ModelReplyError):
        rerank_body({"results": [item]}, 2, model="m")
