"""Fixtures of the command line's tests."""

import pytest

from .support import Terminal


@pytest.fixture
def maker(capsys: pytest.CaptureFixture[str]) -> Terminal:
    """The command line, in this process."""
    return Terminal(capsys)
