"""start, stop, restart and status."""

import json
from dataclasses import replace

import pytest

from maker.config import Config, Home
from maker.errors import NotReady
from maker.services.status import BundleStatus

from .fakes import FakeBundle, FakeSession, bundle_status
from .support import Terminal


@pytest.fixture
def bundle(home: Home) -> FakeBundle:
    loading = bundle_status(home, {"coder": {"ready": False, "detail": "loading the model", "ready_after_s": None}})
    down = bundle_status(home, up=False)
    return FakeBundle(Config(home=home), down, loading, bundle_status(home, {"coder": {"ready_after_s": 17.9}}))


def test_start_tells_what_changes_and_ends_with_the_critical_path(bundle: FakeBundle, maker: Terminal) -> None:
    code, out, _ = maker("start", "low", "--timeout", "5", session=FakeSession(bundle))
    assert code == 0
    assert bundle.calls == [("start", "low", True, 5.0)]
    lines = out.splitlines()
    assert "coder: loading the model" in lines and "coder: ready after 17.9 s" in lines
    assert lines[-1].startswith("ready after ") and lines[-1].endswith("; the longest was coder (17.9 s)")


def test_start_says_what_it_stopped_because_the_target_does_not_need_it(home: Home, maker: Terminal) -> None:
    gone: dict[str, object] = {"wanted": False, "ready": False, "state": "STOPPED", "pid": None}
    low = bundle_status(home, {"reviewer": gone, "orchestrator-high": gone}, target="low")
    bundle = FakeBundle(Config(home=home), bundle_status(home), low)
    _, out, _ = maker("start", "low", session=FakeSession(bundle))
    assert "stopped reviewer, orchestrator-high: not needed by low" in out.splitlines()
    assert out.splitlines()[-1] == "ready: everything that is needed was running already"


def test_start_says_what_it_restarted_because_its_settings_changed(home: Home, maker: Terminal) -> None:
    before = bundle_status(home, {"coder": {"outdated": True}, "mcp": {"outdated": True}})
    bundle = FakeBundle(Config(home=home), before, bundle_status(home))
    _, out, _ = maker("start", session=FakeSession(bundle))
    assert "restarted coder, mcp: maker.toml changed since start" in out.splitlines()


def test_start_that_is_interrupted_says_that_the_services_go_on(home: Home, maker: Terminal) -> None:
    class Interrupted(FakeBundle):
        def start(self, *_: object, **__: object) -> BundleStatus:
            raise KeyboardInterrupt

    bundle = Interrupted(Config(home=home), bundle_status(home, up=False))
    code, _, err = maker("start", session=FakeSession(bundle))
    assert code == 130
    assert "`maker stop` ends it" in err


def test_start_is_all_and_waits_unless_told_otherwise(bundle: FakeBundle, maker: Terminal) -> None:
    maker("start", session=FakeSession(bundle))
    assert bundle.calls == [("start", "all", True, 600.0)]


def test_start_without_waiting_is_no_failure_while_models_load(home: Home, maker: Terminal) -> None:
    bundle = FakeBundle(Config(home=home), bundle_status(home, {"coder": {"ready": False}}))
    assert maker("start", "--no-wait", session=FakeSession(bundle))[0] == 0


def test_start_that_left_something_unready_is_exit_3(home: Home, maker: Terminal) -> None:
    bundle = FakeBundle(Config(home=home), bundle_status(home, {"coder": {"ready": False}}))
    assert maker("start", session=FakeSession(bundle))[0] == 3


def test_start_as_json_keeps_progress_off_standard_output(bundle: FakeBundle, maker: Terminal) -> None:
    code, out, err = maker("start", "--json", session=FakeSession(bundle))
    assert code == 0
    assert json.loads(out) == plain_json(bundle)
    assert "coder: loading the model" in err


def plain_json(bundle: FakeBundle) -> object:
    return json.loads(json.dumps(bundle.status().as_json()))


def test_status_as_json_is_the_bundles_own_document(bundle: FakeBundle, maker: Terminal) -> None:
    bundle.started = True
    code, out, err = maker("status", "--json", session=FakeSession(bundle))
    assert (code, json.loads(out), err) == (0, plain_json(bundle), "")


