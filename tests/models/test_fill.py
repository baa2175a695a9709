"""Filling gaps and telling lengths, against fake servers."""

from dataclasses import replace
from pathlib import Path

import pytest

from maker.chat.fim import FAMILIES, Family
from maker.chat.types import ChatRequest, Fill, Sampling
from maker.errors import RequestError
from maker.models.endpoint import Endpoint
from maker.models.llama import LlamaModel
from maker.models.model import Limits, complete
from maker.models.slots import SlotLimiter, in_use
from maker.pipeline.fill import PROBE, FillSupport
from tests.fake_llama import FakeLlama
from tests.models.support import ask, in_loop


def gap(prefix: str = "before ", suffix: str | None = ' "after"', **sampling: object) -> ChatRequest:
    messages = ({"role": "user", "content": prefix},)
    return ChatRequest(messages, fill=Fill(prefix, suffix), sampling=Sampling(**sampling))


@in_loop
async def test_a_gap_is_filled_and_counted() -> None:
    async with FakeLlama(key="k") as fake, LlamaModel("voter", [Endpoint(fake.url, "k")]) as model:
        (completion,) = await complete(model, gap(max_tokens=5, stop=("x",)))
    assert (completion.text, completion.finish_reason) == ("after", "stop")
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (2, 1)
    assert fake.bodies[0] == {
        "input_prefix": "before ",
        "input_suffix": ' "after"',
        "prompt": "",
        "n_predict": 5,
        "stop": ["x"],
        "stream": True,
    }


@in_loop
async def test_a_text_without_a_gap_goes_on_and_so_do_several_choices() -> None:
    async with FakeLlama() as fake, LlamaModel("coder", [Endpoint(fake.url)]) as model:
        completions = await complete(model, gap("it goes on", None, n=2))
    assert [one.text for one in completions] == ["it goes on", "it goes on"]
    assert [body["prompt"] for body in fake.bodies] == ["it goes on"] * 2


@in_loop
async def test_a_gap_takes_the_slot_that_is_kept_for_it(tmp_path: Path) -> None:
    async with FakeLlama(slots=2, stall_at=0) as fake:
        shared = SlotLimiter(tmp_path, 2, "high", kept=True)
        endpoint = Endpoint(fake.url, limiter=shared, kept=SlotLimiter(tmp_path, 2, "autocomplete", kept=True))
        async with LlamaModel("voter", [endpoint]) as model, shared.take(2) as held:
            assert held == 1
            async with model.stream(gap()):
                assert in_use(tmp_path) == (1, 2)  # nothing is asked before the first delta is wanted
            fake.release()
            fake.behave()
            (completion,) = await complete(model, gap())
    assert completion.text == "after"


@in_loop
async def test_a_server_tells_what_it_takes_and_how_long_a_prompt_is() -> None:
    async with FakeLlama(context=77, vision=True) as fake, LlamaModel("coder", [Endpoint(fake.url)]) as model:
        assert await model.limits() == Limits(77, True)
        assert await model.count(ask("one two three")) == 3
        assert await model.count(gap("one two ", "three")) == 3
    assert fake.requests == 0


@in_loop
async def test_a_server_that_is_gone_or_tells_nothing_costs_only_the_knowledge() -> None:
    async with LlamaModel("coder", [Endpoint("http://127.0.0.1:1/v1")]) as model:
        assert await model.limits() == Limits()
        assert await model.count(ask()) is None


@in_loop
async def test_the_first_model_that_was_trained_on_it_fills_gaps_and_each_is_asked_once() -> None:
    async with FakeLlama(replies=["The small"]) as voter, FakeLlama() as coder:
        async with (
            LlamaModel("voter", [Endpoint(voter.url)]) as small,
            LlamaModel("coder", [Endpoint(coder.url)]) as large,
        ):
            support, models = FillSupport(), {"voter": small, "coder": large}
            assert await support.choose(models) is large
            assert await support.choose(models) is large
            assert support.missing is None
    assert (voter.requests, coder.requests) == (1, 1)
    assert coder.bodies[0]["n_predict"] == 2


@pytest.mark.parametrize("family", FAMILIES, ids=[family.prefix for family in FAMILIES])
@in_loop
async def test_markers_that_the_server_does_not_know_are_found_as_single_tokens_and_probed(family: Family) -> None:
    """As with Codestral, whose markers no build of llama.cpp knows: its `/infill` says 501."""
    async with FakeLlama(fim=False, markers=family.markers) as fake, LlamaModel("voter", [Endpoint(fake.url)]) as model:
        fake.behaviour.replies[:] = ["zebra", "filled"]
        support = FillSupport()
        assert await support.choose({"voter": model}) is model
        request = gap("P", "S", max_tokens=5)
        assert request.fill is not None
        (completion,) = await complete(model, replace(request, fill=support.asked(model, request.fill)))
    assert completion.text == "filled"
    probe, asked = fake.bodies[-2:]
    assert (probe["prompt"], probe["max_tokens"]) == (family.rendered(PROBE).rendered, 2)
    assert (asked["prompt"], asked["max_tokens"]) == (family.rendered(Fill("P", "S")).rendered, 5)


@in_loop
async def test_a_model_that_has_a_familys_markers_and_was_not_trained_on_them_turns_it_off() -> None:
    known = [marker for family in FAMILIES for marker in family.markers]
    async with FakeLlama(fim=False, markers=known) as fake, LlamaModel("voter", [Endpoint(fake.url)]) as model:
        fake.behaviour.replies[:] = ["The animal"]
        with pytest.raises(RequestError, match="autocomplete is off"):
            await FillSupport().choose({"voter": model})
    assert "prompt" in fake.bodies[-1]
    assert len(fake.bodies) == 3  # twice /infill, once the one family it can be of


@in_loop
async def test_markers_that_are_several_tokens_are_text_and_no_probe_is_wasted_on_them() -> None:
    async with FakeLlama(fim=False, markers=["[PREFIX]"]) as fake, LlamaModel("voter", [Endpoint(fake.url)]) as model:
        with pytest.raises(RequestError, match="autocomplete is off"):
            await FillSupport().choose({"voter": model})
    assert all("input_prefix" in body for body in fake.bodies)


@in_loop
async def test_a_file_without_markers_turns_it_off() -> None:
    async with FakeLlama(fim=False) as fake, LlamaModel("voter", [Endpoint(fake.url)]) as model:
        support = FillSupport()
        with pytest.raises(RequestError, match="autocomplete is off"):
            await support.choose({"voter": model})
        assert support.missing is not None
