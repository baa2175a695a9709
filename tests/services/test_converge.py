"""Which programs start and stop."""

from maker.services.converge import Changes, again, converge, resume
from maker.services.supervisor import Program

OURS = {"coder", "reviewer", "mcp", "voter", "planner"}


def program(name: str, state: str, started: float = 0) -> Program:
    return Program(name, state, pid=1 if state == "RUNNING" else 0, started=started, uptime_s=0, spawn_error="")


PROGRAMS = {
    each.name: each
    for each in (
        program("coder", "RUNNING", 5),
        program("reviewer", "RUNNING", 5),
        program("mcp", "STOPPED", 5),
        program("voter", "STOPPED"),
        program("planner", "FATAL", 5),
        program("readiness", "RUNNING", 5),
    )
}


def test_start_brings_up_what_is_missing_and_stops_only_what_is_not_wanted() -> None:
    assert converge(PROGRAMS, OURS, {"coder", "mcp", "voter", "planner"}, ()) == Changes(
        start=("mcp", "voter", "planner"), stop=("reviewer",)
    )


def test_start_restarts_what_is_wanted_and_runs_with_other_settings() -> None:
    changes = converge(PROGRAMS, OURS, {"coder", "mcp"}, {"coder", "mcp", "reviewer"})
    assert changes == Changes(start=("mcp",), stop=("reviewer",), restart=("coder",))


def test_the_listener_is_never_stopped() -> None:
    assert converge(PROGRAMS, OURS, set(), ()) == Changes(stop=("coder", "reviewer"))


def test_what_is_just_stopping_is_started_again_if_it_is_wanted_and_left_alone_if_not() -> None:
    stopping = {"coder": program("coder", "STOPPING", 5)}
    assert converge(stopping, OURS, {"coder"}, {"coder"}) == Changes(start=("coder",))
    assert converge({"coder": program("coder", "STOPPED", 5)}, OURS, set(), ()) == Changes()


def test_a_restart_gives_the_named_new_processes_and_starts_what_has_none() -> None:
    assert again(PROGRAMS, ["coder", "mcp"]) == Changes(start=("mcp",), restart=("coder",))
    stopping = {"coder": program("coder", "STOPPING", 5)}
    assert again(stopping, ["coder"]) == Changes(start=("coder",))


def test_a_new_supervisor_starts_only_what_was_never_started() -> None:
    assert resume(PROGRAMS, OURS) == Changes(start=("voter",))


def test_a_program_that_the_configuration_lacks_is_not_asked_for() -> None:
    assert converge(PROGRAMS, OURS, {"coder", "reviewer", "gone"}, ()) == Changes()
