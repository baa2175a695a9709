"""What maker relies on beyond plain chat, on the real engine: prefill, gaps, counts, and what it tells of itself."""

from collections.abc import Iterator

import pytest

from maker.catalog import profiles
from maker.chat.types import ChatRequest, Fill, Sampling
from maker.models.endpoint import Endpoint
from maker.models.llama import LlamaModel
from maker.models.model import Limits, complete
from tests.engine.servers import KEY, Server, home_with_model, running
from tests.models.support import in_loop

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with home_with_model("xllamacpp") as config, running("xllamacpp", config) as found:
        yield found


def model(server: Server) -> LlamaModel:
    return LlamaModel("coder", [Endpoint(f"{server.url}/v1", KEY)])


def asked(*messages: tuple[str, str], fill: Fill | None = None, tokens: int = 6) -> ChatRequest:
    sampling = Sampling(temperature=0.0, max_tokens=tokens)
    conversation = tuple({"role": role, "content": text} for role, text in messages)
    return ChatRequest(conversation, sampling=sampling, fill=fill, thinking=False)


def test_an_answer_that_was_begun_is_gone_on_with_and_not_repeated(server: Server) -> None:
    @in_loop
    async def scenario() -> None:
        async with model(server) as coder:
            (whole,) = await complete(coder, asked(("user", "hi"), tokens=16))
            begun = " ".join(whole.text.split(" ")[:3])
            (rest,) = await complete(coder, asked(("user", "hi"), ("assistant", begun), tokens=4))
        assert rest.text and whole.text.startswith(begun + rest.text)

    scenario()


def test_a_gap_is_filled_with_the_files_own_markers(server: Server) -> None:
    @in_loop
    async def scenario() -> None:
        async with model(server) as coder:
            (filled,) = await complete(coder, asked(("user", "x"), fill=Fill("def add(a, b):\n    return", "\n")))
        assert filled.text
        assert 1 <= filled.usage.completion_tokens <= 6
        assert filled.usage.prompt_tokens > 10

    scenario()


def test_a_text_goes_on(server: Server) -> None:
    @in_loop
    async def scenario() -> None:
        async with model(server) as coder:
            (whole,) = await complete(coder, asked(("user", "x"), fill=Fill("The small")))
        assert whole.text
        assert whole.usage.prompt_tokens <= len("The small")  # the text alone, without the chat template

    scenario()


def test_a_server_tells_its_context_its_senses_and_the_length_of_a_prompt(server: Server) -> None:
    @in_loop
    async def scenario() -> None:
        async with model(server) as coder:
            assert await coder.limits() == Limits(profiles.plan(server.config)["coder"].context, False)
            counted = await coder.count(asked(("user", "hi")))
            (answer,) = await complete(coder, asked(("user", "hi")))
        assert counted == answer.usage.prompt_tokens

    scenario()
