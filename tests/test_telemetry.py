"""Runs as traces, read back from a real Phoenix; and what happens to a run while Phoenix is away."""

import asyncio
import logging
import secrets
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry import trace

from maker.chat.types import ChatRequest, Completion, Sampling, TextDelta, ToolCall, Usage
from maker.config import Config, Home
from maker.pipeline import events
from maker.pipeline.values import Outcome, Task
from maker.telemetry import SHUTDOWN_S, Telemetry, open_telemetry
from tests.phoenix_support import get, shared
from tests.support import wait_until, write_toml

SECRET = "the-secret-of-the-prompt"
PARENT = "b7ad6b7169203331"
REQUEST = ChatRequest(
    ({"role": "system", "content": "be brief"}, {"role": "user", "content": [{"type": "text", "text": SECRET}]}),
    sampling=Sampling(temperature=0.5, max_tokens=64),
)
TASK = Task("run-7", "high", REQUEST)
COMPLETION = Completion(
    f"answer with {SECRET}",
    tool_calls=(ToolCall("c1", "read_file", f'{{"path": "{SECRET}"}}'),),
    finish_reason="tool_calls",
    usage=Usage(prompt_tokens=10, completion_tokens=3, cached_tokens=4),
)
WHOLE_RUN = (
    events.RunStarted(TASK),
    events.StageStarted("code"),
    events.CallStarted(1, "code", "coder", "coder.gguf", REQUEST),
    events.AnswerDelta(TextDelta("answer")),
    events.CallFinished(1, "coder", (COMPLETION,)),
    events.StageFinished("code"),
    events.RunFinished(Outcome(TASK, (COMPLETION,), overhead_ms=1.5)),
)


@dataclass
class Traced:
    """One run sent to Phoenix as a part of a trace that the test names."""

    config: Config
    trace_id: str = field(default_factory=lambda: secrets.token_hex(16))

    def send(self, *run: events.Event) -> None:
        """Report the events of a run and deliver its spans."""
        telemetry = open_telemetry(self.config, "orchestrator-high")
        report(telemetry, *run, traceparent=f"00-{self.trace_id}-{PARENT}-00")
        telemetry.shutdown()

    def spans(self, count: int) -> dict[str, dict[str, Any]]:
        """The run's spans by name, once Phoenix has taken in `count` of them."""
        found: dict[str, dict[str, Any]] = {}

        def arrived() -> bool:
            answer = get(self.config, "/v1/projects/maker/spans?limit=100")
            if answer.status_code == 404:
                return False
            mine = [s for s in answer.json()["data"] if s["context"]["trace_id"] == self.trace_id]
            found.update({span["name"]: span for span in mine})
            return len(mine) >= count

        wait_until(arrived, within_s=20, why=f"{count} spans in phoenix, there are {sorted(found)}")
        return found


def report(telemetry: Telemetry, *run: Any, traceparent: str | None = None) -> None:
    """Report the events to a listener of its own."""
    listener = telemetry.listener(traceparent)

    async def every() -> None:
        for event in run:
            await listener(event)

    asyncio.run(every())


@pytest.fixture
def phoenix(request: pytest.FixtureRequest) -> Config:
    return shared(request).config


@pytest.fixture
def capturing(phoenix: Config) -> Config:
    return phoenix.model_copy(update={"phoenix": phoenix.phoenix.model_copy(update={"capture_content": True})})


