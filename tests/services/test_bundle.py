"""The bundle with a real supervisord, the real listener and a real Redis; the other services are stand-ins."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest

from maker.config import Config, load
from maker.errors import ModelFileError, NotReady, NotRunning, PortBusy, ServiceError
from maker.process import read_pid
from maker.services import supervisor
from maker.services.bundle import Bundle
from maker.services.home import link_supervisorctl
from maker.services.keeper import Keeper, now
from maker.services.ports import is_free
from maker.services.protocol import Event
from maker.services.readiness import client
from maker.services.record import write_target
from maker.services.spec import LISTENER, specs
from maker.services.status import BundleStatus, ServiceStatus
from maker.services.supervisor import Supervisor
from maker.services.watch import Moment
from tests.services.bundles import alive, get, make_bundle, pids, ready, restart, running_home, set_fault, start
from tests.support import free_ports, tail, wait_until

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def config() -> Iterator[Config]:
    with pytest.MonkeyPatch.context() as patch, running_home() as config:
        # Every program of ours, and supervisord, must live with warnings as errors.
        patch.setenv("PYTHONWARNINGS", "error")
        yield config


@pytest.fixture
def bundle(config: Config) -> Bundle:
    """The bundle with everything running and no faults, whatever the test before did."""
    for fault in (config.home.root / "faults").iterdir():
        fault.unlink()
    bundle = make_bundle(config)
    start(bundle, "all")
    return bundle


@pytest.fixture
def supervisorctl(config: Config, tmp_path: Path) -> list[str]:
    """A bare supervisorctl as an installation under `tmp_path` has it."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "supervisorctl"
    command.symlink_to(Path(sys.executable).with_name("supervisorctl"))
    assert "finds maker" in (link_supervisorctl(tmp_path, config.home) or "")
    return [str(command)]


def service(bundle: Bundle, name: str) -> ServiceStatus:
    (found,) = [service for service in bundle.status().services if service.name == name]
    return found


def supervisords(config: Config) -> list[int]:
    conf = str(config.home.supervisord_conf)
    return [p.pid for p in psutil.process_iter(["cmdline"]) if conf in (p.info["cmdline"] or [])]


def service_log(config: Config, name: str) -> str:
    return tail(config.home.log / f"{name}.log", 200)


def test_everything_is_ready_and_says_so(bundle: Bundle, config: Config) -> None:
    # A service that is ready sooner than supervisord takes it for running is still STARTING.
    wait_until(lambda: "STARTING" not in {one.state for one in bundle.status().services}, within_s=10, why="all run")
    status = bundle.status()
    assert status.ready
    assert [service.name for service in status.services] == [spec.name for spec in specs(config)]
    by_name = {service.name: service for service in status.services}
    qdrant = by_name.pop("qdrant")
    assert (qdrant.state, qdrant.ready, qdrant.pid) == ("STOPPED", True, None)
    assert "inside mcp" in (qdrant.embedded or "")
    for service in by_name.values():
        assert (service.state, service.ready, service.wanted, service.detail) == ("RUNNING", True, True, "")
        assert service.pid is not None and (service.rss_bytes or 0) > 1_000_000
        assert service.uptime_s is not None and service.ready_after_s is not None
        assert service.port == config.port(service.name)
    assert by_name["coder"].slots == (0, 4)
    assert by_name["mcp"].slots is None
    assert status.rss_bytes >= 11 * 1_000_000


def test_the_orchestrators_differ_only_in_their_mode(bundle: Bundle, config: Config) -> None:
    modes = [get(config.port(f"orchestrator-{mode}"), "/health").json()["mode"] for mode in ("high", "low")]
    assert modes == ["high", "low"]


def test_supervisord_is_reached_through_its_private_socket_only(bundle: Bundle, config: Config) -> None:
    pid = supervisor.Supervisor(config.home).pid()
    assert pid is not None
    assert [c for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN] == []
    assert config.home.supervisor_socket.stat().st_mode & 0o777 == 0o600
    logs = [path.stat().st_mode & 0o777 for path in config.home.log.iterdir()]
    assert logs and set(logs) == {0o600}


