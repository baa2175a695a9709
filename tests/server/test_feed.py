"""The feed of events: bounded, and honest about what it left out."""

import asyncio

import pytest

from maker.chat.types import ChatRequest
from maker.errors import TooBusy
from maker.pipeline.events import KindDecided, Noted, RoleWaited
from maker.pipeline.values import Task
from maker.server.feed import LISTENERS, ROOM, Feed, Listener, described

TASK = Task("run-1", "high", ChatRequest(({"role": "user", "content": "hi"},)))


def test_an_event_is_told_by_its_name_its_plain_values_and_its_line() -> None:
    assert described(KindDecided("code", "rules")) == {"event": "kind_decided", "kind": "code", "by": "rules"}
    assert described(RoleWaited("coder", 2.0)) == {
        "event": "role_waited",
        "role": "coder",
        "seconds": 2.0,
        "line": "waiting for the coder to load (2 s)",
    }
    assert described(Noted("a thing")) == {"event": "noted", "line": "note: a thing"}


def test_a_slow_listener_loses_events_and_is_told_how_many() -> None:
    async def scenario() -> None:
        listener = Listener()
        for number in range(ROOM + 5):
            listener.put({"event": "x", "number": number})
        got = [await listener.get() for _ in range(ROOM)]
        assert [one["number"] for one in got] == list(range(ROOM))
        listener.put({"event": "x", "number": -1})
        assert await listener.get() == {"event": "missed", "count": 5}
        assert (await listener.get())["number"] == -1

    asyncio.run(scenario())


def test_nobody_waits_for_listeners_and_there_are_only_so_many() -> None:
    async def scenario() -> None:
        feed = Feed()
        emit = feed.listener(TASK)
        frames = [feed.frames(asyncio.Event(), 10) for _ in range(LISTENERS)]
        for one in frames:
            await anext(one)
        for _ in range(ROOM * 2):
            await emit(KindDecided("code", "rules"))
        with pytest.raises(TooBusy):
            feed.check_room()
        for one in frames:
            await one.aclose()
        assert len(feed) == 0

    asyncio.run(scenario())
