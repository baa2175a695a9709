"""The registered repositories behind the pipeline's interface: searched through mcp, copied from the disk."""

import asyncio
import itertools
import json
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import httpx
from pydantic import TypeAdapter, ValidationError

from maker.chat.sse import Decoder
from maker.config import Config
from maker.errors import NotRunning, ToolError
from maker.pipeline.repository import Copy, Excerpt
from maker.tools import copying, registry, search
from maker.tools.registry import Registered

log = logging.getLogger(__name__)

MAX_EXCERPTS = 20
MAX_QUERY = 4000
"""Characters of the request that are searched for: the last ones, where people put what they want."""
TIMEOUT_S = 10.0
PROTOCOL = "2025-11-25"
COPIES = "copies"

MATCHES = TypeAdapter(search.Matches)


class Repositories:
    """The repositories of this machine's owner; `http` is a client for loopback."""

    def __init__(self, config: Config, http: httpx.AsyncClient) -> None:
        self._config, self._http = config, http
        self._numbers = itertools.count(1)

    async def search(self, workspace: str, query: str) -> Sequence[Excerpt]:
        """The pieces that have most to do with the query, best first, by mcp's tool `search_code`.

        Raises:
            ToolError: no such workspace, or the tool refused.
            NotRunning: mcp does not answer as it should.
        """
        name = (await self._found(workspace)).name
        arguments = {"query": query[-MAX_QUERY:], "workspace": name, "max_results": MAX_EXCERPTS}
        result = await self._call("search_code", arguments)
        try:
            found = MATCHES.validate_python(result.get("structuredContent"))
        except ValidationError:
            raise _silent() from None
        return [Excerpt(one.path, one.first_line, one.last_line, one.text, one.score) for one in found.matches]

    @asynccontextmanager
    async def copy(self, workspace: str) -> AsyncIterator[Copy]:
        """A copy of the workspace in MAKER_HOME/run, removed when the context ends.

        Raises:
            ToolError: no such workspace, or it cannot be copied.
        """
        found = await self._found(workspace)
        stop, stack = threading.Event(), ExitStack()

        def make() -> copying.Copied:
            return stack.enter_context(copying.copied(found.path, self._config.home.run / COPIES, stop.is_set))

        making = asyncio.create_task(asyncio.to_thread(make))
        try:
            try:
                made = await asyncio.shield(making)
            except OSError as error:
                raise ToolError(f"{str(found.path)!r} could not be copied: {error}") from error
            yield Copy(made.root, found.trusted)
        finally:
            stop.set()
            # Shielded: who is cancelled meanwhile must not leave the copy behind.
            await asyncio.shield(asyncio.create_task(_closed(making, stack)))

    async def _found(self, workspace: str) -> Registered:
        return await asyncio.to_thread(registry.find, self._config.home, workspace)

    async def _call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One tool call of MCP over HTTP; the server keeps no sessions, so that one request is all it takes."""
        number = next(self._numbers)
        params = {"name": tool, "arguments": arguments}
        body = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": PROTOCOL}
        if key := self._config.server.api_key:
            headers["Authorization"] = f"Bearer {key}"
        url = f"http://127.0.0.1:{self._config.port('mcp')}/mcp"
        try:
            answer = await self._http.post(url, json=body, headers=headers, timeout=TIMEOUT_S)
            answer.raise_for_status()
            result = _message(answer, number)["result"]
            said = [part.get("text", "") for part in result["content"] if isinstance(part, dict)]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            log.info("mcp did not answer a call of %s: %r", tool, error)
            raise _silent() from error
        if result.get("isError"):
            raise ToolError(" ".join(said) or f"mcp's tool {tool} failed")
        return dict(result)


async def _closed(making: "asyncio.Task[copying.Copied]", stack: ExitStack) -> None:
    await asyncio.gather(making, return_exceptions=True)
    await asyncio.to_thread(stack.close)


def _message(answer: httpx.Response, number: int) -> dict[str, Any]:
    """The answer to request `number`, be it JSON or a stream of events that ends with it.

    Raises:
        ValueError: there is none.
    """
    texts = [answer.text]
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        texts = Decoder().feed(answer.content)
    for text in texts:
        message = json.loads(text) if text else None
        if isinstance(message, dict) and message.get("id") == number:
            return message
    raise ValueError("no answer")


def _silent() -> NotRunning:
    return NotRunning("mcp does not answer; `maker status` says why")
