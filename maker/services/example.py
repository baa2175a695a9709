"""The text of a new maker.toml: every setting with its meaning and its default, all commented out."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from maker.config import Config

_HEAD = """\
# maker.toml: what you want different from the defaults.
#
# A line that begins with "#" and no space is a setting with its default: remove the "#" to change it. Unknown keys are
# errors. `maker config validate` checks this file, `maker start` makes what runs follow it.
"""


def example_toml(chosen: Mapping[str, str | int] | None = None) -> str:
    """All settings as commented TOML: loads as it is, and equals the defaults uncommented too.

    `chosen` are settings of the top level that are to differ, such as `profile`; they are not commented out.
    """
    return "\n".join([_HEAD, *_section(Config, "", chosen or {}, set()), ""])


def _section(
    section: type[BaseModel], path: str, chosen: Mapping[str, str | int], explained: set[type[BaseModel]]
) -> Iterator[str]:
    """The plain settings of a section, then the sections in it; what appears several times is explained once."""
    sections = []
    for name, field in section.model_fields.items():
        key = field.alias or name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            sections.append((f"{path}{key}", field.annotation))
        elif not field.exclude:
            if section not in explained:
                yield from _prose(_meaning(key, field))
            if key in chosen:
                yield f"{key} = {_render(chosen[key])}"
            elif field.default is not None:
                yield f"#{key} = {_render(field.default)}"
    explained.add(section)
    for where, nested in sections:
        yield from ["", *_prose("" if nested in explained else nested.__doc__ or ""), f"[{where}]"]
        yield from _section(nested, f"{where}.", {}, explained)


def _meaning(key: str, field: FieldInfo) -> str:
    """What a setting is for; one without a default has no line of its own, so its name comes first."""
    text = field.description or ""
    if choices := _choices(field.annotation):
        text = f"{text} One of {', '.join(choices)}.".strip()
    return f"{key} = ... : {text}" if field.default is None else text


def _choices(annotation: object) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next((found for part in get_args(annotation) if (found := _choices(part))), ())


def _prose(text: str) -> Iterator[str]:
    return (f"# {line}" for line in textwrap.wrap(" ".join(text.split()), 116, break_long_words=False))


def _render(value: object) -> str:
    # JSON's strings, booleans, numbers and arrays are TOML's too.
    return json.dumps(value, ensure_ascii=False)
