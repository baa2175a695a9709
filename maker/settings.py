"""What maker.toml can say: frozen typed sections, each setting with its default, its limits and its meaning."""

import re
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from maker.home import Home

ModeName = Literal["high", "low"]
Target = Literal["all", "high", "low"]
RoleName = Literal["preprocessor", "planner", "coder", "reviewer", "voter", "gpt-oss"]
EngineName = Literal["auto", "llama-server", "xllamacpp", "llama-cpp-python"]

MODES: tuple[ModeName, ...] = get_args(ModeName)
TARGETS: tuple[Target, ...] = get_args(Target)
ROLES: tuple[RoleName, ...] = get_args(RoleName)
MAX_PORT = 65535
K = TypeVar("K", str, SecretStr)


def _address(url: str) -> str:
    """The URL without a slash at its end."""
    if not re.fullmatch(r"https?://[^\s/]\S*?/v1/?", url):
        raise ValueError(f"is {url!r}; allowed: an address that begins with http:// or https:// and ends in /v1")
    return url.rstrip("/")


def _sendable(key: K) -> K:
    """A key as a header can carry it: most clients refuse to send any other letter."""
    said = key if isinstance(key, str) else key.get_secret_value()
    if not (said.isascii() and said.isprintable() and " " not in said):
        raise ValueError("a key is of ASCII letters, digits and marks, without spaces: clients send no other")
    return key


Key = Annotated[str, AfterValidator(_sendable)]
SecretKey = Annotated[SecretStr, AfterValidator(_sendable)]
Url = Annotated[str, AfterValidator(_address)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]
"""TOML gives lists, which a strict tuple refuses."""
Urls = Annotated[tuple[Url, ...], Field(strict=False)]


class Section(BaseModel):
    """Base of every section: immutable; unknown keys are errors, and so is a value of another type than its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, strict=True, allow_inf_nan=False)


class Ports(Section):
    """TCP ports before `port_offset` is added; every one is bound to loopback only."""

    preprocessor: int = Field(8000, ge=1, le=MAX_PORT)
    planner: int = Field(8001, ge=1, le=MAX_PORT)
    coder: int = Field(8002, ge=1, le=MAX_PORT)
    reviewer: int = Field(8003, ge=1, le=MAX_PORT)
    voter: int = Field(8004, ge=1, le=MAX_PORT)
    gpt_oss: int = Field(8005, ge=1, le=MAX_PORT, alias="gpt-oss")
    orchestrator_high: int = Field(8080, ge=1, le=MAX_PORT, alias="orchestrator-high")
    orchestrator_low: int = Field(8081, ge=1, le=MAX_PORT, alias="orchestrator-low")
    mcp: int = Field(9001, ge=1, le=MAX_PORT)
    redis: int = Field(6379, ge=1, le=MAX_PORT)
    qdrant: int = Field(6333, ge=1, le=MAX_PORT)
    phoenix: int = Field(6006, ge=1, le=MAX_PORT)

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
    urls: Urls = Field(
        (),
        description="OpenAI-compatible servers to use instead of one that maker starts (each ends in /v1).",
    )
    model_id: str | None = Field(
        None, min_length=1, description="The id to ask the servers of `urls` for; left out, the only one they list."
    )
    api_key: SecretKey | None = Field(
        None, min_length=1, description="Key that the servers of `urls` ask for, if they do."
    )
    engine: EngineName | None = Field(None, description="Engine for this role; the global `engine` where left out.")
    slots: int | None = Field(None, ge=1, le=64, description="Requests the server works on at once.")
    context: int | None = Field(None, ge=256, description="Tokens per slot (prompt and answer together).")
    cache_ram_mib: int | None = Field(None, ge=0, description="Host memory for cached prompts, in MiB.")
    threads: int | None = Field(None, ge=1, description="CPU threads for generation and prompt.")
    gpu_layers: int | None = Field(None, ge=0, description="Layers on the GPU; 0 keeps the model on the CPU.")
    trust_template: bool = Field(False, description="Use the file's own chat template though maker does not know it.")

    @model_validator(mode="after")
    def _are_for_urls(self) -> "Role":
        """Refuse what only servers elsewhere are asked with where there is none."""
        if not self.urls and (self.model_id or self.api_key):
            raise ValueError("model_id and api_key are for servers that maker does not start; give their urls too")
        return self


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
    k: int = Field(
        2, ge=1, le=20, description="Lead over every other behaviour that decides a vote; at most max_candidates."
    )
    max_candidates: int = Field(8, ge=1, le=64, description="Candidates for one step and round at most.")
    diversity: float = Field(
        0, ge=0, le=1, description="Share of a vote's later waves that gpt-oss writes, where it runs, not the coder."
    )
    max_rounds: int = Field(2, ge=0, le=5, description="Revisions after a validator's refusal.")
    max_steps: int = Field(6, ge=1, le=50, description="Steps of a plan at most.")
    max_inputs: int = Field(8, ge=0, le=64, description="Calls, and checks, that candidates are run on, at most each.")
    read_only_tools: Texts = Field(
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

    @field_validator("high", "low")
    @classmethod
    def _can_decide(cls, mode: Mode) -> Mode:
        """Refuse a lead that no vote can reach; a request's own budget may ask for it, and gets the best there is."""
        if mode.k > mode.max_candidates:
            raise ValueError(
                f"k is {mode.k} and max_candidates {mode.max_candidates}, so that no vote could be decided; "
                "allowed: k up to max_candidates"
            )
        return mode


class Sandbox(Section):
    """Where candidates are run, so that what they do is voted on. Tests of `maker eval` are run in any case."""

    enabled: bool = Field(True, description="Run candidates; switched off, their texts are compared instead.")


class Server(Section):
    """The HTTP interface of both orchestrators and of mcp."""

    allowed_origins: Texts = Field((), description="Browser origins that may call; none by default.")
    api_key: Key | None = Field(None, min_length=8, description="Key that clients must send; none by default.")
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

    url: Url | None = Field(None, description="OpenAI-compatible server; ends in /v1.")
    model: str | None = Field(None, description="The id to ask it for; the client's own where left out.")
    api_key: Key | None = Field(None, description="Key that the server asks for, if it does.")


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
    sandbox: Sandbox = Sandbox()
    server: Server = Server()
    redis: Redis = Redis()
    qdrant: Qdrant = Qdrant()
    phoenix: Phoenix = Phoenix()
    embeddings: Outside = Field(Outside(), description="Who answers /v1/embeddings; a server with an embedding model.")
    rerank: Outside = Field(Outside(), description="Who answers /v1/rerank; a server with a reranking model.")
    home: Home = Field(exclude=True)

    @field_validator("ports")
    @classmethod
    def _are_ports(cls, ports: Ports, info: ValidationInfo) -> Ports:
        """Refuse a port that the offset lifts out of range; it lifts none of the defaults so far."""
        offset = info.data.get("port_offset", 0)
        for name, field in Ports.model_fields.items():
            port, service = getattr(ports, name), field.alias or name
            if port + offset > MAX_PORT:
                raise ValueError(
                    f"{service} is {port}, and with port_offset {offset} that is {port + offset}; "
                    f"allowed: {MAX_PORT} at most"
                )
        return ports

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
