"""The scripted model: says what it was told, and notices when it was asked for more or less."""

import pytest

from maker.chat.types import ChatRequest, Completion, Delta, Finish, TextDelta, ToolCall, Usage
from maker.errors import ModelTimeout
from maker.models.model import complete
from maker.models.scripted import ScriptedModel, UnexpectedCall
from tests.models.support import ask, in_loop


@in_loop
async def test_replies_come_in_turn_and_calls_are_recorded() -> None:
    whole = Completion("b", "hm", (ToolCall("c", "f", "{}"),), "tool_calls", Usage(1, 2))
    deltas: list[Delta] = [TextDelta("c", 0), TextDelta("d", 1), Finish("stop", 0), Finish("length", 1)]
    model = ScriptedModel("coder", ["a", whole, deltas])

    assert await complete(model, ask("1")) == (Completion("a"),)
    assert await complete(model, ask("2")) == (whole,)
    assert await complete(model, ask("3")) == (Completion("c"), Completion("d", finish_reason="length"))
    assert model.calls == [ask("1"), ask("2"), ask("3")]
    model.assert_done()


@in_loop
async def test_a_function_sees_the_request_and_its_reply_may_be_a_failure() -> None:
    def reply(request: ChatRequest) -> str:
        return str(request.messages[0]["content"]).upper()

    model = ScriptedModel("coder", [reply, lambda request: ModelTimeout("slow", role="coder"), KeyError("x")])

    assert await complete(model, ask("hi")) == (Completion("HI"),)
    with pytest.raises(ModelTimeout):
        await complete(model, ask())
    with pytest.raises(KeyError):
        await complete(model, ask())


@in_loop
async def test_one_call_too_many_and_one_too_few_both_fail() -> None:
    model = ScriptedModel("coder", ["a"])
    with pytest.raises(AssertionError, match="1 replies of the coder"):
        model.assert_done()
    await complete(model, ask())
    with pytest.raises(UnexpectedCall, match="asked 2 times"):
        await complete(model, ask())


@in_loop
async def test_it_is_as_ready_as_it_is_told() -> None:
    model = ScriptedModel("coder", state="loading")

    assert (model.role, model.name, await model.state()) == ("coder", "scripted-coder", "loading")
    model.now = "ready"
    assert await model.state() == "ready"
