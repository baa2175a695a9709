"""Both ends of a link in one process: the candidate's in a thread, the test's here."""

import asyncio
import collections
import datetime
import decimal
import fractions
import math
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from maker.sandbox.inside.frames import Broken, read_frame, write_frame
from maker.sandbox.inside.link import Link
from maker.sandbox.inside.remote import Remote
from maker.sandbox.inside.tester import MODULE, guard

Pair = collections.namedtuple("Pair", "a b")


class Stack:
    def __init__(self) -> None:
        self.items: list[Any] = []

    def push(self, item: Any) -> "Stack":
        self.items.append(item)
        return self

    def __len__(self) -> int:
        return len(self.items)

    def __add__(self, other: Any) -> "Stack":
        return Stack()


class Agreeable:
    def __eq__(self, other: object) -> bool:
        return True

    def __sub__(self, other: object) -> int:
        return 0

    __hash__ = None  # type: ignore[assignment]


class Numbers(list):  # type: ignore[type-arg]
    pass


class Refusal(ValueError):
    pass


class Greedy:
    """Reaches for what is behind the things it is handed."""

    def globals_of(self, thing: Any) -> Any:
        return thing.__globals__

    def take(self, thing: Any, name: str) -> Any:
        return getattr(thing, name)

    def put(self, thing: Any, name: str, value: Any) -> None:
        setattr(thing, name, value)


def refuse(*args: Any) -> None:
    raise Refusal(*args)


async def later(value: int) -> int:
    await asyncio.sleep(0)
    return value + 1


CANDIDATE: dict[str, Any] = {
    "Stack": Stack,
    "Agreeable": Agreeable,
    "Numbers": Numbers,
    "Refusal": Refusal,
    "greedy": Greedy(),
    "refuse": refuse,
    "later": later,
    "echo": lambda value: value,
    "sort": lambda values: values.sort(),
    "same": lambda values: values,
    "apply": lambda function, values: [function(value) for value in values],
    "drain": list,
    "count": lambda n: (number for number in range(n)),
    "leave": lambda: None,
    "math": math,
    "system": os.system,
}


@pytest.fixture
def link() -> Iterator[Link]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = threading.Thread(target=Link(theirs.fileno(), lambda *_: True, CANDIDATE).serve)
        server.start()
        yield Link(ours.fileno(), guard)
        ours.shutdown(socket.SHUT_RDWR)
        server.join(5)
        assert not server.is_alive()


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -7,
        10**400,
        1.5,
        float("inf"),
        "\ud800é",
        b"\x00\xff",
        bytearray(b"x"),
        2j,
        [1, [2, (3,)]],
        {1, 2},
        frozenset({1}),
        {"a": {1: None}, (1, 2): []},
        collections.Counter("aab"),
        collections.OrderedDict(b=1, a=2),
        collections.deque([1, 2]),
        range(1, 9, 2),
        decimal.Decimal("1.50"),
        fractions.Fraction(1, 3),
        datetime.datetime(2024, 2, 29, 12),
        datetime.timedelta(days=1, microseconds=3),
        int,
        math.sqrt,
    ],
    ids=repr,
)
def test_plain_data_comes_back_as_it_went(link: Link, value: object) -> None:
    back = link.name("echo")(value)
    assert back == value
    assert type(back) is type(value)


def test_a_named_tuple_stays_one(link: Link) -> None:
    back = link.name("echo")(Pair(1, [2]))
    assert back == (1, [2])
    assert back.b == [2]


def test_a_container_is_changed_in_place(link: Link) -> None:
    values = [3, 1, 2]
    assert link.name("sort")(values) is None
    assert values == [1, 2, 3]


def test_what_was_given_comes_back_as_the_same_object(link: Link) -> None:
    values = [1]
    assert link.name("same")(values) is values


def test_an_object_is_used_through_its_handle(link: Link) -> None:
    stack = link.name("Stack")()
    assert stack.push(1).push({2: 3}) is stack
    assert len(stack) == 2
    assert stack.items == [1, {2: 3}]
    assert isinstance(stack, link.name("Stack"))
    assert not isinstance([], link.name("Stack"))
    stack.label = "mine"
    assert stack.label == "mine"
    with pytest.raises(AttributeError):
        stack.nothing  # noqa: B018
    with pytest.raises(TypeError):
        iter(stack)


