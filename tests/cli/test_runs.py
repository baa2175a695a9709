"""Past runs over HTTP, from whichever orchestrator answers."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from maker.config import Config, Home
from maker.stores.run_store import RunRecord

from ..support import write_toml
from .support import Terminal

NO_RUN = {"error": {"message": "there is no run", "code": "run_not_found"}}
CANDIDATE = {"number": 1, "flags": [], "language": "python", "path": "", "code": "x = 1\n", "signature": "abc123"}
TRIED = {"executed": True, "passed": 2, "checks": 2, "results": ["returned:3"]}
STEP = {
    "number": 1,
    "title": "Write add(a, b)",
    "finished": True,
    "made": 3,
    "flagged": 1,
    "inputs": [{"call": "add(1, 2)"}],
    "candidates": [
        CANDIDATE | TRIED,
        CANDIDATE | {"number": 2, "flags": ["no code"], "executed": False, "passed": None, "checks": None},
        CANDIDATE | {"number": 3, "executed": False, "passed": None, "checks": None},
    ],
    "chosen": 1,
    "votes": [2],
    "margin": 2,
    "converged": True,
    "confidence": 0.934,
    "rounds": 1,
    "verdict": "accepted",
    "findings": [{"severity": "low", "category": "security", "where": "add", "what": "trusts \x1b[2J", "fix": ""}],
}


def record(number: int = 1, **changes: Any) -> RunRecord:
    values: dict[str, Any] = {
        "run_id": f"run-{number}",
        "mode": "high",
        "started": 1_000_000.0 + number,
        "seconds": 2.34,
        "status": "complete",
        "kind": "code",
        "plan": {"summary": "A function", "steps": [{"number": 1, "title": "Write add(a, b)"}]},
        "steps": [STEP],
        "usage": {"coder": {"prompt_tokens": 10, "completion_tokens": 40, "cached_tokens": 0}},
        "notes": ["it was late"],
        "resumed_after": ["plan"],
    }
    return RunRecord(**(values | changes))


Serve = Callable[..., None]


@pytest.fixture
def serve(home: Home) -> Iterator[Serve]:
    """Answers as a mode's orchestrator does that remembers the records given; `raw` is what else it says."""
    config: Config = write_toml(home)
    with ExitStack() as stack:

        def start(mode: str, *records: RunRecord, raw: tuple[int, bytes] | None = None) -> None:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    status, body = raw or answer(self.path, records)
                    self.send_response(status)
                    self.end_headers()
                    self.wfile.write(body)

                def log_message(self, *arguments: object) -> None: ...

            server = HTTPServer(("127.0.0.1", config.port(f"orchestrator-{mode}")), Handler)
            stack.callback(server.server_close)
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(server.shutdown)

        yield start


def answer(path: str, records: tuple[RunRecord, ...]) -> tuple[int, bytes]:
    if path == "/api/runs":
        return 200, json.dumps([one.brief().as_json() for one in records]).encode()
    found = [one.as_json() for one in records if path == f"/api/runs/{one.run_id}"]
    return (200, json.dumps(found[0]).encode()) if found else (404, json.dumps(NO_RUN).encode())


def test_the_list_is_a_table_with_the_newest_first(serve: Serve, maker: Terminal) -> None:
    failed = record(2, status="failed", error="model_timeout", kind="question", steps=[], plan=None)
    serve("high", record(1), failed)
    code, out, err = maker("runs", "list")
    head, second, first = out.splitlines()
    assert (code, err) == (0, "")
    assert head.split() == ["ID", "WHEN", "MODE", "KIND", "STATUS", "STEPS", "CAND", "MARGIN", "VERDICT", "SECONDS"]
    assert [first.split()[0], *first.split()[3:]] == "run-1 high code complete 1 3 2 accepted 2.3".split()
    assert [second.split()[0], *second.split()[3:]] == "run-2 high question model_timeout 2.3".split()


def test_both_modes_are_listed_each_run_once_from_whichever_answers(serve: Serve, maker: Terminal) -> None:
    serve("low", record(1), record(2, mode="low"))
    assert len(json.loads(maker("runs", "list", "--json")[1])) == 2
    serve("high", record(1), record(3))
    found = json.loads(maker("runs", "list", "--json")[1])
    assert [one["run_id"] for one in found] == ["run-3", "run-2", "run-1"]
    assert [one["run_id"] for one in json.loads(maker("runs", "list", "--limit", "1", "--json")[1])] == ["run-3"]


