import errno
import struct

import pytest

from maker.sandbox.seccomp import AARCH64, ALLOW, ARCHITECTURES, KILL, REFUSE, X86_64, numbers, program

MACHINES = list(ARCHITECTURES)


def verdict(machine: str, number: int, argument: int = 0, architecture: int | None = None, *, fourth: int = 0) -> int:
    """What the filter answers: a small machine for the classic BPF instructions it uses."""
    code = program(machine)
    assert code is not None
    steps = [struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]
    data = {0: number, 4: ARCHITECTURES[machine] if architecture is None else architecture, 16: argument, 40: fourth}
    at = loaded = 0
    while True:
        operation, yes, no, value = steps[at]
        at += 1
        match operation:
            case 0x20:
                loaded = data[value]
            case 0x06:
                return int(value)
            case 0x15:
                at += yes if loaded == value else no
            case 0x35:
                at += yes if loaded >= value else no
            case 0x45:
                at += yes if loaded & value else no
            case _:
                raise AssertionError(operation)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_denied_call_is_refused(machine: str) -> None:
    assert len(numbers(machine)) > 40
    for number in numbers(machine).values():
        assert verdict(machine, number) == REFUSE | errno.EPERM


@pytest.mark.parametrize(("machine", "ordinary"), [("x86_64", (0, 1, 9, 57, 59, 231)), ("aarch64", (63, 64, 222, 221))])
def test_ordinary_calls_are_allowed(machine: str, ordinary: tuple[int, ...]) -> None:
    assert {verdict(machine, number) for number in ordinary} == {ALLOW}


@pytest.mark.parametrize(("machine", "clone", "socket"), [("x86_64", 56, 41), ("aarch64", 220, 198)])
def test_arguments_decide_where_they_must(machine: str, clone: int, socket: int) -> None:
    assert verdict(machine, clone, 0x01200011) == ALLOW
    assert verdict(machine, clone, 0x10000000) == REFUSE | errno.EPERM
    assert verdict(machine, 435) == REFUSE | errno.ENOSYS
    assert {verdict(machine, socket, family) for family in (1, 2, 10)} == {ALLOW}
    assert {verdict(machine, socket, family) for family in (0, 3, 16, 17, 40)} == {REFUSE | errno.EAFNOSUPPORT}


@pytest.mark.parametrize(("machine", "mmap"), [("x86_64", 9), ("aarch64", 222)])
def test_memory_is_mapped_for_one_process_and_files_for_many(machine: str, mmap: int) -> None:
    shared, private, validated, anonymous, fixed = 0x01, 0x02, 0x03, 0x20, 0x10
    allowed = (private | anonymous, private | anonymous | fixed, shared, validated, private)
    assert {verdict(machine, mmap, fourth=flags) for flags in allowed} == {ALLOW}
    refused = (shared | anonymous, validated | anonymous, shared | anonymous | fixed)
    assert {verdict(machine, mmap, fourth=flags) for flags in refused} == {REFUSE | errno.EPERM}


def test_other_architectures_calls_kill() -> None:
    assert verdict("x86_64", 1, architecture=0x40000003) == KILL
    assert verdict("x86_64", 1, architecture=AARCH64) == KILL
    assert verdict("aarch64", 64, architecture=X86_64) == KILL
    assert verdict("x86_64", 0x40000000 + 1) == KILL


def test_there_is_no_filter_for_an_unknown_machine() -> None:
    assert program("riscv64") is None
    assert numbers("riscv64") == {}
