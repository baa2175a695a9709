"""The configuration: frozen typed sections read from maker.toml, and the only reader of the environment.

Defaults stand in the types; maker.toml overrides them; `MAKER_HOME` says where maker.toml is and `MAKER_MODE` which
mode an orchestrator serves. Unknown keys are errors, so that a misspelt setting is never ignored.
"""

import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from maker.errors import ConfigError

ModeName = Literal["high", "low"]
Target = Literal["all", "high", "low"]
RoleName = Literal["preprocessor", "planner", "coder", "reviewer", "voter", "gpt-oss"]
EngineName = Literal["auto", "llama-server", "xllamacpp", "llama-cpp-python"]

MODES: tuple[ModeName, ...] = get_args(ModeName)
TARGETS: tuple[Target, ...] = get_args(Target)
ROLES: tuple[RoleName, ...] = get_args(RoleName)

# A unix socket's path has room for 104 bytes on macOS and 108 on Linux; run/supervisor.sock must fit behind the home.
MAX_HOME_BYTES = 80


class Section(BaseModel):
    """Base of every section: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Ports(Section):
    """TCP ports before `port_offset` is added; every one is bound to loopback only."""

    preprocessor: int = Field(8000, ge=1, le=65535)
    planner: int = Field(8001, ge=1, le=65535)
    coder: int = Field(8002, ge=1, le=65535)
    reviewer: int = Field(8003, ge=1, le=65535)
    voter: int = Field(8004, ge=1, le=65535)
    gpt_oss: int = Field(8005, ge=1, le=65535, alias="gpt-oss")
    orchestrator_high: int = Field(8080, ge=1, le=65535, alias="orchestrator-high")
    orchestrator_low: int = Field(8081, ge=1, le=65535, alias="orchestrator-low")
    mcp: int = Field(9001, ge=1, le=65535)
    redis: int = Field(6379, ge=1, le=65535)
    qdrant: int = Field(6333, ge=1, le=65535)
    phoenix: int = Field(6006, ge=1, le=65535)

    @model_validator(mode="after")
    def _are_distinct(self) -> "Ports":
        """Refuse one port for two services."""
        owners: dict[int, str] = {}
        for name, field in type(self).model_fields.items():
            port, service = getattr(self, name), field.alias or name
            if port in owners:
                raise ValueError(f"{port} is given to {owners[port]} and to {service}; each needs a port of its own")
            owners[port] = service
        return self


class Role(Section):
    """One role's model server. What is left out comes from the profile."""

    model: str | None = Field(None, description="GGUF file; relative to MAKER_HOME/models.")
    urls: tuple[str, ...] = Field(
        (),
        description="OpenAI-compatible servers to use instead of one that maker starts (each ends in /v1).",
    )
    engine: EngineName | None = Field(None, description="Engine for this role; the global `engine` where left out.")
    slots: int | None = Field(None, ge=1, le=64, description="Requests the server works on at once.")
    context: int | None = Field(None, ge=256, description="Tokens per slot (prompt and answer together).")
    cache_ram_mib: int | None = Field(None, ge=0, description="Host memory for cached prompts, in MiB.")
    threads: int | None = Field(None, ge=1, description="CPU threads for generation and prompt.")
    gpu_layers: int | None = Field(None, ge=0, description="Layers on the GPU; 0 keeps the model on the CPU.")
    trust_template: bool = Field(False, description="Use the file's own chat template though maker does not know it.")


class Roles(Section):
    """The six roles."""

    preprocessor: Role = Role()
    planner: Role = Role()
    coder: Role = Role()
    reviewer: Role = Role()
    voter: Role = Role()
    gpt_oss: Role = Field(Role(), alias="gpt-oss")


class Mode(Section):
    """Limits of one quality mode; a request may ask for less, never for more."""

    temperature: float = Field(0.8, ge=0, le=2, description="Sampling temperature where the client sends none.")
    max_tokens: int = Field(4096, ge=1, description="Longest answer in tokens.")
    k: int = Field(2, ge=1, le=20, description="Lead over every other behaviour that decides a vote.")
    max_candidates: int = Field(8, ge=1, le=64, description="Candidates for one step and round at most.")
    diversity: float = Field(
        0, ge=0, le=1, description="Share of a vote's later waves that gpt-oss writes, where it runs, not the coder."
    )
    max_rounds: int = Field(2, ge=0, le=5, description="Revisions after a validator's refusal.")
    max_steps: int = Field(6, ge=1, le=50, description="Steps of a plan at most.")
    max_inputs: int = Field(8, ge=0, le=64, description="Calls, and checks, that candidates are run on, at most each.")
    read_only_tools: tuple[str, ...] = Field(
        (), description="Tools of agents that change nothing, besides those maker knows: called without a vote."
    )
    max_context: int = Field(
        12_000,
        ge=0,
        description="Characters of a repository's excerpts that are put before a task at most; 0 for none.",
    )
    wall_clock_s: float = Field(900, gt=0, description="Longest run.")
    first_token_timeout_s: float = Field(120, gt=0, description="Longest silence before a model's first token.")
    idle_timeout_s: float = Field(30, gt=0, description="Longest silence between two tokens.")
    start_budget_s: float = Field(120, gt=0, description="How long a request waits for a role that is still loading.")