def test_programs_get_enough_file_descriptors(bundle: Bundle, config: Config) -> None:
    assert psutil.Process(pids(bundle.status())["mcp"]).rlimit(psutil.RLIMIT_NOFILE)[0] >= 4096


def test_low_stops_what_it_does_not_need_and_touches_nothing_else(bundle: Bundle) -> None:
    before = pids(bundle.status())
    status = start(bundle, "low")
    gone = {"reviewer", "orchestrator-high"}
    assert status.target == "low" and status.ready
    assert pids(status) == {name: pid for name, pid in before.items() if name not in gone}
    assert not any(alive(before[name]) for name in gone)
    assert {service.name for service in status.services if not service.wanted} == gone

    after = start(bundle, "high")
    assert set(pids(after)) == set(before) - {"orchestrator-low"}
    unchanged = set(before) - gone - {"orchestrator-low"}
    assert all(pids(after)[name] == before[name] for name in unchanged)


def test_a_killed_service_comes_back_and_is_counted(bundle: Bundle) -> None:
    before = bundle.status()
    os.kill(pids(before)["coder"], signal.SIGKILL)
    wait_until(
        lambda: (now_ := bundle.status()).ready and pids(now_)["coder"] != pids(before)["coder"],
        within_s=15,
        why="coder is ready again in another process",
    )
    (was,) = [each.restarts for each in before.services if each.name == "coder"]
    assert service(bundle, "coder").restarts == was + 1


