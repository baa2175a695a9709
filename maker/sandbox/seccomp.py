"""The system calls that a candidate has no business with, as a filter program for the Linux kernel.

A second fence inside the namespaces: it closes what these leave open (memory that no limit counts, sockets that no
network namespace holds, looking into other processes) and most of what kernel bugs are reached through. Numbers are
those of the kernel's tables (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h).
"""

import errno
import struct

X86_64, AARCH64 = 0xC000003E, 0xC00000B7
ARCHITECTURES = {"x86_64": X86_64, "aarch64": AARCH64}

# name: (x86_64, aarch64)
DENIED: dict[str, tuple[int, int]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "quotactl": (179, 60),
    "acct": (163, 89),
    "syslog": (103, 116),
    "personality": (135, 92),
    "lookup_dcookie": (212, 18),
}
CLONE, CLONE3, SOCKET = {X86_64: 56, AARCH64: 220}, 435, {X86_64: 41, AARCH64: 198}
MMAP = {X86_64: 9, AARCH64: 222}
MAP_SHARED, MAP_ANONYMOUS = 0x01, 0x20
"""Both: memory that stays while any part of it is mapped anywhere, and that no process need have resident."""

NEW_NAMESPACES = 0x7E020000
"""CLONE_NEW* of mount, cgroup, uts, ipc, user, pid and net."""
FAMILIES = (1, 2, 10)
"""Unix, IPv4, IPv6. Others, vsock among them, may reach past the network namespace."""

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT, FOURTH_ARGUMENT_AT = 0, 4, 16, 40
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
X32_BIT = 0x40000000


def numbers(machine: str) -> dict[str, int]:
    """The denied calls' numbers on a machine (as `platform.machine` names it); empty for one that is not known."""
    if (architecture := ARCHITECTURES.get(machine)) is None:
        return {}
    column = list(ARCHITECTURES.values()).index(architecture)
    return {name: both[column] for name, both in DENIED.items()}


def program(machine: str) -> bytes | None:
    """The filter for a machine, or None for one it was not written for."""
    if (architecture := ARCHITECTURES.get(machine)) is None:
        return None
    rules = [
        *_if(EQUAL, architecture, [], [_step(RETURN, KILL)]),
        _step(LOAD, NUMBER_AT),
        *_if(AT_LEAST, X32_BIT, [_step(RETURN, KILL)], []),
    ]
    for number in numbers(machine).values():
        rules += _if(EQUAL, number, [_step(RETURN, REFUSE | errno.EPERM)], [])
    # The flags of clone3 are in memory, where a filter cannot look; without it the C library uses clone.
    rules += _if(EQUAL, CLONE3, [_step(RETURN, REFUSE | errno.ENOSYS)], [])
    new = _if(ANY_BIT, NEW_NAMESPACES, [_step(RETURN, REFUSE | errno.EPERM)], [_step(RETURN, ALLOW)])
    rules += _if(EQUAL, CLONE[architecture], [_step(LOAD, FIRST_ARGUMENT_AT), *new], [])
    both = _if(ANY_BIT, MAP_SHARED, [_step(RETURN, REFUSE | errno.EPERM)], [])
    mapped = _if(ANY_BIT, MAP_ANONYMOUS, [*both, _step(RETURN, ALLOW)], [_step(RETURN, ALLOW)])
    rules += _if(EQUAL, MMAP[architecture], [_step(LOAD, FOURTH_ARGUMENT_AT), *mapped], [])
    known = [step for family in FAMILIES for step in _if(EQUAL, family, [_step(RETURN, ALLOW)], [])]
    sockets = [_step(LOAD, FIRST_ARGUMENT_AT), *known, _step(RETURN, REFUSE | errno.EAFNOSUPPORT)]
    rules += _if(EQUAL, SOCKET[architecture], sockets, [])
    return _step(LOAD, ARCHITECTURE_AT) + b"".join(rules) + _step(RETURN, ALLOW)


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _if(code: int, value: int, then: list[bytes], otherwise: list[bytes]) -> list[bytes]:
    """A comparison of what was loaded; the parts it jumps over end in a return, or are empty."""
    if then:
        return [_step(code, value, 0, len(then)), *then, *otherwise]
    return [_step(code, value, len(otherwise), 0), *otherwise]
