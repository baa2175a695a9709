"""Whether this machine may execute candidates: only after its sandbox held against the escape corpus."""

import asyncio
import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from maker.config import Config, search_path
from maker.sandbox import linux, node, own, seatbelt, seccomp
from maker.sandbox.bubblewrap import BubblewrapConfinement, find_parts
from maker.sandbox.escapes import CORPUS
from maker.sandbox.sandbox import ConfinedSandbox, Confinement, Sandbox
from maker.sandbox.selftest import Finding, Report, selftest
from maker.sandbox.values import Unavailable

NO_BUBBLEWRAP = Unavailable(
    "bubblewrap, which confines candidates, is not installed",
    "install it: `sudo apt install bubblewrap` or `sudo dnf install bubblewrap`",
)
SWITCHED_OFF = Unavailable(
    "it is switched off (sandbox.enabled)", "set sandbox.enabled to true in maker.toml, then `maker restart`"
)
"""Why candidates are not run where the configuration says so."""
PROFILE = "/usr/share/apparmor/extra-profiles/bwrap-userns-restrict"
APPARMOR = (
    "AppArmor forbids user namespaces here; allow them to bubblewrap: `sudo apt install apparmor-profiles && "
    f"sudo ln -s {PROFILE} /etc/apparmor.d/ && sudo systemctl reload apparmor`, "
    "or to every program: `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"
)
VERSION_S = 5.0


async def available(
    config: Config, *, parallel: int | None = None, on_done: Callable[[Finding], None] = lambda finding: None
) -> Sandbox | Unavailable:
    """The sandbox of this machine, or why there is none and what to do.

    The first call on a machine runs the self-test, which takes some seconds (`on_done` is told of each attempt); that
    it passed is kept in MAKER_HOME/run/sandbox.json until the kernel, the sandbox program, the interpreters or maker's
    own sandbox code change.
    """
    confinement = await find(config)
    if isinstance(confinement, Unavailable):
        return confinement
    sandbox = ConfinedSandbox(confinement, parallel=parallel or os.cpu_count() or 1)
    key = fingerprint(confinement)
    if (known := last_report(config)) and known.passed and known.key == key:
        return sandbox
    environment = frozenset((*linux.ENVIRONMENT, "PWD", *seatbelt.ENVIRONMENT, "LC_CTYPE"))
    report = await selftest(sandbox, config.home, key=key, environment=environment, on_done=on_done)
    if isinstance(report, Unavailable):
        return Unavailable(report.reason, remedy(report.reason))
    keep(config, report)
    return sandbox if report.passed else distrusted(report)


def last_report(config: Config) -> Report | None:
    """The self-test's last report, if there is one: what `maker status` shows without running anything."""
    try:
        values = json.loads(report_path(config).read_text(encoding="utf-8"))
        return Report(str(values["key"]), tuple(Finding(**finding) for finding in values["findings"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def standing(config: Config) -> Unavailable | None:
    """Why candidates are not run, as far as can be told without running anything; None if nothing says so."""
    if not config.sandbox.enabled:
        return SWITCHED_OFF
    if sys.platform != "darwin" and installed("bwrap") is None:
        return NO_BUBBLEWRAP
    report = last_report(config)
    return distrusted(report) if report is not None and not report.passed else None


def keep(config: Config, report: Report) -> None:
    """Write the report where `last_report` finds it."""
    path = report_path(config)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(asdict(report), indent=1), encoding="utf-8")
    partial.replace(path)


def report_path(config: Config) -> Path:
    """Where the report is."""
    return config.home.run / "sandbox.json"


def distrusted(report: Report) -> Unavailable:
    """The refusal of a sandbox that did not hold."""
    return Unavailable(
        f"the sandbox did not hold against: {', '.join(report.broken)}",
        "update the kernel and bubblewrap; the details are in MAKER_HOME/run/sandbox.json",
    )


async def find(config: Config) -> Confinement | Unavailable:
    """The confinement that this system has."""
    found = await find_node()
    held = own.Held(config.home.run, tag=sys.implementation.cache_tag)
    own.prune(config.home.run)
    private = (Path.home(), config.home.root)
    if sys.platform == "darwin":
        return seatbelt.SeatbeltConfinement(seatbelt.find_parts(found, own=held.path), held)
    if (path := installed("bwrap")) is None:
        return NO_BUBBLEWRAP
    if (rules := seccomp.program(platform.machine())) is None:
        return Unavailable(f"maker has no system call filter for {platform.machine()}", "use x86_64 or aarch64")
    version = linux.parse_version(await output_of(str(path), "--version"))
    bubblewrap = linux.Bubblewrap(str(path), version)
    return BubblewrapConfinement(find_parts(bubblewrap, found, own=held.path, private=private), rules, held)


async def find_node() -> node.Node | None:
    """The node on PATH, if there is one that works."""
    if (path := installed("node")) is None:
        return None
    version = node.parse_version(await output_of(str(path), "--version"))
    return node.Node(path, version) if version else None


def installed(program: str) -> Path | None:
    """Where the program is, links followed."""
    path = shutil.which(program, path=search_path())
    return Path(path).resolve() if path else None


async def output_of(*argv: str) -> str:
    """What a program prints; empty where it fails or takes too long."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(VERSION_S):
            return (await process.communicate())[0].decode("utf-8", "replace")
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def fingerprint(confinement: Confinement) -> str:
    """Names everything that the self-test's verdict depends on."""
    code = own.digest(Path(__file__).parent), own.digest(), own.digest(CORPUS)
    facts = (*code, repr(confinement.facts), platform.release(), sys.version, os.geteuid() == 0)
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


def remedy(reason: str, settings: Path = Path("/proc/sys")) -> str:
    """What to do about a sandbox that does not start."""

    def setting(name: str) -> str:
        try:
            return (settings / name).read_text(encoding="ascii").strip()
        except OSError:
            return ""

    if setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return APPARMOR
    if setting("kernel/unprivileged_userns_clone") == "0":
        return "allow user namespaces: `sudo sysctl -w kernel.unprivileged_userns_clone=1`"
    if setting("user/max_user_namespaces") == "0":
        return "allow user namespaces: `sudo sysctl -w user.max_user_namespaces=15000`"
    if "namespace" in reason or "Operation not permitted" in reason or "Permission denied" in reason:
        return "allow user namespaces (in a container: start it with `--security-opt seccomp=unconfined`)"
    return "run `bwrap --ro-bind / / true` and see what it says"
