"""Changing settings in the sections of an existing maker.toml: only their own lines change, every other byte stays."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from maker.errors import ConfigError

Value = int | str


def set_in_sections(text: str, changes: Mapping[str, Mapping[str, Value]]) -> str:
    """The text with each setting changed where it stands, taken out of its comment, or added to its section.

    Raises:
        ConfigError: the file has the section in a form that cannot be changed line by line; says what to write.
    """
    changed = text
    for section, values in changes.items():
        for key, value in reversed(list(values.items())):  # what is added goes to the top of its section
            changed = _set(changed, section, key, value)
    if not _holds(text, changed, changes):
        wanted = "; ".join(f"[{name}] {key} = {value}" for name, said in changes.items() for key, value in said.items())
        raise ConfigError(f"maker.toml is written in a way that is not changed by a program; set it yourself: {wanted}")
    return changed


def _set(text: str, section: str, key: str, value: Value) -> str:
    line_end = "\r\n" if "\r\n" in text else "\n"
    said = f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}"
    header = re.search(rf"^[ \t]*\[[ \t]*{re.escape(section)}[ \t]*\][^\n]*(?:\n|\Z)", text, re.MULTILINE)
    if header is None:
        gap = "" if not text or text.endswith("\n\n") else line_end if text.endswith("\n") else line_end * 2
        return f"{text}{gap}[{section}]{line_end}{said}{line_end}"
    following = re.compile(r"^[ \t]*\[", re.MULTILINE).search(text, header.end())
    end = following.start() if following else len(text)
    body = text[header.end() : end]
    live = re.compile(rf"^([ \t]*){key}[ \t]*=[ \t]*[^#\r\n]*?(?=[ \t]*(?:#[^\r\n]*)?\r?$)", re.MULTILINE)
    commented = re.compile(rf"^#{key}[ \t]*=[^\r\n]*", re.MULTILINE)
    if found := live.search(body):
        body = f"{body[: found.start()]}{found.group(1)}{said}{body[found.end() :]}"
    elif found := commented.search(body):
        body = f"{body[: found.start()]}{said}{body[found.end() :]}"
    else:
        gap = "" if text[: header.end()].endswith("\n") else line_end
        body = f"{gap}{said}{line_end}{body}"
    return text[: header.end()] + body + text[end:]


def _holds(before: str, after: str, changes: Mapping[str, Mapping[str, Value]]) -> bool:
    """Whether the new text says what it should and is otherwise what the old one said."""
    try:
        wanted, found = tomllib.loads(before), tomllib.loads(after)
        for section, values in changes.items():
            where: dict[str, Any] = wanted
            for part in section.split("."):
                where = where.setdefault(part, {})
            where.update(values)
    except (tomllib.TOMLDecodeError, AttributeError):
        return False
    return wanted == found
