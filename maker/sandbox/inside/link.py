"""Calls between the test's process and the candidate's: plain data by value, everything else by handle.

The same code serves both ends. What keeps a candidate from reaching into the test's process is the test's `Guard`: it
answers requests for nothing but what the test itself defined and handed over. A container that the candidate changed
in place is changed at the test's end too, when the call returns.
"""

import builtins
import types
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from maker.sandbox.inside.frames import Broken, read_frame, write_frame
from maker.sandbox.inside.packing import Packer, exception_base
from maker.sandbox.inside.remote import OPERATIONS, Remote, number_of

Guard = Callable[[str, Any, tuple[Any, ...]], bool]
"""(operation, target, arguments): whether to serve a request of the other end."""

MUTABLE = (list, dict, set, bytearray, deque)


class Link:
    """One end. `broken` stays true once the other end has gone or has sent what is no message."""

    def __init__(self, fd: int, guard: Guard, names: dict[str, Any] | None = None) -> None:
        self._fd, self._guard = fd, guard
        self._names = {} if names is None else names
        self._packer = Packer(self._export, self._adopt)
        self._exported: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._remotes: weakref.WeakValueDictionary[int, Remote] = weakref.WeakValueDictionary()
        self._exceptions: dict[tuple[str, str], type[BaseException]] = {}
        self.broken = False

    def ask(self, op: str, target: Any, *args: Any) -> Any:
        """Have the other end apply the operation to its object."""
        return self.call(target, args, {}, op)

    def call(self, target: Any, args: tuple[Any, ...], names: dict[str, Any], op: str = "call") -> Any:
        """Call the other end's object; serves what it asks meanwhile.

        Raises:
            Broken: it is gone.
            BaseException: what the call raised there, as its own type where that is built in.
        """
        given = [*args, *names.values()]
        packed = [self._packer.pack(value) for value in given]
        request = {"op": op, "on": self._packer.pack(target), "args": packed[: len(args)]}
        reply = self._exchange({**request, "names": dict(zip(names, packed[len(args) :], strict=True))})
        try:
            failure, value = self._read(reply, given)
        except (Broken, LookupError, TypeError, ValueError, AttributeError):
            self.broken = True
            raise Broken from None
        if failure:
            raise failure
        return value

    def _read(self, reply: dict[str, Any], given: list[Any]) -> tuple[BaseException | None, Any]:
        """The exception or the value in a reply, once the containers that it changed are changed here."""
        for index, value in reply.get("changed", {}).items():
            replace(given[int(index)], self._packer.unpack(value))
        if "raised" in reply:
            return self._exception(reply["raised"]), None
        return None, given[reply["same"]] if "same" in reply else self._packer.unpack(reply.get("value"))

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            write_frame(self._fd, request)
            while "op" in (message := read_frame(self._fd)):
                write_frame(self._fd, self._serve(message))
        except Broken:
            self.broken = True
            raise
        return message

    def serve(self) -> None:
        """Answer requests until the other end closes."""
        try:
            while True:
                write_frame(self._fd, self._serve(read_frame(self._fd)))
        except Broken:
            self.broken = True

    def _serve(self, message: dict[str, Any]) -> dict[str, Any]:
        op, packed = message.get("op"), message.get("args")
        if op == "name":
            return {"value": self._packer.pack(self._names[str(packed)])} if str(packed) in self._names else {}
        names = message.get("names")
        if not isinstance(op, str) or not isinstance(packed, list) or not isinstance(names, dict):
            raise Broken
        target = self._packer.unpack(message.get("on"))
        args = tuple(self._packer.unpack(value) for value in packed)
        words = {str(name): self._packer.unpack(value) for name, value in names.items()}
        if not self._guard(op, target, args):
            return {"raised": {"type": "TypeError", "base": "TypeError", "args": ["the test does not allow this"]}}
        return self._answer(op, target, args, words, [*packed, *names.values()])

    def _answer(
        self, op: str, target: Any, args: tuple[Any, ...], words: dict[str, Any], packed: list[Any]
    ) -> dict[str, Any]:
        given = [*args, *words.values()]
        try:
            value = target(*args, **words) if op == "call" else OPERATIONS[op](target, *args)
            same = [index for index, known in enumerate(given) if known is value and isinstance(known, MUTABLE)]
            reply: dict[str, Any] = {"same": same[0]} if same else {"value": self._packer.pack(value)}
        except Broken:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the code raises is its behaviour, and is passed on
            reply = {"raised": self._spell(error)}
        now = {index: self._packer.pack(value) for index, value in enumerate(given) if isinstance(value, MUTABLE)}
        changed = {str(index): value for index, value in now.items() if value != packed[index]}
        return {**reply, "changed": changed} if changed else reply

    def name(self, name: str) -> Any:
        """The other end's global of that name.

        Raises:
            KeyError: it has none.
            Broken: it is gone.
        """
        reply = self._exchange({"op": "name", "args": name})
        if "value" not in reply:
            raise KeyError(name)
        try:
            return self._packer.unpack(reply["value"])
        except Broken:
            self.broken = True
            raise

    def _export(self, value: Any) -> list[Any]:
        if isinstance(value, Remote):
            return ["yours", number_of(value)]
        if isinstance(value, type) and issubclass(value, BaseException):
            self._exceptions[value.__name__, exception_base(value)] = value
            return ["exception", value.__name__, exception_base(value)]
        number = self._numbers.setdefault(id(value), len(self._numbers))
        self._exported[number] = value
        return ["mine", number, isinstance(value, types.CoroutineType)]

    def _adopt(self, packed: list[Any]) -> Any:
        kind, *rest = packed
        if kind == "yours":
            return self._exported[rest[0]]
        if kind == "exception":
            return self._exception_class(rest[0], rest[1])
        if kind != "mine" or not isinstance(rest[0], int):
            raise Broken
        if (remote := self._remotes.get(rest[0])) is None:
            self._remotes[rest[0]] = remote = Remote(self, rest[0])
        return awaited(remote) if rest[1] else remote

    def _exception_class(self, name: str, base: str) -> type[BaseException]:
        parent = getattr(builtins, base)
        if not (isinstance(parent, type) and issubclass(parent, BaseException)):
            raise Broken
        if name == base:
            return parent
        if (name, base) not in self._exceptions:
            self._exceptions[name, base] = type(name, (parent,), {})
        return self._exceptions[name, base]

    def _spell(self, error: BaseException) -> dict[str, Any]:
        kind = type(error)
        try:
            args = [self._packer.pack(value) for value in error.args]
        except Exception:  # noqa: BLE001 - an exception whose arguments cannot be shown is still that exception
            args = []
        self._export(kind)
        return {"type": kind.__name__, "base": exception_base(kind), "args": args}

    def _exception(self, spelled: dict[str, Any]) -> BaseException:
        kind = self._exception_class(str(spelled["type"]), str(spelled["base"]))
        args = [self._packer.unpack(value) for value in spelled["args"]]
        try:
            error: BaseException = kind(*args)
            return error
        except TypeError:  # a UnicodeDecodeError, say, takes five arguments and no fewer
            return Exception(kind.__name__, *args)


async def awaited(remote: Remote) -> Any:
    """A coroutine of this end for one of the other: `asyncio.run` takes nothing else."""
    return await remote


def replace(old: Any, new: Any) -> None:
    """Give a container the contents of another, in place."""
    if isinstance(old, list | bytearray):
        old[:] = new
    else:
        old.clear()
        (old.extend if isinstance(old, deque) else old.update)(new)
