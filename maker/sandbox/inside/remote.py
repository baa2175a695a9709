"""Handles: objects that live in the other process, and the operations that can be asked of them."""

import operator
from collections.abc import Callable, Generator
from typing import Any, Protocol

from maker.sandbox.inside.packing import plain


class Asks(Protocol):
    """What a handle needs of its link."""

    def ask(self, op: str, target: Any, *args: Any) -> Any:
        """Apply the operation at the other end."""

    def call(self, target: Any, args: tuple[Any, ...], names: dict[str, Any], op: str = "call") -> Any:
        """Call the object at the other end."""


class Remote:
    """An object of the other end. It has every operator; those its original lacks raise there, as they should."""

    __slots__ = ("__weakref__", "_link", "_number")

    def __init__(self, link: Asks, number: int) -> None:
        object.__setattr__(self, "_link", link)
        object.__setattr__(self, "_number", number)

    def __call__(self, *args: Any, **names: Any) -> Any:
        """Call the original."""
        return _link(self).call(self, args, names)

    def __instancecheck__(self, thing: object) -> bool:
        """Whether the thing is one of the original's instances, where that is a class."""
        return isinstance(thing, Remote) and _link(self).ask("isinstance", self, thing) is True

    def __await__(self) -> Generator[None, None, Any]:
        """Await the original, which runs to its end at once."""
        yield from ()
        return _link(self).ask("await", self)

    def __bool__(self) -> bool:
        return _link(self).ask("__bool__", self) is True

    def __hash__(self) -> int:
        return int(_link(self).ask("__hash__", self))


def _link(remote: Remote) -> Asks:
    # Handles have no attributes of their own to ask for: every name is the original's.
    link: Asks = object.__getattribute__(remote, "_link")
    return link


def number_of(remote: Remote) -> int:
    """The handle's number at the other end."""
    number: int = object.__getattribute__(remote, "_number")
    return number


def _forwarded(op: str) -> Callable[..., Any]:
    return lambda self, *args: _link(self).ask(op, self, *args)


def _compared(op: str) -> Callable[..., Any]:
    def compare(self: Remote, other: object) -> Any:
        # Only two of the candidate's objects are compared by the candidate's code: an object that says it equals
        # everything must not pass a test that expects a plain value. Against one of those, what counts is the
        # built-in value the object derives from, if any (an IntEnum member, a subclass of list).
        if isinstance(other, Remote):
            return _link(self).ask(op, self, other)
        try:
            return OPERATIONS[op](_link(self).ask("plain", self), other)
        except TypeError:
            return NotImplemented

    return compare


def _computed(op: str) -> Callable[..., Any]:
    def compute(self: Remote, other: object) -> Any:
        # As with comparisons: `abs(f(2) - 4) < 0.001` must not be answered by the difference's other side.
        if isinstance(other, Remote):
            return _link(self).ask(op, self, other)
        try:
            return OPERATIONS[op](_link(self).ask("plain", self), other)
        except TypeError:
            value = _link(self).ask(op, self, other)
            return value if isinstance(value, Remote) else NotImplemented

    return compute


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda thing, other: function(other, thing)


def _exit(thing: Any, *_: Any) -> Any:
    return type(thing).__exit__(thing, None, None, None)


def finish(coroutine: Any) -> Any:
    """Run a coroutine to its end, in the process it lives in."""
    import asyncio

    async def wait() -> Any:
        return await coroutine

    return asyncio.run(wait())


_BINARY: dict[str, Callable[..., Any]] = {
    name: getattr(operator, name) for name in "add sub mul matmul truediv floordiv mod pow lshift rshift xor".split()
} | {"and": operator.and_, "or": operator.or_}
_ARITHMETIC = [f"__{side}{name}__" for name in _BINARY for side in ("", "r")]
_COMPARISONS = [f"__{name}__" for name in "eq ne lt le gt ge".split()]

OPERATIONS: dict[str, Callable[..., Any]] = {
    **{f"__{name}__": function for name, function in _BINARY.items()},
    **{f"__r{name}__": _reflected(function) for name, function in _BINARY.items()},
    **{f"__{name}__": getattr(operator, name) for name in "eq ne lt le gt ge neg pos abs invert contains".split()},
    **{f"__{name}__": getattr(operator, name) for name in "getitem setitem delitem index".split()},
    **{f"__{kind.__name__}__": kind for kind in (iter, next, reversed, int, float, round, hash, bool, len, repr, str)},
    "__enter__": lambda thing: type(thing).__enter__(thing),
    "__exit__": _exit,
    "__getattr__": getattr,
    "__setattr__": setattr,
    "__delattr__": delattr,
    "isinstance": lambda kind, thing: isinstance(thing, kind),
    "await": finish,
    "plain": plain,
}
for _name in OPERATIONS:
    if _name.startswith("__") and _name not in {"__bool__", "__hash__"}:
        _kind = _compared if _name in _COMPARISONS else _computed if _name in _ARITHMETIC else _forwarded
        setattr(Remote, _name, _kind(_name))
