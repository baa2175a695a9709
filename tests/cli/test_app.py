"""The command line as a whole: help, exit codes, and errors of one line."""

import signal
import subprocess
import sys

import pytest

from maker import __version__
from maker.cli.app import COMMANDS, main
from maker.config import Config, Home
from maker.errors import (
    ConfigError,
    MakerError,
    ModelFileError,
    NotReady,
    NotRunning,
    PortBusy,
    ServiceError,
    StoreError,
)

from .fakes import FakeBundle, FakeSession, bundle_status
from .support import Terminal

HEAVY = ("pydantic", "rich", "httpx", "supervisor", "psutil", "quart", "maker.config", "maker.wiring")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from maker.cli.app import run; run(['--help']); print(*sys.modules)"
    *_, loaded = python(code).splitlines()
    assert [name for name in HEAVY if name in loaded.split()] == []


def test_help_lists_every_command_that_is_for_people(maker: Terminal) -> None:
    code, out, _ = maker("--help")
    assert code == 0
    shown = [line.split()[0] for line in out.splitlines() if line.startswith("  ") and line.strip()]
    assert [entry.name for entry in COMMANDS if not entry.hidden] == [name for name in shown if name in names()]


def names() -> list[str]:
    return [entry.name for entry in COMMANDS]


@pytest.mark.parametrize("name", names())
def test_every_command_says_what_the_table_says_and_shows_an_example(name: str) -> None:
    context = main.make_context("maker", [name], resilient_parsing=True)
    command = main.get_command(context, name)
    assert command is not None
    summary = next(entry.summary for entry in COMMANDS if entry.name == name)
    assert (command.help or "").splitlines()[0] == summary
    assert "Examples:" in (command.epilog or "") and f"maker {name}" in (command.epilog or "")


def test_version_is_one_line(maker: Terminal) -> None:
    assert maker("--version") == (0, f"maker {__version__}\n", "")


def test_no_command_is_help_before_init_and_status_after(home: Home, maker: Terminal) -> None:
    assert maker()[1].startswith("Usage: maker")
    home.toml.touch()
    home.supervisord_conf.touch()
    session = FakeSession(FakeBundle(Config(home=home), bundle_status(home, up=False)))
    code, out, _ = maker(session=session)
    assert (code, out[:5]) == (4, "NAME ")


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (ConfigError("x"), 2),
        (PortBusy(["port 8080 is taken by nginx (pid 7)"]), 3),
        (NotReady("x"), 3),
        (ServiceError("x"), 3),
        (ModelFileError("x"), 3),
        (NotRunning("x"), 4),
        (StoreError("x"), 1),
        (MakerError("x"), 1),
        (PermissionError(13, "Permission denied", "/x"), 1),
    ],
)
def test_a_failure_is_one_line_and_its_exit_code(home: Home, maker: Terminal, failure: Exception, code: int) -> None:
    session = FakeSession(FakeBundle(Config(home=home), failure=failure))
    got, out, err = maker("status", session=session)
    assert (got, out, err.count("\n")) == (code, "", 1)
    assert err.startswith("maker: ") and "Traceback" not in err


def test_every_busy_port_has_a_line_of_its_own(home: Home, maker: Terminal) -> None:
    failure = PortBusy(["port 8080 is taken by nginx (pid 7)", "port 8081 is taken by node (pid 8)"])
    _, _, err = maker("start", session=FakeSession(FakeBundle(Config(home=home), failure=failure)))
    assert err == "maker: port 8080 is taken by nginx (pid 7)\nmaker: port 8081 is taken by node (pid 8)\n"


def test_debug_shows_where_it_failed(home: Home, maker: Terminal) -> None:
    session = FakeSession(FakeBundle(Config(home=home), failure=NotReady("x")))
    with pytest.raises(NotReady):
        maker("--debug", "status", session=session)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["strt"], "'strt'"),
        (["start", "both"], "'all', 'high', 'low'"),
        (["logs", "codr"], "no service is called 'codr'; there are preprocessor, planner, coder"),
        (["status", "--jsn"], "--jsn"),
        (["status", "--json", "--watch"], "--json and --watch"),
    ],
)
def test_wrong_usage_is_exit_2_and_one_line(home: Home, maker: Terminal, arguments: list[str], says: str) -> None:
    session = FakeSession(FakeBundle(Config(home=home), bundle_status(home)))
    code, out, err = maker(*arguments, session=session)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err and "--help`" in err


def test_a_wrong_configuration_names_file_and_key(home: Home, maker: Terminal) -> None:
    home.toml.write_text("[ports]\ncodr = 1\n", encoding="utf-8")
    code, _, err = maker("config", "validate")
    assert code == 2
    assert f"{home.toml}: ports.codr: unknown key; allowed here: coder" in err


def test_a_reader_that_goes_away_is_not_an_error_to_talk_about() -> None:
    code = "import sys; from maker.cli.app import run; sys.exit(run(['--help']))"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout and child.stderr
    child.stdout.close()
    with child.stderr:
        assert child.stderr.read() == b""
    child.wait(timeout=30)


def test_ctrl_c_is_exit_130_and_nothing_to_read(home: Home) -> None:
    home.log.mkdir()
    (home.log / "coder.log").write_text("hello\n", encoding="utf-8")
    argv = [sys.executable, "-m", "maker", "logs", "-f", "coder"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout and child.stderr
        assert child.stdout.readline() == "hello\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=30) == 130
        assert (child.stdout.read(), child.stderr.read().strip()) == ("", "")
