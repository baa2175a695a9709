"""How a status looks."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from maker.cli import show
from maker.config import Home
from maker.services.status import BundleStatus

from .fakes import bundle_status, service

SNAPSHOT = Path(__file__).with_name("status.txt")


def sample(home: Home) -> BundleStatus:
    """A bit of everything that a table can show."""
    return bundle_status(
        home,
        {
            "coder": {"slots": (1, 4), "rss_bytes": 14_300_000_000, "uptime_s": 7980.0},
            "reviewer": {"ready": False, "detail": "loading the model", "ready_after_s": None},
            "gpt-oss": {
                "state": "FATAL",
                "ready": False,
                "pid": None,
                "rss_bytes": None,
                "detail": "exited too quickly",
            },
            "orchestrator-low": {"state": "STOPPED", "ready": False, "wanted": False, "pid": None, "uptime_s": None},
            "redis": {"state": "STOPPED", "embedded": "no redis-server is installed", "pid": None, "rss_bytes": None},
            "voter": {"restarts": 2},
        },
    )


def text(status: BundleStatus, width: int = 120) -> str:
    console = Console(width=width, no_color=True, force_terminal=False)
    with console.capture() as capture:
        console.print(show.render(status))
    return "".join(line.rstrip() + "\n" for line in capture.get().splitlines())


def test_the_status_table_looks_as_it_did(home: Home) -> None:
    assert text(sample(home)) == SNAPSHOT.read_text(encoding="utf-8")


def test_eighty_columns_show_every_cell_whole(home: Home) -> None:
    most: dict[str, object] = {"pid": 4194304, "rss_bytes": 123_400_000_000, "uptime_s": 86_340.0}
    shown = text(bundle_status(home, {"orchestrator-high": {**most, "slots": (10, 64), "restarts": 12}}), width=80)
    assert "orchestrator-high  RUNNING   yes    4194304 8080 123.4 GB 10/64 23h59m       12" in shown.splitlines()
    assert "…" not in shown


def test_what_is_not_wanted_needs_no_reason(home: Home) -> None:
    assert [line.split(":")[0] for line in show.reasons(sample(home))] == ["reviewer", "gpt-oss", "redis"]


def test_services_with_other_settings_are_named_in_one_line(home: Home) -> None:
    changed = {"outdated": True}
    status = bundle_status(home, {"coder": {**changed, "ready": False, "detail": "no"}, "mcp": changed})
    assert show.reasons(status) == ["coder, mcp: maker.toml changed since start; run `maker start`"]


def test_only_what_is_ready_has_an_address(home: Home) -> None:
    assert [line.split("  ")[0] for line in show.addresses(sample(home))] == ["MakerCode - High", "Phoenix"]


@pytest.mark.parametrize(
    ("count", "shown"),
    [(None, ""), (0, ""), (340_000, "340 kB"), (999_600, "1 MB"), (478_000_000, "478 MB"), (14_300_000_000, "14.3 GB")],
)
def test_bytes_have_the_unit_people_use(count: int | None, shown: str) -> None:
    assert show.size(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, ""), (0.4, "0s"), (59.9, "59s"), (185, "3m05s"), (7980, "2h13m"), (352_800, "4d02h")],
)
def test_durations_have_two_units_at_most(seconds: float | None, shown: str) -> None:
    assert show.duration(seconds) == shown


def test_changes_name_only_what_changed(home: Home) -> None:
    loading = bundle_status(home, {"coder": {"ready": False, "detail": "loading the model"}})
    ready = bundle_status(home, {"coder": {"ready_after_s": 17.92}})
    assert "coder: loading the model" in show.changes(None, loading)
    assert len(show.changes(None, loading)) == 12
    assert show.changes(loading, ready) == ["coder: ready after 17.9 s"]
    assert show.changes(ready, ready) == []
    timed_later = bundle_status(home, {"coder": {"ready_after_s": None}})
    assert show.changes(timed_later, ready) == []


def test_the_critical_path_is_the_slowest_of_what_this_start_brought_up(home: Home) -> None:
    first = bundle_status(home, {"coder": {"ready": False, "pid": None}, "voter": {"ready": True, "pid": 17}})
    last = bundle_status(
        home, {"planner": {"ready_after_s": 99.0}, "coder": {"ready_after_s": 17.9}, "voter": {"ready_after_s": 3.0}}
    )
    assert show.critical_path(first, last, 18.2) == "ready after 18.2 s; the longest was coder (17.9 s)"


def test_the_critical_path_leaves_out_what_was_started_before_this_command(home: Home) -> None:
    first = bundle_status(home, {"orchestrator-high": {"ready": False, "ready_after_s": 13.1}})
    last = bundle_status(home, {"orchestrator-high": {"ready_after_s": 13.1}})
    assert show.critical_path(first, last, 1.4) == "ready after 1.4 s"


def test_a_start_that_had_nothing_to_do_says_so(home: Home) -> None:
    embedded = service("qdrant", 0, embedded="no qdrant", state="STOPPED", pid=None)
    own = [each for each in bundle_status(home).services if each.name != "qdrant"]
    status = replace(bundle_status(home), services=(*own, embedded))
    assert show.critical_path(status, status, 0.3) == "ready: everything that is needed was running already"


def test_a_machine_that_runs_no_code_says_why_and_what_to_do(home: Home) -> None:
    status = replace(bundle_status(home), execution="bubblewrap is not installed; apt install bubblewrap")
    assert show.reasons(status)[-1] == "code is not run: bubblewrap is not installed; apt install bubblewrap"
    assert status.as_json()["execution"] == status.execution
