"""What the listener concludes about one service."""

from dataclasses import replace

import pytest

from maker.services.readiness import READY, Readiness
from maker.services.record import Record
from maker.services.supervisor import Program
from maker.services.watch import Moment, Watch, slept

WALL = 1_000_000.0
RUNNING = Program("coder", "RUNNING", pid=7, started=WALL, uptime_s=1.0, spawn_error="")
STOPPED = replace(RUNNING, state="STOPPED", pid=0)
LOADING = Readiness(False, "HTTP 503 Loading model")


def at(seconds: float) -> Moment:
    return Moment(WALL + seconds, 100 + seconds)


def model() -> Watch:
    watch = Watch("coder.log", tried=True)
    watch.starting("STOPPED", at(0))
    return watch


def other() -> Watch:
    watch = Watch("mcp.log", tried=False)
    watch.starting("STOPPED", at(0))
    return watch


def ready_model() -> Watch:
    watch = model()
    watch.observe(RUNNING, READY, at(1))
    watch.verdict(7, None, at(2))
    return watch


def fail(watch: Watch, pid: int, begin: float) -> list[object]:
    """Three failed trials, one after the other; what each asked for."""
    actions: list[object] = []
    for trial in range(3):
        assert watch.observe(replace(RUNNING, pid=pid), READY, at(begin + 3 * trial)) == "try"
        actions.append(watch.verdict(pid, "HTTP 500", at(begin + 3 * trial)))
    return actions


def test_a_model_is_ready_only_once_it_has_shown_a_token() -> None:
    watch = model()
    assert watch.observe(RUNNING, LOADING, at(1)) is None
    assert (watch.record.ready, watch.record.detail) == (False, "HTTP 503 Loading model")
    assert watch.observe(RUNNING, READY, at(2)) == "try"
    assert not watch.record.ready and "first token" in watch.record.detail
    assert watch.observe(RUNNING, READY, at(2.2)) is None, "one trial at a time"
    assert watch.verdict(7, None, at(2.5)) is None
    assert watch.record == Record(7, True, "", since=WALL + 2.5, ready_after_s=2.5)


def test_other_services_are_ready_when_they_say_so() -> None:
    watch = other()
    assert watch.observe(RUNNING, READY, at(1.5)) is None
    assert (watch.record.ready, watch.record.ready_after_s) == (True, 1.5)


def test_the_time_to_ready_stays_that_of_the_first_time() -> None:
    watch = other()
    watch.observe(RUNNING, READY, at(1.5))
    watch.observe(RUNNING, Readiness(False, "no answer within 2 s"), at(10))
    assert (watch.record.ready, watch.record.since) == (False, WALL + 10)
    watch.observe(RUNNING, READY, at(20))
    assert (watch.record.ready, watch.record.ready_after_s, watch.record.since) == (True, 1.5, WALL + 20)


def test_a_new_process_has_to_show_a_token_again() -> None:
    watch = ready_model()
    assert watch.ended(at(5), asked=False) is None
    assert watch.record.restarts == 1
    watch.starting("EXITED", at(5))
    assert watch.observe(replace(RUNNING, pid=8), READY, at(6)) == "try"
    assert not watch.record.ready
    watch.verdict(8, None, at(6.5))
    assert (watch.record.ready, watch.record.ready_after_s) == (True, 1.5)


def test_a_trial_of_the_process_before_says_nothing() -> None:
    watch = model()
    watch.observe(RUNNING, READY, at(1))
    watch.observe(replace(RUNNING, pid=8), READY, at(2))
    assert watch.verdict(7, None, at(3)) is None
    assert not watch.record.ready


def test_three_failed_trials_bring_one_restart_and_three_more_the_end_of_trying() -> None:
    watch = model()
    assert fail(watch, 7, 1) == [None, None, "restart"]
    assert watch.unsettled(at(9))
    assert watch.observe(replace(RUNNING, state="STOPPING"), None, at(9)) is None
    assert watch.observe(STOPPED, None, at(9.5)) == "start"
    watch.starting("STOPPED", at(9.6))
    assert fail(watch, 8, 10) == [None, None, None]
    assert watch.record.given_up
    assert watch.record.detail == "HTTP 500; a restart did not help; look at coder.log"
    assert watch.observe(replace(RUNNING, pid=8), READY, at(30)) is None
    assert not watch.record.ready and not watch.unsettled(at(30))


def test_one_that_ended_before_it_could_be_stopped_is_back_by_itself() -> None:
    watch = ready_model()
    watch.returning = True
    assert watch.observe(replace(RUNNING, pid=8), READY, at(10)) == "try"
    assert watch.verdict(8, None, at(11)) is None
    assert watch.record.ready and not watch.unsettled(at(12))
    assert watch.observe(STOPPED, None, at(20)) is None, "stopped by hand later, it stays stopped"


