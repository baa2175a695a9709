"""maker.toml: defaults, overrides, and one sentence for every mistake."""

import re
from pathlib import Path

import pytest

from maker import config
from maker.config import Config, Home
from maker.errors import ConfigError

HOME = Home(Path("/tmp/maker-home"))


def read(text: str) -> Config:
    return config.parse(text, HOME)


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return str(caught.value)


def test_an_empty_file_means_the_defaults() -> None:
    found = read("")
    assert found.profile == "tiny"
    assert [found.port(name) for name in ("preprocessor", "gpt-oss", "orchestrator-high", "phoenix")] == [
        8000,
        8005,
        8080,
        6006,
    ]


def test_the_offset_moves_every_port() -> None:
    found = read("port_offset = 100\n[ports]\ncoder = 9002")
    assert (found.port("coder"), found.port("orchestrator-low")) == (9102, 8181)


def test_a_role_with_a_hyphen_is_found_by_its_name() -> None:
    assert read("[roles.gpt-oss]\nslots = 3").role("gpt-oss").slots == 3


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[ports]\ncodr = 1", ["maker.toml", "ports.codr", "unknown key", "coder", "gpt-oss"]),
        ("bogus = 1", ["bogus", "unknown key", "profile"]),
        ("[roles.gpt-oss]\nslot = 3", ["roles.gpt-oss.slot", "unknown key", "slots"]),
        ("[roles.artist]\nslots = 3", ["roles.artist", "unknown key", "reviewer"]),
        ("[ports]\ncoder = 'x'", ["ports.coder", "'x'", "integer"]),
        ("engine = 'vllm'", ["engine", "'vllm'", "'xllamacpp'"]),
        ("[roles.coder]\nslots = 0", ["roles.coder.slots", "is 0", "greater than or equal to 1"]),
        ("profile = ", ["maker.toml", "not valid TOML", "at end of document"]),
        ("home = '/tmp'", ["home", "MAKER_HOME"]),
        ("[ports]\ncoder = 8001", ["ports: 8001 is given to planner and to coder"]),
        ("[roles.coder]\nurls = 'x'", ["roles.coder.urls", "a list"]),
    ],
)
def test_a_mistake_names_file_key_and_what_is_allowed(text: str, parts: list[str]) -> None:
    said = refusal(text)
    for part in parts:
        assert part in said


def test_every_mistake_is_told_at_once() -> None:
    assert len(refusal("[ports]\ncodr = 1\nmpc = 2").splitlines()) == 2


def test_a_file_that_is_not_text_is_refused_by_name(home: Home) -> None:
    home.toml.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=re.escape(str(home.toml))):
        config.load(home)


@pytest.mark.parametrize("bad", ["/tmp/" + "x" * 90, "/tmp/with space", "/tmp/per%cent", '/tmp/quo"te'])
def test_a_home_that_supervisord_cannot_take_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError, match="MAKER_HOME"):
        config.home({"MAKER_HOME": bad})


def test_a_home_of_an_unknown_user_is_refused() -> None:
    with pytest.raises(ConfigError, match="a user unknown here"):
        config.home({"MAKER_HOME": "~nobody-of-that-name/x"})


def test_the_home_is_absolute_and_defaults_to_the_users() -> None:
    assert config.home({}).root == Path.home() / ".maker"
    assert config.home({"MAKER_HOME": "here"}).root == Path.cwd() / "here"


@pytest.mark.parametrize("value", ["", "HIGH", "medium"])
def test_a_mode_that_is_neither_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="high or low"):
        config.mode({"MAKER_MODE": value})


def test_the_key_file_is_asked_for_by_name_when_it_is_missing(home: Home) -> None:
    with pytest.raises(ConfigError, match="maker init"):
        home.read_key()
