"""Traces: a listener that turns what a run reports into OpenInference spans, and their delivery to Phoenix over HTTP.

One request is one trace: a CHAIN span for the run, one for each stage below it, an LLM span for each call below its
stage. Prompts and answers are left out unless `phoenix.capture_content` is set. Nothing here may delay or fail a run:
spans leave in the background, are dropped while Phoenix is away, and a fault in this module is logged, once.

Attribute names: https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
"""

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from weakref import WeakSet

import httpx
from openinference.semconv.resource import ResourceAttributes
from openinference.semconv.trace import (
    MessageAttributes,
    OpenInferenceSpanKindValues,
    SpanAttributes,
    ToolCallAttributes,
)
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from maker.chat.types import Completion, JsonObject, Usage
from maker.config import Config
from maker.pipeline import events

PROJECT = "maker"
SHUTDOWN_S = 2.0
"""Longest wait for the last spans to leave; what has not left by then is dropped."""
EXPORT_TIMEOUT_S = 5.0
COMPLAIN_EVERY_S = 60.0
MAX_CONTENT = 20_000
"""Characters kept of one captured message."""

log = logging.getLogger(__name__)


class Telemetry:
    """Where listeners come from; without a provider they listen to nothing."""

    def __init__(self, provider: TracerProvider | None, *, capture_content: bool) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("maker") if provider else None
        self._capture = capture_content
        self._open: WeakSet[RunTrace] = WeakSet()
        self._faulty = False

    def listener(self, traceparent: str | None = None) -> events.Emit:
        """A listener for one run; a W3C `traceparent` makes its trace a part of the caller's."""
        if self._tracer is None:
            return events.ignore
        carrier = {"traceparent": traceparent} if traceparent else {}
        parent = TraceContextTextMapPropagator().extract(carrier, Context())
        trace = RunTrace(self._tracer, parent, capture_content=self._capture)
        self._open.add(trace)

        async def listen(event: events.Event) -> None:
            try:
                trace.take(event)
            except Exception:
                if not self._faulty:
                    self._faulty = True
                    log.exception("runs go on without complete traces")

        return listen

    def shutdown(self) -> None:
        """End what is open and send what is left; returns within SHUTDOWN_S seconds, whatever Phoenix does."""
        for trace in tuple(self._open):
            trace.close("unfinished")
        if self._provider:
            # A daemon thread: an export that hangs must not hold up the end of the process either.
            last = threading.Thread(target=self._provider.shutdown, name="telemetry-shutdown", daemon=True)
            last.start()
            last.join(SHUTDOWN_S)

    async def aclose(self) -> None:
        """`shutdown`, without blocking the event loop."""
        await asyncio.to_thread(self.shutdown)


def open_telemetry(config: Config, service: str) -> Telemetry:
    """Traces of the process called `service`; switched off where Phoenix is."""
    if not config.phoenix.enabled:
        return Telemetry(None, capture_content=False)
    exporter = PhoenixExporter(f"http://127.0.0.1:{config.port('phoenix')}/v1/traces")
    # Every setting is given, so that OTEL_* variables meant for other programs change nothing here.
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=Resource({"service.name": service, ResourceAttributes.PROJECT_NAME: PROJECT}),
        shutdown_on_exit=False,
        span_limits=SpanLimits(max_span_attributes=SpanLimits.UNSET),
    )
    provider.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=2048, schedule_delay_millis=1000, max_export_batch_size=256)
    )
    return Telemetry(provider, capture_content=config.phoenix.capture_content)


