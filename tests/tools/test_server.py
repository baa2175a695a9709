"""The MCP server as clients see it: a real process, the SDK's own client, both protocol eras, HTTP and stdio."""

import asyncio
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from maker.config import Config, Home, child_environment
from maker.errors import PortBusy, StoreError
from maker.tools import registry
from maker.tools.server import index_state, serve
from tests.support import tail, wait_until, write_toml

SERVE = """
import asyncio
from maker.config import load
from maker.index.open import open_index
from maker.tools.server import serve
async def main():
    config = load()
    index = open_index(config)
    await serve(config, index)
    await index.aclose()
asyncio.run(main())
"""
STDIO = """
from pathlib import Path
from maker.config import load
from maker.tools.server import serve_stdio
serve_stdio(load(), Path.cwd())
"""
ERAS = ("legacy", "auto")


@dataclass
class Running:
    """A server process and the two workspaces it knows."""

    config: Config
    process: subprocess.Popen[bytes]
    projects: Path

    @property
    def port(self) -> int:
        return self.config.port("mcp")


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="mk-", dir="/tmp") as folder:
        home, projects = Home(Path(folder) / "home"), Path(folder) / "projects"
        config = write_toml(home, '[qdrant]\nbinary = "no-such-qdrant"\n[server]\nmax_body_bytes = 20000')
        for name in ("one", "two"):
            (projects / name / ".git").mkdir(parents=True)
            (projects / name / "main.py").write_text(f"# {name}\nprint()\n")
            (projects / name / ".env").write_text("canary")
            registry.add(home, projects / name)
        log = Path(folder) / "mcp.log"
        with log.open("wb") as out:
            environment = child_environment(MAKER_HOME=str(home.root))
            process = subprocess.Popen([sys.executable, "-c", SERVE], env=environment, stdout=out, stderr=out)
        try:
            wait_until(lambda: answers(config, process), within_s=30, why="mcp answers")
            yield Running(config, process, projects)
            process.terminate()
            assert process.wait(10) == 0
        except AssertionError:
            print(tail(log))
            raise
        finally:
            process.kill()
            process.wait(5)