def test_the_worst_verdict_and_the_least_margin_stand_for_a_run(serve: Serve, maker: Terminal) -> None:
    worse = STEP | {"number": 2, "margin": 0, "verdict": "refused"}
    serve("high", record(steps=[STEP, worse, STEP | {"verdict": None}]))
    assert maker("runs", "list")[1].splitlines()[1].split()[-4:] == ["9", "0", "refused", "2.3"]


def test_no_runs_yet_is_said(serve: Serve, maker: Terminal) -> None:
    serve("high")
    assert maker("runs", "list") == (0, "there is no run yet\n", "")
    assert maker("runs", "list", "--json") == (0, "[]\n", "")


def test_a_run_is_shown_with_its_plan_candidates_vote_verdict_and_code(serve: Serve, maker: Terminal) -> None:
    serve("high", record())
    code, out, err = maker("runs", "show", "run-1")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0].startswith("run-1, high mode, code, complete, 1970-01-1")
    assert lines[1:] == [
        "resumed after: plan",
        "plan: A function",
        "  1. Write add(a, b)",
        "",
        "step 1: Write add(a, b)",
        "  candidate 1: 2 of 2 checks, behaviour abc123",
        "  candidate 2: discarded (no code)",
        "  candidate 3: not run, behaviour abc123",
        "  vote 2, margin 2, confidence 0.93",
        "  verdict: accepted, round 1",
        "    low security: add: trusts \\x1b[2J",
        "  chosen: candidate 1",
        "",
        "    x = 1",
        "",
        "note: it was late",
        "",
        "tokens (prompt+answer): coder 10+40",
    ]


def test_what_was_not_finished_decided_or_kept_whole_is_said(serve: Serve, maker: Terminal) -> None:
    step = STEP | {"finished": False, "converged": False, "verdict": None, "votes": []}
    serve("high", record(steps=[step], shortened=True, status="failed", error="model_timeout"))
    out = maker("runs", "show", "run-1")[1]
    assert "step 1: Write add(a, b) (not finished)" in out
    assert "vote none, margin 2, confidence 0.93, not decided: chosen by score" in out
    assert "verdict: none" in out
    assert out.endswith("(shortened: this run was too long to be kept whole)\n")


def test_json_is_everything(serve: Serve, maker: Terminal) -> None:
    serve("high", record())
    assert json.loads(maker("runs", "show", "run-1", "--json")[1]) == record().as_json()


def test_a_run_that_only_the_other_orchestrator_knows_is_found(serve: Serve, maker: Terminal) -> None:
    serve("high")
    serve("low", record(mode="low"))
    assert maker("runs", "show", "run-1")[0] == 0


@pytest.mark.parametrize("name", ["run-9", "../health", "größer ?"])
def test_an_unknown_run_is_one_sentence(serve: Serve, maker: Terminal, name: str) -> None:
    serve("high", record())
    sentence = f"maker: there is no run {name!r}; `maker runs list` shows those that are kept\n"
    assert maker("runs", "show", name) == (1, "", sentence)


def test_nobody_there_is_exit_4(home: Home, maker: Terminal) -> None:
    write_toml(home)
    for words in (("list",), ("show", "run-1")):
        assert maker("runs", *words) == (4, "", "maker: no orchestrator answers; run `maker start`\n")


def test_one_that_cannot_say_is_no_matter_where_the_other_can(serve: Serve, maker: Terminal) -> None:
    sorry = json.dumps({"error": {"message": "redis did not answer", "code": "store_error"}}).encode()
    serve("high", raw=(503, sorry))
    assert maker("runs", "list") == (1, "", "maker: redis did not answer\n")
    serve("low", record())
    assert maker("runs", "list")[0] == 0


@pytest.mark.parametrize("raw", [(200, b"<html>"), (200, b"{}"), (404, b"[]"), (404, b'{"error": "gone"}')])
def test_something_else_on_the_port_is_named_as_such(serve: Serve, maker: Terminal, raw: tuple[int, bytes]) -> None:
    serve("high", raw=raw)
    code, _, err = maker("runs", "show", "run-1")
    assert code == 1
    assert f"not an orchestrator of maker (HTTP status {raw[0]})" in err
