"""One run as spans: which event begins one, which ends it, and what they say."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from openinference.semconv.trace import (
    OpenInferenceSpanKindValues,
    SpanAttributes,
)
from opentelemetry.context import Context
from opentelemetry.trace import Span, StatusCode, Tracer, set_span_in_context

from maker.pipeline import events
from maker.telemetry.attributes import documents_of, input_of, message_of, messages_of, output_of, text_of, tokens_of


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
        self._search: Span | None = None
        self._answering = False
        self._takers: Mapping[type, Callable[[Any], None]] = {
            events.RunStarted: self._run_started,
            events.StageStarted: self._stage_started,
            events.StageFinished: self._stage_finished,
            events.CallStarted: self._call_started,
            events.CallFinished: self._call_finished,
            events.KindDecided: self._kind_decided,
            events.ExcerptsSought: self._excerpts_sought,
            events.ExcerptsFound: self._excerpts_found,
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
        searching = [self._search] if self._search else []
        for span in (
            *searching,
            *self._trials.values(),
            *(span for span, _ in self._calls.values()),
            *self._stages.values(),
        ):
            _end(span, error or "unfinished")
        if self._run:
            _end(self._run, error)
        self._trials, self._calls, self._stages, self._run, self._search = {}, {}, {}, None, None

    def _span(self, name: str, kind: OpenInferenceSpanKindValues, parent: Span | None) -> Span:
        context = set_span_in_context(parent, self._parent) if parent else self._parent
        return self._tracer.start_span(name, context, attributes={SpanAttributes.OPENINFERENCE_SPAN_KIND: kind.value})

    def _run_started(self, event: events.RunStarted) -> None:
        self._started = time.monotonic()
        self._run = self._span("run", OpenInferenceSpanKindValues.CHAIN, None)
        self._run.set_attributes({"maker.run_id": event.task.run_id, "maker.mode": event.task.mode})
        if self._capture:
            self._run.set_attributes(input_of(event.task.request.messages))

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
            span.set_attributes(input_of(event.request.messages))
            span.set_attributes(messages_of(SpanAttributes.LLM_INPUT_MESSAGES, event.request.messages))

    def _call_finished(self, event: events.CallFinished) -> None:
        if event.call not in self._calls:
            return
        span, _ = self._calls.pop(event.call)
        for first in event.completions[:1]:
            span.set_attributes(tokens_of(first.usage))
            span.set_attribute(SpanAttributes.LLM_FINISH_REASON, first.finish_reason)
        if self._capture:
            span.set_attributes(output_of(event.completions))
            answers = [message_of(completion) for completion in event.completions]
            span.set_attributes(messages_of(SpanAttributes.LLM_OUTPUT_MESSAGES, answers))
        _end(span, event.error)

    def _kind_decided(self, event: events.KindDecided) -> None:
        if self._run:
            self._run.set_attribute("maker.kind", event.kind)

    def _excerpts_sought(self, event: events.ExcerptsSought) -> None:
        self._search = self._span(
            "search", OpenInferenceSpanKindValues.RETRIEVER, self._stages.get("context", self._run)
        )
        if self._capture:
            self._search.set_attribute(SpanAttributes.INPUT_VALUE, text_of(event.query))

    def _excerpts_found(self, event: events.ExcerptsFound) -> None:
        span, self._search = self._search, None
        if span:
            span.set_attributes(documents_of(event.excerpts, content=self._capture))
            _end(span, event.error and "retrieval_failed")

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
        if span := self._stages.get("code") or self._stages.get("turn"):
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
                self._run.set_attributes(output_of(event.outcome.completions))
        self.close()

    def _run_failed(self, event: events.RunFailed) -> None:
        self.close(event.error)


def _end(span: Span, error: str | None) -> None:
    if error is None:
        span.set_status(StatusCode.OK)
    else:
        span.set_status(StatusCode.ERROR, error)
    span.end()
