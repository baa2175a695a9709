"""What a command works with: the configuration and the bundle, each built when it is first asked for.

The one seam of the command line: a test hands `run` a session with a bundle of its own.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:  # `maker --help` imports neither
    from maker.config import Config, Home
    from maker.services.bundle import Bundle


class Session:
    """Loads lazily, so that a command pays only for what it uses."""

    def home(self) -> "Home":
        """MAKER_HOME, whether it exists or not.

        Raises:
            ConfigError: the path cannot be used.
        """
        from maker import config

        return config.home()

    def initialised(self) -> bool:
        """Whether `maker init` has been here."""
        home = self.home()
        return home.toml.exists() and home.supervisord_conf.exists()

    def config(self) -> "Config":
        """The configuration.

        Raises:
            ConfigError: maker.toml is wrong.
        """
        from maker import config

        return config.load(self.home())

    def bundle(self) -> "Bundle":
        """The bundle of this MAKER_HOME.

        Raises:
            ConfigError: maker.toml is wrong.
        """
        from maker import wiring

        return wiring.bundle(self.config())

    def check_names(self, names: Sequence[str], also: Sequence[str] = ()) -> None:
        """Refuse a name that is neither a service's nor among `also`: wrong usage, before anything is done.

        Raises:
            click.UsageError: names the ones there are.
        """
        from maker.services.spec import specs

        known = [*(spec.name for spec in specs(self.config())), *also]
        if unknown := [name for name in names if name not in known]:
            raise click.UsageError(f"no service is called {unknown[0]!r}; there are {', '.join(known)}")
