"""An orchestrator that is killed in the middle of a stream leaves nothing behind, and the next one answers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from maker.config import ROLES, Config, Home, child_environment
from maker.models.slots import in_use
from tests.pipeline.support import ALSO_GOOD, GOOD, IMPLEMENTED, PLAN, TESTS, fenced
from tests.server.orchestra import coding
from tests.support import tail, wait_until, write_toml

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

SOURCE = Path(__file__).parents[1]
START_S = 60.0
CLOSED_S = 0.5
FREE_S = 2.0
EXTRA = "[phoenix]\nenabled = false\n[redis]\nenabled = false\n"
SAID: dict[str, list[Any]] = {
    "preprocessor": [{"kind": "code"}],
    "planner": [PLAN, IMPLEMENTED],
    "gpt-oss": [TESTS],
    "coder": [fenced(GOOD), fenced(ALSO_GOOD)],
}


class Bundle:
    """A low orchestrator and fake model servers, each a process of its own."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.http = httpx.Client(trust_env=False, timeout=90)

    def url(self, service: str, path: str) -> str:
        return f"http://127.0.0.1:{self.config.port(service)}{path}"

    def seen(self, role: str) -> dict[str, Any]:
        """What the role's server saw."""
        return dict(self.http.get(self.url(role, "/control")).json())

    def behave(self, role: str, **how: Any) -> None:
        self.http.post(self.url(role, "/control"), json=how).raise_for_status()

    def script(self) -> None:
        for role, said in SAID.items():
            self.behave(role, replies=[json.dumps(one) if isinstance(one, dict) else one for one in said])

    def answers(self, service: str, path: str) -> bool:
        try:
            return self.http.get(self.url(service, path)).status_code == 200
        except httpx.TransportError:
            return False

    def slots(self) -> int:
        """How many of the coder's slots are held."""
        return in_use(self.config.home.run / "slots" / "coder")[0]


@contextmanager
def process(name: str, config: Config, *argv: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A process of this Python, which is ended by its own handle."""
    config.home.log.mkdir(exist_ok=True)
    environment = child_environment(MAKER_HOME=str(config.home.root), MAKER_MODE="low")
    with (config.home.log / f"{name}.log").open("ab") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", *argv], cwd=SOURCE, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield running
    finally:
        running.kill()
        running.wait(10)


@contextmanager
def orchestrator(bundle: Bundle) -> "Iterator[subprocess.Popen[bytes]]":
    with process("orchestrator-low", bundle.config, "maker", "serve", "orchestrator-low") as running:
        log = bundle.config.home.log / "orchestrator-low.log"

        def ready() -> bool:
            assert running.poll() is None, tail(log)
            return bundle.answers("orchestrator-low", "/ready")

        wait_until(ready, within_s=START_S, why=f"the orchestrator is ready\n{tail(log)}")
        yield running


@pytest.fixture
def bundle(home: Home) -> Iterator[Bundle]:
    config = write_toml(home, EXTRA)
    home.api_key.write_text("key-for-tests-0123456789\n", encoding="ascii")
    with ExitStack() as stack:
        for role in ROLES:
            argv = ["tests.fake_llama", "--port", str(config.port(role)), "--key-file", str(home.api_key)]
            stack.enter_context(process(role, config, *argv))
        found = Bundle(config)
        stack.callback(found.http.close)
        for role in ROLES:
            wait_until(lambda role=role: found.answers(role, "/health"), within_s=START_S, why=f"{role} answers")  # type: ignore[misc]
        yield found


def killed_while_streaming(bundle: Bundle, running: "subprocess.Popen[bytes]") -> float:
    """Ask for code, kill the orchestrator once the coder is writing; when that was, in monotonic seconds."""
    url = bundle.url("orchestrator-low", "/v1/chat/completions")
    received = b""
    with bundle.http.stream("POST", url, json=coding(stream=True)) as reply:
        pieces = reply.iter_raw()
        while b"plan:" not in received:
            received += next(pieces)
        wait_until(lambda: bundle.seen("coder")["busy"] == 2, within_s=10, why="a wave of two is being written")
        assert bundle.slots() == 2
        killed = time.monotonic()
        os.kill(running.pid, signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            for piece in pieces:
                received += piece
    assert b"[DONE]" not in received and b'"finish_reason":"stop"' not in received
    return killed


def test_what_a_killed_orchestrator_held_is_free_at_once_and_the_next_one_answers(bundle: Bundle) -> None:
    with orchestrator(bundle) as first:
        bundle.script()
        bundle.behave("coder", tokens=500, token_delay_s=0.05)
        killed = killed_while_streaming(bundle, first)
        wait_until(lambda: bundle.slots() == 0, within_s=FREE_S, why="the locks of the slots are free")
        wait_until(lambda: bundle.seen("coder")["open"] == 0, within_s=FREE_S, why="its connections are closed")
        [generation] = bundle.seen("coder")["generations"]
        assert generation["closed"] - killed <= CLOSED_S
        assert bundle.seen("coder")["busy"] == 0
    with orchestrator(bundle):
        bundle.script()
        reply = bundle.http.post(bundle.url("orchestrator-low", "/v1/chat/completions"), json=coding())
        assert reply.status_code == 200, reply.text
        assert GOOD in reply.json()["choices"][0]["message"]["content"]
        assert bundle.slots() == 0
        assert [bundle.seen(role)["open"] for role in ROLES] == [0] * len(ROLES)
        assert bundle.seen("reviewer")["requests"] == 0
