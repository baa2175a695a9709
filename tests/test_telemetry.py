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
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from maker.chat.types import ChatRequest, Completion, Sampling, TextDelta, ToolCall, Usage
from maker.config import Config, Home
from maker.pipeline import events
from maker.pipeline.repository import Excerpt
from maker.pipeline.values import Outcome, Task
from maker.telemetry import SHUTDOWN_S, Telemetry, open_telemetry
from tests.phoenix_support import get, shared
from tests.pipeline.support import ALSO_GOOD, GOOD, MINUS, Play, fenced
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
NO_ROUNDS = {"max_rounds": 0}
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


def spans_of(*run: events.Event) -> list[ReadableSpan]:
    """The spans of these events, in the order in which they ended."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    report(Telemetry(provider, capture_content=False), *run)
    provider.shutdown()
    return list(kept.get_finished_spans())


def named(spans: list[ReadableSpan], name: str) -> list[ReadableSpan]:
    return [span for span in spans if span.name == name]


def attributes(span: ReadableSpan, *names: str) -> dict[str, Any]:
    found = dict(span.attributes or {})
    return {name: found[f"maker.{name}"] for name in names}


def test_a_trace_of_the_pipeline_tells_trials_vote_and_verdict() -> None:
    finding = {"severity": "low", "category": "security", "where": "add", "what": "no check of types"}
    replies = [fenced(GOOD), fenced(MINUS), fenced(ALSO_GOOD), fenced(GOOD)]
    played = Play(replies, reviewer=[{"accepted": True, "findings": [finding]}]).run()
    spans = spans_of(*played.events)
    [run], [code], [validate] = named(spans, "run"), named(spans, "code"), named(spans, "validate")
    trials = named(spans, "sandbox")
    assert {span.status.status_code for span in spans} == {StatusCode.OK}
    assert [dict(span.attributes or {})["openinference.span.kind"] for span in (run, code, *trials)] == [
        "CHAIN",
        "CHAIN",
        *["TOOL"] * 4,
    ]
    assert {span.parent and span.parent.span_id for span in trials} == {code.context.span_id}
    assert [attributes(span, "candidate", "inputs", "passed") for span in trials] == [
        {"candidate": number, "inputs": 7, "passed": passed} for number, passed in enumerate((2, 0, 2, 2), start=1)
    ]
    assert attributes(run, "kind", "mode") == {"kind": "code", "mode": "high"}
    assert attributes(code, "step", "k", "votes", "margin", "converged") == {
        "step": 1,
        "k": 2,
        "votes": (3, 1),
        "margin": 2,
        "converged": True,
    }
    assert 0 < attributes(code, "confidence")["confidence"] <= 1
    assert attributes(validate, "verdict", "findings") == {"verdict": "accepted", "findings": 1}
    stages = ["plan", "tests", "code", "validate"]
    assert [span.name for span in spans if span.parent and span.parent.span_id == run.context.span_id] == stages


@pytest.mark.parametrize("capture", [True, False])
def test_a_search_of_the_repository_is_a_retriever_with_its_documents(capture: bool) -> None:
    excerpt = Excerpt("shop/cart.py", 3, 9, SECRET, 2.5)
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    report(
        Telemetry(provider, capture_content=capture),
        events.RunStarted(TASK),
        events.StageStarted("context"),
        events.ExcerptsSought("shop", SECRET),
        events.ExcerptsFound((excerpt,), 0),
        events.StageFinished("context"),
        events.StageStarted("context"),
        events.ExcerptsSought("shop", SECRET),
        events.ExcerptsFound((), 0, "mcp does not answer"),
        events.StageFinished("context"),
        events.RunFinished(Outcome(TASK, ())),
    )
    provider.shutdown()
    spans = list(kept.get_finished_spans())
    found, failed = named(spans, "search")
    stage = named(spans, "context")[0]
    said = dict(found.attributes or {})
    assert found.parent and found.parent.span_id == stage.context.span_id
    assert said["openinference.span.kind"] == "RETRIEVER"
    assert said["retrieval.documents.0.document.id"] == "shop/cart.py:3-9"
    assert said["retrieval.documents.0.document.score"] == 2.5
    assert (said.get("retrieval.documents.0.document.content"), said.get("input.value")) == (
        (SECRET, SECRET) if capture else (None, None)
    )
    assert failed.status.description == "retrieval_failed"


def test_a_run_that_ends_within_a_trial_closes_every_span() -> None:
    played = Play([fenced(GOOD)] * 2, reviewer=[{"accepted": True, "findings": []}]).run()
    first = next(n for n, event in enumerate(played.events) if isinstance(event, events.TrialStarted))
    spans = spans_of(*played.events[: first + 1], events.RunFailed("cancelled"))
    open_at_the_end = [span for span in spans if span.name in ("sandbox", "coder", "code", "run")]
    assert [span.name for span in open_at_the_end] == ["sandbox", "coder", "code", "run"]
    assert {span.status.description for span in open_at_the_end} == {"cancelled"}


@pytest.mark.parametrize(
    ("said", "verdict"), [({"accepted": False, "findings": []}, "refused"), ("looks fine to me", "unreadable")]
)
def test_a_verdict_that_is_no_approval_is_not_traced_as_one(said: Any, verdict: str) -> None:
    played = Play([fenced(GOOD)] * 2, reviewer=[said] * (2 if verdict == "unreadable" else 1), settings=NO_ROUNDS).run()
    [validate] = named(spans_of(*played.events), "validate")
    assert attributes(validate, "verdict", "findings") == {"verdict": verdict, "findings": 0}


def test_a_trial_that_could_not_be_had_has_its_reason_as_status() -> None:
    started, failed = events.TrialStarted(1, 1), events.TrialFinished(1, 1, None, "bubblewrap is gone")
    spans = spans_of(events.RunStarted(TASK), started, failed, events.RunFailed("cancelled"))
    assert [span.status.description for span in named(spans, "sandbox")] == ["bubblewrap is gone"]
