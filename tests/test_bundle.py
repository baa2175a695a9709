"""The whole bundle for real: supervisord, six llama.cpp servers, both orchestrators, mcp, Redis and Phoenix.

One bundle is started for the module; the tests run in order, from looking, over breaking, to stopping.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from maker import config
from maker.config import ROLES, Config, Home
from tests.phoenix_support import provide_environment
from tests.support import SERVICES, free_ports, tail, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.phoenix, pytest.mark.slow, pytest.mark.timeout(300)]

MAKER = Path(sys.executable).parent / "maker"
BACK_S = 15.0
PHOENIX_BACK_S = 45.0
MODES = ("high", "low")


class Running:
    """A bundle in a MAKER_HOME of its own, driven through the command line."""

    def __init__(self, home: Home, settings: Config) -> None:
        self.home, self.config = home, settings

    def maker(self, *words: str, timeout: float = 200) -> "subprocess.CompletedProcess[str]":
        return run_maker(self.home, *words, timeout=timeout)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.maker("status", "--json").stdout)
        return found

    def service(self, name: str) -> dict[str, Any]:
        return next(item for item in self.status()["services"] if item["name"] == name)

    def pids(self) -> dict[str, int]:
        return {item["name"]: item["pid"] for item in self.status()["services"]}

    def url(self, service: str, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.config.port(service)}{path}"

    def get(self, service: str, path: str) -> httpx.Response:
        return httpx.get(self.url(service, path), timeout=20, trust_env=False)

    def ask(self, mode: str, text: str = "hello", **body: Any) -> httpx.Response:
        question = {"messages": [{"role": "user", "content": text}], "max_tokens": 12, **body}
        return httpx.post(
            self.url(f"orchestrator-{mode}", "/v1/chat/completions"), json=question, timeout=30, trust_env=False
        )

    def degraded(self, mode: str) -> set[str]:
        return {item["name"] for item in self.get(f"orchestrator-{mode}", "/health").json()["degraded"]}

    def wait_ready(self, name: str, within_s: float, *, not_pid: int | None = None) -> None:
        def back() -> bool:
            now = self.service(name)
            return bool(now["ready"] and now["pid"] != not_pid)

        wait_until(back, within_s=within_s, why=f"{name} is ready again\n{tail(self.home.log / f'{name}.log')}")


def run_maker(home: Home, *words: str, timeout: float = 200) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "MAKER_HOME": str(home.root)}
    return subprocess.run([MAKER, *words], env=environment, capture_output=True, text=True, timeout=timeout)


def initialised(home: Home, toml: str = "") -> Config:
    """A MAKER_HOME made by `maker init`, with a free port for every service."""
    ports = "\n".join(f"{name} = {port}" for name, port in zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    home.root.mkdir(mode=0o700, exist_ok=True)
    home.toml.write_text(f"{toml}\n[ports]\n{ports}\n", encoding="utf-8")
    done = run_maker(home, "init", "--yes", "--no-editor", "--no-link", "--no-phoenix")
    assert done.returncode == 0, done.stdout + done.stderr
    return config.load(home)


@pytest.fixture(scope="module")
def bundle() -> Iterator[Running]:
    root = Path(tempfile.mkdtemp(prefix="mk-", dir="/tmp"))
    home = Home(root)
    settings = initialised(home)
    provide_environment(home)
    started = run_maker(home, "start", "all", "--wait", "--timeout", "170")
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield Running(home, settings)
    finally:
        run_maker(home, "stop")
        shutil.rmtree(root, ignore_errors=True)


def ours(home: Home) -> list[psutil.Process]:
    """Every process that was started from this MAKER_HOME."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MAKER_HOME") == str(home.root):
                found.append(process)
        except psutil.Error:
            continue
    return found


def listening(processes: list[psutil.Process]) -> list[tuple[str, int]]:
    return [
        (found.laddr.ip, found.laddr.port)
        for process in processes
        for found in process.net_connections(kind="inet")
        if found.status == psutil.CONN_LISTEN
    ]


def test_all_twelve_are_ready(bundle: Running) -> None:
    status = bundle.status()
    assert status["ready"] is True
    assert [item["name"] for item in status["services"]] == list(SERVICES)
    for item in status["services"]:
        assert item["ready"], item
        assert item["embedded"] or (item["state"] == "RUNNING" and item["pid"] and item["rss_bytes"] > 0), item


def test_both_modes_answer_and_switching_restarts_nothing(bundle: Running) -> None:
    before = bundle.pids()
    for mode in ("high", "low", "high"):
        said = bundle.maker("ask", "--mode", mode, "say something")
        assert said.returncode == 0, said.stderr
        assert said.stdout.strip()
    assert bundle.pids() == before


