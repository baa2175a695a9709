"""The vendors' own libraries against a real orchestrator: a streamed answer and a tool call of each wire."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import openai
import pytest

from tests.server.orchestra import Orchestra, orchestra

NAME, ARGUMENTS = "read_file", '{"path": "a.py"}'
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
CALLED = {"tool_calls": [{"id": "call_7", "name": NAME, "arguments": ARGUMENTS}], "finish_reason": "tool_calls"}
CHAT_TOOL: Any = {"type": "function", "function": {"name": NAME, "parameters": SCHEMA}}
FUNCTION: Any = {"type": "function", "name": NAME, "parameters": SCHEMA, "strict": False}
ANTHROPIC_TOOL: Any = {"name": NAME, "description": "Reads.", "input_schema": SCHEMA}
ASKED: Any = [{"role": "user", "content": "say this back"}]


def play(scenario: Callable[[Orchestra], Awaitable[None]], mode: Any = "high", **settings: Any) -> None:
    async def whole() -> None:
        async with asyncio.timeout(60), orchestra(mode, **settings) as running:
            await scenario(running)

    asyncio.run(whole())


def openai_client(running: Orchestra) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        base_url=f"http://127.0.0.1:{running.port}/v1",
        api_key="x",
        max_retries=0,
    )


def anthropic_client(running: Orchestra) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(
        base_url=f"http://127.0.0.1:{running.port}",
        api_key="x",
        max_retries=0,
    )


@pytest.mark.parametrize("mode", ["high", "low"])
def test_openai_reads_a_streamed_chat(mode: str) -> None:
    async def scenario(running: Orchestra) -> None:
        async with openai_client(running) as client:
            stream = await client.chat.completions.create(
                model=f"maker-{mode}", messages=ASKED, stream=True, stream_options={"include_usage": True}
            )
            chunks = [chunk async for chunk in stream]
        assert "".join(one.choices[0].delta.content or "" for one in chunks if one.choices) == "say this back"
        assert chunks[-1].usage is not None

    play(scenario, mode)


def test_openai_reads_a_streamed_tool_call_of_a_chat() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(replies=[CALLED])
        async with openai_client(running) as client:
            async with client.chat.completions.stream(model="maker-low", messages=ASKED, tools=[CHAT_TOOL]) as stream:
                whole = await stream.get_final_completion()
        (called,) = whole.choices[0].message.tool_calls or []
        assert (called.function.name, json.loads(called.function.arguments)) == (NAME, json.loads(ARGUMENTS))
        assert whole.choices[0].finish_reason == "tool_calls"

    play(scenario, "low")


def test_openai_reads_a_streamed_response_and_its_whole_adds_up() -> None:
    async def scenario(running: Orchestra) -> None:
        async with openai_client(running) as client:
            async with client.responses.stream(
                model="maker-high", input="say this back", instructions="Be brief."
            ) as stream:
                text = "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])
                whole = await stream.get_final_response()
            unstreamed = await client.responses.create(model="maker-high", input="say this back")
        assert text == whole.output_text == unstreamed.output_text == "say this back"
        assert whole.status == "completed"
        assert whole.usage is not None
        assert whole.usage.total_tokens > 0
        assert running.coder.bodies[0]["messages"][0] == {"role": "system", "content": "Be brief."}

    play(scenario)


def test_openai_reads_a_streamed_function_call_of_a_response_and_sends_its_output_back() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(replies=[CALLED])
        async with openai_client(running) as client:
            given: list[Any] = [{"role": "user", "content": "read it"}]
            async with client.responses.stream(model="maker-low", input=given, tools=[FUNCTION]) as stream:
                whole = await stream.get_final_response()
            (called,) = [item for item in whole.output if item.type == "function_call"]
            assert (called.name, called.call_id, json.loads(called.arguments)) == (NAME, "call_7", {"path": "a.py"})
            given += [item.model_dump(exclude_none=True) for item in whole.output]
            given.append({"type": "function_call_output", "call_id": called.call_id, "output": "x = 1"})
            again = await client.responses.create(model="maker-low", input=given, tools=[FUNCTION])
        sent = running.coder.bodies[-1]["messages"]
        assert [message["role"] for message in sent] == ["user", "assistant", "tool"]
        assert sent[1]["tool_calls"][0]["function"]["name"] == NAME
        assert again.status == "completed"

    play(scenario, "low")


def test_openai_hears_of_a_response_that_failed() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(error_at=1)
        async with openai_client(running) as client:
            stream = await client.responses.create(model="maker-high", input="a b c", stream=True)
            events = [event async for event in stream]
        assert events[-1].type == "response.failed"
        assert events[-1].response.error is not None

    play(scenario)


def test_openai_reads_a_streamed_completion() -> None:
    async def scenario(running: Orchestra) -> None:
        async with openai_client(running) as client:
            stream = await client.completions.create(model="maker-high", prompt="go on with this", stream=True)
            assert "".join([chunk.choices[0].text async for chunk in stream]) == "go on with this"

    play(scenario)


@pytest.mark.parametrize("mode", ["high", "low"])
def test_anthropic_reads_a_streamed_message(mode: str) -> None:
    async def scenario(running: Orchestra) -> None:
        async with anthropic_client(running) as client:
            async with client.messages.stream(
                model=f"maker-{mode}", max_tokens=100, messages=ASKED, system="Be brief."
            ) as stream:
                text = "".join([piece async for piece in stream.text_stream])
                whole = await stream.get_final_message()
            counted = await client.messages.count_tokens(model=f"maker-{mode}", messages=ASKED)
        assert text == "say this back"
        assert (whole.stop_reason, whole.usage.output_tokens > 0) == ("end_turn", True)
        assert counted.input_tokens == 3

    play(scenario, mode)


def test_anthropic_reads_a_streamed_tool_call_and_sends_its_result_back() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(replies=[CALLED])
        async with anthropic_client(running) as client:
            async with client.messages.stream(
                model="maker-low", max_tokens=100, messages=ASKED, tools=[ANTHROPIC_TOOL]
            ) as stream:
                whole = await stream.get_final_message()
            (called,) = [block for block in whole.content if block.type == "tool_use"]
            assert (whole.stop_reason, called.name, called.input) == ("tool_use", NAME, {"path": "a.py"})
            result = {"type": "tool_result", "tool_use_id": called.id, "content": "x = 1", "is_error": True}
            given: Any = [
                *ASKED,
                {"role": "assistant", "content": whole.content},
                {"role": "user", "content": [result]},
            ]
            again = await client.messages.create(
                model="maker-low", max_tokens=100, messages=given, tools=[ANTHROPIC_TOOL]
            )
        assert again.stop_reason == "end_turn"
        sent = running.coder.bodies[-1]["messages"]
        assert [message["role"] for message in sent] == ["user", "assistant", "tool"]
        assert sent[2]["content"] == "Error: x = 1"

    play(scenario, "low")


def test_anthropic_knows_its_own_errors() -> None:
    async def scenario(running: Orchestra) -> None:
        async with anthropic_client(running) as client:
            with pytest.raises(anthropic.NotFoundError, match="maker-high"):
                await client.messages.create(model="claude-x", max_tokens=9, messages=ASKED)
            running.coder.behave(error_at=1)
            with pytest.raises(anthropic.APIStatusError, match="broke off"):
                async with client.messages.stream(model="maker-high", max_tokens=9, messages=ASKED) as stream:
                    await stream.get_final_message()

    play(scenario)
