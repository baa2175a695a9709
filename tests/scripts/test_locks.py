"""The locks: they fit pyproject.toml, every package has hashes, and nothing says where to download from."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def entries(lock: Path) -> list[str]:
    """One logical line per package: name, version, marker and hashes."""
    return lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()


def locked(lock: Path) -> dict[str, list[str]]:
    """The versions of each package; several where they depend on the Python version."""
    versions: dict[str, list[str]] = {}
    for entry in entries(lock):
        name, version = re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", entry).groups()  # type: ignore[union-attr]
        versions.setdefault(canonicalize_name(name), []).append(version)
    return versions


def wanted(lock: str) -> list[Requirement]:
    """What the lock has to satisfy."""
    lines = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    if lock == "dev.lock":
        lines += PROJECT["project"]["optional-dependencies"]["dev"]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("name", ["maker.lock", "dev.lock"])
def test_a_lock_satisfies_what_the_project_asks_for(name: str) -> None:
    versions = locked(ROOT / "requirements" / name)
    for requirement in wanted(name):
        found = versions.get(canonicalize_name(requirement.name), [])
        assert found, f"{requirement.name} is not locked; run scripts/lock.sh"
        assert all(requirement.specifier.contains(version) for version in found), f"{requirement}: {found}"


def test_what_both_locks_have_is_the_same_version() -> None:
    runtime, dev = (locked(ROOT / "requirements" / name) for name in ("maker.lock", "dev.lock"))
    assert {name: dev.get(name) for name in runtime} == runtime


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_of_a_lock_has_a_hash(lock: Path) -> None:
    assert [entry for entry in entries(lock) if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_does_not_say_where_to_download_from(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert re.findall(r"https?:|--(?:extra-)?index-url|--find-links|--trusted-host", text) == []
