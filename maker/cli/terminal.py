"""Where the command line prints, and text from models and logs on its way there."""

import re

from rich.console import Console

# C0 but tab and newline, DEL, and C1: what moves the cursor, sets the title or answers for the user.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """The text with every control character but tab and newline made visible, so that it commands nothing."""
    return CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


def console(*, stderr: bool = False) -> Console:
    """Standard output, or standard error: what is no terminal has no width to fit."""
    found = Console(stderr=stderr, highlight=False)
    return found if found.is_terminal else Console(stderr=stderr, highlight=False, width=1000)
