import asyncio
import gc
import json
import os
import time
from pathlib import Path

import pytest

from maker import config
from maker.config import Config, Home
from maker.sandbox.available import (
    APPARMOR,
    NO_BUBBLEWRAP,
    SWITCHED_OFF,
    available,
    distrusted,
    find,
    fingerprint,
    keep,
    last_report,
    output_of,
    remedy,
    report_path,
    standing,
)
from maker.sandbox.bubblewrap import BubblewrapConfinement, find_parts
from maker.sandbox.linux import Bubblewrap
from maker.sandbox.node import Node
from maker.sandbox.own import Held, compiled, prune
from maker.sandbox.selftest import Finding, Report
from maker.sandbox.values import Call, Evidence, Trial, Unavailable


@pytest.fixture
def settings(home: Home) -> Config:
    home.run.mkdir(parents=True)
    return config.parse("", home)


def program(directory: Path, name: str, script: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.processes
def test_a_machine_is_tested_once(settings: Config) -> None:
    tried: list[str] = []

    async def scenario() -> None:
        sandbox = await available(settings, on_done=lambda finding: tried.append(finding.name))
        assert not isinstance(sandbox, Unavailable), sandbox
        assert len(tried) > 20
        tried.clear()
        again = await available(settings, parallel=3, on_done=lambda finding: tried.append(finding.name))
        assert not isinstance(again, Unavailable)
        assert again.parallel == 3
        assert tried == []
        result = await again.run(Trial("python", "def solve(): return 1", (Call("solve()"),)))
        assert isinstance(result, Evidence) and result.observations[0].text == "1"

    asyncio.run(scenario())
    report = last_report(settings)
    assert report is not None and report.passed
    assert not [path for path in settings.home.run.iterdir() if path.name.startswith(("canary", "."))]


def test_without_bubblewrap_execution_is_off(settings: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("maker.sandbox.available.sys.platform", "linux")
    result = asyncio.run(available(settings))
    assert result == NO_BUBBLEWRAP
    assert "apt install bubblewrap" in result.fix


@pytest.mark.processes
def test_a_bubblewrap_that_cannot_start_is_a_refusal_with_its_reason(
    settings: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    says = 'echo "bwrap: No permissions to create new namespace" >&2; exit 1'
    program(tmp_path, "bwrap", f'case "$1" in --version) echo bubblewrap 0.8.0;; *) {says};; esac')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    result = asyncio.run(available(settings))
    assert isinstance(result, Unavailable)
    assert "No permissions to create new namespace" in result.reason
    assert "namespaces" in result.fix
    assert last_report(settings) is None


def test_a_machine_without_a_filter_is_refused(settings: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maker.sandbox.available.platform.machine", lambda: "riscv64")
    result = asyncio.run(find(settings))
    assert isinstance(result, Unavailable)
    assert "riscv64" in result.reason


def test_a_sandbox_that_did_not_hold_is_named(settings: Config) -> None:
    report = Report("key", (Finding("network", False, "connected"), Finding("memory", True), Finding("output", False)))
    assert not report.passed
    assert "network, output" in distrusted(report).reason
    keep(settings, report)
    assert last_report(settings) == report


def test_no_findings_are_no_pass() -> None:
    assert not Report("key", ()).passed


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": "x"}', '{"key": "x", "findings": [{"nam": 1}]}'])
def test_a_spoilt_report_is_none(settings: Config, text: str) -> None:
    report_path(settings).write_text(text)
    assert last_report(settings) is None


def test_a_report_of_another_machine_does_not_count(settings: Config) -> None:
    keep(settings, Report("other", (Finding("network", True),)))
    values = json.loads(report_path(settings).read_text())
    assert values["key"] == "other"


def test_what_the_verdict_depends_on_is_in_the_fingerprint(tmp_path: Path) -> None:
    def made(version: tuple[int, ...], node: Node | None, rules: bytes = b"") -> str:
        parts = find_parts(Bubblewrap("/usr/bin/bwrap", version), node, own=tmp_path, private=())
        return fingerprint(BubblewrapConfinement(parts, rules))

    node = Node(Path("/usr/bin/node"), (20, 0, 0))
    assert made((0, 8), None) == made((0, 8), None)
    assert len({made((0, 8), None), made((0, 9), None), made((0, 8), node)}) == 3


@pytest.mark.parametrize(
    ("setting", "value", "reason", "fix"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "Permission denied", APPARMOR),
        ("kernel/unprivileged_userns_clone", "0", "x", "kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "x", "user.max_user_namespaces"),
        ("other", "0", "Operation not permitted", "container"),
        ("other", "0", "something else", "see what it says"),
    ],
)
def test_the_remedy_follows_the_machines_settings(
    tmp_path: Path, setting: str, value: str, reason: str, fix: str
) -> None:
    path = tmp_path / setting
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{value}\n")
    assert fix in remedy(reason, tmp_path)


@pytest.mark.processes
def test_programs_that_fail_or_hang_print_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maker.sandbox.available.VERSION_S", 0.2)
    program(tmp_path, "slow", "exec sleep 60")
    assert asyncio.run(output_of(str(tmp_path / "slow"))) == ""
    assert asyncio.run(output_of(str(tmp_path / "nowhere"))) == ""
    assert asyncio.run(output_of("/bin/echo", "x")) == "x\n"


def test_makers_own_part_is_compiled_once_and_readable_by_all(tmp_path: Path) -> None:
    place = compiled(tmp_path, tag="test")
    made = {path.name for path in (place / "maker/sandbox/inside").iterdir()}
    assert {"harness.pyc", "candidate.js"} <= made
    assert not any(name.endswith(".py") for name in made)
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in place.rglob("*"))
    before = place.stat().st_mtime_ns
    assert compiled(tmp_path, tag="test") == place
    assert place.stat().st_mtime_ns == before
    assert list(tmp_path.iterdir()) == [place]


def test_what_is_known_without_running_anything(settings: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    assert standing(settings) is None
    keep(settings, Report("key", (Finding("network", held=False, detail="it connected"),)))
    refusal = standing(settings)
    assert refusal is not None and "network" in refusal.reason
    monkeypatch.setattr("maker.sandbox.available.installed", lambda name: None)
    assert standing(settings) == NO_BUBBLEWRAP
    assert standing(config.parse("[sandbox]\nenabled = false", settings.home)) == SWITCHED_OFF


def test_what_earlier_versions_left_is_removed_unless_a_process_holds_it(tmp_path: Path) -> None:
    held = Held(tmp_path, tag="one")
    other = Held(tmp_path, tag="other")
    (tmp_path / "inside-0123456789abcdef-old").mkdir()
    for name, age_s in ((".inside-being-filled", 0), (".inside-left", 7200)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, times=(time.time() - age_s,) * 2)
    assert prune(tmp_path) == 2
    assert sorted(place.name for place in tmp_path.iterdir()) == sorted(
        [".inside-being-filled", held.path.name, other.path.name]
    )
    del other
    gc.collect()
    assert prune(tmp_path) == 1 and held.path.is_dir()
