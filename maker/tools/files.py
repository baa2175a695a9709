"""Reading text files of a workspace, a range of lines at a time."""

from pydantic import BaseModel, ConfigDict, Field

from maker.errors import ToolError
from maker.tools.workspace import Workspace

MAX_FILE_BYTES = 8 * 1024 * 1024
MAX_LINES = 2000
MAX_CHARACTERS = 100_000
"""Longest text of one answer; about 25,000 tokens."""


class FileText(BaseModel):
    """Lines of a text file, as they are in it."""

    model_config = ConfigDict(frozen=True)

    path: str
    text: str = Field(description="The lines first_line to last_line.")
    first_line: int = Field(description="Number of the first line in text; lines count from 1.")
    last_line: int = Field(description="Number of the last line in text; 0 for an empty file.")
    total_lines: int = Field(description="Lines in the whole file.")
    truncated: bool = Field(description="Whether less was returned than asked for; read on at last_line + 1.")


def read_file(workspace: Workspace, path: str, start_line: int = 1, end_line: int | None = None) -> FileText:
    """The lines `start_line` to `end_line` (both included; to the end where left out) of a text file.

    Raises:
        PathRefused: as Workspace.read.
        ToolError: no such file, binary, too long, or no such lines.
    """
    if start_line < 1 or (end_line is not None and end_line < start_line):
        raise ToolError("lines count from 1, and end_line must not be before start_line")
    lines = _lines(workspace.read(path, MAX_FILE_BYTES), path)
    if start_line > max(len(lines), 1):
        raise ToolError(f"{path!r} has only {len(lines)} lines; start_line is {start_line}")
    wanted = lines[start_line - 1 : end_line]
    given, text = _fitting(wanted)
    return FileText(
        path=path,
        text=text,
        first_line=start_line,
        last_line=start_line - 1 + given,
        total_lines=len(lines),
        truncated=len(text) < sum(map(len, wanted)),
    )


def _lines(data: bytes, path: str) -> list[str]:
    if b"\0" in data:
        raise ToolError(f"{path!r} is a binary file; only text can be read")
    return lines_of(data.decode("utf-8-sig", errors="replace"))  # other encodings than UTF-8 show as U+FFFD


def lines_of(text: str) -> list[str]:
    """The lines of a file with their ends: only line feeds end lines, as compilers and editors number them."""
    lines = text.split("\n")
    ended = [line + "\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended


def _fitting(lines: list[str]) -> tuple[int, str]:
    """How many of the lines an answer can hold, and their text; a first line that is too long is cut."""
    length = 0
    for number, line in enumerate(lines[:MAX_LINES]):
        length += len(line)
        if length > MAX_CHARACTERS:
            return (number, "".join(lines[:number])) if number else (1, line[:MAX_CHARACTERS])
    given = min(len(lines), MAX_LINES)
    return given, "".join(lines[:given])
