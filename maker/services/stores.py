"""Redis and Qdrant as private servers of one MAKER_HOME, and which services need no process of their own.

Covered: loopback and a 0700 unix socket only, the per-install key on both, no scripting and no administration for
clients, nothing shared with a server that the distribution runs. Not covered: another program of the same user.
"""

import hashlib
import json
import re
import shutil
from pathlib import Path

from maker.config import Config, search_path
from maker.errors import ServiceError
from maker.process import Command
from maker.services.files import write_private
from maker.services.ports import is_free


def embedded(config: Config, name: str) -> str | None:
    """Why redis, qdrant or phoenix has no process of its own, in a sentence; None if it has one."""
    match name:
        case "redis" if not config.redis.enabled:
            return "off in maker.toml: run state is kept in the orchestrators and ends with them"
        case "redis" if _program("redis-server") is None:
            return "no redis-server on PATH: run state is kept in the orchestrators and ends with them"
        case "qdrant" if _program(config.qdrant.binary) is None:
            return f"no {config.qdrant.binary} on PATH: the code index runs inside mcp"
        case "phoenix" if not config.phoenix.enabled:
            return "off in maker.toml: no traces are kept"
        case "phoenix" if not (config.home.phoenix / "venv" / "installed").is_file():
            return "not installed: no traces are kept; `maker phoenix install` adds it"
    return None


def redis_command(config: Config) -> Command:
    """Redis with a configuration of its own; writes that file.

    It listens on MAKER_HOME/run/redis.sock, and on its TCP port only where nobody else does at this moment:
    distributions start a Redis of their own on 6379.

    Raises:
        ServiceError: no redis-server on PATH.
        ConfigError: there is no per-install key.
    """
    conf = config.home.root / "redis" / "redis.conf"
    port = config.port("redis")
    write_private(conf, _redis_conf(config, port if is_free(port) else 0))
    return Command((_require("redis-server"), str(conf)))


def redis_port(config: Config) -> int | None:
    """The TCP port that Redis was started with; None if it is on its socket only, or was never started."""
    try:
        text = (config.home.root / "redis" / "redis.conf").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    found = re.search(r"^port (\d+)$", text, re.MULTILINE)
    return (int(found.group(1)) or None) if found else None


def _redis_conf(config: Config, port: int) -> str:
    digest = hashlib.sha256(config.home.read_key().encode()).hexdigest()
    return f"""\
# Written by maker at every start of redis; edits are lost.
bind 127.0.0.1 -::1
port {port}
protected-mode yes
unixsocket {config.home.redis_socket}
unixsocketperm 700
dir {config.home.root / "redis"}
daemonize no
supervised no
logfile ""
databases 4

# The password is the key in api.key. Clients may neither administrate nor run scripts (CVE-2025-49844).
user default on #{digest} ~* &* +@all -@admin -@dangerous -@scripting +info

# Run state survives a crash but for the last second.
appendonly yes
appendfsync everysec
save 300 10

# Run state must fail loudly when memory is full, never vanish.
maxmemory {config.redis.max_memory_mib}mb
maxmemory-policy noeviction
"""


def qdrant_command(config: Config) -> Command:
    """Qdrant with a configuration of its own; writes that file.

    Raises:
        ServiceError: the configured binary is not on PATH.
        ConfigError: there is no per-install key.
    """
    conf = config.home.root / "qdrant" / "config.yaml"
    write_private(conf, _qdrant_conf(config))
    argv = (_require(config.qdrant.binary), "--config-path", str(conf), "--disable-telemetry")
    # The environment beats the file in Qdrant; a stray setting there must not open it to the network.
    return Command(argv, {"QDRANT__SERVICE__HOST": "127.0.0.1", "QDRANT__SERVICE__ENABLE_CORS": "false"})


def _qdrant_conf(config: Config) -> str:
    data = config.home.root / "qdrant"
    # JSON's strings are YAML's too.
    return f"""\
# Written by maker at every start of qdrant; edits are lost.
log_level: INFO
telemetry_disabled: true
service:
  host: 127.0.0.1
  http_port: {config.port("qdrant")}
  grpc_port: null
  enable_cors: false
  api_key: {json.dumps(config.home.read_key())}
storage:
  storage_path: {json.dumps(str(data / "storage"))}
  snapshots_path: {json.dumps(str(data / "snapshots"))}
"""


def _program(name: str) -> str | None:
    return shutil.which(name, path=search_path())


def _require(name: str) -> str:
    if path := _program(name):
        return str(Path(path).absolute())
    raise ServiceError(f"{name} is not on PATH; install it, or go on without: maker then does its work itself")
