"""Over HTTP, with choices that end one after the other: who can no longer win is not waited for."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from maker.config import Mode
from maker.pipeline.events import CandidateJudged
from tests.fake_llama import CLOCK, FakeLlama, Generation
from tests.llama_wire import Answer, Reply
from tests.models.support import in_loop
from tests.pipeline.support import ACCEPTED, ALSO_GOOD, GOOD, PLAN, TESTS, fenced
from tests.server.orchestra import coding, in_process, orchestra

PIECES = 20_000
"""Of a loser; the fake sends less than a thousand of them each second."""
LOSER = ["```python\n", *(f"# line {number}\n" for number in range(PIECES))]
NO_CODE = "I am sorry."


class EndsApart(FakeLlama):
    """Sends each choice's end as soon as it is whole, as llama-server does."""

    async def _stream(
        self,
        request: web.Request,
        response: web.StreamResponse,
        answer: Answer,
        replies: list[Reply],
        how: Any,
        released: asyncio.Event,
        generation: Generation,
    ) -> bool:
        await response.write(answer.opening())
        for number in range(1 + max(len(reply.pieces) for reply in replies)):
            for choice, reply in enumerate(replies):
                if number < len(reply.pieces):
                    await response.write(answer.piece(choice, reply.pieces[number]))
                elif number == len(reply.pieces):
                    for data in answer.ending(choice, reply):
                        await response.write(data)
            generation.sent += 1
            await asyncio.sleep(0.001)
        await response.write(b"data: [DONE]\n\n")
        return True


@in_loop
async def test_losers_are_cancelled_as_soon_as_the_vote_is_decided() -> None:
    async with AsyncExitStack() as stack:
        coder: FakeLlama = await stack.enter_async_context(EndsApart(key="sesame"))
        planner, reviewer, tester = [
            await stack.enter_async_context(FakeLlama(key="sesame", replies=[json.dumps(reply)]))
            for reply in (PLAN, ACCEPTED, TESTS)
        ]
        pre = await stack.enter_async_context(FakeLlama(key="sesame", replies=['{"kind": "code"}']))
        fakes = {"planner": planner, "coder": coder, "reviewer": reviewer, "gpt-oss": tester, "preprocessor": pre}
        # One vote after the first wave; the second wave's first candidate decides, and its second goes on for ever.
        coder.behave(replies=[fenced(GOOD), NO_CODE, fenced(ALSO_GOOD), LOSER])
        it = await stack.enter_async_context(
            orchestra(fakes=fakes, sandbox=in_process, answering=Mode(k=2, max_tokens=PIECES + 1))
        )
        begun = CLOCK()
        answer = await it.client.post("/v1/chat/completions", json=coding())
        assert answer.status_code == 200
        first, second = coder.generations
        assert first.complete and not second.complete
        assert second.closed is not None and second.sent < PIECES
        # The reviewer is asked after the vote: the loser's connection was closed by then, or a moment later.
        assert second.closed <= reviewer.generations[0].started + 0.5
        assert second.closed - begun < 15
        judged = [event.candidate for event in it.events if isinstance(event, CandidateJudged)]
        assert [bool(candidate.flags) for candidate in judged] == [True, False, False]
        told = answer.json()["maker"]
        assert told["usage"]["coder"]["prompt_tokens"] == 2 * len(_prompt(coder.bodies[0]).split())
        assert coder.bodies[0]["messages"] == coder.bodies[1]["messages"]


def _prompt(body: Any) -> str:
    return "\n".join(message["content"] for message in body["messages"])