def test_supervisorctl_works_from_another_folder(bundle: Bundle, supervisorctl: list[str]) -> None:
    def ctl(*arguments: str) -> str:
        # supervisor 4.3 itself does not stand warnings as errors.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
        argv = [*supervisorctl, *arguments]
        done = subprocess.run(argv, cwd="/", env=env, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout + done.stderr

    lines = {line.split()[0]: line.split()[1] for line in ctl("status").splitlines()}
    assert lines.pop(LISTENER) == "RUNNING"
    assert set(lines) == {service.name for service in bundle.status().services}

    before = pids(bundle.status())
    assert "orchestrator-high: started" in ctl("restart", "orchestrator-high")
    after = pids(bundle.status())
    assert {name for name in before if before[name] != after[name]} == {"orchestrator-high"}


def test_what_was_stopped_by_hand_stays_stopped_until_start_asks(
    bundle: Bundle, config: Config, supervisorctl: list[str]
) -> None:
    subprocess.run([*supervisorctl, "stop", "voter"], check=True, capture_output=True, timeout=30)
    record = config.home.run / "readiness.json"
    listener = Supervisor(config.home).programs()[LISTENER]
    os.kill(listener.pid, signal.SIGKILL)
    written = record.stat().st_mtime_ns
    wait_until(
        lambda: (
            Supervisor(config.home).programs()[LISTENER].pid not in {0, listener.pid}
            and record.stat().st_mtime_ns != written
        ),
        within_s=20,
        why="a new listener has looked round",
    )
    assert Supervisor(config.home).programs()["voter"].state == "STOPPED"
    status = bundle.status()
    assert not status.ready
    assert service(bundle, "voter").detail == "stopped"
    assert "coder" in ready(status), "a new listener must not ask for tokens that were shown already"
    assert "voter" in ready(start(bundle, "all"))


def test_restart_gives_new_processes_to_the_named_only(bundle: Bundle) -> None:
    before = pids(bundle.status())
    after = restart(bundle, "mcp", "planner")
    assert {name for name in before if before[name] != pids(after)[name]} == {"mcp", "planner"}
    assert after.ready and bundle.status().ready, "what was restarted answers when the command returns"
    assert all(service.restarts == 0 for service in after.services if service.name == "planner")


def test_restart_waits_for_the_named_only_and_starts_nothing_else(bundle: Bundle, config: Config) -> None:
    Supervisor(config.home).stop("voter")
    wait_until(lambda: service(bundle, "voter").state == "STOPPED", within_s=10, why="voter is stopped by hand")
    assert "mcp" in ready(restart(bundle, "mcp"))
    assert service(bundle, "voter").state == "STOPPED"
    assert "voter" in ready(restart(bundle, "voter"))


def test_restart_without_a_name_is_everything_that_is_wanted(bundle: Bundle, config: Config) -> None:
    before = bundle.status()
    after = restart(bundle)
    assert after.ready and after.supervisor_pid == before.supervisor_pid
    assert set(pids(after)) == set(pids(before)) and not set(pids(after).values()) & set(pids(before).values())


def test_restart_that_need_not_wait_returns_while_the_service_stops(bundle: Bundle) -> None:
    status = restart(bundle, "coder", wait=False)
    assert "coder" not in ready(status)
    assert "coder" in ready(start(bundle, "all"))


def test_restart_stops_nothing_that_could_not_start_again(bundle: Bundle, config: Config) -> None:
    def missing(names: Collection[str]) -> None:
        assert list(names) == ["coder"]
        raise ModelFileError("coder.gguf: no such file")

    before = pids(bundle.status())
    with pytest.raises(ModelFileError, match=r"coder\.gguf"):
        restart(Bundle(config, verify=missing), "coder")
    assert pids(bundle.status()) == before

    Supervisor(config.home).stop("mcp")
    wait_until(lambda: service(bundle, "mcp").state == "STOPPED", within_s=10, why="its port is free")
    with socket.create_server(("127.0.0.1", config.port("mcp"))), pytest.raises(PortBusy):
        restart(bundle, "coder", "mcp")
    assert pids(bundle.status())["coder"] == before["coder"]


def test_restart_of_what_cannot_start_says_why(bundle: Bundle, config: Config) -> None:
    set_fault(config, "voter", exit="maker: voter's engine is not installed here; install it")
    with pytest.raises(NotReady) as caught:
        restart(bundle, "voter")
    reason = "voter's engine is not installed here; install it"
    assert str(caught.value) == f"voter did not start: {reason} [{config.home.log / 'voter.log'}]"
    assert service(bundle, "voter").detail == reason


@contextmanager
def other_settings(config: Config, old: str, new: str) -> Iterator[Config]:
    """maker.toml with something else in it, and as it was afterwards."""
    text = config.home.toml.read_text(encoding="utf-8")
    assert old in text
    config.home.toml.write_text(text.replace(old, new), encoding="utf-8")
    try:
        yield load(config.home)
    finally:
        config.home.toml.write_text(text, encoding="utf-8")


def outdated(status: BundleStatus) -> set[str]:
    return {service.name for service in status.services if service.outdated}


def test_start_restarts_what_runs_with_other_settings_and_nothing_else(bundle: Bundle, config: Config) -> None:
    set_fault(config, "coder", settings="those of before")
    before = pids(restart(bundle, "coder"))
    set_fault(config, "coder")
    with other_settings(config, "[ports]", "[redis]\nmax_memory_mib = 64\n[ports]") as changed:
        found = make_bundle(changed)
        assert outdated(found.status()) == {"coder", "redis"}
        after = start(found, "all")
        assert {name for name in before if before[name] != pids(after)[name]} == {"coder", "redis"}
        assert outdated(after) == set()
        assert pids(start(found, "all")) == pids(after)
    assert outdated(bundle.status()) == {"redis"}


def test_start_moves_what_runs_to_the_ports_of_now(bundle: Bundle, config: Config) -> None:
    name, old = "orchestrator-low", config.port("orchestrator-low")
    (port,) = free_ports(1)
    set_fault(config, name, settings="those of before")
    restart(bundle, name)
    set_fault(config, name)
    with other_settings(config, f"{name} = {old}", f"{name} = {port}") as changed:
        found = make_bundle(changed)
        assert service(found, name).detail == "maker.toml changed since start; run `maker start`"
        assert start(found, "all").ready
        assert get(port, "/health").json()["mode"] == "low" and is_free(old)
    restart(bundle, name)


@pytest.mark.parametrize("name", ["qdrant", "coders"])
def test_restart_refuses_what_it_cannot_restart(bundle: Bundle, name: str) -> None:
    before = pids(bundle.status())
    with pytest.raises(ServiceError, match="no process to restart|there is no service"):
        restart(bundle, "mcp", name)
    assert pids(bundle.status()) == before


def test_a_server_without_tokens_is_restarted_once_and_then_left_with_the_reason(
    bundle: Bundle, config: Config
) -> None:
    before = pids(bundle.status())["reviewer"]
    began = service_log(config, "reviewer").count("listens on")
    set_fault(config, "reviewer", completion=500)
    restart(bundle, "reviewer", wait=False)
    with pytest.raises(NotReady, match=r"reviewer did not start: .*HTTP 500 kaputt; a restart did not help"):
        start(bundle, "all")
    status = service(bundle, "reviewer")
    assert (status.state, status.ready) == ("RUNNING", False)
    assert status.pid != before
    assert service_log(config, "reviewer").count("listens on") == began + 2, "one restart by us, one by the listener"

    set_fault(config, "reviewer")
    assert "reviewer" in ready(start(bundle, "all"))


def test_a_service_that_keeps_ending_is_stopped_and_says_why(bundle: Bundle, config: Config) -> None:
    supervised = Supervisor(config.home)
    restart(bundle, "mcp")

    def runs_beside(pid: int) -> bool:
        mcp = supervised.programs()["mcp"]
        return mcp.state == "RUNNING" and mcp.pid != pid

    killed = 0
    for _ in range(5):
        # Before it is RUNNING its end would count as one of the tries to start.
        wait_until(partial(runs_beside, killed), within_s=15, why="mcp runs")
        killed = supervised.programs()["mcp"].pid
        os.kill(killed, signal.SIGKILL)
    wait_until(lambda: "5 times" in service(bundle, "mcp").detail, within_s=15, why="the listener has said why")
    wait_until(lambda: supervised.programs()["mcp"].state == "STOPPED", within_s=15, why="mcp was stopped")
    status = service(bundle, "mcp")
    assert (status.ready, status.failed, status.restarts) == (False, True, 5)
    assert "ended 5 times within 10 minutes and was stopped: mcp listens on" in status.detail, "its last word"
    with pytest.raises(NotReady) as caught:
        bundle._wait_ready(["mcp"], 0, 0, lambda _status: None)
    assert str(caught.value).count(str(config.home.log / "mcp.log")) == 1
    assert "mcp" in ready(start(bundle, "all"))


def test_a_service_that_cannot_start_ends_the_wait_with_its_reason(bundle: Bundle, config: Config) -> None:
    Supervisor(config.home).stop("gpt-oss")
    set_fault(
        config, "gpt-oss", exit="error: tensor data is not within the file bounds, model is corrupted or incomplete"
    )
    began = time.monotonic()
    with pytest.raises(NotReady, match=r"gpt-oss did not start: .*file bounds.*\(the model file is damaged"):
        bundle.start("all", wait=True, timeout_s=100, report=lambda _status: None)
    assert time.monotonic() - began < 60
    status = service(bundle, "gpt-oss")
    assert status.state == "FATAL" and "the model file is damaged" in status.detail
    assert set(pids(bundle.status())) == {spec.name for spec in specs(config)} - {"gpt-oss", "qdrant"}

    set_fault(config, "gpt-oss")
    assert "gpt-oss" in ready(start(bundle, "all"))


def test_every_model_shows_a_token_again_after_the_machine_slept(bundle: Bundle, config: Config) -> None:
    Supervisor(config.home).stop(LISTENER)
    trials = {spec.name: config.home.run / f"{spec.name}.trials" for spec in specs(config) if spec.kind == "model"}
    before = {name: path.stat().st_size for name, path in trials.items()}
    moments = [now()]
    asked = threading.Event()

    def clock() -> Moment:
        asked.set()
        return moments[-1]

    def shown() -> bool:
        return all(path.stat().st_size == before[name] + 1 for name, path in trials.items())

    async def keep(events: "asyncio.Queue[Event | None]") -> None:
        async with client() as http, asyncio.timeout(60):
            await Keeper(config, http, events, clock=clock).run()

    events: asyncio.Queue[Event | None] = asyncio.Queue()
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        keeping = threading.Thread(target=runner.run, args=(keep(events),))
        keeping.start()
        try:
            assert asked.wait(20)
            moments.append(Moment(moments[0].wall + 3600, moments[0].monotonic + 5))
            loop.call_soon_threadsafe(events.put_nowait, Event("TICK_5", {}))
            wait_until(shown, within_s=20, why="every model server has shown one more token")
        finally:
            loop.call_soon_threadsafe(events.put_nowait, None)
            keeping.join(20)
    assert shown()


def test_a_killed_supervisor_is_recovered_from_by_two_starts_at_once(bundle: Bundle, config: Config) -> None:
    before = pids(bundle.status())
    killed = Supervisor(config.home).pid()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not alive(killed), within_s=5, why="supervisord is gone")
    assert all(alive(pid) for pid in before.values())
    left = bundle.status()
    assert left.supervisor_pid is None and not left.ready
    assert pids(left) == before and left.orphans >= len(before)
    found = next(service for service in left.services if service.name == "coder")
    assert (found.state, found.detail) == ("UNKNOWN", "it runs, but no supervisor answers")
    assert (found.rss_bytes or 0) > 1_000_000
    with pytest.raises(NotRunning, match="maker start"):
        restart(bundle, "mcp")

    starts = [threading.Thread(target=start, args=(make_bundle(config), "all")) for _ in range(2)]
    for thread in starts:
        thread.start()
    for thread in starts:
        thread.join(60)
    status = bundle.status()
    assert status.ready
    assert not any(alive(pid) for pid in before.values())
    assert supervisords(config) == [status.supervisor_pid]
    assert all(service.restarts == 0 for service in status.services)
    assert not any("in use" in service_log(config, spec.name).lower() for spec in specs(config))