def test_a_conversation_goes_on_in_the_other_mode(bundle: Running) -> None:
    first = bundle.ask("high").json()["choices"][0]["message"]
    messages = [{"role": "user", "content": "hello"}, first, {"role": "user", "content": "go on"}]
    assert bundle.ask("low", messages=messages).json()["choices"][0]["message"]["content"]


def test_nothing_listens_beyond_loopback(bundle: Running) -> None:
    found = listening(ours(bundle.home))
    assert len(found) >= 11
    assert {address for address, _ in found} <= {"127.0.0.1", "::1"}
    assert {port for _, port in found} <= {bundle.config.port(name) for name in SERVICES}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_health_answers_on_every_name_of_this_machine(bundle: Running, mode: str, host: str) -> None:
    reply = httpx.get(bundle.url(f"orchestrator-{mode}", "/health", host), timeout=10, trust_env=False)
    assert (reply.status_code, reply.json()["mode"]) == (200, mode)


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_missing_once_the_sandbox_has_passed_its_self_test(bundle: Running, mode: str) -> None:
    wait_until(lambda: bundle.degraded(mode) == set(), within_s=90, why="nothing is missing")


@pytest.mark.parametrize("mode", MODES)
def test_the_log_says_which_mode_is_served(bundle: Running, mode: str) -> None:
    logged = bundle.maker("logs", f"orchestrator-{mode}").stdout
    line = next(line for line in logged.splitlines() if "MAKER Mode" in line)
    assert f"[Orchestrator] 🎚️  MAKER Mode: {mode.upper()} (" in line
    assert {"high": "Reviewer validation", "low": "Planner reflection validation"}[mode] in line


def test_supervisorctl_sees_every_program(bundle: Running) -> None:
    listed = bundle.maker("ctl", "status").stdout
    for name in SERVICES:
        assert name in listed


