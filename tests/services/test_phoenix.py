"""Installing Phoenix, and what a real Phoenix started by maker listens on, answers and writes."""

import re
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from maker.config import Home
from maker.errors import ServiceError
from maker.services import phoenix, phoenix_launcher
from maker.services.home import data_file
from tests.phoenix_support import Running, get, shared
from tests.support import write_toml


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock that asks for nothing, in the place of Phoenix's own."""
    path = tmp_path / "phoenix.lock"
    path.write_text("# nothing\n", encoding="ascii")
    monkeypatch.setattr(phoenix, "data_file", lambda name: path)
    return path


def test_the_lock_pins_every_package_by_hash_and_names_no_machine() -> None:
    text = data_file(phoenix.LOCK).read_text(encoding="ascii")
    lines = text.splitlines()
    pins = [number for number, line in enumerate(lines) if not line.startswith(" ")]
    assert len(pins) > 100
    assert [lines[number] for number in pins if not re.fullmatch(r"[a-z0-9-]+==\S+( ; .+)? \\", lines[number])] == []
    assert all(lines[number + 1].startswith("    --hash=sha256:") for number in pins)
    assert "://" not in text
    assert {word for word in text.split() if word.startswith(("-", "/")) and not word.startswith("--hash=")} == set()


@pytest.mark.processes
def test_installing_again_changes_nothing(home: Home, lock: Path) -> None:
    config = write_toml(home)
    assert not phoenix.installed(config)
    phoenix.install(config, print)
    assert phoenix.installed(config)
    made = (home.phoenix / "venv" / "pyvenv.cfg").stat().st_ino
    said: list[str] = []
    phoenix.install(config, said.append)
    assert said == ["phoenix is installed"]
    assert (home.phoenix / "venv" / "pyvenv.cfg").stat().st_ino == made


@pytest.mark.processes
def test_a_changed_lock_is_installed_anew(home: Home, lock: Path) -> None:
    config = write_toml(home)
    phoenix.install(config, print)
    left_over = home.phoenix / "venv" / "left-over"
    left_over.touch()
    lock.write_text("# nothing, but otherwise\n", encoding="ascii")
    assert not phoenix.installed(config)
    phoenix.install(config, print)
    assert phoenix.installed(config)
    assert not left_over.exists()


@pytest.mark.processes
def test_a_half_made_environment_is_made_again(home: Home, lock: Path) -> None:
    config = write_toml(home)
    (home.phoenix / "venv" / "lib").mkdir(parents=True)
    assert not phoenix.installed(config)
    with pytest.raises(ServiceError, match="run `maker phoenix install`"):
        phoenix.command(config)
    phoenix.install(config, print)
    assert phoenix.command(config).argv[0] == str(home.phoenix / "venv" / "bin" / "python")


@pytest.mark.processes
def test_without_uv_pip_installs(home: Home, lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phoenix, "search_path", lambda: "/nonexistent")
    config = write_toml(home)
    phoenix.install(config, print)
    assert phoenix.installed(config)
    assert (home.phoenix / "venv" / "bin" / "pip").exists()


@pytest.mark.processes
def test_a_package_without_a_hash_is_refused_in_one_sentence(home: Home, lock: Path) -> None:
    lock.write_text("pip==26.0\n", encoding="ascii")
    config = write_toml(home)
    with pytest.raises(ServiceError, match=r"could not be installed: .*hash.*; check .* again") as refused:
        phoenix.install(config, print)
    assert "\n" not in str(refused.value)
    assert not phoenix.installed(config)


def test_a_grpc_server_without_the_switch_is_not_started() -> None:
    class Renamed:
        def __init__(self, port: int) -> None: ...

    for app in (SimpleNamespace(), SimpleNamespace(GrpcServer=Renamed)):
        with pytest.raises(SystemExit, match="cannot be told to close its gRPC port"):
            phoenix_launcher.close_grpc(app)


def test_the_grpc_server_is_switched_off_whatever_phoenix_asks() -> None:
    app = SimpleNamespace(GrpcServer=lambda port, disabled=False: disabled)
    phoenix_launcher.close_grpc(app)
    assert app.GrpcServer(4317) is True
    assert app.GrpcServer(4317, disabled=False) is True


@pytest.fixture
def running(request: pytest.FixtureRequest) -> Running:
    return shared(request)


@pytest.mark.processes
@pytest.mark.phoenix
def test_phoenix_listens_on_one_port_of_loopback_and_calls_nobody(running: Running) -> None:
    family = [psutil.Process(running.process.pid), *psutil.Process(running.process.pid).children(recursive=True)]
    sockets = [socket for process in family for socket in process.net_connections("inet")]
    listening = [socket.laddr for socket in sockets if socket.status == psutil.CONN_LISTEN]
    assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", running.config.port("phoenix"))]
    assert {socket.raddr.ip for socket in sockets if socket.raddr} <= {"127.0.0.1"}


@pytest.mark.processes
@pytest.mark.phoenix
def test_phoenix_answers_this_machine_only(running: Running) -> None:
    port = running.config.port("phoenix")
    assert get(running.config, "/readyz").status_code == 200
    assert get(running.config, "/", host=f"localhost:{port}", origin=f"http://localhost:{port}").status_code == 200
    for host in ("evil.test", f"evil.test:{port}", "127.0.0.1", "localhost:1"):
        assert get(running.config, "/v1/projects", host=host).status_code == 421
    for origin in ("http://evil.test", "null", "http://localhost:3000", f"https://localhost:{port}"):
        refused = get(running.config, "/v1/projects", origin=origin)
        assert refused.status_code == 403
        assert "access-control-allow-origin" not in refused.headers


@pytest.mark.processes
@pytest.mark.phoenix
def test_phoenix_has_no_mcp_server(running: Running) -> None:
    assert get(running.config, "/mcp").headers["content-type"].startswith("text/html")


@pytest.mark.processes
@pytest.mark.phoenix
def test_phoenix_writes_only_below_its_data_directory_and_for_its_user_only(running: Running) -> None:
    assert list(running.user_home.iterdir()) == []
    data = running.config.home.phoenix / "data"
    assert (data / "phoenix.db").exists()
    assert not [path for path in (data, *data.rglob("*")) if path.stat().st_mode & 0o077]
