"""The texts that roles are given: Markdown files, one folder a profile; a profile overrides the default file by file.
Where a profile has a grammar of that name too (`.gbnf`), its own model's answer can be held to it.

A role's text is put behind the conversation, at the end of its last message: what comes before is byte-identical for
every role and candidate, so that a model server evaluates it once.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from string import Template

from maker.chat.types import JsonObject
from maker.errors import ConfigError

FOLDER = Path(__file__).parent / "prompts"
DEFAULT = "default"


@cache
def load(profile: str, name: str) -> Template:
    """The text `name` of the profile, or the default's.

    Raises:
        ConfigError: neither has it; the installation is broken.
    """
    for folder in (profile, DEFAULT):
        path = FOLDER / folder / f"{name}.md"
        if path.is_file():
            return Template(path.read_text(encoding="utf-8"))
    raise ConfigError(f"{FOLDER / DEFAULT / name}.md is missing; install maker again")


def render(profile: str, name: str, **values: object) -> str:
    """The text with its placeholders filled; each must have a value."""
    return load(profile, name).substitute({key: str(value) for key, value in values.items()}).strip("\n")


def grammar(profile: str, text: str, /, **values: object) -> str | None:
    """What the answer of the profile's own model to `text` has to look like, in llama.cpp's GBNF."""
    path = FOLDER / profile / f"{text}.gbnf"
    if not path.is_file():
        return None
    return Template(path.read_text(encoding="utf-8")).substitute({key: str(value) for key, value in values.items()})


def digest(profile: str) -> str:
    """sha256 of the profile's own texts: what small models were trained on, word for word."""
    whole = hashlib.sha256()
    for name in sorted(path.stem for path in (FOLDER / profile).glob("*.md")):
        whole.update(f"{name}\0{load(profile, name).template}\0".encode())
    return whole.hexdigest()


def ask(messages: Sequence[JsonObject], text: str) -> tuple[JsonObject, ...]:
    """The conversation with the role's text at the end of its last message, which stays the user's."""
    *before, last = messages
    if last.get("role") != "user":
        return (*messages, {"role": "user", "content": text})
    return (*before, {**last, "content": _joined(last.get("content"), text)})


def _joined(content: object, text: str) -> object:
    if isinstance(content, list):
        return [*content, {"type": "text", "text": f"\n\n{text}"}]
    return f"{content}\n\n{text}" if content else text


def text_of(messages: Sequence[JsonObject]) -> str:
    """The words of the user's last message."""
    for message in reversed(messages):
        if message.get("role") == "user":
            return _words(message.get("content"))
    return ""


def _words(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))
