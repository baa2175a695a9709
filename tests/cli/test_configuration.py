"""`maker config`."""

import json

import pytest

from maker.catalog import tiny
from maker.config import Home

from .support import Terminal


def test_show_is_what_is_in_force(home: Home, maker: Terminal) -> None:
    home.toml.write_text("port_offset = 3\n[roles.coder]\nslots = 8\n", encoding="utf-8")
    lines = maker("config", "show")[1].splitlines()
    assert {"port_offset = 3", "roles.coder.slots = 8", "ports.coder = 8002", 'profile = "tiny"'} <= set(lines)


def test_show_has_what_the_profile_gives_each_role(home: Home, maker: Terminal) -> None:
    home.toml.write_text("[roles.coder]\nslots = 8\n", encoding="utf-8")
    lines = maker("config", "show")[1].splitlines()
    assert {
        f'roles.coder.model = "{home.models}/{tiny.name("coder")}"',
        'roles.coder.engine = "auto"',
        "roles.coder.slots = 8",
        "roles.gpt-oss.slots = 2",
        "roles.gpt-oss.context = 2048",
        "roles.gpt-oss.cache_ram_mib = 0",
        "roles.gpt-oss.threads = 1",
        "roles.gpt-oss.gpu_layers = 0",
    } <= set(lines)
    assert json.loads(maker("config", "show", "--json")[1])["roles"]["voter"]["slots"] == 4


def test_show_says_nothing_of_a_file_that_is_not_in_force(home: Home, maker: Terminal) -> None:
    home.toml.write_text('[roles.coder]\nurls = ["http://127.0.0.1:1/v1"]\ncontext = 8192\n', encoding="utf-8")
    lines = [line for line in maker("config", "show")[1].splitlines() if line.startswith("roles.coder.")]
    assert lines == [
        'roles.coder.urls = ["http://127.0.0.1:1/v1"]',
        "roles.coder.context = 8192",
        "roles.coder.trust_template = false",
    ]


@pytest.mark.parametrize("section", ["server", "embeddings", "rerank"])
def test_show_never_shows_a_key(home: Home, maker: Terminal, section: str) -> None:
    home.toml.write_text(f'[{section}]\napi_key = "secret-key"\n', encoding="utf-8")
    for arguments in ((), ("--json",)):
        out = maker("config", "show", *arguments)[1]
        assert "secret-key" not in out and "(set)" in out


def test_show_never_shows_the_key_of_a_role(home: Home, maker: Terminal) -> None:
    home.toml.write_text('[roles.coder]\nurls = ["http://x/v1"]\napi_key = "secret-key"\n', encoding="utf-8")
    for arguments in ((), ("--json",)):
        out = maker("config", "show", *arguments)[1]
        assert "secret-key" not in out and "api_key" in out


def test_show_as_json_has_the_names_of_maker_toml(home: Home, maker: Terminal) -> None:
    values = json.loads(maker("config", "show", "--json")[1])
    assert values["ports"]["gpt-oss"] == 8005
    assert "home" not in values


def test_path_is_only_the_path(home: Home, maker: Terminal) -> None:
    assert maker("config", "path") == (0, f"{home.toml}\n", "")


def test_validate_says_good_or_not_there(home: Home, maker: Terminal) -> None:
    assert "the defaults are in force" in maker("config", "validate")[1]
    home.toml.touch()
    assert maker("config", "validate")[1] == f"{home.toml}: good\n"


def test_validate_refuses_what_only_the_profile_knows(home: Home, maker: Terminal) -> None:
    home.toml.write_text('profile = "huge"\n', encoding="utf-8")
    code, out, err = maker("config", "validate")
    assert (code, out) == (2, "")
    assert "'huge'" in err and len(err.splitlines()) == 1


def test_without_a_command_it_shows_its_help_as_it_is(maker: Terminal) -> None:
    code, out, err = maker("config")
    assert (code, out) == (2, "")
    assert err.startswith("Usage: maker config") and "maker: " not in err
