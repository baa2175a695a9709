"""Which languages the installed node can run."""

import re
from dataclasses import dataclass
from pathlib import Path

from maker.sandbox.values import Language, Unavailable

STRIPS_TYPES_SINCE = (22, 13)
"""Where `module.stripTypeScriptTypes` came: https://nodejs.org/api/module.html"""


@dataclass(frozen=True, slots=True)
class Node:
    """The installed program."""

    path: Path
    version: tuple[int, ...]


def parse_version(text: str) -> tuple[int, ...]:
    """The version in `v20.20.2`; empty if there is none."""
    found = re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)\S*\s*", text)
    return tuple(int(part) for part in found.groups()) if found else ()


def unsupported(language: Language, node: Node | None) -> Unavailable | None:
    """Why the language cannot be run, or None."""
    if language == "python":
        return None
    if node is None:
        return Unavailable(f"{language} needs node, which is not installed", "install node 22.13 or newer")
    if language == "typescript" and node.version < STRIPS_TYPES_SINCE:
        version = ".".join(map(str, node.version))
        return Unavailable(f"node {version} cannot run TypeScript", "install node 22.13 or newer")
    return None
