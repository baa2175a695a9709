"""Plain data as JSON and back, without loss and without running code; what is not plain is left to the caller.

None, booleans, text and small integers are themselves; everything else is a list whose first item names its type.
"""

import builtins
import collections
import importlib
import types
from collections.abc import Callable
from typing import Any

from maker.sandbox.inside.frames import Broken

MAX_DEPTH = 60
SMALL = 1 << 53

SAFE = frozenset("math cmath collections itertools heapq bisect datetime decimal fractions statistics".split())
"""Modules whose functions and classes are passed by name: both ends have them, and none of them evaluates text."""

STANDARD = SAFE | frozenset("typing functools re string json operator copy dataclasses enum abc random".split())
"""Modules that are passed by name; what a test takes from them is the test's own choice."""

TYPES = frozenset("bool int float complex str bytes bytearray list tuple set frozenset dict object type range".split())
"""Built-in types that are passed by name."""

SPELLED: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    "builtins.float": (repr, lambda kind, text: kind(text)),
    "builtins.complex": (lambda value: [repr(value.real), repr(value.imag)], lambda kind, two: kind(*map(float, two))),
    "builtins.bytes": (bytes.hex, lambda kind, text: kind.fromhex(text)),
    "builtins.bytearray": (bytearray.hex, lambda kind, text: kind.fromhex(text)),
    "builtins.range": (lambda value: [value.start, value.stop, value.step], lambda kind, parts: kind(*parts)),
    "decimal.Decimal": (str, lambda kind, text: kind(text)),
    "fractions.Fraction": (str, lambda kind, text: kind(text)),
    "datetime.datetime": (lambda value: value.isoformat(), lambda kind, text: kind.fromisoformat(text)),
    "datetime.date": (lambda value: value.isoformat(), lambda kind, text: kind.fromisoformat(text)),
    "datetime.time": (lambda value: value.isoformat(), lambda kind, text: kind.fromisoformat(text)),
    "datetime.timedelta": (
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda kind, parts: kind(*parts),
    ),
}
"""Types that are passed as text or a few numbers, by their full names: importing them all would take milliseconds."""

SEQUENCES: dict[str, type] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "deque": collections.deque,
}
MAPPINGS: dict[str, type] = {"dict": dict, "counter": collections.Counter, "ordered": collections.OrderedDict}

_SEQUENCE_BY_TYPE = {kind: name for name, kind in SEQUENCES.items()}
_MAPPING_BY_TYPE: dict[type, str] = {kind: name for name, kind in MAPPINGS.items()} | {collections.defaultdict: "dict"}


class NotPlain(Exception):
    """The value, or something in it, is too deep or refers to itself."""


class Packer:
    """Packs for one end of a link; `export` and `adopt` give and take what is not plain data."""

    def __init__(self, export: Callable[[Any], list[Any]], adopt: Callable[[list[Any]], Any]) -> None:
        self._export, self._adopt = export, adopt
        self._depth = 0
        self._tuples: dict[tuple[str, ...], Any] = {}

    def pack(self, value: Any) -> Any:
        """The value as JSON; one that is cyclic or very deep as a whole by handle."""
        try:
            return self._pack(value)
        except NotPlain:
            if self._depth:
                raise
            return self._export(value)

    def _pack(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind in {bool, str}:
            return value
        if kind is int:
            return value if -SMALL < value < SMALL else ["int", hex(value)]
        if (name := f"{kind.__module__}.{kind.__qualname__}") in SPELLED:
            return [name, SPELLED[name][0](value)]
        if kind in _SEQUENCE_BY_TYPE:
            return [_SEQUENCE_BY_TYPE[kind], self._many(value)]
        if kind in _MAPPING_BY_TYPE:
            return [_MAPPING_BY_TYPE[kind], self._many(pair for item in dict.items(value) for pair in item)]
        return self._special(value, kind)

    def _many(self, values: Any) -> list[Any]:
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH:
                raise NotPlain
            return [self._pack(value) for value in values]
        finally:
            self._depth -= 1

    def _special(self, value: Any, kind: type) -> list[Any]:
        fields = getattr(kind, "_fields", None)
        if isinstance(value, tuple) and kind.__bases__ == (tuple,) and isinstance(fields, tuple):
            return ["named", kind.__name__, list(fields), self._many(tuple(value))]
        if kind is types.ModuleType and value.__name__ in STANDARD:
            return ["module", value.__name__]
        if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType) and (found := shared(value)):
            return ["shared", *found]
        return self._export(value)

    def unpack(self, packed: Any) -> Any:
        """The value again.

        Raises:
            Broken: nothing that `pack` makes.
        """
        try:
            return self._unpack(packed)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, ArithmeticError):
            raise Broken from None

    def _unpack(self, packed: Any) -> Any:
        if not isinstance(packed, list):
            return packed
        kind, *rest = packed
        if kind == "int":
            return int(rest[0], 16)
        if kind in SPELLED:
            module, _, name = kind.partition(".")
            return SPELLED[kind][1](getattr(importlib.import_module(module), name), rest[0])
        if kind in SEQUENCES:
            return SEQUENCES[kind](map(self._unpack, rest[0]))
        if kind in MAPPINGS:
            values = iter([self._unpack(item) for item in rest[0]])
            return MAPPINGS[kind](dict(zip(values, values, strict=True)))
        return self._unpack_special(kind, rest, packed)

    def _unpack_special(self, kind: str, rest: list[Any], packed: list[Any]) -> Any:
        if kind == "named":
            key = (rest[0], *rest[1])
            if key not in self._tuples:
                self._tuples[key] = collections.namedtuple(rest[0], rest[1])
            return self._tuples[key](*map(self._unpack, rest[2]))
        if kind == "module" and rest[0] in STANDARD:
            return importlib.import_module(rest[0])
        if kind == "shared" and is_shared(*rest):
            return getattr(importlib.import_module(rest[0]), rest[1])
        return self._adopt(packed)


def is_shared(module: str, name: str) -> bool:
    """Whether a function or class is passed by name."""
    return (module in SAFE and not name.startswith("_")) or (module == "builtins" and name in TYPES)


def shared(value: Any) -> tuple[str, str] | None:
    """Module and name of a function or class that is passed by name, else None."""
    module, name = str(getattr(value, "__module__", "")), str(getattr(value, "__name__", "_"))
    if not is_shared(module, name):
        return None
    return (module, name) if getattr(importlib.import_module(module), name, None) is value else None


def plain(value: Any) -> Any:
    """What an instance of a class derived from a built-in type equals: the built-in value.

    Raises:
        TypeError: it derives from none.
    """
    for kind, base in PLAIN.items():
        if isinstance(value, kind):
            return base(value)
    raise TypeError


PLAIN: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    bytes: lambda value: bytes(bytes.__iter__(value)),
    list: lambda value: list(list.__iter__(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}


def exception_base(kind: type[BaseException]) -> str:
    """The nearest built-in exception that the class is or derives from."""
    names = (base.__name__ for base in kind.__mro__ if getattr(builtins, base.__name__, None) is base)
    return str(next(names))
