"""Talking to supervisord where there is none, or one that is not well."""

import http.server
import os
import socketserver
import threading
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from maker.config import Config, Home
from maker.errors import ConfigError, NotRunning, ServiceError
from maker.services import supervisor
from maker.services.supervisor import Supervisor


@contextmanager
def answering(home: Home, body: bytes, status: int = 200) -> Iterator[Supervisor]:
    """A supervisord that gives one answer to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_: object) -> None:
            pass

    home.run.mkdir()
    with socketserver.ThreadingUnixStreamServer(str(home.supervisor_socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Supervisor(home)
        server.shutdown()
        thread.join(5)


def fault(code: int, text: str) -> bytes:
    return xmlrpc.client.dumps(xmlrpc.client.Fault(code, text)).encode()


def test_without_a_supervisor_there_is_no_pid_and_one_clear_sentence(home: Home) -> None:
    assert Supervisor(home).pid() is None
    with pytest.raises(NotRunning, match="maker is not running; start it with `maker start all`"):
        Supervisor(home).programs()


def test_a_start_that_somebody_else_made_first_is_no_failure(home: Home) -> None:
    with answering(home, fault(60, "ALREADY_STARTED: coder")) as found:
        found.start("coder")


def test_a_stop_of_what_does_not_run_is_no_failure(home: Home) -> None:
    with answering(home, fault(70, "NOT_RUNNING: coder")) as found:
        found.stop("coder")
        with pytest.raises(ServiceError, match="supervisord refused: NOT_RUNNING: coder"):
            found.start("coder")


def test_a_supervisor_that_shuts_down_counts_as_not_running(home: Home) -> None:
    with answering(home, fault(6, "SHUTDOWN_STATE")) as found:
        assert found.pid() is None
        with pytest.raises(NotRunning, match="shutting down"):
            found.start("coder")
        found.shutdown()


def test_a_program_that_supervisord_does_not_know_points_to_init(home: Home) -> None:
    with answering(home, fault(10, "BAD_NAME: coder")) as found, pytest.raises(ServiceError, match="run `maker init`"):
        found.start("coder")


def test_an_answer_that_is_not_supervisords_counts_as_not_running(home: Home) -> None:
    with answering(home, b"nope", status=500) as found:
        assert found.pid() is None


@pytest.mark.parametrize("text", ["", "x", "1", str(os.getpid())])
def test_a_pid_file_that_names_no_supervisord_of_ours_is_ignored(home: Home, text: str) -> None:
    home.run.mkdir()
    (home.run / "supervisord.pid").write_text(text, encoding="ascii")
    assert supervisor.process(home) is None


def test_prepare_names_what_is_missing(home: Home) -> None:
    with pytest.raises(ConfigError, match=r"supervisord\.conf is missing; run `maker init` first"):
        supervisor.prepare(home)
    for path in (home.supervisord_conf, home.api_key, home.command):
        path.parent.mkdir(exist_ok=True)
        Path(path).touch(mode=0o600)
    with pytest.raises(ConfigError, match="not executable"):
        supervisor.prepare(home)


def test_the_environment_of_the_caller_cannot_break_supervisord(home: Home) -> None:
    command = supervisor.command(home, "--nodaemon")
    assert command.argv[1:3] == ("-W", "ignore::DeprecationWarning")
    assert command.argv[-3:] == ("--nodaemon", "-c", str(home.supervisord_conf))
    assert command.env == {"MAKER_HOME": str(home.root)}


@pytest.mark.processes
def test_a_configuration_that_supervisord_refuses_is_quoted(home: Home) -> None:
    home.run.mkdir()
    home.supervisord_conf.write_text("[supervisord]\nlogfile=/nonexistent/x.log\n", encoding="ascii")
    with pytest.raises(ServiceError, match=r"supervisord did not start: .*nonexistent"):
        supervisor.launch(Config(home=home))
