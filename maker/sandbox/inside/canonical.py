"""A value as text: equal for equal behaviour, whatever the addresses, the order of a set or the hash seed."""

import collections
import enum
import re
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

MAX_NODES = 200_000
MAX_TEXT = 4096
MAX_DEPTH = 150
DRAINED = 1000
"""Items taken from an iterator: an endless one is told by its beginning."""

MAX_GLANCE = 20_000
"""Parts and characters looked at where looking must cost next to nothing."""

DIGITS = 12
"""Significant digits of a float: sums in another order differ only behind them, and mean the same.

Two values on either side of a rounding boundary still differ, and so do a tiny remainder and an exact zero.
"""

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class TooLong(Exception):
    """The value has more parts than are looked at."""


def canonical(value: object, own: str = "candidate") -> str:
    """The value's canonical text; a long one is its beginning, its length and its SHA-256.

    `own` is the name of the candidate's module: its objects are told by their attributes.

    Raises:
        TooLong: more than MAX_NODES parts.
    """
    return shortened(_Writer(own).text(value))


def glance(value: object, own: str = "candidate") -> str:
    """The canonical text of something still in use: an iterator is not drained, what is large or fails is `...`."""
    try:
        return _Glance(own, MAX_GLANCE).text(value)
    except Exception:  # noqa: BLE001 - a candidate's object may fail to describe itself
        return "..."


def shortened(text: str) -> str:
    """The text, or what stands for it where it is long."""
    if len(text) <= MAX_TEXT:
        return text
    import hashlib

    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[:200]}… ({len(text)} characters, sha256 {digest})"


def scrubbed(text: str) -> str:
    """The text without memory addresses."""
    return ADDRESS.sub("", text)


class _Writer:
    """Walks a value once; keeps count, and the path to find cycles."""

    def __init__(self, own: str, most: int = MAX_NODES) -> None:
        self._own = own
        self._left = most
        self._path: list[int] = []

    def text(self, value: Any) -> str:
        self._left -= 1
        if self._left < 0:
            raise TooLong
        if id(value) in self._path:
            return "<cycle>"
        if len(self._path) > MAX_DEPTH:
            return "<deep>"
        self._path.append(id(value))
        try:
            return self._known(value)
        finally:
            self._path.pop()

    def _known(self, value: Any) -> str:
        for kinds, write in _WRITERS:
            if isinstance(value, kinds):
                return write(self, value)
        return self._thing(value)

    def many(self, values: Iterable[Any]) -> list[str]:
        return [self.text(value) for value in values]

    def mapping(self, items: Iterable[tuple[Any, Any]]) -> str:
        pairs = sorted(f"{self.text(key)}: {self.text(value)}" for key, value in items)
        return "{" + ", ".join(pairs) + "}"

    def _thing(self, value: Any) -> str:
        """An object by its attributes where it is a candidate's own or has no repr to tell it by; else by its repr."""
        kind: Any = type(value)
        if isinstance(value, Iterator):
            return self._iterator(value)
        if kind.__module__ == self._own or (kind.__repr__ is object.__repr__ and _attributes(value)):
            return str(kind.__qualname__) + self.mapping(_attributes(value))
        return scrubbed(repr(value))

    def _iterator(self, value: Iterator[Any]) -> str:
        taken = []
        for item in value:
            taken.append(item)
            if len(taken) > DRAINED:
                return f"iterator[{', '.join(self.many(taken[:-1]))}, more]"
        return f"iterator[{', '.join(self.many(taken))}]"


class _Glance(_Writer):
    """Leaves everything as it is, and counts characters as parts."""

    def text(self, value: Any) -> str:
        if isinstance(value, (str, bytes, bytearray)):
            self._left -= len(value)
        return super().text(value)

    def _iterator(self, value: Iterator[Any]) -> str:
        return "<iterator>"


def _attributes(value: Any) -> list[tuple[str, Any]]:
    """Instance attributes, from `__dict__` and from slots."""
    found = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in {"__dict__", "__weakref__"} and hasattr(value, name):
                found[name] = getattr(value, name)
    return list(found.items())


def _integer(writer: _Writer, value: int) -> str:
    return str(int(value)) if value.bit_length() < 10_000 else hex(value)


def _float(writer: _Writer, value: float) -> str:
    # Minus zero equals zero in every test; as text it would split two candidates that behave alike.
    return float.__repr__(0.0 if value == 0 else float(float.__format__(value, f".{DIGITS}g")))


def _complex(writer: _Writer, value: complex) -> str:
    return f"({_float(writer, value.real)}, {_float(writer, value.imag)}j)"


def _tuple(writer: _Writer, value: tuple[Any, ...]) -> str:
    parts = writer.many(tuple.__iter__(value))
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def _set(writer: _Writer, value: Iterable[Any]) -> str:
    return "{" + ", ".join(sorted(writer.many(value))) + "}" if value else "set()"


def _exception(writer: _Writer, value: BaseException) -> str:
    return f"{type(value).__qualname__}({', '.join(writer.many(value.args))})"


# In this order: an enumeration member may be an int, a bool is one. A subclass of a container is shown as the
# container, as `==` sees it (Counter, defaultdict, named tuples).
_WRITERS: tuple[tuple[Any, Callable[[_Writer, Any], str]], ...] = (
    ((types.NoneType, bool, types.EllipsisType, types.NotImplementedType), lambda _, value: repr(value)),
    (enum.Enum, lambda _, value: f"{type(value).__qualname__}.{value.name}"),
    (int, _integer),
    (float, _float),
    (str, lambda _, value: str.__repr__(value)),
    (complex, _complex),
    ((bytes, bytearray, range), lambda _, value: repr(value)),
    (list, lambda writer, value: f"[{', '.join(writer.many(list.__iter__(value)))}]"),
    (tuple, _tuple),
    ((set, frozenset), _set),
    (dict, lambda writer, value: writer.mapping(dict.items(value))),
    (collections.deque, lambda writer, value: f"deque[{', '.join(writer.many(value))}]"),
    (BaseException, _exception),
    (type, lambda _, value: f"<class {value.__qualname__}>"),
    (
        (types.FunctionType, types.BuiltinFunctionType, types.MethodType),
        lambda _, value: f"<function {value.__qualname__}>",
    ),
)
