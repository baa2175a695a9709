"""The fake model server itself, where a flaw in it made other tests fail now and then."""

import asyncio

import httpx

from tests.fake_llama import FakeLlama


def test_what_is_released_before_it_stalls_does_not_stall() -> None:
    """Who sees that a request has come may change the behaviour before the request is as far as to stall."""

    async def released() -> int:
        async with FakeLlama(stall_first_byte=True, first_byte_delay_s=0.05) as fake, httpx.AsyncClient() as client:
            body = {"messages": [{"role": "user", "content": "hello"}]}
            asking = asyncio.create_task(client.post(f"{fake.url}/chat/completions", json=body))
            await fake.until(lambda: fake.requests == 1)
            fake.behave(stall_first_byte=True)
            async with asyncio.timeout(5):
                return (await asking).status_code

    assert asyncio.run(released()) == 200
