"""A model server of each engine with a real model, for tests: started by the command maker itself would run."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from maker.catalog import tiny
from maker.config import Config, EngineName, Home, child_environment
from maker.engine.installed import Installed
from maker.engine.launch import command, settled
from tests.support import tail, wait_until, write_toml

BUILT = Path(__file__).parents[2] / ".build" / "engines"
"""Where scripts/build-engines.sh puts the compiled engines."""

INSTALLED: dict[str, Installed] = {
    "xllamacpp": Installed(xllamacpp=Path(sys.executable)),
    "llama-server": Installed(llama_server=BUILT / "bin" / "llama-server"),
    "llama-cpp-python": Installed(llama_cpp_python=BUILT / "venv" / "bin" / "python"),
}

KEY = "key-for-tests-0123456789"
QUESTION = {"messages": [{"role": "user", "content": "Say something."}], "seed": 1, "max_tokens": 300}
PROGRAM = {
    **QUESTION,
    "messages": [{"role": "user", "content": "Write a Python function total(xs) that returns the sum of xs."}],
}
END = 1020
"""The id of `<|im_end|>` in both tiny models."""
ENDLESS = {**QUESTION, "max_tokens": 8000, "logit_bias": {str(END): -100}}
"""A question whose answer fills the slot, because the token that ends it never comes."""


@dataclass
class Server:
    """A running model server."""

    engine: str
    config: Config
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.config.port('coder')}"

    @property
    def slots(self) -> int:
        return settled(self.config, INSTALLED[self.engine])["coder"].slots

    def client(self, key: str | None = KEY) -> httpx.Client:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        with self.client() as client:
            answer = client.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"exited with {self.process.returncode}: {tail(self.log)}")
        with self.client() as client, suppress(httpx.HTTPError):
            return client.get("/v1/models").status_code == 200
        return False


@contextmanager
def home_with_model(engine: EngineName) -> Iterator[Config]:
    """A MAKER_HOME with a key and the tiny coder's file."""
    with tempfile.TemporaryDirectory(prefix="mk-", dir="/tmp") as folder:
        config = write_toml(Home(Path(folder)), engine=f'"{engine}"')
        config.home.api_key.write_text(KEY + "\n", encoding="ascii")
        tiny.write(config.home.models, ["coder"], lambda name, done, total: None)
        yield config


def start(engine: EngineName, config: Config) -> Server:
    """Start the coder's server; it is not ready yet, and the caller ends it."""
    run = command(config, "coder", INSTALLED[engine])
    log = config.home.root / "server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(run.argv, env=child_environment(**run.env), stdout=file, stderr=subprocess.STDOUT)
    return Server(engine, config, process, log)


@contextmanager
def running(engine: EngineName, config: Config) -> Iterator[Server]:
    """A server that answers; killed afterwards if it still lives."""
    server = start(engine, config)
    try:
        wait_until(server.ready, within_s=30, why=f"{engine} does not answer: {server.log}")
        yield server
    finally:
        server.process.kill()
        server.process.wait(10)