def test_functions_are_called_back(link: Link) -> None:
    apply = link.name("apply")
    assert apply(owned(lambda value: value * 2), [1, 2]) == [2, 4]
    with pytest.raises(ZeroDivisionError):
        apply(owned(lambda value: 1 // value), [0])


def owned(thing: Any) -> Any:
    """Make a function or class one that the test defined."""
    thing.__module__ = MODULE
    return thing


def test_iterators_pass_both_ways(link: Link) -> None:
    assert list(link.name("count")(3)) == [0, 1, 2]
    assert link.name("drain")(number for number in range(3)) == [0, 1, 2]


def test_coroutines_are_awaited(link: Link) -> None:
    async def wait() -> object:
        return await link.name("later")(1)

    assert asyncio.run(wait()) == 2
    assert asyncio.run(link.name("later")(2)) == 3


def test_an_exception_keeps_its_type(link: Link) -> None:
    with pytest.raises(link.name("Refusal")) as caught:
        link.name("refuse")("no", 1)
    assert isinstance(caught.value, ValueError)
    assert caught.value.args == ("no", 1)
    with pytest.raises(TypeError):
        link.name("sort")()


def test_an_object_that_equals_everything_equals_nothing_plain(link: Link) -> None:
    agreeable = link.name("Agreeable")()
    assert agreeable != 4
    assert 4 != agreeable
    assert agreeable not in (1, 2)
    with pytest.raises(TypeError):
        agreeable - 4


def test_an_object_that_derives_from_plain_data_equals_that(link: Link) -> None:
    numbers = link.name("Numbers")([1, 2])
    assert numbers == [1, 2]
    assert numbers != [1]


def test_arithmetic_that_makes_an_object_is_allowed(link: Link) -> None:
    assert isinstance(link.name("Stack")() + 1, Remote)


def test_a_name_that_is_not_there_is_a_key_error(link: Link) -> None:
    with pytest.raises(KeyError):
        link.name("nowhere")


def test_a_function_of_a_dangerous_module_stays_on_its_side(link: Link) -> None:
    assert isinstance(link.name("system"), Remote)
    assert link.name("math") is math


@pytest.mark.parametrize("name", ["__globals__", "__dict__", "__closure__", "_secret"])
def test_private_names_of_the_test_are_refused(link: Link, name: str) -> None:
    class Node:
        _secret = 1

    with pytest.raises((TypeError, AttributeError)):
        link.name("greedy").take(owned(Node)(), name)
    with pytest.raises((TypeError, AttributeError)):
        link.name("greedy").take(owned(lambda: None), name)


def test_public_attributes_of_the_test_are_shared_but_its_code_is_not_replaced(link: Link) -> None:
    @owned
    class Node:
        value = 1

        def right(self) -> bool:
            return False

    node = Node()
    assert link.name("greedy").take(node, "value") == 1
    link.name("greedy").put(node, "value", 2)
    assert node.value == 2
    with pytest.raises(TypeError):
        link.name("greedy").put(node, "right", 3)
    assert node.right() is False


def test_functions_that_the_test_did_not_define_are_not_called_back(link: Link) -> None:
    with pytest.raises(TypeError):
        link.name("apply")(os.getenv, ["HOME"])


@pytest.mark.parametrize(
    "reply",
    [
        {"value": ["mine"]},
        {"value": ["shared", "builtins", "exec"]},
        {"value": ["shared", "os", "system"]},
        {"value": ["module", "os"]},
        {"value": ["yours", 99]},
        {"value": ["list", 3]},
        {"value": ["builtins.bytes", "zz"]},
        {"raised": {"type": "X", "base": "exec", "args": []}},
        {"raised": 7},
        {"same": 5},
        {"changed": {"9": []}},
        {"op": "call", "on": ["yours", 0]},
    ],
    ids=str,
)
def test_a_reply_that_is_none_breaks_the_link(reply: dict[str, object]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        link = Link(ours.fileno(), guard)
        write_frame(theirs.fileno(), {"value": ["mine", 0, False]})
        thing = link.name("thing")
        write_frame(theirs.fileno(), reply)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(Broken):
            thing(1)
        assert link.broken


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x00\x00\x02[]", b"\xff\xff\xff\xff", b"\x00\x00\x00\x01{"])
def test_a_frame_that_is_none_is_broken(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(Broken):
            read_frame(ours.fileno())


def test_deeply_nested_json_is_broken() -> None:
    body = b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=theirs.sendall, args=(len(body).to_bytes(4, "big") + body,))
        sender.start()
        with pytest.raises(Broken):
            read_frame(ours.fileno())
        sender.join(5)
