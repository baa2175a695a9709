import itertools
from pathlib import Path

import pytest

from maker.sandbox import bubblewrap
from maker.sandbox.linux import (
    FIRST_UID,
    NOBODY,
    Bubblewrap,
    Rights,
    View,
    above,
    arguments,
    covered,
    parse_version,
    program_binds,
    system_view,
)
from maker.sandbox.values import Limits

VIEW = View((("/usr", "/usr"),), (("usr/lib", "/lib"),), ("/usr/home/me",))


def made(version: tuple[int, ...] = (0, 8, 0), *, root: bool = False, proc: bool = True) -> list[str]:
    rights = Rights(root=root, proc=proc, work_mib=8, seccomp=7)
    return arguments(Bubblewrap("/usr/bin/bwrap", version), VIEW, [("/a/b", "/c/d")], rights)


def pairs(argv: list[str]) -> set[tuple[str, ...]]:
    return {*itertools.pairwise(argv), *zip(argv, argv[1:], argv[2:], strict=False)}


@pytest.mark.parametrize("root", [False, True])
def test_everything_is_taken_away(root: bool) -> None:
    argv = made(root=root)
    for word in ("ipc", "pid", "net", "uts"):
        assert f"--unshare-{word}" in argv
    assert {"--die-with-parent", "--new-session", "--clearenv", "--as-pid-1"} <= set(argv)
    assert ("--cap-drop", "ALL") in pairs(argv)
    assert ("--seccomp", "7") in pairs(argv)
    assert "--share-net" not in argv
    assert "--bind" not in argv


def test_a_user_becomes_nobody_in_a_namespace_and_root_keeps_what_it_needs_to_become_another() -> None:
    assert {("--uid", str(NOBODY)), ("--gid", str(NOBODY))} <= pairs(made())
    assert "--cap-add" not in made()
    assert "--unshare-user" not in made(root=True)
    assert [two[1] for two in sorted(pairs(made(root=True))) if len(two) == 2 and two[0] == "--cap-add"] == [
        "CAP_SETGID",
        "CAP_SETUID",
    ]


def test_the_root_becomes_read_only_last() -> None:
    argv = made()
    last = max(index for index, word in enumerate(argv) if word in {"--ro-bind", "--tmpfs", "--dev", "--symlink"})
    assert argv[last + 3 :][:6] == ["--remount-ro", "/usr/home/me", "--remount-ro", "/dev", "--remount-ro", "/"]


def test_what_can_be_written_to_has_a_size() -> None:
    assert ("--size", str(8 << 20), "--tmpfs") in pairs(made())
    assert {("--tmpfs", "/tmp"), ("--tmpfs", "/dev/shm")} <= pairs(made())


def test_an_old_bubblewrap_gives_nothing_to_write_to() -> None:
    argv = made((0, 6, 1))
    assert "--size" not in argv
    assert ("--tmpfs", "/tmp") not in pairs(argv)


def test_the_device_that_is_memory_is_covered() -> None:
    argv = made()
    at = argv.index("/dev/zero")
    assert argv.index("--dev") < at < argv.index("--remount-ro")
    assert argv[at - 2 : at] == ["--ro-bind", "/dev/null"]


def test_proc_can_be_left_out() -> None:
    assert ("--proc", "/proc") in pairs(made())
    assert "--proc" not in made(proc=False)


def test_directories_above_a_bind_can_be_entered() -> None:
    assert above(["/a/b/c", "/a/d"]) == ["/a", "/a/b"]
    argv = made()
    assert argv.index("/c") < argv.index("/c/d")


@pytest.mark.parametrize(
    ("text", "version"), [("bubblewrap 0.8.0\n", (0, 8, 0)), ("bubblewrap 0.11", (0, 11)), ("nonsense", ())]
)
def test_the_version_is_read(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version


def test_the_view_follows_the_systems_layout(tmp_path: Path) -> None:
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "lib64").mkdir()
    (tmp_path / "lib").symlink_to("usr/lib")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/ld.so.cache").touch()
    (tmp_path / "etc/shadow").touch()
    view = system_view(tmp_path)
    assert view.links == (("usr/lib", "/lib"),)
    assert [target for _, target in view.binds] == ["/usr", "/lib64", "/etc/ld.so.cache"]


def test_only_what_an_interpreter_needs_is_bound(tmp_path: Path) -> None:
    python = tmp_path / "prefix/bin/python3.11"
    python.parent.mkdir(parents=True)
    python.touch()
    (tmp_path / "prefix/lib").mkdir()
    lib = str(tmp_path / "prefix/lib")
    assert program_binds(python, library=True) == [(str(python), str(python)), (lib, lib)]
    assert program_binds(python, library=False) == [(str(python), str(python))]
    assert program_binds(Path("/usr/bin/env"), library=True) == []


def test_homebrew_and_nix_are_bound_whole() -> None:
    brew = Path("/home/linuxbrew/.linuxbrew/Cellar/python@3.11/3.11.9/bin/python3.11")
    assert program_binds(brew, library=True) == [("/home/linuxbrew/.linuxbrew",) * 2]
    assert program_binds(Path("/nix/store/abc-node/bin/node"), library=False) == [("/nix/store",) * 2]


def test_private_directories_below_a_bind_are_covered() -> None:
    binds = [("/usr", "/usr")]
    assert covered(binds, [Path("/usr/home/me"), Path("/home/me"), Path("/")]) == ("/usr/home/me",)


def test_each_trial_of_root_is_a_user_of_its_own(tmp_path: Path) -> None:
    everyone = tmp_path / "all"
    everyone.write_text("         0          0 4294967295\n")
    first, second = (bubblewrap.trial_uid(number, everyone) for number in (0, 1))
    assert FIRST_UID <= first < second < 2**31
    few = tmp_path / "few"
    few.write_text("0 100000 65536\n")
    assert bubblewrap.trial_uid(0, few) == NOBODY


def test_an_old_kernel_counts_what_the_user_runs_already() -> None:
    limits = Limits(processes=20)
    assert bubblewrap.process_limit(limits, root=False, kernel=(5, 14)) == 20
    assert bubblewrap.process_limit(limits, root=True, kernel=(5, 4)) == 20
    assert bubblewrap.process_limit(limits, root=False, kernel=(5, 4)) > 20


def test_the_kernels_version_is_read() -> None:
    assert bubblewrap.kernel_version("6.18.44-fc-v657") == (6, 18)
    assert bubblewrap.kernel_version("5.10") == (5, 10)
