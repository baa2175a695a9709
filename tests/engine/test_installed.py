"""Which engine is used, and which llama-server is refused."""

from pathlib import Path

import pytest

from maker.engine.installed import Installed, choose, find, parse_build
from maker.errors import ConfigError

PYTHON = Path("/opt/venv/bin/python")


def llama_server(folder: Path, version: str, status: int = 0) -> Path:
    """A program that answers --version and --help as llama-server does."""
    program = folder / "llama-server"
    program.write_text(
        "#!/bin/sh\n"
        f"if [ \"$1\" = --version ]; then echo '{version}' >&2; exit {status}; fi\n"
        "echo '-np,   --parallel N    number of server slots'\n"
        "echo '--ui,  --webui, --no-ui, --no-webui     whether to enable the Web UI'\n",
        encoding="ascii",
    )
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("text", "build"),
    [
        ("version: 0.2.0 (build 11549, commit 1234abc)\nbuilt with Apple clang", 11549),
        ("version: 0.2.0 (build 11549)", 11549),
        ("version: 4567 (abc1234)\nbuilt with cc", 4567),
        ("ggml_metal_init: found device\nversion: b11392 (abc)", 11392),
        ("version: b11549", 11549),
        ("version: 0.5.0-dev (build 1, commit 0c1e570)", None),
        ("version: 0.5.0-dev (build 0, commit unknown)", None),
        ("version: 1 (0c1e570)", None),
        ("version: 0.2.0", None),
        ("version: 11.2.0", None),
        ("", None),
        ("no version here", None),
    ],
)
def test_both_forms_of_the_version_are_understood(text: str, build: int | None) -> None:
    assert parse_build(text) == build


@pytest.mark.processes
def test_auto_prefers_llama_server(tmp_path: Path) -> None:
    program = llama_server(tmp_path, "version: 0.2.0 (build 11549, commit abc)")
    choice = choose("auto", Installed(program, PYTHON, PYTHON))
    assert (choice.engine, choice.program, choice.warnings) == ("llama-server", program, ())
    assert {"-np", "--parallel", "--no-ui", "--no-webui"} <= choice.flags


def test_auto_takes_the_wheel_before_llama_cpp_python() -> None:
    assert choose("auto", Installed(None, PYTHON, PYTHON)).engine == "xllamacpp"
    assert choose("auto", Installed(None, None, PYTHON)).engine == "llama-cpp-python"


def test_nothing_installed_says_how_to_get_an_engine() -> None:
    with pytest.raises(ConfigError, match=r"no engine is installed; install llama\.cpp"):
        choose("auto", Installed())


@pytest.mark.parametrize("engine", ["llama-server", "xllamacpp", "llama-cpp-python"])
def test_a_named_engine_that_is_missing_is_an_error_with_the_fix(engine: str) -> None:
    with pytest.raises(ConfigError, match=f"engine '{engine}' is not installed here; install"):
        choose(engine, Installed())  # type: ignore[arg-type]


@pytest.mark.processes
def test_a_vulnerable_llama_server_is_refused(tmp_path: Path) -> None:
    program = llama_server(tmp_path, "version: 11392 (abc1234)")
    with pytest.raises(ConfigError, match=r"llama\.cpp build 11392, .*CVE-2026-107183.*11393 or later"):
        choose("llama-server", Installed(program, PYTHON))


@pytest.mark.processes
def test_auto_passes_over_a_vulnerable_llama_server_and_says_so(tmp_path: Path) -> None:
    choice = choose("auto", Installed(llama_server(tmp_path, "version: 11392 (abc1234)"), PYTHON))
    assert choice.engine == "xllamacpp"
    assert "CVE-2026-107183" in choice.warnings[0]


@pytest.mark.processes
def test_the_first_safe_build_is_used_without_a_warning(tmp_path: Path) -> None:
    choice = choose("llama-server", Installed(llama_server(tmp_path, "version: 11393 (abc1234)")))
    assert choice.warnings == ()


@pytest.mark.processes
def test_an_unknown_build_is_used_with_a_warning(tmp_path: Path) -> None:
    choice = choose("llama-server", Installed(llama_server(tmp_path, "version: 0.5.0-dev (build 1, commit 0c1e570)")))
    assert choice.engine == "llama-server"
    assert "does not tell its build" in choice.warnings[0]


@pytest.mark.processes
def test_a_llama_server_that_does_not_run_is_an_error(tmp_path: Path) -> None:
    program = llama_server(tmp_path, "dyld: Library not loaded", status=6)
    with pytest.raises(ConfigError, match="ended with status 6; reinstall"):
        choose("llama-server", Installed(program))
    program.chmod(0o644)
    with pytest.raises(ConfigError, match="does not work"):
        choose("llama-server", Installed(program))


def test_the_wheel_is_installed_with_maker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert find().xllamacpp is not None
    server = llama_server(tmp_path, "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find().llama_server == server
