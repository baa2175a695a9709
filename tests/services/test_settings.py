"""Which services a change of maker.toml touches, and which processes run with other settings than it has."""

import json
import os

import pytest

from maker import config as configuration
from maker.config import ROLES, Config, Home
from maker.process import record
from maker.services.settings import digest, outdated
from maker.services.spec import LISTENER, specs

ORCHESTRATORS = {"orchestrator-high", "orchestrator-low"}
EVERY = {*ORCHESTRATORS, *ROLES, "mcp", "redis", "qdrant", "phoenix"}


def digests(config: Config) -> dict[str, str]:
    return {spec.name: digest(config, spec.name) for spec in specs(config)}


@pytest.mark.parametrize(
    ("text", "touched"),
    [
        ("", set()),
        ("# a remark", set()),
        ("[modes.low]\nmax_candidates = 3", {"orchestrator-low"}),
        ("[roles.coder]\nslots = 3", {"coder", *ORCHESTRATORS}),
        ("[ports]\ncoder = 9123", {"coder", *ORCHESTRATORS}),
        ("[ports]\norchestrator-high = 9123", {"orchestrator-high"}),
        ("[server]\ndrain_s = 3", {"mcp", *ORCHESTRATORS}),
        ("[sandbox]\nenabled = false", ORCHESTRATORS),
        ("[redis]\nmax_memory_mib = 64", {"redis"}),
        ("[phoenix]\nretention_days = 3", {"phoenix"}),
        ("port_offset = 1", EVERY),
    ],
)
def test_a_setting_touches_the_services_that_depend_on_it(home: Home, text: str, touched: set[str]) -> None:
    before, after = digests(Config(home=home)), digests(configuration.parse(text, home))
    assert {name for name in before if before[name] != after[name]} == touched


def test_another_key_of_a_role_touches_who_sends_it(home: Home) -> None:
    one, other = (
        digests(configuration.parse(f'[roles.coder]\nurls = ["http://a:1/v1"]\napi_key = "{key}"', home))
        for key in ("sesame", "simsim")
    )
    assert {name for name in one if one[name] != other[name]} == ORCHESTRATORS
    assert not any("sesame" in said for said in one.values())


def test_the_listener_follows_maker_toml_by_itself(home: Home) -> None:
    assert digest(Config(home=home), LISTENER) == digest(Config(home=home, port_offset=1), LISTENER)


def test_a_process_with_other_settings_is_found_by_its_pid_file(home: Home) -> None:
    config, other = Config(home=home), Config(home=home, port_offset=1)
    record(home, "mcp", digest(config, "mcp"))
    assert outdated(config, {"mcp": os.getpid()}) == frozenset()
    assert outdated(other, {"mcp": os.getpid()}) == {"mcp"}
    assert outdated(other, {"mcp": os.getpid() + 1}) == frozenset(), "the file is about another process"
    assert outdated(other, {"coder": os.getpid()}) == frozenset(), "it has not come to noting its settings"


def test_a_process_that_noted_no_settings_is_left_alone(home: Home) -> None:
    record(home, "mcp")
    file = home.run / "pids" / "mcp"
    values = json.loads(file.read_text(encoding="ascii"))
    del values["settings"]
    file.write_text(json.dumps(values), encoding="ascii")
    assert outdated(Config(home=home), {"mcp": os.getpid()}) == frozenset()
