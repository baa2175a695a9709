"""What stops a start before anything is started or changed."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from maker.catalog import profiles, tiny
from maker.config import Config, Home
from maker.errors import ConfigError, ModelFileError, PortBusy, ServiceError
from maker.services import ports
from maker.services.bundle import Bundle
from maker.services.spec import specs
from maker.services.supervisor import process
from maker.wiring import bundle
from tests.services.bundles import make_bundle, make_home
from tests.support import free_ports, wait_until, write_toml


@pytest.fixture
def config(home: Home) -> Config:
    return make_home(home.root)


@pytest.fixture
def squatter(config: Config) -> Iterator[tuple[int, int]]:
    """Another program on the port of orchestrator-high: its pid and the port."""
    port = config.port("orchestrator-high")
    argv = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as other:
        wait_until(lambda: not ports.is_free(port), within_s=10, why="the other program listens")
        yield other.pid, port
        other.terminate()


def start(bundle: Bundle) -> None:
    bundle.start("all", wait=True, timeout_s=5, report=lambda _status: None)


def assert_untouched(config: Config) -> None:
    assert not config.home.target.exists()
    assert process(config.home) is None
    assert not config.home.supervisor_socket.exists()


@pytest.mark.processes
def test_a_busy_port_is_named_with_its_owner_and_nothing_starts(config: Config, squatter: tuple[int, int]) -> None:
    pid, port = squatter
    with pytest.raises(PortBusy) as caught:
        start(make_bundle(config))
    (line,) = caught.value.owners
    assert line.startswith(f"port {port} is taken by pid {pid} (")
    assert "http.server" in line and line.endswith("or move maker with `maker init --port-offset N`")
    assert_untouched(config)


def test_every_needed_port_but_that_of_redis_is_checked(config: Config) -> None:
    held: list[socket.socket] = []
    try:
        held.extend(socket.create_server(("127.0.0.1", spec.port)) for spec in specs(config))
        with pytest.raises(PortBusy) as caught:
            make_bundle(config).start("low", wait=False, timeout_s=5, report=lambda _status: None)
    finally:
        for each in held:
            each.close()
    named = {int(line.split()[1]) for line in caught.value.owners}
    not_needed = {"reviewer", "orchestrator-high", "redis", "qdrant"}
    assert named == {spec.port for spec in specs(config) if spec.name not in not_needed}
    assert_untouched(config)


@pytest.mark.parametrize(
    ("family", "address"),
    [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1"), (socket.AF_INET6, "::")],
)
def test_a_listener_on_any_address_that_loopback_reaches_counts(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family) as other:
        other.bind((address, 0))
        other.listen()
        port = other.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.owners_of(frozenset([port]))[port].pid > 0
    assert ports.is_free(port)


def test_our_own_processes_are_no_conflict(config: Config) -> None:
    (spec,) = [spec for spec in specs(config) if spec.name == "mcp"]
    with socket.create_server(("127.0.0.1", spec.port)):
        owner = ports.owners_of(frozenset([spec.port]))[spec.port].pid
        assert ports.conflicts([spec], lambda: [owner]) == []
        assert len(ports.conflicts([spec], list)) == 1


def test_a_free_port_needs_no_search_for_owners(config: Config) -> None:
    def never() -> list[int]:
        raise AssertionError("asked for our pids though every port is free")

    assert ports.conflicts([specs(config)[0]], never) == []


def test_without_init_start_says_to_run_it(home: Home) -> None:
    config = write_toml(home)
    with pytest.raises(ConfigError, match="run `maker init` first"):
        start(make_bundle(config))
    with pytest.raises(ConfigError, match="run `maker init` first"):
        make_bundle(config).foreground()


def test_a_missing_model_file_stops_the_start(config: Config) -> None:
    with pytest.raises(ModelFileError, match=r"tiny-preprocessor\.gguf"):
        start(bundle(config))
    assert_untouched(config)


def test_an_engine_that_is_not_installed_stops_the_start(home: Home) -> None:
    config = make_home(home.root, '[roles.coder]\nengine = "llama-cpp-python"')
    profiles.prepare(config, lambda file, done, total: None)
    with pytest.raises(ServiceError, match="engine 'llama-cpp-python' is not installed here; install it with"):
        start(bundle(config))
    assert_untouched(config)


def test_start_renews_the_tiny_models_of_an_older_version(config: Config) -> None:
    profiles.prepare(config, lambda file, done, total: None)
    older = config.home.models / tiny.name("coder")
    older.write_bytes(older.read_bytes()[:-4] + b"old!")
    busy = config.port("mcp")
    with socket.create_server(("127.0.0.1", busy)), pytest.raises(PortBusy):
        start(bundle(config))
    assert older.read_bytes() == tiny.source("coder").read_bytes()


def test_low_does_not_need_the_file_of_the_reviewer(config: Config) -> None:
    seen: list[str] = []
    busy = config.port("mcp")
    with socket.create_server(("127.0.0.1", busy)), pytest.raises(PortBusy):
        Bundle(config, verify=seen.extend).start("low", wait=False, timeout_s=1, report=lambda _status: None)
    assert "planner" in seen and "reviewer" not in seen


def test_status_and_stop_work_where_nothing_ever_ran(home: Home, tmp_path: Path) -> None:
    config = write_toml(Home(tmp_path))
    status = make_bundle(config).status()
    assert (status.ready, status.target, status.supervisor_pid) == (False, None, None)
    assert all(service.state == "STOPPED" and not service.ready for service in status.services)
    assert {service.detail for service in status.services} == {"maker is not running"}
    make_bundle(config).stop(report=lambda line: pytest.fail(line))


def test_status_is_json_of_the_promised_shape(config: Config) -> None:
    document = make_bundle(config).status().as_json()
    assert set(document) == {"ready", "target", "supervisor_pid", "orphans", "rss_bytes", "execution", "services"}
    services = document["services"]
    assert isinstance(services, list) and len(services) == 12
    assert {"name", "state", "ready", "pid", "port", "rss_bytes", "slots", "embedded"} <= set(services[0])


def test_logs_are_found_by_name_and_a_wrong_name_is_refused(config: Config) -> None:
    bundle = make_bundle(config)
    assert bundle.logs(["coder"]) == [config.home.log / "coder.log"]
    assert [path.stem for path in bundle.logs([])][-2:] == ["readiness", "supervisord"]
    assert len(bundle.logs([])) == 14
    with pytest.raises(ServiceError, match="there is no service 'codr'; there are preprocessor, "):
        bundle.logs(["codr"])


def test_a_role_served_elsewhere_needs_no_port_and_no_process(home: Home) -> None:
    (port,) = free_ports(1)
    config = make_home(home.root, f'[roles.coder]\nurls = ["http://127.0.0.1:{port}/v1"]')
    with socket.create_server(("127.0.0.1", config.port("coder"))):
        assert ports.is_free(port)
        found = {service.name: service for service in make_bundle(config).status().services}
    assert found["coder"].embedded == f"runs elsewhere: http://127.0.0.1:{port}/v1"
    assert not found["coder"].ready and f"http://127.0.0.1:{port}/v1" in found["coder"].detail