def test_status_with_something_unready_is_exit_3_and_says_why(home: Home, maker: Terminal) -> None:
    changes: dict[str, dict[str, object]] = {"coder": {"ready": False, "detail": "loading the model"}}
    bundle = FakeBundle(Config(home=home), bundle_status(home, changes))
    code, out, _ = maker("status", session=FakeSession(bundle))
    assert code == 3
    assert "coder: loading the model" in out.splitlines()


def test_status_of_a_stopped_bundle_is_exit_4_and_says_how_to_start(home: Home, maker: Terminal) -> None:
    bundle = FakeBundle(Config(home=home), bundle_status(home, up=False))
    code, out, err = maker("status", session=FakeSession(bundle))
    assert code == 4
    assert out.startswith("NAME ") and err == "maker: not running; start it with `maker start`\n"


def test_status_without_a_supervisor_says_that_processes_run(home: Home, maker: Terminal) -> None:
    left = replace(bundle_status(home, {"coder": {"pid": 17, "state": "UNKNOWN"}}, up=False), orphans=10)
    code, out, err = maker("status", session=FakeSession(FakeBundle(Config(home=home), left)))
    assert code == 3
    assert "UNKNOWN" in out and err == (
        "maker: no supervisor answers, but 10 of maker's processes run; `maker start` ends them and starts anew, "
        "`maker stop` ends them\n"
    )


def test_watching_into_a_file_prints_every_look(home: Home, maker: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []

    def wait(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("maker.cli.run.time.sleep", wait)
    bundle = FakeBundle(Config(home=home), bundle_status(home))
    code, out, _ = maker("status", "--watch", session=FakeSession(bundle))
    assert code == 130
    assert sum(line.startswith("NAME ") for line in out.splitlines()) == 3


def test_stop_says_what_it_stopped(bundle: FakeBundle, maker: Terminal) -> None:
    bundle.started = True
    assert maker("stop", session=FakeSession(bundle)) == (0, "stopping coder\nstopped\n", "")


def test_stop_of_nothing_says_so_and_is_no_failure(home: Home, maker: Terminal) -> None:
    bundle = FakeBundle(Config(home=home), bundle_status(home, up=False))
    assert maker("stop", session=FakeSession(bundle)) == (0, "nothing was running\n", "")


def test_a_stopped_bundle_is_one_reason_not_twelve(home: Home, maker: Terminal) -> None:
    bundle = FakeBundle(Config(home=home), bundle_status(home, up=False))
    assert len(maker("status", session=FakeSession(bundle))[1].splitlines()) == 14


def test_restart_tells_what_changes_and_names_what_it_restarted(home: Home, maker: Terminal) -> None:
    loading = bundle_status(home, {"coder": {"ready": False, "detail": "loading the model", "ready_after_s": None}})
    bundle = FakeBundle(Config(home=home), bundle_status(home, {"coder": {"pid": 17}}), loading, bundle_status(home))
    code, out, _ = maker("restart", "coder", "mcp", "--timeout", "5", session=FakeSession(bundle))
    assert code == 0
    assert bundle.calls == [("restart", "coder", "mcp", True, 5.0)]
    *told, last = out.splitlines()
    assert told == ["coder: loading the model", "coder: ready after 2.5 s", "restarted coder", "restarted mcp"]
    assert last.startswith("ready after ") and last.endswith("; the longest was coder (2.5 s)")


def test_restart_that_need_not_wait_claims_nothing(bundle: FakeBundle, maker: Terminal) -> None:
    _, out, _ = maker("restart", "coder", "--no-wait", session=FakeSession(bundle))
    assert bundle.calls == [("restart", "coder", False, 600.0)]
    assert out.splitlines()[-1] == "restarting coder" and "ready after 0" not in out


def test_restart_of_what_does_not_become_ready_is_exit_3_and_says_why(home: Home, maker: Terminal) -> None:
    class Broken(FakeBundle):
        def restart(self, *_: object, **__: object) -> BundleStatus:
            raise NotReady("coder did not start: the model file is damaged")

    bundle = Broken(Config(home=home), bundle_status(home))
    code, out, err = maker("restart", "coder", session=FakeSession(bundle))
    assert (code, out, err) == (3, "", "maker: coder did not start: the model file is damaged\n")


def test_restart_of_an_unknown_name_restarts_nothing(bundle: FakeBundle, maker: Terminal) -> None:
    assert maker("restart", "coder", "cdr", session=FakeSession(bundle))[0] == 2
    assert bundle.calls == []
