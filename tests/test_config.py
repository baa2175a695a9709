"""maker.toml: defaults, overrides, and one sentence for every mistake."""

import re
from pathlib import Path

import pytest

from maker import config
from maker.config import Config, Home
from maker.errors import ConfigError
from maker.settings import Ports

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


def test_the_greatest_offset_leaves_every_default_a_port() -> None:
    found = read("port_offset = 50000\n[ports]\ncoder = 15535")
    assert max(found.port(name) for name in Ports.model_fields) == found.port("coder") == 65535


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
        (
            "port_offset = 21000\n[ports]\ncoder = 60000",
            ["ports: coder is 60000, and with port_offset 21000 that is 81000; allowed: 65535 at most"],
        ),
        ("port_offset = 1\n[ports]\ngpt-oss = 65535", ["ports: gpt-oss is 65535", "65536"]),
        ("[roles.coder]\nurls = 'x'", ["roles.coder.urls", "a list"]),
        ("[modes.low]\nk = true", ["modes.low.k: is true; allowed: a valid integer"]),
        ("[modes.low]\nk = 2.0", ["modes.low.k: is 2.0; allowed: a valid integer"]),
        ("[modes.low]\ntemperature = '0.5'", ["modes.low.temperature: is '0.5'; allowed: a valid number"]),
        ("[modes.low]\nwall_clock_s = true", ["modes.low.wall_clock_s: is true; allowed: a valid number"]),
        ("[modes.low]\nwall_clock_s = inf", ["modes.low.wall_clock_s: is inf; allowed: a finite number"]),
        ("[sandbox]\nenabled = 'off'", ["sandbox.enabled: is 'off'; allowed: a valid boolean"]),
        ("[phoenix]\nenabled = 0", ["phoenix.enabled: is 0; allowed: a valid boolean"]),
        ("[ports]\ncoder = '8002'", ["ports.coder: is '8002'; allowed: a valid integer"]),
        ("port_offset = '5'", ["port_offset: is '5'; allowed: a valid integer"]),
        ("[roles.coder]\nmodel = 3", ["roles.coder.model: is 3; allowed: a valid string"]),
        ("[server]\nallowed_origins = [1]", ["server.allowed_origins.0: is 1; allowed: a valid string"]),
        ("[modes.high]\nk = 9", ["modes.high: k is 9 and max_candidates 8", "allowed: k up to max_candidates"]),
        ("[modes.low]\nmax_candidates = 1", ["modes.low: k is 2 and max_candidates 1"]),
        ("[roles.coder]\nurls = ['localhost:8002/v1']", ["roles.coder.urls.0: is 'localhost:8002/v1'", "http://"]),
        ("[roles.coder]\nurls = ['http://a:1/v1', 'http://a:2']", ["roles.coder.urls.1: is 'http://a:2'", "/v1"]),
        ("[embeddings]\nurl = 'http://a:1'", ["embeddings.url: is 'http://a:1'", "ends in /v1"]),
        ("[roles.coder]\nmodel_id = 'x'", ["roles.coder: model_id", "give their urls"]),
        ("[roles.coder]\napi_key = 'secret'", ["roles.coder", "give their urls"]),
        ("[server]\napi_key = 'schlüssel1'", ["server.api_key", "of ASCII letters"]),
        ("[server]\napi_key = 'with a space'", ["server.api_key", "of ASCII letters"]),
        ("[embeddings]\napi_key = 'clé'", ["embeddings.api_key", "of ASCII letters"]),
        ('[roles.coder]\nurls = ["http://x/v1"]\napi_key = "clé"', ["roles.coder.api_key", "of ASCII letters"]),
    ],
)
def test_a_mistake_names_file_key_and_what_is_allowed(text: str, parts: list[str]) -> None:
    said = refusal(text)
    for part in parts:
        assert part in said


def test_what_toml_can_say_of_a_type_is_taken() -> None:
    found = read(
        "[modes.low]\ntemperature = 1\nk = 8\nread_only_tools = ['look']\n"
        "[roles.coder]\nurls = ['http://a:1/v1', 'https://b/openai/v1/']\n"
    )
    assert (found.modes.low.temperature, found.modes.low.k, found.modes.low.read_only_tools) == (1, 8, ("look",))
    assert found.role("coder").urls == ("http://a:1/v1", "https://b/openai/v1")


def test_the_key_of_a_role_is_in_no_text_that_is_made_of_the_settings() -> None:
    found = read('[roles.coder]\nurls = ["http://127.0.0.1:1/v1"]\napi_key = "sesame"')
    key = found.role("coder").api_key
    assert key is not None and key.get_secret_value() == "sesame"
    assert "sesame" not in f"{found!r} {found.model_dump(mode='json')} {found.model_dump_json()}"


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
