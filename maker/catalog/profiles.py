"""Which model file plays which role, with how many slots, and how much memory that takes: the profile and maker.toml.

Two profiles: `tiny`, small models that maker brings along so that everything runs anywhere, and `full`, the models of
a machine with 128 GB.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from maker.catalog import gguf, templates, tiny
from maker.config import ROLES, Config, EngineName, ModeName, RoleName
from maker.errors import ConfigError, ModelFileError

GB = 1_000_000_000
MIB = 1024 * 1024

ORCHESTRATOR_BYTES = 120_000_000
"""Upper bound for one orchestrator process with its parent."""

SERVER_BYTES = 64 * MIB
"""What a model server takes beside weights, context and prompt cache."""

ALL_LAYERS = 999
"""More layers than any model has: all of them go to the GPU, if there is one."""


@dataclass(frozen=True, slots=True)
class RolePlan:
    """How one role is served. Without `trust_template`, a chat template that maker does not know is refused."""

    role: str
    model: Path
    urls: tuple[str, ...]
    """OpenAI-compatible servers, each ending in /v1."""
    model_id: str | None
    """What servers that are not maker's are asked for."""
    engine: EngineName
    slots: int
    context: int
    """Tokens per slot."""
    cache_ram_mib: int
    threads: int
    gpu_layers: int
    served_by: str
    """The role itself; another role whose server has the same file; or the URLs of servers that are not maker's."""
    planned_bytes: int
    """Memory to expect; 0 where this role starts no server."""
    trust_template: bool

    @property
    def own_server(self) -> bool:
        """Whether maker starts a server for this role."""
        return self.served_by == self.role


@dataclass(frozen=True, slots=True)
class Share:
    """What a profile gives one role."""

    file: str
    slots: int
    context: int
    planned_bytes: int
    cache_ram_mib: int = 0


@dataclass(frozen=True, slots=True)
class Profile:
    """A set of model files that belong together."""

    shares: Mapping[RoleName, Share]
    threads: int | None
    """Threads per server; None for one per physical core."""
    gpu_layers: int
    figures: Mapping[ModeName, str]
    """What a mode takes, in words, where people know it by a figure; empty to add it up."""
    included: bool = False
    """Whether maker brings the files along."""
    fills: bool = True
    """Whether its voter or its coder was trained to fill in the middle, which autocomplete asks for."""
    edits: bool = True
    """Whether its coder changes code that is there, and does not only write new code."""
    modes: Mapping[str, int] = field(default_factory=dict)
    """Settings of both modes that `maker init` puts into maker.toml, because these models need them."""


def _tiny(role: str, slots: int) -> Share:
    # Trained on conversations of up to some 1,400 tokens; positions beyond 2048 were never seen.
    return Share(tiny.name(role), slots, context=2048, planned_bytes=80_000_000 if slots == 4 else 62_000_000)


TINY_MODES = {"max_tokens": 512, "k": 3, "max_candidates": 9, "max_rounds": 1, "max_inputs": 6, "max_context": 0}
"""As the tiny models were trained: on few inputs, one revision, and nothing of a repository before the request."""

PROFILES: Mapping[str, Profile] = {
    "tiny": Profile(
        {role: _tiny(role, slots=4 if role in ("coder", "voter") else 2) for role in ROLES},
        # Two threads per server on two busy cores are a hundred times slower than one: they spin while they wait.
        threads=1,
        gpu_layers=0,
        figures={},
        included=True,
        fills=False,
        edits=False,
        modes=TINY_MODES,
    ),
    "full": Profile(
        {
            "preprocessor": Share("gemma-2-2b-it.Q6_K.gguf", 2, 8192, 4 * GB),
            "planner": Share("nemotron-nano-2-8b-instruct.Q6_K.gguf", 2, 16384, 10 * GB, cache_ram_mib=1024),
            "coder": Share("devstral-24b-instruct-v0.1.Q6_K.gguf", 4, 16384, 30 * GB, cache_ram_mib=2048),
            "reviewer": Share("qwen-coder-32b-instruct.Q6_K.gguf", 2, 16384, 40 * GB, cache_ram_mib=1024),
            "voter": Share("qwen2.5-coder-1.5b-instruct.Q6_K.gguf", 4, 8192, 2 * GB),
            "gpt-oss": Share("gpt-oss-20b.gguf", 2, 16384, 25 * GB, cache_ram_mib=1024),
        },
        threads=None,
        gpu_layers=ALL_LAYERS,
        figures={"high": "~128GB RAM", "low": "~40-50GB RAM"},
    ),
}


def plan(config: Config) -> dict[str, RolePlan]:
    """How each of the six roles is served: maker.toml where it says something, else the profile.

    Raises:
        ConfigError: there is no such profile, or llama-cpp-python was given more than its one slot.
    """
    profile = _profile(config)
    files = {role: _file(config, role, profile.shares[role].file) for role in ROLES}
    return {role: _plan(config, profile, role, files) for role in ROLES}


def mode_figure(config: Config, mode: ModeName) -> str:
    """The memory one mode is planned to take, as `~0.5GB RAM`.

    Raises:
        ConfigError: as `plan`.
    """
    profile = _profile(config)
    if mode in profile.figures and not any(config.role(role).model or config.role(role).urls for role in ROLES):
        return profile.figures[mode]
    plans = plan(config)
    models = sum(plans[role].planned_bytes for role in ROLES if mode == "high" or role != "reviewer")
    total = (models + ORCHESTRATOR_BYTES) / GB
    return f"~{total:.0f}GB RAM" if total >= 10 else f"~{total:.1f}GB RAM"


