"""From a role to its command, with what the environment and the configuration may do to it."""

import json
import logging
import stat
import sys
from pathlib import Path

import pytest

from maker import config
from maker.catalog import profiles
from maker.config import Config, Home
from maker.engine.installed import Installed
from maker.engine.launch import command, settled, verify
from maker.errors import ConfigError, ServiceError
from tests.engine.test_installed import llama_server

PYTHON = Path(sys.executable)


def load(home: Home, text: str = "") -> Config:
    home.api_key.write_text("a-key-of-this-home\n", encoding="ascii")
    return config.parse(text, home)


def test_each_role_gets_its_own_port_and_model(home: Home) -> None:
    words = command(load(home, "port_offset = 7\n"), "voter", Installed(xllamacpp=PYTHON)).argv
    assert words[words.index("--port") + 1] == "8011"
    assert words[words.index("--model") + 1] == str(home.models / "tiny-voter.gguf")
    assert words[words.index("--alias") + 1] == "voter"


def test_the_key_is_never_an_argument(home: Home) -> None:
    for installed in (Installed(xllamacpp=PYTHON), Installed(llama_cpp_python=PYTHON)):
        run = command(load(home), "coder", installed)
        assert "a-key-of-this-home" not in " ".join([*run.argv, *run.env.values()])


def test_without_a_key_nothing_starts(home: Home) -> None:
    with pytest.raises(ConfigError, match="maker init"):
        command(config.parse("", home), "coder", Installed(xllamacpp=PYTHON))


def test_a_role_that_another_serves_has_no_command(home: Home) -> None:
    shared = load(home, '[roles.gpt-oss]\nmodel = "tiny-coder.gguf"\n')
    with pytest.raises(ConfigError, match="gpt-oss has no server of its own; it is served by coder"):
        command(shared, "gpt-oss", Installed(xllamacpp=PYTHON))


def test_the_role_may_name_another_engine_than_the_rest(home: Home) -> None:
    mixed = load(home, 'engine = "xllamacpp"\n[roles.coder]\nengine = "llama-cpp-python"\n')
    installed = Installed(xllamacpp=PYTHON, llama_cpp_python=PYTHON)
    assert "llama_cpp.server" in command(mixed, "coder", installed).argv
    assert "llama_cpp.server" not in command(mixed, "planner", installed).argv


def test_an_engine_that_is_missing_is_refused_for_whom_it_concerns(home: Home) -> None:
    mixed = load(home, 'engine = "xllamacpp"\n[roles.coder]\nengine = "llama-cpp-python"\n')
    profiles.prepare(mixed, lambda file, done, total: None)
    installed = Installed(xllamacpp=PYTHON)
    verify(mixed, ["planner", "mcp"], installed)
    with pytest.raises(ServiceError, match="engine 'llama-cpp-python' is not installed here; install it with"):
        verify(mixed, ["planner", "coder"], installed)
    verify(load(home, '[roles.coder]\nurls = ["http://h/v1"]\n'), ["coder"], Installed())


@pytest.mark.processes
def test_settings_in_the_environment_do_not_reach_llama_server(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = Installed(llama_server(tmp_path, "version: 11549 (abc1234)"))
    assert command(load(home), "coder", installed).argv[0] == str(tmp_path / "llama-server")
    monkeypatch.setenv("LLAMA_ARG_TOOLS", "all")
    monkeypatch.setenv("LLAMA_API_KEY", "another")
    words = command(load(home), "coder", installed).argv
    assert words[:6] == (
        *("/usr/bin/env", "-u", "LLAMA_API_KEY", "-u", "LLAMA_ARG_TOOLS"),
        str(tmp_path / "llama-server"),
    )


@pytest.mark.processes
def test_an_unknown_build_is_logged(home: Home, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        command(load(home), "coder", Installed(llama_server(tmp_path, "version: 1 (abc1234)")))
    assert "does not tell its build" in caplog.text


def test_llama_cpp_pythons_settings_are_private_and_beat_the_environment(home: Home) -> None:
    run = command(load(home), "coder", Installed(llama_cpp_python=PYTHON))
    file = home.run / "llama-cpp-python-coder.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text(encoding="utf-8"))["api_key"] == "a-key-of-this-home"
    assert run.env == {"HOST": "127.0.0.1", "PORT": "8002", "CONFIG_FILE": str(file)}
    assert sorted(path.name for path in home.run.iterdir()) == [file.name]


def test_the_settled_plan_names_the_engine_and_its_slots(home: Home) -> None:
    plain = load(home, '[roles.voter]\nurls = ["http://a:1/v1"]\n')
    before = profiles.plan(plain)
    with_wheel = settled(plain, Installed(xllamacpp=PYTHON))
    assert (with_wheel["coder"].engine, with_wheel["coder"].slots) == ("xllamacpp", before["coder"].slots)
    with_python = settled(plain, Installed(llama_cpp_python=PYTHON))
    assert (with_python["coder"].engine, with_python["coder"].slots) == ("llama-cpp-python", 1)
    assert with_python["voter"] == before["voter"]