@pytest.mark.parametrize("service", ["orchestrator-high", "orchestrator-low", "mcp"])
def test_foreign_callers_are_refused_on_every_open_port(bundle: Running, service: str) -> None:
    path = "/mcp" if service == "mcp" else "/v1/chat/completions"
    url, port = bundle.url(service, path), bundle.config.port(service)

    def status(body: bytes = b"{}", **headers: str) -> int:
        sent = {
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        reply = httpx.post(url, content=body, headers=sent, timeout=10, trust_env=False)
        assert not [name for name in reply.headers if name.startswith("access-control")]
        return reply.status_code

    assert status(Origin="https://evil.test") == 403
    assert status(Origin="null") == 403
    assert status(Host="evil.test") == 421
    assert status(Host=f"evil.test:{port}") == 421
    assert status(Content_Type="text/plain") == 415
    assert _declared_length(port, path, 100_000_000) == 413


def _declared_length(port: int, path: str, length: int) -> int:
    """The status for a body of that declared length, of which nothing is sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())
        return int(connection.recv(4096).split()[1])


@pytest.mark.parametrize("role", ROLES)
def test_a_model_server_wants_the_key(bundle: Running, role: str) -> None:
    url = bundle.url(role, "/v1/chat/completions")
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    assert httpx.post(url, json=body, timeout=10, trust_env=False).status_code == 401
    key = {"Authorization": f"Bearer {bundle.home.read_key()}"}
    assert httpx.post(url, json=body, headers=key, timeout=20, trust_env=False).status_code == 200


def test_one_request_is_one_trace_without_its_words(bundle: Running) -> None:
    run_id = bundle.ask("low", "a very secret question").headers["x-maker-run"]

    def spans() -> list[dict[str, Any]]:
        reply = bundle.get("phoenix", "/v1/projects/maker/spans?limit=1000")
        found = reply.json()["data"] if reply.status_code == 200 else []
        trace = next(
            (span["context"]["trace_id"] for span in found if span["attributes"].get("maker.run_id") == run_id), None
        )
        return [span for span in found if span["context"]["trace_id"] == trace] if trace else []

    wait_until(lambda: len(spans()) >= 3, within_s=30, why="the trace is in Phoenix")
    kinds = sorted(span["span_kind"] for span in spans())
    assert kinds == ["CHAIN", "CHAIN", "LLM"]
    model = next(span for span in spans() if span["span_kind"] == "LLM")
    assert model["attributes"]["llm.token_count.completion"] > 0
    assert "secret" not in json.dumps(spans())


def test_the_key_is_private_and_in_no_log_and_no_argument(bundle: Running) -> None:
    assert bundle.home.root.stat().st_mode & 0o777 == 0o700
    for path in (bundle.home.api_key, bundle.home.supervisor_socket, bundle.home.supervisord_conf):
        assert path.stat().st_mode & 0o077 == 0, path
    key = bundle.home.read_key()
    for process in ours(bundle.home):
        assert key not in " ".join(process.cmdline())
    assert not [log for log in bundle.home.log.iterdir() if key in log.read_text(errors="replace")]


@pytest.mark.parametrize("name", ["redis", "mcp", "phoenix"])
def test_both_modes_answer_without_it_and_say_what_is_missing(bundle: Running, name: str) -> None:
    bundle.maker("ctl", "stop", name)
    try:
        for mode in MODES:
            assert bundle.ask(mode).status_code == 200
            expected = {name} | ({"qdrant"} if name == "mcp" and bundle.service("qdrant")["embedded"] else set())
            wait_until(lambda mode=mode, expected=expected: bundle.degraded(mode) == expected, within_s=5, why="named")
            assert bundle.ask(mode).json()["maker"]["degraded"] == sorted(expected)
    finally:
        bundle.maker("ctl", "start", name)
    bundle.wait_ready(name, PHOENIX_BACK_S if name == "phoenix" else BACK_S)
    wait_until(lambda: not bundle.degraded("high") | bundle.degraded("low"), within_s=5, why="nothing is missing")


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "qdrant"])
def test_what_is_killed_comes_back_ready(bundle: Running, name: str) -> None:
    pid = bundle.service(name)["pid"]
    os.kill(pid, signal.SIGKILL)
    bundle.wait_ready(name, PHOENIX_BACK_S if name == "phoenix" else BACK_S, not_pid=pid)


def test_a_mode_answers_again_after_its_coder_was_killed(bundle: Running) -> None:
    for mode in MODES:
        wait_until(lambda mode=mode: bundle.ask(mode).status_code == 200, within_s=BACK_S, why=f"{mode} answers")


def test_low_needs_neither_the_reviewer_nor_the_other_orchestrator(bundle: Running) -> None:
    before = bundle.pids()
    done = bundle.maker("start", "low", "--wait")
    assert done.returncode == 0, done.stderr
    after = bundle.pids()
    assert {name for name in SERVICES if after[name] != before[name]} == {"reviewer", "orchestrator-high"}
    assert after["reviewer"] is after["orchestrator-high"] is None
    assert bundle.ask("low").status_code == 200


def test_high_needs_the_reviewer_again_but_not_low(bundle: Running) -> None:
    done = bundle.maker("start", "high", "--wait")
    assert done.returncode == 0, done.stderr
    assert bundle.pids()["orchestrator-low"] is None
    assert bundle.ask("high").status_code == 200
    assert bundle.maker("start", "all", "--wait").returncode == 0


def test_start_recovers_from_a_killed_supervisor(bundle: Running) -> None:
    before = bundle.status()
    os.kill(before["supervisor_pid"], signal.SIGKILL)
    done = bundle.maker("start", "all", "--wait", "--timeout", "170")
    assert done.returncode == 0, done.stdout + done.stderr
    after = bundle.status()
    assert after["ready"]
    assert after["supervisor_pid"] != before["supervisor_pid"]
    ports = [port for address, port in listening(ours(bundle.home)) if address == "127.0.0.1"]
    assert len(ports) == len(set(ports))


def test_stop_leaves_no_process_and_no_port(bundle: Running) -> None:
    ports = {bundle.config.port(name) for name in SERVICES}
    assert bundle.maker("stop").returncode == 0
    assert ours(bundle.home) == []
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert bundle.maker("status").returncode == 4


def test_a_busy_port_is_one_line_and_nothing_starts(home: Home) -> None:
    settings = initialised(home)
    port = settings.port("orchestrator-high")
    with socket.create_server(("127.0.0.1", port)):
        refused = run_maker(home, "start", "all", "--wait")
    assert refused.returncode == 3
    assert len(refused.stderr.strip().splitlines()) == 1
    for part in (f"port {port}", f"pid {os.getpid()}", "pytest"):
        assert part in refused.stderr
    assert ours(home) == []


def test_a_truncated_model_is_refused_by_name_before_anything_starts(home: Home) -> None:
    initialised(home)
    model = home.models / "tiny-coder.gguf"
    model.write_bytes(model.read_bytes()[:-1000])
    begun = time.monotonic()
    refused = run_maker(home, "start", "all", "--wait")
    assert refused.returncode == 3
    assert "tiny-coder.gguf" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert time.monotonic() - begun < 20
    assert ours(home) == []


@pytest.mark.parametrize(
    ("text", "part"), [("colour = 1", "colour"), ("[roles.coder]\nslots = 'x'", "roles.coder.slots")]
)
def test_a_mistake_in_the_settings_is_a_usage_error(home: Home, text: str, part: str) -> None:
    home.toml.write_text(text, encoding="utf-8")
    for words in (("start",), ("status",), ("config", "validate"), ("serve", "coder")):
        refused = run_maker(home, *words)
        assert refused.returncode == 2, words
        assert str(home.toml) in refused.stderr
        assert part in refused.stderr
