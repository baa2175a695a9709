"""The single templates, read from the text files in `templates/`."""

from functools import cache
from pathlib import Path

from training.template import Template

FOLDER = Path(__file__).parent / "templates"


@cache
def singles() -> tuple[Template, ...]:
    """Every template that is no composition."""
    blocks = [
        block for path in sorted(FOLDER.glob("*.txt")) for block in path.read_text(encoding="utf-8").split("\n\n")
    ]
    return tuple(_template(block) for block in blocks if block.strip().startswith("["))


def _template(block: str) -> Template:
    head, *lines = block.strip().splitlines()
    key, rest = head[1:].split("]")
    kinds, _, hints = rest.partition(":")
    said: dict[str, list[str]] = {"=": [], "!": [], "%": []}
    bodies: list[list[str]] = []
    for line in lines:
        mark, text = line[0], line[2:]
        if mark == ">":
            bodies.append([text])
        elif mark == "|":
            bodies[-1].append(text)
        else:
            said[mark] += [part.strip() for part in text.split(" ; ")]
    return Template(
        key,
        tuple(kinds.split()),
        tuple(said["="]),
        tuple(said["!"]),
        tuple("\n".join(body) for body in bodies),
        tuple(hints.split()),
        tuple((int(low), int(high)) for low, high in map(str.split, said["%"])),
    )
