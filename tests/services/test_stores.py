"""Redis for real, Qdrant by a stand-in that honours the same configuration, and what is embedded."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis

from maker.config import Config, Home
from maker.errors import ConfigError, ServiceError
from maker.process import Command
from maker.services.places import places
from maker.services.readiness import probe_all
from maker.services.stores import embedded, qdrant_command, redis_command, redis_port
from tests.services.bundles import get, make_home
from tests.support import wait_until

QDRANT = """\
#!{python}
import json, os, re, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

assert sys.argv[1] == "--config-path" and "--disable-telemetry" in sys.argv
text = open(sys.argv[2], encoding="utf-8").read()
value = lambda key: re.search(rf"(?m)^ *{{key}}: (.+)$", text).group(1)
os.makedirs(json.loads(value("storage_path")))
key = json.loads(value("api_key"))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        allowed = self.path == "/readyz" or self.headers["api-key"] == key
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


HTTPServer((value("host"), int(value("http_port"))), Handler).serve_forever()
"""


@pytest.fixture
def config(home: Home) -> Config:
    return make_home(home.root)


def ready(config: Config, name: str) -> bool:
    return probe_all(config, [places(config)[name]])[name].ready


@contextmanager
def running(command: Command, config: Config, name: str) -> Iterator[subprocess.Popen[bytes]]:
    log = config.home.log / f"{name}.log"
    with log.open("ab") as output:
        server = subprocess.Popen(command.argv, env={**os.environ, **command.env}, stdout=output, stderr=output)
        try:
            wait_until(lambda: ready(config, name), within_s=20, why=f"{name} answers; see {log}")
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(20)


def client(config: Config, **changes: object) -> redis.Redis:
    once = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    options = {
        "unix_socket_path": str(config.home.redis_socket),
        "password": config.home.read_key(),
        "retry": once,
        **changes,
    }
    return redis.Redis(**options)  # type: ignore[arg-type]


@pytest.mark.processes
def test_redis_is_private_bounded_and_without_dangerous_commands(config: Config) -> None:
    command = redis_command(config)
    assert config.home.read_key() not in " ".join(command.argv)
    with running(command, config, "redis") as server, client(config) as ours:
        listening = psutil.Process(server.pid).net_connections("inet")
        assert {connection.laddr.ip for connection in listening} <= {"127.0.0.1", "::1"}
        assert {connection.laddr.port for connection in listening} == {config.port("redis")}
        assert config.home.redis_socket.stat().st_mode & 0o777 == 0o700
        ours.set("run", "state", ex=60)
        assert ours.get("run") == b"state"
        assert ours.xadd("events", {"a": "b"}, maxlen=10)
        assert ours.info("memory")["maxmemory"] == 512 * 1024 * 1024
        assert ours.info("memory")["maxmemory_policy"] == "noeviction"
        assert ours.info("persistence")["aof_enabled"] == 1
        for refused in (["EVAL", "return 1", "0"], ["CONFIG", "GET", "*"], ["FLUSHALL"], ["SHUTDOWN"], ["ACL", "LIST"]):
            with pytest.raises(redis.exceptions.NoPermissionError):
                ours.execute_command(*refused)


@pytest.mark.processes
def test_redis_refuses_strangers_on_socket_and_port(config: Config) -> None:
    with running(redis_command(config), config, "redis"):
        with client(config, password=None) as stranger, pytest.raises(redis.exceptions.AuthenticationError):
            stranger.ping()
        with socket.create_connection(("127.0.0.1", config.port("redis")), timeout=5) as page:
            page.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 6\r\n\r\nPING\r\n")
            answers = b""
            while chunk := page.recv(4096):
                answers += chunk
        assert b"PONG" not in answers


@pytest.mark.processes
def test_what_redis_knows_survives_a_stop(config: Config) -> None:
    with running(redis_command(config), config, "redis"), client(config) as ours:
        ours.set("run", "state")
    with running(redis_command(config), config, "redis"), client(config) as ours:
        assert ours.get("run") == b"state"


@pytest.mark.processes
def test_redis_makes_do_with_its_socket_where_the_port_is_taken(config: Config) -> None:
    assert redis_port(config) is None
    with socket.create_server(("127.0.0.1", config.port("redis"))):
        command = redis_command(config)
        with running(command, config, "redis") as server:
            assert psutil.Process(server.pid).net_connections("inet") == []
            assert redis_port(config) is None
    redis_command(config)
    assert redis_port(config) == config.port("redis")


def test_the_redis_configuration_is_private_and_holds_no_key(config: Config) -> None:
    conf = Path(redis_command(config).argv[1])
    assert conf.stat().st_mode & 0o777 == 0o600
    assert config.home.read_key() not in conf.read_text(encoding="utf-8")


@pytest.mark.processes
def test_a_wrong_key_is_named_and_is_not_readiness(config: Config) -> None:
    with running(redis_command(config), config, "redis"):
        config.home.api_key.write_text("f" * 64, encoding="ascii")
        answer = probe_all(config, [places(config)["redis"]])["redis"]
    assert not answer.ready and "WRONGPASS" in answer.detail


@pytest.mark.processes
def test_qdrant_gets_a_closed_configuration_and_is_asked_for_readiness(home: Home, tmp_path: Path) -> None:
    binary = tmp_path / "qdrant"
    binary.write_text(QDRANT.format(python=sys.executable), encoding="utf-8")
    binary.chmod(0o755)
    config = make_home(home.root, f'[qdrant]\nbinary = "{binary}"')
    assert embedded(config, "qdrant") is None
    command = qdrant_command(config)
    assert command.argv[0] == str(binary)
    assert config.home.read_key() not in " ".join(command.argv)
    assert command.env["QDRANT__SERVICE__HOST"] == "127.0.0.1"
    conf = Path(command.argv[2])
    assert conf.stat().st_mode & 0o777 == 0o600
    text = conf.read_text(encoding="utf-8")
    for line in ("host: 127.0.0.1", "grpc_port: null", "enable_cors: false", "telemetry_disabled: true"):
        assert line in text
    with running(command, config, "qdrant"):
        assert (home.root / "qdrant" / "storage").is_dir()
        assert get(config.port("qdrant"), "/collections").status_code == 401


def test_a_server_that_is_not_there_is_one_clear_sentence(home: Home) -> None:
    config = make_home(home.root, '[qdrant]\nbinary = "no-such-qdrant"')
    with pytest.raises(ServiceError, match="no-such-qdrant is not on PATH"):
        qdrant_command(config)


def test_without_a_key_there_is_no_store(home: Home) -> None:
    config = make_home(home.root)
    home.api_key.unlink()
    with pytest.raises(ConfigError, match="run `maker init`"):
        redis_command(config)


def test_what_has_no_process_of_its_own_says_why(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_home(home.root, '[qdrant]\nbinary = "no-such-qdrant"')
    assert embedded(config, "redis") is None
    assert embedded(config, "qdrant") == "no no-such-qdrant on PATH: the code index runs inside mcp"
    assert embedded(config, "phoenix") is None
    (home.phoenix / "venv" / "installed").unlink()
    assert "`maker phoenix install`" in (embedded(config, "phoenix") or "")
    monkeypatch.setattr("maker.services.stores.search_path", lambda: "/nonexistent")
    assert "no redis-server on PATH" in (embedded(config, "redis") or "")
    assert embedded(config, "mcp") is None


def test_what_is_switched_off_says_so(home: Home) -> None:
    config = make_home(home.root, "[redis]\nenabled = false\n[phoenix]\nenabled = false")
    assert all((embedded(config, name) or "").startswith("off in maker.toml") for name in ("redis", "phoenix"))
