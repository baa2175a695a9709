"""What a candidate might try: each way out as a trial, and what must have come of it if the sandbox held.

The candidates are in `corpus/`. They are bounded: where a sandbox does not hold, they do no lasting harm. Those that
reach for something return a list of what they reached, so `[]` is what holding looks like.
"""

import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from maker.sandbox import seccomp
from maker.sandbox.values import Call, Check, Evidence, Input, Limits, Trial

CORPUS = Path(__file__).with_name("corpus")
LIMITS = Limits(
    input_s=0.5, load_s=3.0, total_s=8.0, memory_mib=160, processes=32, file_mib=4, open_files=64, output_bytes=16_384
)
MARK = "MAKER-ESCAPED"
"""What a surviving process would show in its arguments."""

SYSTEM = ("/", "/usr", "/etc", "/dev", "/proc", "/proc/sys/kernel", "/opt/maker", "/var", "/run", "/sys/fs/cgroup")
ADDRESSES = (("10.0.0.1", 53), ("1.1.1.1", 53), ("2606:4700:4700::1111", 53))
"""Only datagram sockets are connected to these, which sends nothing."""

NETLINK, PACKET, VSOCK = 16, 17, 40


@dataclass(frozen=True, slots=True)
class Bait:
    """Real things outside that an attempt may reach for."""

    files: tuple[Path, ...]
    """A canary in MAKER_HOME among them."""
    directories: tuple[Path, ...]
    port: int
    """Where somebody listens on 127.0.0.1."""
    environment: frozenset[str]
    """The names a candidate may find in its environment."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way out, and how to tell from the evidence that it was closed."""

    name: str
    trial: Trial
    held: Callable[[Evidence], bool]


def attempts(bait: Bait, *, node: bool) -> tuple[Attempt, ...]:
    """The corpus for this machine."""
    found = (*_reaching(bait), *_exhausting(), *_forging(), *_meddling())
    return (*found, *_in_node(bait)) if node else found


def nothing(evidence: Evidence) -> bool:
    """Every input returned an empty list."""
    return evidence.loads and all(seen.signature == "returned:[]" for seen in evidence.observations)


def ended(*expected: str) -> Callable[[Evidence], bool]:
    """The inputs ended in these ways; alternatives are separated by a bar."""

    def held(evidence: Evidence) -> bool:
        seen = [one.kind for one in evidence.observations]
        pairs = zip(seen, expected, strict=True) if len(seen) == len(expected) else [("", "never")]
        return all(kind in allowed.split("|") for kind, allowed in pairs)

    return held


REFUSED = ended("failed|crashed|timed out")


def _python(name: str, *inputs: Input, limits: Limits = LIMITS) -> Trial:
    return Trial("python", (CORPUS / f"{name}.py.txt").read_text(encoding="utf-8"), inputs, limits=limits)


def _script(name: str, *inputs: Input) -> Trial:
    return Trial("javascript", (CORPUS / f"{name}.js.txt").read_text(encoding="utf-8"), inputs, limits=LIMITS)


def _call(*things: object) -> Call:
    return Call(f"attempt({', '.join(repr(str(thing) if isinstance(thing, Path) else thing) for thing in things)})")


def _reaching(bait: Bait) -> tuple[Attempt, ...]:
    local = (("127.0.0.1", bait.port), ("::1", bait.port))
    roots = ("home", "Users", "var", "run", "mnt", "srv", "sys", "boot")
    found = {
        "network": _python("network", _call(*local, *ADDRESSES)),
        "other socket families": _python("families", _call(NETLINK, PACKET, VSOCK)),
        "reading outside": _python("reading", _call(*bait.files)),
        "the system's directories": _python("roots", _call(*roots)),
        "writing outside": _python("writing", _call(*bait.directories, *SYSTEM)),
        "environment": _python("environment", _call(*sorted(bait.environment))),
    }
    return tuple(Attempt(name, trial, nothing) for name, trial in found.items())


def _exhausting() -> tuple[Attempt, ...]:
    many, after = Call("attempt()"), Call("after()")
    most = 2 * 2 * LIMITS.file_mib << 20  # two places, each with room for two of the longest files
    hasty = replace(LIMITS, load_s=0.5)
    patient = replace(LIMITS, input_s=2.0)  # a busy machine takes its time to fill so much memory
    return (
        Attempt("fork bomb", _python("fork_bomb", _call(LIMITS.processes), after), nothing),
        Attempt("memory", _python("memory", many), ended("raised|crashed")),
        Attempt("memory of many processes", _python("memory_of_many", many, limits=patient), ended("crashed")),
        Attempt("system calls", _python("uncounted", _call(*_system_calls())), nothing),
        Attempt("shared mappings", _python("mappings", many), nothing),
        Attempt("filling the disk", _python("disk", _call(most)), nothing),
        Attempt("output", _python("output", many), ended("too long")),
        Attempt("endless loop", _python("loop", many, after), ended("timed out", "returned")),
        Attempt("endless loading", _python("loading", many, limits=hasty), ended("crashed")),
    )


def _system_calls() -> list[tuple[object, ...]]:
    """Calls that a filter must refuse: memory that no limit counts, new namespaces, ways into the kernel."""
    arguments: dict[str, tuple[object, ...]] = {
        "memfd_create": (b"x", 0),
        "shmget": (0, 1 << 20, 0o1600),
        "unshare": (0x10000000,),
        "bpf": (0, 0, 0),
        "io_uring_setup": (8, 0),
        "userfaultfd": (0,),
        "personality": (0xFFFFFFFF,),
    }
    numbers = seccomp.numbers(platform.machine())
    return [(numbers[name], *given) for name, given in arguments.items() if name in numbers]


def _forging() -> tuple[Attempt, ...]:
    test = Check("assert solve(2) == 4 and abs(solve(3) - 6) < 1 and all([solve(4) == 8])")
    sources = {
        "writing a result everywhere": "writes_results",
        "equal to everything": "equals_everything",
        "replacing what the test uses": "replaces",
        "changing the callers": "changes_callers",
        "leaving early": "leaves",
        "closing everything": "closes",
        "looking into the harness": "looks",
    }
    return tuple(Attempt(f"forging: {name}", _python(file, test), REFUSED) for name, file in sources.items())


def _meddling() -> tuple[Attempt, ...]:
    fine, any_end = Call("fine()"), "returned|raised|crashed"
    # What it kills costs the candidate that input, and no other.
    killing = _python("killing", fine, Call("attempt(0)"), fine, Call("attempt(1)"), fine, Call("attempt(-1)"), fine)
    survived = ended("returned", any_end, "returned", any_end, "returned", any_end, "returned")
    again = Call("attempt()")
    return (
        Attempt("killing", killing, survived),
        Attempt("tracing", _python("tracing", _call(1, 2, 3)), nothing),
        Attempt("a process that stays", _python("daemon", _call(MARK)), nothing),
        Attempt("what others left behind", _python("leaving", again, again), nothing),
    )


def _in_node(bait: Bait) -> tuple[Attempt, ...]:
    reaching = _script("reaching", _call(*bait.files), Call(f"dial({bait.port})"))
    test = Check("assert.strictEqual(solve(2), 4)")
    loop = _script("loop", Call("attempt()"), Call("after()"))
    return (
        Attempt("node: reaching", reaching, nothing),
        Attempt("node: forging", _script("forging", test), REFUSED),
        Attempt("node: endless loop", loop, ended("timed out", "returned")),
        Attempt("node: memory", _script("memory", Call("attempt()")), ended("raised|crashed|timed out")),
    )