def answers(config: Config, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    try:
        with socket.create_connection(("127.0.0.1", config.port("mcp")), timeout=1):
            return True
    except OSError:
        return False


@asynccontextmanager
async def client(server: Running, era: str, workspace: str | None = None) -> AsyncIterator[Client]:
    """The SDK's client, bound to a workspace by header where one is given."""
    headers = {"x-maker-workspace": workspace} if workspace else {}
    async with httpx2.AsyncClient(headers=headers, trust_env=False, timeout=10) as http:
        url = f"http://127.0.0.1:{server.port}/mcp"
        async with Client(streamable_http_client(url, http_client=http), mode=era) as connected:
            yield connected


def call(server: Running, era: str = "auto", bound: str | None = None, **arguments: Any) -> Any:
    """The result of read_file."""

    async def one() -> Any:
        async with client(server, era, bound) as connected:
            return await connected.call_tool("read_file", arguments)

    return asyncio.run(asyncio.wait_for(one(), 20))


def text(result: Any) -> str:
    return str(result.content[0].text)


@pytest.mark.processes
@pytest.mark.parametrize("era", ERAS)
def test_the_listed_tools_only_read(server: Running, era: str) -> None:
    async def listed() -> Any:
        async with client(server, era) as connected:
            return (await connected.list_tools()).tools, connected.session.protocol_version

    (tool, other), version = asyncio.run(asyncio.wait_for(listed(), 20))
    assert version == {"legacy": "2025-11-25", "auto": "2026-07-28"}[era]
    assert tool.name == "read_file"
    assert set(tool.input_schema["properties"]) == {"path", "workspace", "start_line", "end_line"}
    assert tool.input_schema["required"] == ["path"]
    assert tool.output_schema["properties"]["total_lines"]["type"] == "integer"
    hints = tool.annotations
    assert (hints.read_only_hint, hints.destructive_hint, hints.open_world_hint) == (True, False, False)
    assert other.name == "search_code" and other.annotations == hints


@pytest.mark.processes
@pytest.mark.parametrize("era", ERAS)
def test_a_file_is_read_with_its_line_numbers(server: Running, era: str) -> None:
    result = call(server, era, path="main.py", workspace="two", end_line=1)
    expected = {
        "path": "main.py",
        "text": "# two\n",
        "first_line": 1,
        "last_line": 1,
        "total_lines": 2,
        "truncated": False,
    }
    assert not result.is_error
    assert result.structured_content == expected
    assert json.loads(text(result)) == expected


@pytest.mark.processes
@pytest.mark.parametrize("era", ERAS)
def test_a_refusal_is_a_sentence_for_the_model(server: Running, era: str) -> None:
    for path, sentence in (
        ("../two/main.py", "'..' is not allowed"),
        ("/etc/passwd", "give a path relative to the workspace"),
        (".env", "usually hold secrets"),
        ("missing.py", "there is no file 'missing.py' in the workspace"),
    ):
        result = call(server, era, path=path, workspace="one")
        assert result.is_error
        assert sentence in text(result)
        assert "canary" not in text(result)
        assert str(server.projects) not in text(result)


@pytest.mark.processes
def test_without_a_workspace_nothing_is_read_and_the_names_are_given(server: Running) -> None:
    assert "name a workspace; registered: one, two" in text(call(server, path="main.py"))
    assert "no workspace is called 'three'; registered: one, two" in text(
        call(server, path="main.py", workspace="three")
    )


@pytest.mark.processes
def test_a_client_that_is_bound_to_a_workspace_reaches_no_other(server: Running) -> None:
    assert call(server, bound="one", path="main.py").structured_content["text"].startswith("# one")
    refused = call(server, bound="one", path="main.py", workspace="two")
    assert refused.is_error
    assert "bound to the workspace 'one'" in text(refused)


@pytest.mark.processes
def test_a_workspace_registered_while_it_runs_is_served(server: Running) -> None:
    (server.projects / "three").mkdir()
    (server.projects / "three" / "new.py").write_text("new\n")
    added = registry.add(server.config.home, server.projects / "three")
    assert call(server, path="new.py", workspace="three").structured_content["text"] == "new\n"
    registry.remove(server.config.home, added.name)
    assert call(server, path="new.py", workspace="three").is_error


def ask(server: Running, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    """One plain HTTP request; the Host header is what is given."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host="host" in headers)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(body)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


@pytest.mark.processes
def test_health_names_the_engine_of_the_index(server: Running) -> None:
    status, body = ask(server, "GET", "/health")
    assert (status, json.loads(body)) == (200, {"status": "ok", "index": {"engine": "embedded", "points": 0}})


@pytest.mark.processes
def test_strangers_are_refused_before_their_body_is_read(server: Running) -> None:
    json_type = {"content_type": "application/json"}
    for path in ("/mcp", "/health"):
        assert ask(server, "GET", path, host="evil.test")[0] == 421
        assert ask(server, "GET", path, origin="http://evil.test")[0] == 403
    assert ask(server, "POST", "/mcp", b"{}", origin="null", **json_type)[0] == 403
    assert ask(server, "POST", "/mcp", b"{}", content_type="text/plain")[0] == 415
    assert ask(server, "POST", "/mcp", b" " * 20001, **json_type)[0] == 413


@pytest.mark.processes
def test_it_listens_on_loopback_only(server: Running) -> None:
    family = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]
    sockets = [socket for process in family for socket in process.net_connections("inet")]
    listening = {(s.laddr.ip, s.laddr.port) for s in sockets if s.status == psutil.CONN_LISTEN}
    assert ("127.0.0.1", server.port) in listening
    assert listening <= {("127.0.0.1", server.port), ("::1", server.port)}


@pytest.mark.processes
@pytest.mark.parametrize("era", ERAS)
def test_stdio_serves_the_folder_it_was_started_in(home: Home, tmp_path: Path, era: str) -> None:
    write_toml(home)
    (tmp_path / "a.py").write_text("a\n")
    parameters = StdioServerParameters(
        command=sys.executable, args=["-c", STDIO], env={**os.environ, "MAKER_HOME": str(home.root)}, cwd=tmp_path
    )

    async def both() -> tuple[Any, Any]:
        async with Client(parameters, mode=era) as connected:
            here = await connected.call_tool("read_file", {"path": "a.py"})
            return here, await connected.call_tool("read_file", {"path": "a.py", "workspace": "other"})

    here, other = asyncio.run(asyncio.wait_for(both(), 30))
    assert here.structured_content["text"] == "a\n"
    assert "knows only the workspace" in text(other)


@pytest.mark.processes
def test_stdio_in_the_home_directory_is_refused(home: Home, tmp_path: Path) -> None:
    write_toml(home)
    environment = child_environment(HOME=str(tmp_path))
    ended = subprocess.run(
        [sys.executable, "-c", STDIO],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode != 0
    assert "holds more than a project" in ended.stderr


def loopbacks() -> list[str]:
    """The loopback addresses that this machine has."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return ["127.0.0.1"]
    return ["127.0.0.1", "::1"]


@pytest.mark.parametrize("address", loopbacks())
def test_a_port_that_is_taken_is_one_sentence(home: Home, address: str) -> None:
    config = write_toml(home)
    port = config.port("mcp")
    with socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET):
        with pytest.raises(PortBusy, match=f"port {port} cannot be used .* change the port"):
            asyncio.run(asyncio.wait_for(serve(config, None), 10))


class Silent:
    """An index that never answers."""

    engine = "server"

    async def count(self) -> int:
        await asyncio.Event().wait()
        return 0


class Broken:
    """An index whose store is away."""

    engine = "server"

    async def count(self) -> int:
        raise StoreError("away")


@pytest.mark.parametrize("index", [None, Silent(), Broken()])
def test_an_index_that_is_away_is_down_and_holds_nothing_up(index: Any) -> None:
    state = asyncio.run(asyncio.wait_for(index_state(index), 5))
    assert state == {"engine": "down", "points": 0}
