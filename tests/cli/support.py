"""Running the command line in this process."""

import pytest

from maker.cli.app import run
from maker.cli.session import Session


class Terminal:
    """Runs commands and gives their exit code, output and error output."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, session: Session | None = None) -> tuple[int, str, str]:
        code = run(arguments, session)
        shown = self._capsys.readouterr()
        return code, shown.out, shown.err
