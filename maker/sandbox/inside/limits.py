"""What a process does to itself before it runs anything untrusted: limits, descriptors, not being looked into."""

import ctypes
import fcntl
import math
import os
import resource
import signal
import sys
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PT_DENY_ATTACH = 31
MIB = 1 << 20
RESERVED_MIB = 768
"""What node reserves for compiled code (node 24: 512 MiB and some) without using it."""
FIRST_ASIDE = 16
MAX_FILES = 256


def hide() -> None:
    """Let no other process of this user read or write this one's memory, or see its descriptors. Inherited by forks."""
    libc = ctypes.CDLL(None, use_errno=True)
    failed = libc.ptrace(PT_DENY_ATTACH, 0, 0, 0) if sys.platform == "darwin" else libc.prctl(PR_SET_DUMPABLE, 0)
    if failed:
        raise OSError(ctypes.get_errno(), "cannot keep the candidate out of the harness")


def die_with_parent() -> None:
    """End when the sandbox program does (Linux): it asked for that, but becoming another user took it back."""
    if sys.platform != "darwin" and ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL):
        raise OSError(ctypes.get_errno(), "cannot follow the sandbox program")


def drop_to(uid: int) -> None:
    """Stop being root, for good."""
    for place in ("/tmp", "/dev/shm"):
        if os.access(place, os.W_OK):
            os.chmod(place, 0o777)  # the sandbox's own; root made it
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    if os.getresuid() != (uid, uid, uid):
        raise PermissionError("still root")


def confine(limits: dict[str, Any], *, address_space: bool) -> None:
    """Set the resource limits; `address_space` is off for runtimes that reserve far more than they use."""
    cpu = math.ceil(limits["total_s"]) + 5
    memory, reserved = (resource.RLIMIT_AS, 0) if address_space else (resource.RLIMIT_DATA, RESERVED_MIB)
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, limits["file_mib"] * MIB),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_NPROC, limits["nproc"]),
        (memory, (limits["memory_mib"] + reserved) * MIB),
    ):
        # macOS neither holds a memory limit nor lets one be set below what is mapped; the watchdog is all there is.
        if kind != memory or sys.platform != "darwin":
            resource.setrlimit(kind, (value, value))


def limit_cpu(seconds: float) -> None:
    """End this process after so many seconds of CPU time, rounded up: the belt to the harness's own clock."""
    value = math.ceil(seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (value, value))


def keep_only(kept: dict[int, int]) -> None:
    """Close every descriptor but the standard ones and those in `kept`: {where it shall be: where it is}."""
    aside = {to: fcntl.fcntl(source, fcntl.F_DUPFD, FIRST_ASIDE) for to, source in kept.items()}
    os.closerange(3, FIRST_ASIDE)
    for to, source in aside.items():
        os.dup2(source, to)
    os.closerange(FIRST_ASIDE, MAX_FILES)


def few_files() -> None:
    """Bound this process's own descriptors, so that all of them can be closed by number."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
