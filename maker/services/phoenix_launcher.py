"""Starts Phoenix with everything closed; runs in Phoenix's own environment, so it imports nothing of maker.

What is covered: one listener, HTTP on 127.0.0.1 (the gRPC listener, which Phoenix binds on every interface, is switched
off); Host and Origin are checked on every request; Phoenix's telemetry, external resources, MCP server, assistant,
sandboxes and metrics port are off, whatever the environment says; files are readable by this user only.

What is not covered: other users of the machine, who can reach loopback; Phoenix asks for no key here.

    python -I phoenix_launcher.py PORT DATA_DIRECTORY RETENTION_DAYS
"""

import inspect
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

environment = os.environ  # noqa: TID251 - a script for another interpreter, where maker.config is not


class LoopbackOnly(BaseHTTPMiddleware):
    """Turns away requests for another host (421) and requests of pages from another origin (403)."""

    async def dispatch(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Pass the request on or refuse it."""
        hosts = {f"{name}:{environment['PHOENIX_PORT']}" for name in ("127.0.0.1", "localhost")}
        given = request.headers.getlist("host")
        if len(given) != 1 or given[0].lower() not in hosts:
            return PlainTextResponse("not served for this host", status_code=421)
        if not {*request.headers.getlist("origin")} <= {f"http://{host}" for host in hosts}:
            return PlainTextResponse("not served to pages of this origin", status_code=403)
        return await call_next(request)


def settings(port: str, data: str, retention_days: str) -> dict[str, str]:
    """The whole of Phoenix's configuration."""
    return {
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": port,
        "PHOENIX_WORKING_DIR": data,
        "PHOENIX_DEFAULT_RETENTION_POLICY_DAYS": retention_days,
        "PHOENIX_LOG_MIGRATIONS": "false",
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
        "PHOENIX_ENABLE_PROMETHEUS": "false",
        "PHOENIX_ENABLE_MCP_SERVER": "false",
        "PHOENIX_ENABLE_MCP_CODE_MODE": "false",
        "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
        "PHOENIX_AGENTS_DISABLE_BASH": "true",
        "PHOENIX_AGENTS_DISABLE_WEB_ACCESS": "true",
        "PHOENIX_AGENTS_DISABLE_GITHUB": "true",
        "PHOENIX_AGENTS_ENABLE_MCP_CODE_MODE": "false",
        "PHOENIX_ALLOWED_SANDBOX_PROVIDERS": "NONE",
        "PHOENIX_FASTAPI_MIDDLEWARE_PATHS": f"{os.path.abspath(__file__)}:{LoopbackOnly.__name__}",
        # Phoenix keeps pid files in the temporary directory.
        "TMPDIR": data,
    }


def close_environment(values: dict[str, str]) -> None:
    """Set `values` and drop every other variable that Phoenix or OpenTelemetry would read."""
    for name in [name for name in environment if name.startswith(("PHOENIX_", "OTEL_"))]:
        del environment[name]
    environment.update(values)


def close_grpc(app: Any) -> None:
    """Make Phoenix's app module build its gRPC server switched off; exits where this Phoenix has no such switch."""
    original = getattr(app, "GrpcServer", None)
    if original is None or "disabled" not in inspect.signature(original).parameters:
        sys.exit(
            "this Phoenix cannot be told to close its gRPC port, so it is not started; run `maker phoenix install`"
        )

    def closed(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **{**kwargs, "disabled": True})

    app.GrpcServer = closed


def main(port: str, data: str, retention_days: str) -> None:
    """Serve until told to stop."""
    os.umask(0o077)
    os.makedirs(data, exist_ok=True)
    close_environment(settings(port, data, retention_days))
    # Only now: Phoenix reads the environment while it is imported.
    from phoenix.server import app
    from phoenix.server.main import main as serve

    close_grpc(app)
    print("maker: the gRPC collector is closed; traces are taken over HTTP only", flush=True)  # noqa: T201 - its log
    sys.argv = ["phoenix", "serve"]
    serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