def listening(pid: int) -> set[int]:
    return {one.laddr.port for one in psutil.Process(pid).net_connections() if one.status == psutil.CONN_LISTEN}


def test_a_supervisor_whose_socket_vanished_is_replaced(bundle: Bundle, config: Config) -> None:
    lost = Supervisor(config.home).pid()
    config.home.supervisor_socket.unlink()
    assert bundle.status().supervisor_pid is None
    status = start(bundle, "low")
    assert status.supervisor_pid not in {None, lost}
    assert supervisords(config) == [status.supervisor_pid]
    for name, pid in pids(status).items():
        assert config.port(name) in listening(pid), f"{name}'s port is held by a process that nobody knows"


def test_stop_ends_what_a_killed_supervisor_left(bundle: Bundle, config: Config) -> None:
    status = bundle.status()
    assert status.supervisor_pid is not None
    os.kill(status.supervisor_pid, signal.SIGKILL)
    bundle.stop(report=lambda _line: None)
    assert not any(alive(pid) for pid in pids(status).values())


def test_stop_leaves_no_process_and_no_port(bundle: Bundle, config: Config) -> None:
    status = bundle.status()
    said: list[str] = []
    bundle.stop(report=said.append)
    assert said.index("stopping orchestrator-low") < said.index("stopping coder")
    assert not any(alive(pid) for pid in [*pids(status).values(), status.supervisor_pid or 0] if pid)
    for spec in specs(config):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", spec.port)) != 0, f"{spec.name} still listens"
        assert read_pid(config.home, spec.name) is None
    said.clear()
    bundle.stop(report=said.append)
    assert said == []
    down = bundle.status()
    assert {service.state for service in down.services} == {"STOPPED"}
    assert not down.ready and down.supervisor_pid is None and down.target == "all"
    assert down.orphans == 0


def test_a_boot_brings_back_the_last_target_with_nobody_there(config: Config) -> None:
    bundle = make_bundle(config)
    bundle.stop(report=lambda _line: None)
    write_target(config.home, "low")
    command = bundle.foreground()
    booted = subprocess.Popen(command.argv, env={**os.environ, **command.env}, stdout=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: bundle.status().ready, within_s=45, why="the bundle is ready without a start")
        status = bundle.status()
        assert (status.target, status.supervisor_pid) == ("low", booted.pid)
        assert "reviewer" not in pids(status)
        with pytest.raises(ServiceError, match="runs already"):
            bundle.foreground()
    finally:
        booted.terminate()
        said, _ = booted.communicate(timeout=60)
    # supervisord may say that the listener, which it ends as well, did not wait for an answer.
    left = [line for line in said.splitlines() if not ("closing channel" in line and "BrokenPipeError" in line)]
    assert (booted.returncode, left) == (0, [])
    assert not any(alive(pid) for pid in pids(status).values())
