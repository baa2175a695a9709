"""llama.cpp and the trainer agree: the served models cut texts alike, and say what a plain forward pass says."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from maker.catalog import tiny
from maker.pipeline.replies import calling
from tests.engine.servers import Server, home_with_model, running
from tests.training.numpy_llama import Model
from training.batches import conversation
from training.compared import texts
from training.roles import Family, samples

pytestmark = pytest.mark.processes

LIMIT = 40
"""Tokens that are compared of one answer."""
PROMPTS = 12
TIE = 0.6
"""By how much a token may score less than the likeliest; wrong weights are off by ten and more."""
EASY = ("outside", "preprocessor")
"""Roles whose answer hardly depends on what they are asked."""


@pytest.fixture(scope="module", params=["coder", "helper"])
def family(request: pytest.FixtureRequest) -> Family:
    found: Family = request.param
    return found


@pytest.fixture(scope="module")
def file(family: Family) -> Path:
    return tiny.WEIGHTS / f"{family}.gguf"


@pytest.fixture(scope="module")
def server(file: Path) -> Iterator[Server]:
    """The file in the coder's place; which role it plays is up to the request."""
    with home_with_model("xllamacpp") as config:
        (config.home.models / tiny.name("coder")).write_bytes(file.read_bytes())
        with running("xllamacpp", config) as found:
            yield found


def said(server: Server, shown: list[int]) -> list[int]:
    """The ids of the likeliest answer to these."""
    asked = {"prompt": shown, "temperature": 0, "n_predict": LIMIT, "return_tokens": True, "cache_prompt": False}
    with server.client() as client:
        answer = client.post("/completion", json=asked)
    assert answer.status_code == 200, answer.text
    return [int(one) for one in answer.json()["tokens"]]


def test_the_server_cuts_texts_into_the_trainers_tokens(server: Server, file: Path) -> None:
    tokenizer = Model(file).tokenizer
    with server.client() as client:
        for text in texts(250):
            answer = client.post("/tokenize", json={"content": text, "add_special": True, "parse_special": True})
            assert answer.json()["tokens"] == tokenizer.encode(text), text


def test_the_server_says_what_a_plain_forward_pass_finds_likeliest(server: Server, file: Path, family: Family) -> None:
    """Token by token on what was served: the server multiplies rounded numbers, so a near tie may fall either way."""
    model = Model(file)
    asked = [one.messages for one in islice(samples(family, 5, held=True), 60) if one.role not in EASY][:PROMPTS]
    for messages in asked:
        shown = model.tokenizer.encode(conversation(messages))
        answer = said(server, shown)
        scores = model.logits([*shown, *answer])[len(shown) - 1 : -1]
        behind = scores.max(1) - scores[range(len(answer)), answer]
        assert behind.max() < TIE, (messages, model.tokenizer.decode(answer))
        assert (behind == 0).mean() > 0.9


@pytest.mark.parametrize("family", ["helper"], indirect=True)
def test_a_tester_that_is_held_to_a_function_calls_no_other(server: Server) -> None:
    """A name that it likes to copy wrongly, asked warmly."""
    request = "I want square_zusdandi(manvayte) to give me the total of the integers in manvayte, each squared."
    asked = {
        "messages": [{"role": "user", "content": f"{request}\n\nWrite calls and checks of square_zusdandi as JSON."}],
        "response_format": calling("square_zusdandi"),
        "temperature": 1.2,
        "max_tokens": 300,
    }
    with server.client() as client:
        for seed in range(4):
            answer = client.post("/v1/chat/completions", json={**asked, "seed": seed})
            said = json.loads(answer.json()["choices"][0]["message"]["content"])
            assert len(said["calls"]) > 2
            assert all(one.startswith("square_zusdandi(") and one.count("zusdandi") == 1 for one in said["calls"]), said
            assert all("square_zusdandi(" in one for one in said["checks"]), said
