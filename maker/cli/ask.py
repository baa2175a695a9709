"""`maker ask`: one question to an orchestrator, over HTTP like any other client."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import httpx

from maker.chat.sse import Decoder
from maker.cli.session import Session
from maker.cli.terminal import console, plain
from maker.config import MODES, Config, ModeName
from maker.errors import MakerError, NotReady, NotRunning, RequestError, ToolError
from maker.tools import registry

Json = dict[str, Any]

# The orchestrator sends something at least every ten seconds, be it a comment.
TIMEOUT = httpx.Timeout(60, connect=5)


@click.command(
    epilog="""\b
Examples:
  maker ask "Why is 0.1 + 0.2 not 0.3?"
  maker ask --mode low Write a haiku about sockets
  git diff | maker ask -         the question comes from standard input
"""
)
@click.option("--mode", type=click.Choice(MODES), default="high", show_default=True, help="Who validates the answer.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer; the mode's limit otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end instead of the text.")
@click.argument("text", nargs=-1, required=True)
@click.pass_obj
def ask(session: Session, mode: ModeName, max_tokens: int | None, as_json: bool, text: tuple[str, ...]) -> None:
    """Ask a question and print the answer.

    In a registered repository the question is about that: see `maker workspace`.

    The answer goes to standard output as it comes; progress and what the model thinks go to standard error.
    """
    question = _question(text)
    if not question.strip():
        raise click.UsageError("the question is empty")
    body: Json = {
        "model": f"maker-{mode}",
        "messages": [{"role": "user", "content": question}],
        "stream": True,
        "stream_options": {"include_usage": True},
        **({"max_tokens": max_tokens} if max_tokens else {}),
    }
    answer = Answer(mode, quiet=as_json)
    try:
        with _stream(session.config(), mode, body) as pieces:
            for chunk in events(pieces):
                answer.add(chunk)
    finally:
        answer.end()
    if as_json:
        click.echo(json.dumps(answer.as_json(), indent=2, ensure_ascii=False))


def _question(words: tuple[str, ...]) -> str:
    """What is asked; bytes that are no UTF-8, which a diff may well hold, become U+FFFD."""
    given = sys.stdin.buffer.read() if words == ("-",) else " ".join(words).encode(errors="surrogateescape")
    return given.decode(errors="replace")


def events(pieces: Iterable[bytes]) -> Iterator[Json]:
    """The chunks of a streamed answer.

    Raises:
        MakerError: the stream ends in an error, or without its end.
    """
    decoder = Decoder()
    for piece in pieces:
        for data in decoder.feed(piece):
            if data == "[DONE]":
                return
            chunk: Json = json.loads(data)
            if "error" in chunk:
                raise MakerError(_message(chunk))
            yield chunk
    raise MakerError("the answer was cut short: the orchestrator closed the connection")


class Answer:
    """Adds the chunks up, and prints them as they come unless told to be quiet."""

    def __init__(self, mode: ModeName, *, quiet: bool) -> None:
        self._seen: Json = {"mode": mode, "text": "", "reasoning": "", "finish_reason": None}
        self._seen |= {"usage": None, "maker": None}
        self._quiet = quiet
        self._out = sys.stdout
        # Bytes for a program, but a terminal must not obey what a model writes.
        self._clean = plain if self._out.isatty() else str
        self._err = console(stderr=True)

    def add(self, chunk: Json) -> None:
        """Take one chunk in."""
        for name in ("usage", "maker"):
            self._seen[name] = chunk.get(name) or self._seen[name]
        for choice in chunk.get("choices", [])[:1]:
            delta = choice.get("delta") or {}
            self._seen["finish_reason"] = choice.get("finish_reason") or self._seen["finish_reason"]
            if reasoning := delta.get("reasoning_content"):
                self._seen["reasoning"] += reasoning
                self._print_reasoning(reasoning)
            if text := delta.get("content"):
                self._print_text(text)
                self._seen["text"] += text

    def end(self) -> None:
        """Close the last line, and say so where the answer stopped at its limit, or was nobody's vote."""
        if self._quiet:
            return
        if self._seen["text"] and not self._seen["text"].endswith("\n"):
            click.echo()
        if self._seen["finish_reason"] == "length":
            self._err.print("(the answer reached its limit of tokens)", style="dim")
        if self._seen["maker"] and not self._seen["maker"]["steps"]:
            self._err.print("(taken for a question: answered by the coder alone, without a vote)", style="dim")

    def as_json(self) -> Json:
        """What `--json` prints."""
        return self._seen

    def _print_text(self, text: str) -> None:
        if not self._quiet:
            if self._seen["reasoning"] and not self._seen["text"] and self._out.isatty():
                self._err.print()
            # Not click.echo, which takes escape sequences out of what goes to a program.
            self._out.write(self._clean(text))
            self._out.flush()

    def _print_reasoning(self, text: str) -> None:
        if not self._quiet:
            self._err.print(plain(text), style="dim", end="", markup=False, soft_wrap=True)


@contextmanager
def _stream(config: Config, mode: ModeName, body: Json) -> Iterator[Iterator[bytes]]:
    port = config.port(f"orchestrator-{mode}")
    key = config.server.api_key
    headers = {**({"Authorization": f"Bearer {key}"} if key else {}), **_here(config)}
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    try:
        with (
            # A proxy of the environment must not see what is asked on loopback.
            httpx.Client(timeout=TIMEOUT, headers=headers, trust_env=False) as client,
            client.stream("POST", url, json=body) as response,
        ):
            if response.status_code != 200:
                raise _refusal(response.status_code, response.read())
            yield response.iter_bytes()
    except httpx.ConnectError as error:
        raise NotRunning(f"orchestrator-{mode} does not answer on port {port}; run `maker start`") from error
    except httpx.TimeoutException as error:
        raise NotReady(f"orchestrator-{mode} went silent; see `maker logs orchestrator-{mode}`") from error
    except httpx.HTTPError as error:
        raise MakerError(f"the connection to orchestrator-{mode} broke: {error}") from error


def _here(config: Config) -> dict[str, str]:
    """The header that names the repository of the current folder, if it is registered."""
    try:
        return {"x-maker-workspace": registry.find(config.home, str(Path.cwd())).path.as_uri()}
    except (ToolError, OSError):  # the folder may be gone
        return {}


def _refusal(status: int, body: bytes) -> MakerError:
    try:
        sentence = _message(json.loads(body))
    except ValueError:
        sentence = f"what answers there is not an orchestrator of maker (HTTP status {status})"
    if status == 503:
        return NotReady(sentence)
    return RequestError(sentence) if 400 <= status < 500 else MakerError(sentence)


def _message(body: object) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("message") if isinstance(error, dict) else error or "no reason was given")