def test_trials_are_not_hurried() -> None:
    watch = model()
    watch.observe(RUNNING, READY, at(1))
    watch.verdict(7, "HTTP 500", at(1))
    assert watch.observe(RUNNING, READY, at(1.5)) is None
    assert watch.observe(RUNNING, READY, at(3.5)) == "try"


def test_a_busy_server_is_not_a_broken_one() -> None:
    watch = model()
    for trial in range(10):
        assert watch.observe(RUNNING, READY, at(1 + 40 * trial)) == "try"
        assert watch.verdict(7, "no token within 30 s", at(31 + 40 * trial), counts=False) is None
    assert not watch.record.given_up and not watch.record.ready


def test_one_success_forgives_the_failures_before() -> None:
    watch = model()
    for trial in range(2):
        watch.observe(RUNNING, READY, at(1 + 3 * trial))
        watch.verdict(7, "HTTP 500", at(1 + 3 * trial))
    watch.observe(RUNNING, READY, at(10))
    watch.verdict(7, None, at(10))
    watch.woke()
    assert fail(watch, 7, 20) == [None, None, "restart"]


def test_a_service_that_keeps_ending_is_stopped() -> None:
    watch = other()
    actions = [watch.ended(at(100 * n), asked=False, why="no room; make some") for n in range(5)]
    assert actions == [None] * 4 + ["stop"]
    assert watch.record.given_up and watch.record.restarts == 5
    assert watch.record.detail == "ended 5 times within 10 minutes and was stopped: no room; make some"
    assert watch.observe(RUNNING, READY, at(401)) == "stop", "supervisord was faster"
    watch.observe(STOPPED, None, at(402))
    assert "ended 5 times" in watch.record.detail


def test_ends_that_are_far_apart_are_forgiven() -> None:
    watch = other()
    assert {watch.ended(at(200 * n), asked=False) for n in range(50)} == {None}
    assert watch.record.restarts == 50 and not watch.record.given_up


def test_an_end_that_was_asked_for_does_not_count() -> None:
    watch = other()
    assert {watch.ended(at(n), asked=True) for n in range(10)} == {None}
    assert watch.record.restarts == 0


@pytest.mark.parametrize("was", ["STOPPED", "FATAL"])
def test_whoever_starts_it_by_hand_wants_it_tried_anew(was: str) -> None:
    watch = other()
    for n in range(5):
        watch.ended(at(n), asked=False)
    watch.starting(was, at(10))
    assert not watch.record.given_up
    assert watch.observe(replace(RUNNING, pid=9), READY, at(11)) is None
    assert watch.record.ready


def test_a_fatal_service_keeps_its_reason() -> None:
    watch = other()
    watch.observe(replace(STOPPED, state="FATAL"), Readiness(False, "bind: address already in use"), at(5))
    watch.observe(replace(STOPPED, state="FATAL"), Readiness(False, "another line"), at(10))
    assert (watch.record.given_up, watch.record.detail) == (True, "bind: address already in use")


def test_after_sleep_a_ready_model_shows_a_token_again_without_a_restart() -> None:
    watch = ready_model()
    watch.woke()
    assert watch.observe(RUNNING, READY, at(100)) == "try"
    assert not watch.record.ready
    assert watch.verdict(7, None, at(101)) is None
    assert (watch.record.ready, watch.record.ready_after_s) == (True, 2.0)


def test_a_new_listener_trusts_the_record_of_the_same_process() -> None:
    watch = Watch("coder.log", tried=True, record=Record(7, True, "", WALL, 2.0, 3))
    assert watch.observe(RUNNING, READY, at(50)) is None
    assert watch.record == Record(7, True, "", WALL, 2.0, 3)


def test_a_new_listener_takes_the_start_of_a_process_from_supervisord() -> None:
    watch = Watch("mcp.log", tried=False)
    watch.observe(replace(RUNNING, uptime_s=4), READY, at(5))
    assert watch.record.ready_after_s == 4


def test_it_looks_again_soon_only_while_something_may_become_ready() -> None:
    watch = model()
    watch.observe(RUNNING, LOADING, at(1))
    assert watch.unsettled(at(2))
    assert not watch.unsettled(at(200)), "a service that takes minutes is looked at with every tick"
    assert not ready_model().unsettled(at(3))


@pytest.mark.parametrize(
    ("wall", "monotonic", "expected"),
    [
        (5, 5, False),
        (3600, 5, True),  # monotonic clocks stand still while the machine sleeps
        (3600, 3600, True),  # all of us were stopped
        (-86400, 5, False),  # the clock was set back
        (20, 20, False),  # a busy machine
    ],
)
def test_a_gap_between_ticks_is_sleep(wall: float, monotonic: float, expected: bool) -> None:
    assert slept(Moment(WALL, 100), Moment(WALL + wall, 100 + monotonic)) is expected
