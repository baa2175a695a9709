"""The MCP server: tools as clients see them, over HTTP for the registered workspaces or over stdio for one folder."""

import asyncio
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import hypercorn.asyncio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError as McpToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ToolAnnotations
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from maker import loopback
from maker.config import Config
from maker.errors import ConfigError, StoreError, ToolError
from maker.guard import App, Guard
from maker.index.index import Index
from maker.tools import files, registry, search
from maker.tools.workspace import Workspace

PATH = "/mcp"
WORKSPACE_HEADER = "x-maker-workspace"
HEALTH_TIMEOUT_S = 1

Root = Callable[[str | None, str | None], Path]
"""Which folder a call means: from the workspace the client is bound to (a header) and the one the call names."""

READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)


def build(root: Root) -> MCPServer[Any]:
    """A server with every tool; `root` says which folder a call is about."""
    server: MCPServer[Any] = MCPServer("maker", title="maker: your code", version=version("maker"), log_level="WARNING")

    @server.tool(title="Read a file", annotations=READ_ONLY)
    def read_file(
        ctx: Context[Any, Any],
        path: Annotated[str, Field(description="Relative to the workspace, with / between folders.")],
        workspace: Annotated[
            str | None, Field(description="Name of the workspace; see `maker workspace list`.")
        ] = None,
        start_line: Annotated[int, Field(description="First line to return; lines count from 1.")] = 1,
        end_line: Annotated[int | None, Field(description="Last line to return; the end where left out.")] = None,
    ) -> files.FileText:
        """Read a text file of the workspace, whole or a range of lines; files that usually hold secrets are refused."""
        try:
            with Workspace(root((ctx.headers or {}).get(WORKSPACE_HEADER), workspace)) as opened:
                return files.read_file(opened, path, start_line, end_line)
        except (ToolError, ConfigError) as error:
            raise McpToolError(str(error)) from error

    @server.tool(title="Search the code", annotations=READ_ONLY)
    def search_code(
        ctx: Context[Any, Any],
        query: Annotated[str, Field(description="What to look for: names, words, a sentence.", max_length=4000)],
        workspace: Annotated[
            str | None, Field(description="Name of the workspace; see `maker workspace list`.")
        ] = None,
        max_results: Annotated[int, Field(description="How many pieces to return at most.", ge=1, le=50)] = 10,
    ) -> search.Matches:
        """Find the pieces of the workspace's text files that have most words in common with the query, best first."""
        try:
            return search.search_code(root((ctx.headers or {}).get(WORKSPACE_HEADER), workspace), query, max_results)
        except (ToolError, ConfigError) as error:
            raise McpToolError(str(error)) from error

    return server


def registered_root(config: Config) -> Root:
    """Folders of registered workspaces; a client that is bound to one reaches no other."""

    def root(bound: str | None, named: str | None) -> Path:
        if bound and named and bound != named:
            raise ToolError(f"this client is bound to the workspace {bound!r}; leave out the workspace")
        workspaces = {workspace.name: workspace.path for workspace in registry.load(config.home)}
        name = bound or named
        if name in workspaces:
            return workspaces[name]
        known = ", ".join(workspaces) or "none; `maker workspace add PATH` registers one"
        wrong = f"no workspace is called {name!r}" if name else "name a workspace"
        raise ToolError(f"{wrong}; registered: {known}")

    return root


def app(config: Config, index: Index | None) -> App:
    """What the port serves: the tools at /mcp and the state at /health, behind the guard."""
    port, server = config.port("mcp"), build(registered_root(config))

    async def health(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "index": await index_state(index)})

    hosts = [f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")]
    inner = server.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        max_request_body_size=config.server.max_body_bytes,
        transport_security=TransportSecuritySettings(
            allowed_hosts=hosts, allowed_origins=list(config.server.allowed_origins)
        ),
    )
    inner.router.routes.append(Route("/health", health, methods=["GET"]))
    return Guard(
        inner,
        port=port,
        max_body_bytes=config.server.max_body_bytes,
        allowed_origins=config.server.allowed_origins,
        api_key=config.server.api_key,
    )


async def index_state(index: Index | None) -> dict[str, str | int]:
    """Which engine keeps the code index and how many points it has, within a second; `down` if it does not answer."""
    if index is not None:
        try:
            return {"engine": index.engine, "points": await asyncio.wait_for(index.count(), HEALTH_TIMEOUT_S)}
        except (StoreError, TimeoutError):
            pass
    return {"engine": "down", "points": 0}


async def serve(config: Config, index: Index | None, shutdown: Callable[[], Awaitable[None]] | None = None) -> None:
    """Serve on loopback until SIGTERM or SIGINT, or until `shutdown` returns. The caller closes the index.

    Raises:
        PortBusy: another program has the port.
    """
    settings = loopback.settings(config.port("mcp"))
    await hypercorn.asyncio.serve(app(config, index), settings, shutdown_trigger=shutdown)  # type: ignore[arg-type]


def serve_stdio(config: Config, root: Path) -> None:
    """Serve one folder to the program that started this one, over stdin and stdout, until stdin ends.

    Raises:
        ConfigError: tools must not be pointed at that folder.
    """
    folder = registry.checked_root(config.home, root)

    def only(bound: str | None, named: str | None) -> Path:
        if named not in (None, folder.name):
            raise ToolError(f"this server knows only the workspace {folder.name!r}; leave out the workspace")
        return folder

    build(only).run("stdio")