@pytest.mark.processes
@pytest.mark.phoenix
def test_a_run_is_one_trace_of_chains_and_calls(phoenix: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    # Settings that people have for other programs must not send our traces elsewhere, or nowhere.
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    traced = Traced(phoenix)
    traced.send(*WHOLE_RUN)
    spans = traced.spans(3)
    run, stage, call = spans["run"], spans["code"], spans["coder"]
    assert [span["span_kind"] for span in (run, stage, call)] == ["CHAIN", "CHAIN", "LLM"]
    parents = [PARENT, run["context"]["span_id"], stage["context"]["span_id"]]
    assert [span["parent_id"] for span in (run, stage, call)] == parents
    assert {span["status_code"] for span in spans.values()} == {"OK"}
    assert (run["attributes"]["maker.run_id"], run["attributes"]["maker.mode"]) == ("run-7", "high")
    assert run["attributes"]["maker.overhead_ms"] == 1.5
    expected = {
        "llm.model_name": "coder.gguf",
        "llm.invocation_parameters": '{"temperature": 0.5, "max_tokens": 64, "n": 1}',
        "llm.token_count.prompt": 10,
        "llm.token_count.completion": 3,
        "llm.token_count.total": 13,
        "llm.token_count.prompt_details.cache_read": 4,
        "llm.finish_reason": "tool_calls",
        "maker.role": "coder",
    }
    assert {key: call["attributes"].get(key) for key in expected} == expected
    assert call["attributes"]["maker.first_token_ms"] >= 0


@pytest.mark.processes
@pytest.mark.phoenix
def test_prompts_and_answers_are_not_recorded_by_default(phoenix: Config) -> None:
    traced = Traced(phoenix)
    traced.send(*WHOLE_RUN)
    assert SECRET not in str(traced.spans(3))


@pytest.mark.processes
@pytest.mark.phoenix
def test_prompts_and_answers_are_recorded_when_switched_on(capturing: Config) -> None:
    traced = Traced(capturing)
    traced.send(*WHOLE_RUN)
    spans = traced.spans(3)
    assert SECRET in spans["run"]["attributes"]["input.value"]
    assert spans["run"]["attributes"]["output.value"] == f"answer with {SECRET}"
    call = spans["coder"]["attributes"]
    assert call["llm.input_messages.0.message.content"] == "be brief"
    assert SECRET in call["llm.input_messages.1.message.content"]
    assert call["llm.output_messages.0.message.role"] == "assistant"
    assert call["llm.output_messages.0.message.tool_calls.0.tool_call.function.name"] == "read_file"


@pytest.mark.processes
@pytest.mark.phoenix
def test_a_cancelled_run_closes_its_spans(phoenix: Config) -> None:
    traced = Traced(phoenix)
    traced.send(*WHOLE_RUN[:3], events.RunFailed("cancelled"))
    spans = traced.spans(3)
    assert {(span["status_code"], span["status_message"]) for span in spans.values()} == {("ERROR", "cancelled")}


@pytest.mark.processes
@pytest.mark.phoenix
def test_a_failed_call_has_its_code_as_status(phoenix: Config) -> None:
    traced = Traced(phoenix)
    failed = events.CallFinished(1, "coder", error="model_timeout")
    traced.send(
        *WHOLE_RUN[:3], failed, events.StageFinished("code", "model_timeout"), events.RunFailed("model_timeout")
    )
    spans = traced.spans(3)
    assert {(span["status_code"], span["status_message"]) for span in spans.values()} == {("ERROR", "model_timeout")}


@pytest.mark.processes
@pytest.mark.phoenix
def test_what_runs_at_shutdown_is_closed_and_sent(phoenix: Config) -> None:
    traced = Traced(phoenix)
    traced.send(*WHOLE_RUN[:3])
    assert {span["status_message"] for span in traced.spans(3).values()} == {"unfinished"}


def test_a_dead_phoenix_costs_one_line_a_minute_and_no_wait(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    telemetry = open_telemetry(write_toml(home), "orchestrator-high")
    started = time.monotonic()
    for _ in range(300):
        report(telemetry, *WHOLE_RUN)
    asyncio.run(telemetry.aclose())
    assert time.monotonic() - started < SHUTDOWN_S + 5
    assert [(record.name, record.levelno) for record in caplog.records] == [("maker.telemetry", logging.WARNING)]


def test_a_phoenix_that_hangs_does_not_hold_up_the_end(home: Home) -> None:
    config = write_toml(home)
    with socket.create_server(("127.0.0.1", config.port("phoenix"))):
        telemetry = open_telemetry(config, "x")
        report(telemetry, *WHOLE_RUN)
        started = time.monotonic()
        asyncio.run(telemetry.aclose())
        assert time.monotonic() - started < SHUTDOWN_S + 1
    wait_until(
        lambda: "telemetry-shutdown" not in {thread.name for thread in threading.enumerate()},
        within_s=10,
        why="the export that hung ends with its server",
    )


def test_a_fault_in_tracing_does_not_fail_the_run(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    telemetry = open_telemetry(write_toml(home, "[phoenix]\ncapture_content = true"), "x")
    broken = ChatRequest(({"role": "assistant", "tool_calls": [1]},))
    for _ in range(2):
        report(telemetry, events.RunStarted(TASK), events.CallStarted(1, "code", "coder", "m", broken))
    faults = [record for record in caplog.records if record.exc_info]
    assert [record.getMessage() for record in faults] == ["runs go on without complete traces"]
    telemetry.shutdown()


def test_events_of_later_versions_are_ignored(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    class CandidateFlagged: ...

    telemetry = open_telemetry(write_toml(home, "[phoenix]\nenabled = true"), "x")
    report(telemetry, CandidateFlagged(), events.StageFinished("never started"), events.CallFinished(9, "coder"))
    assert caplog.records == []
    telemetry.shutdown()


def test_without_phoenix_nothing_listens(home: Home) -> None:
    telemetry = open_telemetry(write_toml(home, "[phoenix]\nenabled = false"), "x")
    assert telemetry.listener() is events.ignore
    asyncio.run(telemetry.aclose())


def test_other_libraries_find_no_tracer_of_ours(home: Home) -> None:
    telemetry = open_telemetry(write_toml(home), "x")
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    telemetry.shutdown()