def prepare(config: Config, report: Callable[[str, int, int], None]) -> None:
    """Put the files there that maker brings along, where they are missing or of another version of maker.

    `report(file, done, total)` is called for each.

    Raises:
        ConfigError: as `plan`.
        ModelFileError: they cannot be written.
    """
    _write(config, report, missing=True)


def renew(config: Config) -> None:
    """Replace what of the files that maker brings along is of another version of maker: prompts and weights belong
    together. One that is damaged is left for `verify` to refuse.

    Raises:
        ConfigError: as `plan`.
        ModelFileError: they cannot be written.
    """
    _write(config, lambda file, done, total: None, missing=False)


def is_own(config: Config, role: RoleName) -> bool:
    """Whether the role is played by the profile's own model, not by one that maker.toml names."""
    return config.role(role).model is None and not config.role(role).urls


def fills(config: Config) -> bool:
    """Whether autocomplete may work: the profile's models can, or one of those it asks is of maker.toml's choosing.

    Raises:
        ConfigError: there is no such profile.
    """
    return _profile(config).fills or not (is_own(config, "voter") and is_own(config, "coder"))


def edits(config: Config) -> bool:
    """Whether the coder may be asked to change code: the profile's can, or it is another.

    Raises:
        ConfigError: there is no such profile.
    """
    return _profile(config).edits or not is_own(config, "coder")


def _write(config: Config, report: Callable[[str, int, int], None], *, missing: bool) -> None:
    if not _profile(config).included:
        return
    plans = plan(config)
    own = {role: plans[role].model for role in ROLES if is_own(config, role) and plans[role].own_server}
    try:
        wanted = [role for role, model in own.items() if _is_wanted(role, model, missing=missing)]
        if wanted:
            tiny.write(config.home.models, wanted, report)
    except OSError as error:
        raise ModelFileError(f"{config.home.models}: the tiny models cannot be written: {error}") from error


def _is_wanted(role: str, model: Path, *, missing: bool) -> bool:
    if not model.exists():
        return missing
    return tiny.outdated(model, role) and (missing or _is_whole(model))


def _is_whole(model: Path) -> bool:
    try:
        gguf.read(model)
    except gguf.Unreadable:
        return False
    return True


def verify(plan: RolePlan) -> None:
    """Refuse a model file that a server would stumble over, or whose chat template maker does not know.

    Reads only the file's header, so it takes milliseconds whatever the size.

    Raises:
        ModelFileError: names the file and says what to do.
    """
    if not plan.own_server:
        return
    try:
        found = gguf.read(plan.model)
    except gguf.Unreadable as error:
        raise ModelFileError(f"{plan.model}: {error}") from error
    if plan.trust_template:
        return
    for template in found.templates:
        if templates.family(template) is None:
            raise ModelFileError(
                f"{plan.model}: maker does not know its chat template (sha256 {templates.fingerprint(template)}); "
                f"if you trust where the file comes from, set trust_template = true under [roles.{plan.role}]"
            )


def _profile(config: Config) -> Profile:
    try:
        return PROFILES[config.profile]
    except KeyError:
        known = ", ".join(PROFILES)
        raise ConfigError(f"{config.home.toml}: profile: is {config.profile!r}; allowed: {known}") from None


def _file(config: Config, role: RoleName, default: str) -> Path:
    return config.home.models / Path(config.role(role).model or default).expanduser()


def _plan(config: Config, profile: Profile, role: RoleName, files: Mapping[RoleName, Path]) -> RolePlan:
    said, share = config.role(role), profile.shares[role]
    served_by = ", ".join(said.urls) or _server_for(config, role, files)
    cache_ram_mib = share.cache_ram_mib if said.cache_ram_mib is None else said.cache_ram_mib
    own = served_by == role
    return RolePlan(
        role=role,
        model=files[role],
        urls=said.urls or (f"http://127.0.0.1:{config.port(served_by)}/v1",),
        model_id=said.model_id,
        engine=said.engine or config.engine,
        slots=_slots(config, role, share),
        context=said.context or share.context,
        cache_ram_mib=cache_ram_mib,
        threads=said.threads or profile.threads or psutil.cpu_count(logical=False) or 1,
        gpu_layers=profile.gpu_layers if said.gpu_layers is None else said.gpu_layers,
        served_by=served_by,
        planned_bytes=_planned_bytes(files[role], said.model, share, cache_ram_mib) if own else 0,
        trust_template=said.trust_template,
    )


def _slots(config: Config, role: RoleName, share: Share) -> int:
    said = config.role(role)
    if (said.engine or config.engine) != "llama-cpp-python":
        return said.slots or share.slots
    if said.slots and said.slots > 1:
        raise ConfigError(
            f"{config.home.toml}: roles.{role}.slots: is {said.slots}; "
            "llama-cpp-python works on one request at a time: allowed: 1"
        )
    return 1


def _server_for(config: Config, role: RoleName, files: Mapping[RoleName, Path]) -> RoleName:
    """The role whose server this one uses: another's if it has the same file and this one asks for nothing of its own.

    The reviewer's server never serves others: low mode runs without it.
    """
    if not _is_plain(config, role):
        return role
    servers = sorted(ROLES, key=lambda other: other == "reviewer")
    return next(other for other in servers if files[other] == files[role] and not config.role(other).urls)


def _is_plain(config: Config, role: RoleName) -> bool:
    return not config.role(role).model_dump(exclude={"model"}, exclude_unset=True)


def _planned_bytes(file: Path, said: str | None, share: Share, cache_ram_mib: int) -> int:
    if said is None:
        return share.planned_bytes
    size = file.stat().st_size if file.is_file() else 0
    # A quarter of the weights for context: Devstral 24B Q6_K with 4 slots of 8192 tokens takes 26 %.
    return size * 5 // 4 + cache_ram_mib * MIB + SERVER_BYTES
