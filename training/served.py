"""A model file behind llama.cpp's server, as maker starts it."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from maker.catalog import profiles
from maker.config import Config, Home
from maker.engine import argv

PORT = 18930
LONGEST = 200
"""Tokens of an answer at most."""


class Server:
    """A model server and its key."""

    def __init__(self, port: int, key: str) -> None:
        self.url, self.key = f"http://127.0.0.1:{port}", key
        self.client = httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {key}"}, timeout=60, trust_env=False
        )

    def tokens(self, text: str) -> list[int]:
        """The ids of a text in which special tokens count."""
        asked = {"content": text, "add_special": True, "parse_special": True}
        return [int(one) for one in self._post("/tokenize", asked)["tokens"]]

    def greedy(self, messages: Sequence[dict[str, Any]]) -> str:
        """The likeliest answer."""
        asked = {"messages": list(messages), "temperature": 0, "max_tokens": LONGEST}
        return str(self._post("/v1/chat/completions", asked)["choices"][0]["message"]["content"])

    def _post(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        answer = self.client.post(path, json=asked)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def serving(model: Path, port: int = PORT) -> Iterator[Server]:
    """The model behind llama.cpp's server, as maker starts it."""
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "key"
        key.write_text("parity\n", encoding="ascii")
        plan = profiles.plan(Config(home=Home(Path(folder))))["coder"]
        words = argv.wheel(Path(sys.executable), replace(plan, model=model.absolute()), argv.Address(port, key))
        process = subprocess.Popen(words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        server = Server(port, "parity")
        try:
            _wait(server)
            yield server
        finally:
            server.client.close()
            process.kill()
            process.wait()


def _wait(server: Server) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if server.client.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"no model server at {server.url} within a minute")
