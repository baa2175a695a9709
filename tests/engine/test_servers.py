"""The three engines with a real model: the wheel's in every run, the compiled ones in `scripts/test.sh engines`."""

import json
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from maker.catalog import profiles
from maker.config import Config, EngineName
from maker.engine import argv
from maker.engine.installed import choose
from maker.errors import ModelFileError
from maker.pipeline import prompts
from tests.engine.servers import ENDLESS, INSTALLED, KEY, PROGRAM, QUESTION, Server, home_with_model, running, start
from tests.support import tail

pytestmark = pytest.mark.processes

WHEEL = pytest.param("xllamacpp")
COMPILED = pytest.param("llama-server", marks=pytest.mark.engines)
PYTHON = pytest.param("llama-cpp-python", marks=pytest.mark.engines)

llama_cpp_server = pytest.mark.parametrize("server", [WHEEL, COMPILED], indirect=True)
"""Engines with llama.cpp's own C++ server."""
every_engine = pytest.mark.parametrize("server", [WHEEL, COMPILED, PYTHON], indirect=True)
every_name = pytest.mark.parametrize("engine", [WHEEL, COMPILED, PYTHON])


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with home_with_model(request.param) as config, running(request.param, config) as found:
        yield found


@pytest.fixture
def config(engine: EngineName) -> Iterator[Config]:
    with home_with_model(engine) as found:
        yield found


@llama_cpp_server
def test_health_needs_no_key(server: Server) -> None:
    with server.client(key=None) as client:
        assert client.get("/health").status_code == 200


@every_engine
@pytest.mark.parametrize("key", [None, "wrong-key"])
def test_models_and_chat_need_the_key(server: Server, key: str | None) -> None:
    with server.client(key) as client:
        assert client.get("/v1/models").status_code == 401
        assert client.post("/v1/chat/completions", json=QUESTION).status_code == 401


@llama_cpp_server
@pytest.mark.parametrize("path", ["/slots", "/metrics", "/props", "/models", "/lora-adapters", "/v1/stream"])
def test_everything_but_health_needs_the_key(server: Server, path: str) -> None:
    with server.client(key=None) as client:
        assert client.get(path).status_code == 401


@every_engine
def test_what_is_no_function_gets_an_honest_sentence(server: Server) -> None:
    choice = server.chat({**QUESTION, "temperature": 0.8})["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert "I only write small Python functions" in choice["message"]["content"]


@every_engine
def test_a_function_is_answered_with_a_program(server: Server) -> None:
    choice = server.chat({**PROGRAM, "temperature": 0})["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"].startswith("```python\ndef total(xs):\n")


@every_engine
def test_a_grammar_names_the_function_and_leaves_the_honest_sentence(server: Server) -> None:
    held = prompts.grammar("tiny", "code", name="never_seen_7")
    program = server.chat({**PROGRAM, "temperature": 0, "grammar": held})["choices"][0]
    assert program["finish_reason"] == "stop"
    assert program["message"]["content"].startswith("```python\ndef never_seen_7(")
    other = server.chat({**QUESTION, "temperature": 0, "grammar": held})["choices"][0]
    assert "I only write small Python functions" in other["message"]["content"]


@every_engine
def test_a_greedy_answer_ends_by_itself(server: Server) -> None:
    choice = server.chat({**QUESTION, "temperature": 0})["choices"][0]
    assert choice["finish_reason"] == "stop"


@every_engine
def test_a_stream_has_many_deltas_and_the_same_text(server: Server) -> None:
    asked = {**QUESTION, "temperature": 0}
    with (
        server.client() as client,
        client.stream("POST", "/v1/chat/completions", json={**asked, "stream": True}) as got,
    ):
        data = [line.removeprefix("data: ") for line in got.iter_lines() if line.startswith("data: ")]
    assert data.pop() == "[DONE]"
    pieces = [choice["delta"].get("content") or "" for piece in data for choice in json.loads(piece)["choices"]]
    assert len([piece for piece in pieces if piece]) > 5
    assert "".join(pieces) == server.chat(asked)["choices"][0]["message"]["content"]


@llama_cpp_server
def test_one_request_gives_three_choices(server: Server) -> None:
    choices = server.chat({**PROGRAM, "n": 3, "temperature": 2.0})["choices"]
    assert sorted(choice["index"] for choice in choices) == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in choices}) > 1


@pytest.mark.parametrize("server", [PYTHON], indirect=True)
def test_llama_cpp_python_ignores_the_number_of_choices(server: Server) -> None:
    assert server.slots == 1
    assert len(server.chat({**QUESTION, "n": 3})["choices"]) == 1


@llama_cpp_server
def test_every_slot_has_the_planned_context(server: Server) -> None:
    plan = profiles.plan(server.config)["coder"]
    with server.client() as client:
        slots = client.get("/slots").json()
    assert [slot["n_ctx"] for slot in slots] == [plan.context] * plan.slots


