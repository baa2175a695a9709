"""The static files that supervisord, systemd and launchd read."""

import configparser
import plistlib
import re

import pytest

from maker.config import Config, Home
from maker.services.home import data_file
from maker.services.spec import LISTENER, specs


@pytest.fixture(scope="module")
def text() -> str:
    return data_file("services/supervisord.conf").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def conf(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(" ;",))
    parser.read_string(text)
    return parser


@pytest.fixture
def names(home: Home) -> list[str]:
    return [spec.name for spec in specs(Config(home=home))]


def test_every_service_is_a_program_in_order_and_nothing_else_is(
    conf: configparser.RawConfigParser, names: list[str]
) -> None:
    programs = [section.removeprefix("program:") for section in conf.sections() if section.startswith("program:")]
    assert programs == names
    others = {
        "supervisord",
        "unix_http_server",
        "rpcinterface:supervisor",
        "supervisorctl",
        f"eventlistener:{LISTENER}",
    }
    assert set(conf.sections()) - {f"program:{name}" for name in names} == others


def test_there_is_no_tcp_control_port(conf: configparser.RawConfigParser) -> None:
    assert "inet_http_server" not in conf
    assert conf["unix_http_server"]["chmod"] == "0600"
    assert conf["supervisorctl"]["serverurl"] == "unix://" + conf["unix_http_server"]["file"]


def test_the_only_expansion_is_here(text: str) -> None:
    assert set(re.findall(r"%\([^)]*\)s|%", text)) == {"%(here)s"}


def test_every_program_runs_through_the_link_and_starts_only_when_asked(
    conf: configparser.RawConfigParser, names: list[str]
) -> None:
    for name in names:
        program = conf[f"program:{name}"]
        assert program["command"] == f"%(here)s/bin/maker serve {name}"
        assert (program["autostart"], program["autorestart"]) == ("false", "true")
        assert (program["stopasgroup"], program["killasgroup"]) == ("true", "true")
        assert program["redirect_stderr"] == "true"
        assert program["stdout_logfile"] == f"%(here)s/log/{name}.log"
        assert program["stdout_logfile_maxbytes"].endswith("MB") and int(program["stdout_logfile_backups"]) > 0
        assert int(program["startretries"]) > 0 and int(program["stopwaitsecs"]) >= 5


def test_the_listener_starts_by_itself_and_keeps_its_stdout_for_the_protocol(
    conf: configparser.RawConfigParser,
) -> None:
    listener = conf[f"eventlistener:{LISTENER}"]
    assert listener["autostart"] == "true"
    assert "redirect_stderr" not in listener
    assert set(listener["events"].split(",")) == {"PROCESS_STATE", "TICK_5", "REMOTE_COMMUNICATION"}
    assert listener["stdout_logfile"] == "NONE"


def test_orchestrators_get_their_mode_and_time_to_finish(conf: configparser.RawConfigParser, home: Home) -> None:
    for mode in ("high", "low"):
        program = conf[f"program:orchestrator-{mode}"]
        assert program["environment"] == f'MAKER_MODE="{mode}"'
        assert int(program["stopwaitsecs"]) >= Config(home=home).server.drain_s + 15


def test_private_by_umask_and_enough_descriptors_for_qdrant(conf: configparser.RawConfigParser) -> None:
    assert conf["supervisord"]["umask"] == "077"
    assert int(conf["supervisord"]["minfds"]) >= 4096
    assert conf["supervisord"]["environment"] == 'MAKER_HOME="%(here)s"'


def test_the_systemd_unit_stays_in_the_foreground_and_needs_no_namespace() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(data_file("services/systemd/maker.service").read_text(encoding="utf-8"))
    service = unit["Service"]
    assert service["ExecStart"] == "%h/.maker/bin/maker supervise"
    assert (service["Type"], service["KillMode"], service["Restart"]) == ("exec", "mixed", "on-failure")
    assert int(service["TimeoutStopSec"]) == 90 and service["UMask"] == "0077"
    assert int(service["LimitNOFILE"]) >= 4096
    assert service["NoNewPrivileges"] == "true"
    # Namespaces are not for user units, and these break graphics drivers and the compilers inside them.
    assert not {"ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "MemoryDenyWriteExecute"} & set(service)
    assert unit["Install"]["WantedBy"] == "default.target"


def test_the_launch_agent_stays_in_the_foreground_and_is_private() -> None:
    agent = plistlib.loads(data_file("services/launchd/maker.plist").read_bytes())
    shell, flag, script = agent["ProgramArguments"]
    assert (shell, flag) == ("/bin/sh", "-c")
    assert script == 'exec "${MAKER_HOME:-$HOME/.maker}/bin/maker" supervise'
    assert agent["RunAtLoad"] is True and agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["Umask"] == 0o077
    assert agent["ExitTimeOut"] >= 90
    assert 4096 <= agent["SoftResourceLimits"]["NumberOfFiles"] <= 10240
