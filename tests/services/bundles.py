"""A MAKER_HOME in which every service is a stand-in, and the end of everything a test started there."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from maker.config import Config, Home
from maker.services.bundle import Bundle, BundleStatus
from maker.services.home import prepare_home
from tests.support import tail, write_toml

STANDIN = Path(__file__).with_name("standin.py")
READY_S = 45.0


def make_home(root: Path, extra: str = "") -> Config:
    """A complete MAKER_HOME whose maker command is the stand-in; Phoenix counts as installed."""
    home = Home(root)
    config = write_toml(home, extra)
    command = root / "standin"
    source = Path(__file__).parents[2]
    command.write_text(f'#!/bin/sh\nPYTHONPATH={source} exec {sys.executable} {STANDIN} "$@"\n', encoding="utf-8")
    command.chmod(0o700)
    prepare_home(home, command=command, config_text=None)
    (root / "faults").mkdir(exist_ok=True)
    (home.phoenix / "venv").mkdir()
    (home.phoenix / "venv" / "installed").touch()
    return config


def set_fault(config: Config, name: str, **faults: object) -> None:
    """Switch faults of one stand-in on; none at all switches them off."""
    path = config.home.root / "faults" / f"{name}.json"
    partial = path.with_suffix(".new")
    partial.write_text(json.dumps(faults), encoding="utf-8")
    partial.replace(path)


def no_verify(_names: Collection[str]) -> None:
    """Stand-ins need no model files."""


def make_bundle(config: Config) -> Bundle:
    return Bundle(config, verify=no_verify)


def start(bundle: Bundle, target: str) -> BundleStatus:
    """Start and wait; the logs are in the message if it fails."""
    return bundle.start(target, wait=True, timeout_s=READY_S, report=lambda _status: None)  # type: ignore[arg-type]


def restart(bundle: Bundle, *names: str, wait: bool = True) -> BundleStatus:
    """Restart the services, and wait."""
    return bundle.restart(names, wait=wait, timeout_s=READY_S, report=lambda _status: None)


@contextmanager
def running_home(extra: str = "") -> Iterator[Config]:
    """A home of its own with a short path; whatever runs there at the end is stopped and the home removed."""
    root = Path(tempfile.mkdtemp(prefix="mk-", dir="/tmp"))
    config = make_home(root, extra)
    try:
        yield config
    except BaseException:
        print(tail(config.home.log / "supervisord.log"), tail(config.home.log / "readiness.log"), sep="\n---\n")
        raise
    finally:
        make_bundle(config).stop(report=lambda _line: None)
        shutil.rmtree(root)


def pids(status: BundleStatus) -> dict[str, int]:
    return {service.name: service.pid for service in status.services if service.pid is not None}


def ready(status: BundleStatus) -> set[str]:
    return {service.name for service in status.services if service.ready}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"


def get(port: int, path: str) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=5) as client:
        return client.get(f"http://127.0.0.1:{port}{path}")
