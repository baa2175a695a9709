"""Making what runs be what was asked for: the one place that decides which programs start and stop."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from maker.services.supervisor import Program


@dataclass(frozen=True, slots=True)
class Changes:
    """Programs to start, as soon as they have ended if they are still stopping; to stop; to stop and start again."""

    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


def converge(
    programs: Mapping[str, Program], ours: Collection[str], wanted: Collection[str], outdated: Collection[str]
) -> Changes:
    """Everything that is missing or runs with other settings, and everything of ours that is not wanted.

    What runs rightly is not touched.
    """
    missing = (name for name, program in programs.items() if name in wanted and not program.stays)
    excess = (name for name, program in programs.items() if name in ours and name not in wanted and program.alive)
    wrong = (name for name, program in programs.items() if name in wanted and name in outdated and program.stays)
    return Changes(tuple(missing), tuple(excess), tuple(wrong))


def again(programs: Mapping[str, Program], names: Collection[str]) -> Changes:
    """A new process for each of these, whether it has one now or not."""
    named = [program for name, program in programs.items() if name in names]
    return Changes(
        start=tuple(program.name for program in named if not program.stays),
        restart=tuple(program.name for program in named if program.stays),
    )


def resume(programs: Mapping[str, Program], wanted: Collection[str]) -> Changes:
    """What a new supervisor has not started yet; a program that somebody stopped by hand stays stopped."""
    never = (name for name, program in programs.items() if name in wanted and not program.alive and not program.started)
    return Changes(tuple(never))
