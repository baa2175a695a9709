"""Asking an orchestrator over HTTP."""

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from maker.config import Home
from maker.tools import registry

from ..support import write_toml
from .support import Terminal


def chunk(**delta: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}, ensure_ascii=False).encode() + b"\n\n"


FINISH = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}\n\n'
DONE = b"data: [DONE]\n\n"
GOOD = [
    b": keep-alive\n\n",
    chunk(role="assistant", content=""),
    chunk(reasoning_content="hmm"),
    chunk(content="Hello"),
    chunk(content=" \u2028there"),
    FINISH,
    USAGE,
    DONE,
]


@dataclass
class Orchestrator:
    """What the server answers, and what it was asked."""

    status: int = 200
    pieces: list[bytes] = field(default_factory=lambda: list(GOOD))
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def orchestrator(home: Home) -> Iterator[Orchestrator]:
    """An HTTP server on the port of orchestrator-high that plays what the test says."""
    script = Orchestrator()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            script.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            script.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(script.status)
            self.end_headers()
            for piece in script.pieces:
                self.wfile.write(piece)

        def log_message(self, *arguments: object) -> None: ...

    config = write_toml(home)
    with HTTPServer(("127.0.0.1", config.port("orchestrator-high")), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield script
        server.shutdown()
        thread.join(timeout=10)


def test_the_answer_is_output_and_the_thinking_is_not(orchestrator: Orchestrator, maker: Terminal) -> None:
    assert maker("ask", "why", "not?") == (0, "Hello \u2028there\n", "hmm")
    assert orchestrator.asked[0]["messages"] == [{"role": "user", "content": "why not?"}]
    assert orchestrator.asked[0]["model"] == "maker-high"
    assert "max_tokens" not in orchestrator.asked[0]


def test_json_is_one_object_with_everything(orchestrator: Orchestrator, maker: Terminal) -> None:
    code, out, err = maker("ask", "--json", "--max-tokens", "9", "why")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "mode": "high",
        "text": "Hello \u2028there",
        "reasoning": "hmm",
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
        "maker": None,
    }
    assert orchestrator.asked[0]["max_tokens"] == 9


@pytest.mark.parametrize(("steps", "said"), [([], "without a vote"), ([{"title": "Write f"}], "")])
def test_an_answer_that_nobody_voted_on_is_called_one(
    orchestrator: Orchestrator, maker: Terminal, steps: list[object], said: str
) -> None:
    told = json.dumps({"choices": [], "maker": {"run": "run-1", "steps": steps}}).encode()
    orchestrator.pieces = [chunk(content="Hello"), FINISH, b"data: " + told + b"\n\n", DONE]
    code, out, err = maker("ask", "why")
    assert (code, out) == (0, "Hello\n")
    assert said in err and bool(err) == bool(said)
    _, out, _ = maker("ask", "--json", "why")
    assert json.loads(out)["maker"] == {"run": "run-1", "steps": steps}


def test_a_dash_reads_standard_input(
    orchestrator: Orchestrator, maker: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("größer?\n".encode()), encoding="utf-8"))
    assert maker("ask", "-")[0] == 0
    assert orchestrator.asked[0]["messages"][0]["content"] == "größer?\n"


def test_bytes_that_are_no_text_are_asked_as_such(
    orchestrator: Orchestrator, maker: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"-caf\xe9\n"), encoding="utf-8"))
    assert maker("ask", "-")[0] == maker("ask", "caf\udce9")[0] == 0
    asked = [body["messages"][0]["content"] for body in orchestrator.asked]
    assert asked == ["-caf\ufffd\n", "caf\ufffd"]


@pytest.mark.parametrize("words", [("",), (" ", " "), ("-",)])
def test_nothing_to_ask_is_wrong_usage(
    words: tuple[str, ...], maker: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\n"), encoding="utf-8"))
    assert maker("ask", *words) == (2, "", "maker: the question is empty; see `maker ask --help`\n")


def test_the_client_key_is_sent_where_one_is_set(orchestrator: Orchestrator, home: Home, maker: Terminal) -> None:
    with home.toml.open("a", encoding="utf-8") as file:
        file.write('[server]\napi_key = "secret-key"\n')
    maker("ask", "why")
    assert orchestrator.headers[0]["authorization"] == "Bearer secret-key"


@pytest.mark.parametrize(("terminal", "shown"), [(True, "\\x1b[2J\n"), (False, "\x1b[2J\n")])
def test_an_answer_commands_no_terminal_and_reaches_a_program_unchanged(
    orchestrator: Orchestrator, maker: Terminal, monkeypatch: pytest.MonkeyPatch, terminal: bool, shown: str
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    orchestrator.pieces = [chunk(content="\x1b[2J"), FINISH, DONE]
    assert maker("ask", "why")[1] == shown


def test_the_repository_of_the_current_folder_is_named_if_it_is_registered(
    orchestrator: Orchestrator, home: Home, maker: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path.resolve() / "größe" / "src"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    maker("ask", "why?")
    registry.add(home, inner.parent)
    maker("ask", "why?")
    assert [headers.get("x-maker-workspace") for headers in orchestrator.headers] == [None, inner.parent.as_uri()]


def test_a_proxy_of_the_environment_is_not_asked(
    orchestrator: Orchestrator, maker: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert maker("ask", "why")[0] == 0


@pytest.mark.parametrize(("status", "code"), [(503, 3), (400, 1), (404, 1), (500, 1)])
def test_a_refusal_is_the_servers_own_sentence(
    orchestrator: Orchestrator, maker: Terminal, status: int, code: int
) -> None:
    orchestrator.status = status
    orchestrator.pieces = [b'{"error": {"message": "the coder is down", "type": "x"}}']
    assert maker("ask", "why") == (code, "", "maker: the coder is down\n")


def test_something_else_on_the_port_is_named_as_such(orchestrator: Orchestrator, maker: Terminal) -> None:
    orchestrator.status, orchestrator.pieces = 405, [b"<html>nginx</html>"]
    code, _, err = maker("ask", "why")
    assert (code, err) == (1, "maker: what answers there is not an orchestrator of maker (HTTP status 405)\n")


def test_an_error_in_the_stream_is_a_failure(orchestrator: Orchestrator, maker: Terminal) -> None:
    orchestrator.pieces = [chunk(content="Hel"), b'data: {"error": {"message": "the coder went away"}}\n\n']
    code, out, err = maker("ask", "why")
    assert (code, out) == (1, "Hel\n")
    assert err == "maker: the coder went away\n"


def test_a_stream_without_its_end_is_a_failure(orchestrator: Orchestrator, maker: Terminal) -> None:
    orchestrator.pieces = [chunk(content="Hel")]
    code, _, err = maker("ask", "why")
    assert code == 1
    assert "cut short" in err


def test_nobody_there_is_exit_4_and_says_how_to_start(home: Home, maker: Terminal) -> None:
    port = write_toml(home).port("orchestrator-low")
    assert maker("ask", "--mode", "low", "why") == (
        4,
        "",
        f"maker: orchestrator-low does not answer on port {port}; run `maker start`\n",
    )