class Modes(Section):
    """The two modes that are always on."""

    high: Mode = Mode()
    low: Mode = Mode()


class Server(Section):
    """The HTTP interface of both orchestrators and of mcp."""

    allowed_origins: tuple[str, ...] = Field((), description="Browser origins that may call; none by default.")
    api_key: str | None = Field(None, min_length=8, description="Key that clients must send; none by default.")
    max_body_bytes: int = Field(16 * 1024 * 1024, ge=1024, description="Longest request body.")
    max_requests: int = Field(64, ge=1, description="Requests one orchestrator works on or queues at once.")
    keep_alive_s: float = Field(10, gt=0, le=10, description="Longest silence on a stream before a keep-alive comment.")
    drain_s: float = Field(30, ge=0, description="How long running requests may go on after a stop was asked for.")


class Redis(Section):
    """Run state. Where no redis-server is installed, an in-process store takes its place and says so."""

    enabled: bool = Field(True, description="Keep run state in Redis where redis-server is installed.")
    max_memory_mib: int = Field(512, ge=16, description="Memory at which Redis refuses writes, in MiB.")


class Qdrant(Section):
    """Code index. Where no qdrant binary is installed, the embedded engine inside mcp takes its place and says so."""

    binary: str = Field("qdrant", description="Name on PATH, or path, of the server binary.")


class Phoenix(Section):
    """Traces for people; lives in its own environment under MAKER_HOME/phoenix."""

    enabled: bool = Field(True, description="Send traces to Phoenix where it is installed.")
    capture_content: bool = Field(False, description="Also record prompts and answers in the traces.")
    retention_days: int = Field(30, ge=0, description="Days to keep traces; 0 keeps them for ever.")


class Outside(Section):
    """A server that maker does not start, for what its own models do not do."""

    url: str | None = Field(None, pattern=r"^https?://", description="OpenAI-compatible server; ends in /v1.")
    model: str | None = Field(None, description="The id to ask it for; the client's own where left out.")
    api_key: str | None = Field(None, description="Key that the server asks for, if it does.")


class Config(Section):
    """Everything maker can be told; `home` is where it was read."""

    profile: str = Field(
        "tiny", pattern=r"^[a-z0-9-]+$", description="Which set of models runs; see `maker config show`."
    )
    engine: EngineName = Field("auto", description="What runs the GGUFs.")
    port_offset: int = Field(0, ge=0, le=50000, description="Added to every port.")
    ports: Ports = Ports()
    roles: Roles = Roles()
    modes: Modes = Modes()
    server: Server = Server()
    redis: Redis = Redis()
    qdrant: Qdrant = Qdrant()
    phoenix: Phoenix = Phoenix()
    embeddings: Outside = Field(Outside(), description="Who answers /v1/embeddings; a server with an embedding model.")
    rerank: Outside = Field(Outside(), description="Who answers /v1/rerank; a server with a reranking model.")
    home: "Home" = Field(exclude=True)

    def port(self, service: str) -> int:
        """TCP port of the service with the offset added."""
        return int(getattr(self.ports, service.replace("-", "_"))) + self.port_offset

    def role(self, name: str) -> Role:
        """The section of one role, by the name its service has."""
        role: Role = getattr(self.roles, name.replace("-", "_"))
        return role

    def mode(self, name: ModeName) -> Mode:
        """The section of one mode."""
        mode: Mode = getattr(self.modes, name)
        return mode


@dataclass(frozen=True)
class Home:
    """MAKER_HOME and the place of everything in it."""

    root: Path

    @property
    def toml(self) -> Path:
        """The configuration that people edit."""
        return self.root / "maker.toml"

    @property
    def supervisord_conf(self) -> Path:
        """What supervisord and supervisorctl read."""
        return self.root / "supervisord.conf"

    @property
    def supervisor_socket(self) -> Path:
        """supervisord's control socket (0600)."""
        return self.root / "run" / "supervisor.sock"

    @property
    def redis_socket(self) -> Path:
        """Redis's unix socket (0700)."""
        return self.root / "run" / "redis.sock"

    @property
    def api_key(self) -> Path:
        """The per-install key (0600) that model servers, Redis and Qdrant ask for."""
        return self.root / "api.key"

    @property
    def command(self) -> Path:
        """Link to the maker command that supervisord starts; survives upgrades."""
        return self.root / "bin" / "maker"

    @property
    def target(self) -> Path:
        """Names what should run: all, high or low."""
        return self.root / "run" / "target"

    @property
    def workspaces(self) -> Path:
        """The registered workspace roots."""
        return self.root / "workspaces.json"

    @property
    def clients(self) -> Path:
        """What maker wrote into which client's files, so that it can take it out again."""
        return self.root / "clients.json"

    @property
    def run(self) -> Path:
        """Sockets, pid files, slots, readiness."""
        return self.root / "run"

    @property
    def log(self) -> Path:
        """Bounded, rotated logs, one or more per service."""
        return self.root / "log"

    @property
    def models(self) -> Path:
        """GGUF files."""
        return self.root / "models"

    @property
    def phoenix(self) -> Path:
        """Phoenix's own environment (`venv/`) and data (`data/`)."""
        return self.root / "phoenix"

    def read_key(self) -> str:
        """The per-install key.

        Raises:
            ConfigError: there is none; `maker init` writes it.
        """
        try:
            return self.api_key.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise ConfigError(f"{self.api_key}: no key here; run `maker init` first") from None


