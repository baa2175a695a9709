"""MAKER_HOME: the place of everything that maker keeps."""

from dataclasses import dataclass
from pathlib import Path

from maker.errors import ConfigError


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
