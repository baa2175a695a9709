"""Fixtures for every test: a scrubbed environment and a MAKER_HOME that nobody else has."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from maker.config import Home

settings.register_profile("thorough", max_examples=1000)


@pytest.fixture(autouse=True)
def scrubbed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches them, and no test reaches that person's bundle."""
    for name in list(os.environ):
        if name.startswith(("MAKER_", "PHOENIX_", "OTEL_", "LLAMA_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MAKER_HOME", "/nonexistent/maker-home")
    monkeypatch.setenv("CONTINUE_GLOBAL_DIR", "/nonexistent/continue")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """An empty MAKER_HOME with a short path (unix sockets live below it), removed afterwards."""
    root = Path(tempfile.mkdtemp(prefix="mk-", dir="/tmp"))
    monkeypatch.setenv("MAKER_HOME", str(root))
    monkeypatch.setenv("CONTINUE_GLOBAL_DIR", f"{root}-continue")
    yield Home(root)
    shutil.rmtree(root, ignore_errors=True)
    shutil.rmtree(f"{root}-continue", ignore_errors=True)