@llama_cpp_server
def test_an_answer_obeys_a_json_schema(server: Server) -> None:
    properties = {
        "title": {"type": "string", "maxLength": 20},
        "ok": {"type": "boolean"},
        "steps": {"type": "array", "items": {"type": "boolean"}, "maxItems": 3},
    }
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    choice = server.chat({**QUESTION, "response_format": form})["choices"][0]
    assert choice["finish_reason"] == "stop"
    answer = json.loads(choice["message"]["content"])
    assert isinstance(answer["title"], str)
    assert isinstance(answer["ok"], bool)


@llama_cpp_server
def test_answers_name_the_role_and_no_path(server: Server) -> None:
    assert server.chat(QUESTION)["model"] == "coder"


@llama_cpp_server
def test_a_foreign_origin_is_not_let_in(server: Server) -> None:
    with server.client() as client:
        answer = client.get("/v1/models", headers={"origin": "http://evil.test"})
    assert answer.headers.get("access-control-allow-origin") == server.url


@llama_cpp_server
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/tools"), ("GET", "/cors-proxy"), ("POST", "/props"), ("POST", "/slots/0?action=save")],
)
def test_no_user_interface_tools_or_slot_files(server: Server, method: str, path: str) -> None:
    with server.client() as client:
        assert client.request(method, path, json={} if method == "POST" else None).status_code in (403, 404, 501)


@pytest.mark.parametrize("server", [COMPILED], indirect=True)
def test_llama_server_lists_every_flag_it_gets(server: Server) -> None:
    choice = choose("llama-server", INSTALLED["llama-server"])
    address = argv.Address(1, Path("/key"))
    words = argv.llama_server(choice.program, profiles.plan(server.config)["coder"], address, choice.flags)
    assert {word for word in words if word.startswith("--")} <= choice.flags
    assert {"--no-ui", "--offline", "--no-cors-credentials", "--fit", "--sse-ping-interval"} <= set(words)


@every_engine
def test_the_key_is_in_no_argument_and_no_log(server: Server) -> None:
    assert KEY not in str(server.process.args)
    assert KEY not in server.log.read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("engine", [WHEEL, PYTHON])
def test_a_server_exits_on_sigterm_while_it_generates(config: Config, engine: EngineName) -> None:
    with running(engine, config) as server, server.client() as client:
        with client.stream("POST", "/v1/chat/completions", json={**ENDLESS, "stream": True}) as stream:
            lines = stream.iter_lines()
            next(lines)
            server.process.send_signal(signal.SIGTERM)
            with suppress(httpx.HTTPError):
                assert "data: [DONE]" not in list(lines)
        # uvicorn, in llama-cpp-python, ends by the signal itself once it has cleaned up.
        assert server.process.wait(10) in (0, -signal.SIGTERM if engine == "llama-cpp-python" else 0)


@pytest.mark.parametrize("engine", [WHEEL])
def test_the_wheel_exits_though_a_client_does_not_read(config: Config, engine: EngineName) -> None:
    with running(engine, config) as server, server.client() as client:
        with client.stream("POST", "/v1/chat/completions", json={**ENDLESS, "stream": True}):
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(2) == 0


@pytest.mark.parametrize("engine", [COMPILED])
def test_llama_server_may_need_a_second_sigterm_while_it_generates(config: Config, engine: EngineName) -> None:
    """After the first one it often waits for the open stream for ever, pinging it, so the supervisor must not."""
    with running(engine, config) as server, server.client() as client:
        with client.stream("POST", "/v1/chat/completions", json={**ENDLESS, "stream": True}):
            server.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                server.process.wait(1)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(2) in (0, 1)


@every_name
def test_a_busy_port_is_named_and_the_server_exits(config: Config, engine: EngineName) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", config.port("coder")))
        other.listen()
        server = start(engine, config)
        assert server.process.wait(30) != 0
    assert re.search(rf"bind|port {config.port('coder')}|address already in use", tail(server.log))


@every_name
def test_a_truncated_model_is_refused_before_and_by_the_server(config: Config, engine: EngineName) -> None:
    plan = profiles.plan(config)["coder"]
    plan.model.write_bytes(plan.model.read_bytes()[:-1000])
    with pytest.raises(ModelFileError, match=r"tiny-coder\.gguf: truncated"):
        profiles.verify(plan)
    server = start(engine, config)
    assert server.process.wait(30) > 0
    assert "tiny-coder.gguf" in tail(server.log)


@pytest.mark.parametrize("engine", [PYTHON])
def test_the_file_with_the_key_is_private(config: Config, engine: EngineName) -> None:
    with running(engine, config):
        settings = config.home.run / "llama-cpp-python-coder.json"
        assert stat.S_IMODE(settings.stat().st_mode) == 0o600
