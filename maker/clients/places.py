"""Where clients keep their configuration: pure functions of the machine and the user's environment."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from maker.config import Surroundings


@dataclass(frozen=True, slots=True)
class Places:
    """The files of every client, as that client itself would find them."""

    around: Surroundings
    exists: Callable[[Path], bool] = Path.exists

    @property
    def continue_folder(self) -> Path:
        """Continue's folder."""
        return self._given("CONTINUE_GLOBAL_DIR") or self.around.home / ".continue"

    @property
    def continue_config(self) -> Path:
        """Continue's configuration: config.json only where that is in force, which it is without a config.yaml."""
        folder = self.continue_folder
        old = folder / "config.json"
        return old if self.exists(old) and not self.exists(folder / "config.yaml") else folder / "config.yaml"

    @property
    def vscode_user(self) -> Path:
        """VS Code's folder for the user's settings, of the stable release."""
        if portable := self._given("VSCODE_PORTABLE"):
            return portable / "user-data" / "User"
        if self.around.platform == "darwin":
            return self.around.home / "Library" / "Application Support" / "Code" / "User"
        return self._xdg_config / "Code" / "User"

    @property
    def opencode(self) -> Path:
        """opencode's configuration: `.jsonc` where there is one and no `.json`."""
        if given := self._given("OPENCODE_CONFIG"):
            return given
        folder = self._xdg_config / "opencode"
        return self._first(folder / "opencode.json", folder / "opencode.jsonc")

    @property
    def codex_folder(self) -> Path:
        """Codex's folder."""
        return self._given("CODEX_HOME") or self.around.home / ".codex"

    @property
    def claude_code(self) -> Path:
        """Claude Code's settings."""
        return (self._given("CLAUDE_CONFIG_DIR") or self.around.home / ".claude") / "settings.json"

    @property
    def aider(self) -> Path:
        """aider's configuration."""
        return self.around.home / ".aider.conf.yml"

    @property
    def aider_models(self) -> Path:
        """What aider knows of models that nobody else knows."""
        return self.around.home / ".aider.model.metadata.json"

    @property
    def zed(self) -> Path:
        """Zed's settings; on macOS it does not look at XDG_CONFIG_HOME."""
        folder = self.around.home / ".config" if self.around.platform == "darwin" else self._xdg_config
        return folder / "zed" / "settings.json"

    @property
    def cline(self) -> Path:
        """Cline's MCP servers: the extension's file where VS Code has the extension, else the one of its CLI."""
        if given := self._given("CLINE_MCP_SETTINGS_PATH"):
            return given
        extension = self.vscode_user / "globalStorage" / "saoudrizwan.claude-dev"
        folder = extension if self.exists(extension) else self.around.home / ".cline" / "data"
        return folder / "settings" / "cline_mcp_settings.json"

    @property
    def _xdg_config(self) -> Path:
        return self._given("XDG_CONFIG_HOME") or self.around.home / ".config"

    def _given(self, name: str) -> Path | None:
        value = self.around.environ.get(name)
        return Path(value).expanduser() if value and Path(value).expanduser().is_absolute() else None

    def _first(self, *paths: Path) -> Path:
        return next((path for path in paths if self.exists(path)), paths[0])
