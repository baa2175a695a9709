"""The fields of a JSON body, read one by one: each refusal is one sentence that names the field."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from maker.chat.types import JsonObject
from maker.errors import RequestError

# Far beyond any tool's schema, and far within what JSON encoders, ours and the model servers', can take.
MAX_DEPTH = 100

T = TypeVar("T")


def a_body(body: object, kept: Sequence[str]) -> dict[str, Any]:
    """The body of a request, an object; what stands under the `kept` names can be sent on to a model server.

    Raises:
        RequestError: it is none, or something there cannot be sent.
    """
    if not isinstance(body, dict):
        raise RequestError(f"the body must be a JSON object, not {kind_of(body)}")
    check_sendable({name: body[name] for name in kept if name in body})
    return body


def check_sendable(kept: Mapping[str, Any]) -> None:
    """Refuse what could be decoded but not be encoded again for a model server."""
    if is_deeper(kept, MAX_DEPTH):
        raise RequestError(f"the body is nested more than {MAX_DEPTH} levels deep; send a flatter one")
    try:
        json.dumps(kept, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])
        raise RequestError(f"the text contains {half}, half of a surrogate pair; send whole characters") from None
    except (TypeError, ValueError):
        raise RequestError("the body contains a value that JSON does not have, such as NaN or Infinity") from None


def is_deeper(value: Any, limit: int) -> bool:
    """Whether containers are nested more than `limit` levels; level by level, so that no depth is too much."""
    level = [value]
    for _ in range(limit + 1):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def objects(
    body: Mapping[str, Any], name: str, check: Callable[[JsonObject, str], None], at: str | None = None
) -> tuple[JsonObject, ...]:
    """A list of objects, each checked; nothing where it is missing or null."""
    at = at or name
    items = body.get(name)
    if items is None:
        return ()
    if not isinstance(items, list):
        raise wrong(at, "a list", items)
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise wrong(f"{at}[{index}]", "an object", item)
        check(item, f"{at}[{index}]")
    return tuple(items)


def required(value: JsonObject, name: str, kind: type[T], wording: str, at: str) -> T:
    """The field, which must be there and of that kind; `wording` says so to a person."""
    found = value.get(name)
    if not isinstance(found, kind):
        raise wrong(f"{at}.{name}", wording, found)
    return found


def an_object(body: Mapping[str, Any], name: str, at: str | None = None) -> dict[str, Any] | None:
    """The field, an object or nothing; `at` names it where the name alone does not."""
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise wrong(at or name, "an object", value)
    return value


def a_string(body: Mapping[str, Any], name: str, at: str | None = None) -> str | None:
    """The field, a string or nothing."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise wrong(at or name, "a string", value)
    return value


def a_flag(body: Mapping[str, Any], name: str, at: str | None = None) -> bool | None:
    """The field, true, false or nothing."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise wrong(at or name, "true or false", value)
    return value


def an_integer(body: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    """The field, an integer within both bounds, or nothing."""
    value = body.get(name)
    if value is None:
        return None
    # JSON's true is not 1, whatever Python says.
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(name, "an integer", value)
    if not low <= value <= high:
        raise RequestError(f"'{name}' must be between {low} and {high}", param=name)
    return value


def a_number(body: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    """The field, a number within both bounds, or nothing."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(name, "a number", value)
    # Written so that NaN is out of range too.
    if not low <= value <= high:
        raise RequestError(f"'{name}' must be between {low} and {high}", param=name)
    return float(value)


def wrong(at: str, wanted: str, got: object) -> RequestError:
    """The refusal of a field that is of another kind than wanted."""
    return RequestError(f"'{at}' must be {wanted}, not {kind_of(got)}", param=at)


def kind_of(value: object) -> str:
    """What JSON calls the value, never the value itself."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return "missing or null" if value is None else names.get(type(value), "something else")
