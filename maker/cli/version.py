"""`maker version`."""

import json
import platform
import re
import subprocess
from importlib import metadata
from shutil import which

import click

from maker import __version__
from maker.config import search_path

PACKAGES = ("xllamacpp", "llama-cpp-python", "qdrant-edge-py", "supervisor")
PROGRAMS = ("llama-server", "redis-server", "qdrant")


@click.command(
    epilog="""\b
Examples:
  maker version --json
"""
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
def version(as_json: bool) -> None:
    """Show the versions of maker, Python and the engines."""
    found = versions()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for name, number in found.items():
        click.echo(f"{name:18}{number or 'not installed'}")


def versions() -> dict[str, str | None]:
    """The version of each part by name; None for what is not installed."""
    return {
        "maker": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        **{name: _package(name) for name in PACKAGES},
        **{name: _program(name) for name in PROGRAMS},
    }


def _package(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _program(name: str) -> str | None:
    path = which(name, path=search_path())
    if path is None:
        return None
    try:
        shown = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "does not run"
    # llama-server writes "version: 0.2.0 (build 11549, ...)" to standard error; redis-server "... v=7.0.15 ...".
    number = re.search(r"(?:version:? |v=|qdrant )([\w.]+)", shown.stdout + shown.stderr)
    return number.group(1) if number else "unknown"
