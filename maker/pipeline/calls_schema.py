"""Checking a tool call's arguments against the tool's own JSON schema, which is somebody else's.

What is covered: everything the schema says, in the draft it names. What is not: patterns are ignored, because they are
written for another language's regular expressions and may take for ever; other documents are never fetched.
"""

import functools
import json
from collections.abc import Iterator
from typing import Any

from jsonschema.exceptions import SchemaError, UnknownType, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import Draft202012Validator, extend, validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from maker.chat.types import JsonObject

Check = Validator
UNUSABLE = (SchemaError, Unresolvable, UnknownType, RecursionError, TypeError, ValueError, LookupError, AttributeError)
"""What the library raises where a schema is none, or refers to what is not there."""
SHOWN = 120
"""Characters of the library's sentence that are repeated; a longer one holds the whole value."""


def check(schema: JsonObject | None) -> Check | None:
    """The check of one tool's arguments, any object where it has no schema; None where what it has is none."""
    return _checked(json.dumps(schema or {}))


@functools.lru_cache(maxsize=512)
def _checked(text: str) -> Check | None:
    """Made once for each schema: clients send the same tools with every turn, and a check takes a millisecond."""
    schema = json.loads(text)
    try:
        known = validator_for(schema, default=Draft202012Validator)
        known.check_schema(schema)
    except UNUSABLE:
        return None
    return _without_patterns(known)(schema, registry=Registry())


def fault(check: Check | None, arguments: JsonObject) -> str:
    """What the schema says against the arguments, in a few words; empty if nothing, or if it cannot say."""
    if check is None:
        return ""
    try:
        found = next(iter(check.iter_errors(arguments)), None)
    except UNUSABLE:
        return ""
    return _words(found) if found else ""


def _words(fault: ValidationError) -> str:
    where = ".".join(map(str, fault.absolute_path))
    said = fault.message if len(fault.message) <= SHOWN else f"fails {fault.validator!r}"
    return f"{where}: {said}" if where else said


@functools.cache
def _without_patterns(known: type[Validator]) -> type[Validator]:
    def ignore(*_: Any) -> Iterator[ValidationError]:
        return iter(())

    usual = known.VALIDATORS["additionalProperties"]

    def additional(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        # Properties that only a pattern allows would count as additional.
        return iter(()) if "patternProperties" in schema else usual(validator, allowed, instance, schema)

    rules = {"pattern": ignore, "patternProperties": ignore, "additionalProperties": additional}
    made: type[Validator] = extend(known, rules)  # type: ignore[no-untyped-call]
    return made
