"""`maker version`."""

import json
import os
import platform
from pathlib import Path

import pytest

from maker import __version__

from .support import Terminal


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def test_versions_of_programs_are_read_from_what_they_print(
    tmp_path: Path, maker: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "llama-server", "echo 'version: 0.2.0 (build 11549, with cc)' >&2")
    program(tmp_path, "redis-server", "echo 'Redis server v=7.0.15 sha=00000000:0 bits=64'")
    program(tmp_path, "qdrant", "echo 'qdrant 1.18.3'")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    code, out, _ = maker("version", "--json")
    shown = json.loads(out)
    assert code == 0
    assert (shown["maker"], shown["python"]) == (__version__, platform.python_version())
    assert (shown["llama-server"], shown["redis-server"], shown["qdrant"]) == ("0.2.0", "7.0.15", "1.18.3")


def test_what_is_not_installed_or_does_not_run_is_said(
    tmp_path: Path, maker: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "qdrant").write_bytes(b"\x7fELF")
    (tmp_path / "qdrant").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = dict(line.split(maxsplit=1) for line in maker("version")[1].splitlines())
    assert lines["llama-cpp-python"] == "not installed"
    assert lines["qdrant"] == "does not run"