class PhoenixExporter(SpanExporter):
    """Sends batches as OTLP over HTTP; a batch that cannot be delivered is dropped, said once a minute."""

    def __init__(self, url: str) -> None:
        self._url = url
        # trust_env=False: a proxy from the environment would be asked to reach loopback.
        self._client = httpx.Client(timeout=httpx.Timeout(EXPORT_TIMEOUT_S, connect=1), trust_env=False)
        self._complained = float("-inf")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch; called in the processor's own thread."""
        body = encode_spans(spans).SerializeToString()
        try:
            sent = self._client.post(self._url, content=body, headers={"content-type": "application/x-protobuf"})
            sent.raise_for_status()
        except httpx.HTTPError as error:
            self._complain(error)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the connection."""
        self._client.close()

    def _complain(self, error: httpx.HTTPError) -> None:
        if time.monotonic() - self._complained >= COMPLAIN_EVERY_S:
            self._complained = time.monotonic()
            log.warning("traces are dropped: phoenix does not take them at %s (%s)", self._url, type(error).__name__)


class RunTrace:
    """The spans of one run; events it does not know leave none."""

    def __init__(self, tracer: Tracer, parent: Context, *, capture_content: bool) -> None:
        self._tracer = tracer
        self._parent = parent
        self._capture = capture_content
        self._run: Span | None = None
        self._started = time.monotonic()
        self._stages: dict[str, Span] = {}
        self._calls: dict[int, tuple[Span, float]] = {}
        self._trials: dict[tuple[int, int], Span] = {}
        self._answering = False
        self._takers: Mapping[type, Callable[[Any], None]] = {
            events.RunStarted: self._run_started,
            events.StageStarted: self._stage_started,
            events.StageFinished: self._stage_finished,
            events.CallStarted: self._call_started,
            events.CallFinished: self._call_finished,
            events.KindDecided: self._kind_decided,
            events.TrialStarted: self._trial_started,
            events.TrialFinished: self._trial_finished,
            events.StepDecided: self._step_decided,
            events.VerdictGiven: self._verdict_given,
            events.AnswerDelta: self._answer_delta,
            events.RunFinished: self._run_finished,
            events.RunFailed: self._run_failed,
        }

    def take(self, event: events.Event) -> None:
        """Take one event in."""
        if taker := self._takers.get(type(event)):
            taker(event)

    def close(self, error: str | None = None) -> None:
        """End every open span; calls and stages that were still open end in `error`."""
        for span in (*self._trials.values(), *(span for span, _ in self._calls.values()), *self._stages.values()):
            _end(span, error or "unfinished")
        if self._run:
            _end(self._run, error)
        self._trials, self._calls, self._stages, self._run = {}, {}, {}, None

    def _span(self, name: str, kind: OpenInferenceSpanKindValues, parent: Span | None) -> Span:
        context = set_span_in_context(parent, self._parent) if parent else self._parent
        return self._tracer.start_span(name, context, attributes={SpanAttributes.OPENINFERENCE_SPAN_KIND: kind.value})

    def _run_started(self, event: events.RunStarted) -> None:
        self._started = time.monotonic()
        self._run = self._span("run", OpenInferenceSpanKindValues.CHAIN, None)
        self._run.set_attributes({"maker.run_id": event.task.run_id, "maker.mode": event.task.mode})
        if self._capture:
            self._run.set_attributes(_input(event.task.request.messages))

    def _stage_started(self, event: events.StageStarted) -> None:
        if before := self._stages.pop(event.stage, None):
            _end(before, "unfinished")
        self._stages[event.stage] = self._span(event.stage, OpenInferenceSpanKindValues.CHAIN, self._run)

    def _stage_finished(self, event: events.StageFinished) -> None:
        if span := self._stages.pop(event.stage, None):
            _end(span, event.error)

    def _call_started(self, event: events.CallStarted) -> None:
        parent = self._stages.get(event.stage, self._run)
        span = self._span(event.role, OpenInferenceSpanKindValues.LLM, parent)
        sampling = {key: value for key, value in asdict(event.request.sampling).items() if value not in (None, ())}
        span.set_attributes(
            {
                SpanAttributes.LLM_MODEL_NAME: event.model,
                SpanAttributes.LLM_INVOCATION_PARAMETERS: json.dumps(sampling),
                "maker.role": event.role,
            }
        )
        self._calls[event.call] = (span, time.monotonic())
        if self._capture:
            span.set_attributes(_input(event.request.messages))
            span.set_attributes(_messages(SpanAttributes.LLM_INPUT_MESSAGES, event.request.messages))

    def _call_finished(self, event: events.CallFinished) -> None:
        if event.call not in self._calls:
            return
        span, _ = self._calls.pop(event.call)
        for first in event.completions[:1]:
            span.set_attributes(_tokens(first.usage))
            span.set_attribute(SpanAttributes.LLM_FINISH_REASON, first.finish_reason)
        if self._capture:
            span.set_attributes(_output(event.completions))
            answers = [_message(completion) for completion in event.completions]
            span.set_attributes(_messages(SpanAttributes.LLM_OUTPUT_MESSAGES, answers))
        _end(span, event.error)

    def _kind_decided(self, event: events.KindDecided) -> None:
        if self._run:
            self._run.set_attribute("maker.kind", event.kind)

    def _trial_started(self, event: events.TrialStarted) -> None:
        span = self._span("sandbox", OpenInferenceSpanKindValues.TOOL, self._stages.get("code", self._run))
        span.set_attributes({SpanAttributes.TOOL_NAME: "sandbox", "maker.candidate": event.candidate})
        self._trials[event.step, event.candidate] = span

    def _trial_finished(self, event: events.TrialFinished) -> None:
        if span := self._trials.pop((event.step, event.candidate), None):
            if event.evidence:
                observed = len(event.evidence.observations)
                span.set_attributes({"maker.inputs": observed, "maker.passed": event.evidence.passed})
            _end(span, event.error)

    def _step_decided(self, event: events.StepDecided) -> None:
        if span := self._stages.get("code"):
            vote = event.vote
            span.set_attributes(
                {
                    "maker.step": event.step,
                    "maker.votes": sorted(vote.votes.values(), reverse=True),
                    "maker.k": event.k,
                    "maker.margin": vote.margin,
                    "maker.converged": vote.converged,
                    "maker.confidence": vote.confidence,
                }
            )

    def _verdict_given(self, event: events.VerdictGiven) -> None:
        if span := self._stages.get("validate"):
            verdict = event.verdict
            said = "unreadable" if verdict is None else "accepted" if verdict.accepted else "refused"
            span.set_attributes({"maker.verdict": said, "maker.findings": len(verdict.findings) if verdict else 0})

    def _answer_delta(self, event: events.AnswerDelta) -> None:
        if self._answering or self._run is None:
            return
        self._answering = True
        now = time.monotonic()
        self._run.set_attribute("maker.first_token_ms", (now - self._started) * 1000)
        # Deltas do not say whose they are: with one call open there is no doubt.
        if len(self._calls) == 1:
            ((span, started),) = self._calls.values()
            span.set_attribute("maker.first_token_ms", (now - started) * 1000)

    def _run_finished(self, event: events.RunFinished) -> None:
        if self._run:
            self._run.set_attribute("maker.overhead_ms", event.outcome.overhead_ms)
            if self._capture:
                self._run.set_attributes(_output(event.outcome.completions))
        self.close()

    def _run_failed(self, event: events.RunFailed) -> None:
        self.close(event.error)


def _end(span: Span, error: str | None) -> None:
    if error is None:
        span.set_status(StatusCode.OK)
    else:
        span.set_status(StatusCode.ERROR, error)
    span.end()


def _tokens(usage: Usage) -> dict[str, int]:
    return {
        SpanAttributes.LLM_TOKEN_COUNT_PROMPT: usage.prompt_tokens,
        SpanAttributes.LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_READ: usage.cached_tokens,
        SpanAttributes.LLM_TOKEN_COUNT_COMPLETION: usage.completion_tokens,
        SpanAttributes.LLM_TOKEN_COUNT_TOTAL: usage.prompt_tokens + usage.completion_tokens,
    }


def _input(messages: Sequence[JsonObject]) -> dict[str, str]:
    return {SpanAttributes.INPUT_VALUE: _text(messages[-1].get("content")) if messages else ""}


def _output(completions: Sequence[Completion]) -> dict[str, str]:
    return {SpanAttributes.OUTPUT_VALUE: _text("\n\n".join(completion.text for completion in completions))}


def _message(completion: Completion) -> JsonObject:
    calls = [
        {"id": call.id, "function": {"name": call.name, "arguments": call.arguments}} for call in completion.tool_calls
    ]
    return {"role": "assistant", "content": completion.text, "tool_calls": calls}


def _messages(prefix: str, messages: Iterable[JsonObject]) -> dict[str, str]:
    attributes = {}
    for number, message in enumerate(messages):
        at = f"{prefix}.{number}"
        attributes[f"{at}.{MessageAttributes.MESSAGE_ROLE}"] = str(message.get("role"))
        attributes[f"{at}.{MessageAttributes.MESSAGE_CONTENT}"] = _text(message.get("content"))
        for index, call in enumerate(message.get("tool_calls") or ()):
            function, below = call["function"], f"{at}.{MessageAttributes.MESSAGE_TOOL_CALLS}.{index}"
            attributes[f"{below}.{ToolCallAttributes.TOOL_CALL_FUNCTION_NAME}"] = str(function["name"])
            arguments = f"{below}.{ToolCallAttributes.TOOL_CALL_FUNCTION_ARGUMENTS_JSON}"
            attributes[arguments] = _text(function["arguments"])
    return attributes


def _text(content: object) -> str:
    text = content if isinstance(content, str) else "" if content is None else json.dumps(content, ensure_ascii=False)
    return text if len(text) <= MAX_CONTENT else f"{text[:MAX_CONTENT]} ... ({len(text)} characters)"