Config.model_rebuild()


def home(environ: Mapping[str, str] | None = None) -> Home:
    """MAKER_HOME from the environment, else ~/.maker; absolute, not yet created.

    Raises:
        ConfigError: the path is too long for a unix socket below it, or has a character supervisord cannot take.
    """
    environ = os.environ if environ is None else environ
    given = environ.get("MAKER_HOME") or "~/.maker"
    try:
        root = Path(given).expanduser().absolute()
    except RuntimeError as error:
        raise ConfigError(f"MAKER_HOME {given!r} names a user unknown here; write the path out") from error
    if len(os.fsencode(root)) > MAX_HOME_BYTES:
        raise ConfigError(
            f"MAKER_HOME {str(root)!r} is longer than {MAX_HOME_BYTES} bytes, too long for a unix socket below it; "
            "choose a shorter path"
        )
    if bad := re.search(r"[%\"'\\,;\s]", str(root)):
        raise ConfigError(
            f"MAKER_HOME {str(root)!r} contains {bad.group()!r}, which supervisord cannot take; choose another path"
        )
    return Home(root)


def mode(environ: Mapping[str, str] | None = None) -> ModeName:
    """The mode an orchestrator process serves, from MAKER_MODE.

    Raises:
        ConfigError: MAKER_MODE is neither high nor low.
    """
    value = (os.environ if environ is None else environ).get("MAKER_MODE", "")
    for name in MODES:
        if value == name:
            return name
    raise ConfigError(f"MAKER_MODE is {value!r}; set it to high or low")


@dataclass(frozen=True)
class Surroundings:
    """The machine and the user, as far as other programs' files depend on them."""

    platform: str
    """As `sys.platform`: darwin or linux."""
    home: Path
    environ: Mapping[str, str]


def surroundings() -> Surroundings:
    """Where this process runs."""
    return Surroundings(sys.platform, Path.home(), dict(os.environ))


def child_environment(**changes: str) -> dict[str, str]:
    """This process's environment with `changes`, for a program that is about to be started."""
    return {**os.environ, **changes}


def search_path() -> str:
    """PATH with this installation's own programs first, then Homebrew's prefixes (launchd passes a bare PATH)."""
    own = str(Path(sys.executable).parent)
    given = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(dict.fromkeys([own, *given, "/opt/homebrew/bin", "/usr/local/bin"]))


def load(where: Home | None = None) -> Config:
    """Read MAKER_HOME/maker.toml; without that file, the defaults.

    Raises:
        ConfigError: not TOML, an unknown key, or a wrong value; the sentence names file, key and what is allowed.
    """
    where = where or home()
    try:
        text = where.toml.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where.toml}: cannot be read: {error}") from error
    return parse(text, where)


def parse(text: str, where: Home) -> Config:
    """Parse the text of maker.toml.

    Raises:
        ConfigError: as `load`.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where.toml}: not valid TOML: {error}") from error
    if "home" in values:
        raise ConfigError(f"{where.toml}: home: unknown key; set the environment variable MAKER_HOME instead")
    try:
        return Config(**values, home=where)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(where.toml, item) for item in error.errors())) from error


def _sentence(file: Path, item: Mapping[str, object]) -> str:
    path = [str(part) for part in item["loc"]]  # type: ignore[attr-defined]
    key = ".".join(path)
    if item["type"] == "extra_forbidden":
        return f"{file}: {key}: unknown key; allowed here: {', '.join(_allowed(path[:-1]))}"
    if item["type"] == "value_error":
        return f"{file}: {key}: {str(item['msg']).removeprefix('Value error, ')}"
    got = item.get("input")
    message = str(item["msg"]).removeprefix("Input should be ").replace("a valid tuple", "a list")
    return f"{file}: {key}: is {got!r}; allowed: {message}"


def _allowed(path: list[str]) -> list[str]:
    section: type[BaseModel] = Config
    for part in path:
        field = section.model_fields.get(part) or section.model_fields[part.replace("-", "_")]
        section = field.annotation  # type: ignore[assignment]
    return sorted(field.alias or name for name, field in section.model_fields.items() if name != "home")
