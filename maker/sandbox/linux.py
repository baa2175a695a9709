"""Confinement by bubblewrap: what of this machine a candidate sees, and with which rights it runs."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

NOBODY = 65534
FIRST_UID = 1_900_000_000
"""Where maker itself is root, each trial runs as a user of its own from here on: root's processes have no limit."""

SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives")
AS_ROOT = ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
AS_USER = ("--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY))
WORK = "/tmp"
NO_MEMORY = ("--ro-bind", "/dev/null", "/dev/zero")
"""The device maps memory that processes share, which no limit counts; the system call filter cannot tell it."""

OWN = "/opt/maker"
"""Where maker's own part is found inside."""

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": WORK, "LANG": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "0"}
SIZE_SINCE = (0, 7)
"""The version of bubblewrap that can bound a temporary directory; older ones give none that can be written to."""


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """The installed program."""

    path: str
    version: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What is visible inside: (source, target) pairs bound read-only, links, and what is covered with nothing."""

    binds: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    hidden: tuple[str, ...] = ()


def parse_version(text: str) -> tuple[int, ...]:
    """The version in `bubblewrap 0.8.0`; empty if there is none."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def system_view(root: Path = Path("/")) -> View:
    """Programs and libraries of the system, and nothing else of it."""
    binds, links = [(str(root / "usr"), "/usr")], []
    for name in SYSTEM:
        place = root / name
        if place.is_symlink():
            links.append((str(place.readlink()), f"/{name}"))
        elif place.is_dir():
            binds.append((str(place), f"/{name}"))
    binds += [(str(root / "etc" / name), f"/etc/{name}") for name in ETC if (root / "etc" / name).exists()]
    return View(tuple(binds), tuple(links))


def program_binds(executable: Path, *, library: bool) -> list[tuple[str, str]]:
    """What a program outside /usr needs: itself, its `lib` if asked, all of Homebrew or Nix if it is theirs."""
    path = executable.resolve()
    parts = path.parts
    if path.is_relative_to("/usr") and "Cellar" not in parts:
        return []
    for whole, depth in (("Cellar", 0), ("store", 1)):
        if whole in parts:
            place = str(Path(*parts[: parts.index(whole) + depth]))
            return [(place, place)]
    places = [path, path.parent.parent / "lib"] if library else [path]
    return [(str(place), str(place)) for place in places if place.exists()]


def covered(binds: Iterable[tuple[str, str]], private: Iterable[Path]) -> tuple[str, ...]:
    """The private directories that would be visible through the binds."""
    return tuple(
        str(place)
        for place in sorted(set(private))
        if any(place != Path("/") and place.is_relative_to(source) for source, _ in binds)
    )


@dataclass(frozen=True, slots=True)
class Rights:
    """What differs from trial to trial."""

    root: bool
    """maker is root: no user namespace is needed, and the harness becomes another user itself."""
    proc: bool
    """Whether there is /proc."""
    work_mib: int
    """Room in the temporary directory."""
    seccomp: int
    """The descriptor from which the system call filter is read."""


def arguments(bubblewrap: Bubblewrap, view: View, extra: Sequence[tuple[str, str]], rights: Rights) -> list[str]:
    """The command line up to the program to run; `extra` is bound last.

    The last mount made is the root itself, read-only: bubblewrap's root is a writable file system in memory.
    """
    # As process 1: bubblewrap's own would run as the candidate's user, where the candidate could look into it.
    argv = [bubblewrap.path, "--die-with-parent", "--as-pid-1", "--new-session", "--clearenv", "--hostname", "sandbox"]
    argv += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    argv += ["--cap-drop", "ALL", *(AS_ROOT if rights.root else AS_USER), "--seccomp", str(rights.seccomp)]
    argv += [word for name, value in ENVIRONMENT.items() for word in ("--setenv", name, value)]
    argv += _bound(view.binds)
    argv += [word for source, target in view.links for word in ("--symlink", source, target)]
    argv += [word for place in view.hidden for word in ("--tmpfs", place)]
    argv += ["--proc", "/proc"] if rights.proc else []
    argv += ["--dev", "/dev", *NO_MEMORY, *_writable(bubblewrap, rights.work_mib), *_bound(extra)]
    argv += [word for place in (*view.hidden, "/dev", "/") for word in ("--remount-ro", place)]
    return [*argv, "--chdir", WORK, "--"]


def _bound(binds: Sequence[tuple[str, str]]) -> list[str]:
    """The binds, and first the directories above them: those that bubblewrap makes unasked only root may enter."""
    argv = [word for place in above(target for _, target in binds) for word in ("--dir", place)]
    return argv + [word for source, target in binds for word in ("--ro-bind", source, target)]


def above(targets: Iterable[str]) -> list[str]:
    """The directories above the targets, outermost first."""
    found = (str(place) for target in targets for place in reversed(Path(target).parents) if place != Path("/"))
    return list(dict.fromkeys(found))


def _writable(bubblewrap: Bubblewrap, work_mib: int) -> list[str]:
    """The private temporary directory and shared memory, both of bounded size."""
    if bubblewrap.version < SIZE_SINCE:
        return ["--dir", WORK]
    size = ["--size", str(work_mib << 20), "--tmpfs"]
    return [*size, WORK, *size, "/dev/shm"]
