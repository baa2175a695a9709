"""Changing settings of an existing maker.toml, line by line, so that comments and order stay."""

import json
import re
from collections.abc import Mapping


def set_top_level(text: str, values: Mapping[str, str | int]) -> str:
    """The text with each top-level setting changed where it stands, taken out of its comment, or added at the end."""
    for key, value in values.items():
        text = _set(text, key, f"{key} = {json.dumps(value)}")
    return text


def _set(text: str, key: str, line: str) -> str:
    head, sections = _split(text)
    live = re.compile(rf"^[ \t]*{key}[ \t]*=[ \t]*(?:\"[^\"\n]*\"|'[^'\n]*'|[^#\n]*?)([ \t]*#.*)?$", re.MULTILINE)
    commented = re.compile(rf"^#{key}[ \t]*=.*$", re.MULTILINE)
    if found := live.search(head):
        return head[: found.start()] + line + (found.group(1) or "") + head[found.end() :] + sections
    if found := commented.search(head):
        return head[: found.start()] + line + head[found.end() :] + sections
    gap = "\n" if sections else ""
    return f"{head.rstrip()}\n{line}\n{gap}{sections}".lstrip("\n")


def _split(text: str) -> tuple[str, str]:
    """What stands before the first section, and the rest; a comment right above a section belongs to it."""
    section = re.search(r"^[ \t]*\[", text, re.MULTILINE)
    if section is None:
        return text, ""
    start = section.start()
    while start and (previous := text[:start].splitlines(keepends=True)[-1]).startswith("# "):
        start -= len(previous)
    return text[:start], text[start:]
