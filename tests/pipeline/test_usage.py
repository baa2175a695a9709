"""What calls are charged that were left before their model said how many tokens they took."""

import asyncio
from collections.abc import Callable
from typing import Any

from maker.chat.types import ChatRequest, Delta, Finish, TextDelta, Usage
from maker.models.scripted import ScriptedModel
from maker.pipeline.call import Ledger, call
from maker.pipeline.events import ignore
from tests.pipeline.support import ACCEPTED, ALSO_GOOD, GOOD, Play, fenced

WHOLE: list[Delta] = [TextDelta("a"), Finish("stop"), Usage(10, 1)]
MESSAGES = ({"role": "user", "content": "x"},)


def charged(*messages: Any, leave: Callable[[int], bool]) -> Usage:
    """The usage of calls with these messages, those for which `leave` says so left after their first piece."""

    async def ask() -> Usage:
        model, ledger = ScriptedModel("coder", [WHOLE] * len(messages)), Ledger()
        for number, said in enumerate(messages):
            async with call(model, ChatRequest(said), stage="code", ledger=ledger, emit=ignore) as reply:
                async for _ in reply:
                    if leave(number):
                        break
        return ledger.usage["coder"]

    return asyncio.run(ask())


def test_a_call_that_was_left_is_charged_the_prompt_that_an_earlier_one_reported() -> None:
    assert charged(MESSAGES, MESSAGES, leave=lambda number: number == 1) == Usage(20, 2)


def test_an_unknown_prompt_is_not_made_up() -> None:
    other = ({"role": "user", "content": "y"},)
    assert charged(MESSAGES, other, leave=lambda number: number == 1) == Usage(10, 2)


def test_what_a_client_is_told_is_one_answer_and_not_all_that_was_spent() -> None:
    turns = Play([fenced(GOOD), "I am sorry.", fenced(GOOD), fenced(ALSO_GOOD)], reviewer=[ACCEPTED]).run().done
    spent, told = turns.usage["coder"], turns.completions[0].usage
    assert told.prompt_tokens == 10 < spent.prompt_tokens
    assert 0 < told.completion_tokens <= 20 < spent.completion_tokens


def test_a_wave_that_was_left_early_counts_its_prompt() -> None:
    # The vote is decided by the first of the second wave's two: its usage, which comes last, is never read.
    replies = [fenced(GOOD), "I am sorry.", fenced(GOOD), fenced(ALSO_GOOD)]
    played = Play(replies, reviewer=[ACCEPTED], settings={"k": 2}).run()
    (step,) = played.done.steps
    waves = len(played.models["coder"].calls)
    assert waves == 2 and len(step.candidates) == 3
    assert played.done.usage["coder"].prompt_tokens == 10 * waves
