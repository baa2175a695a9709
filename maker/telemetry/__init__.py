"""Traces: a listener that turns what a run reports into OpenInference spans, and their delivery to Phoenix over HTTP.

One request is one trace: a CHAIN span for the run, one for each stage below it, an LLM span for each call below its
stage. Prompts and answers are left out unless `phoenix.capture_content` is set. Nothing here may delay or fail a run:
spans leave in the background, are dropped while Phoenix is away, and a fault in this module is logged, once.

Attribute names: https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
"""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from weakref import WeakSet

import httpx
from openinference.semconv.resource import ResourceAttributes
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from maker.config import Config
from maker.pipeline import events
from maker.telemetry.spans import RunTrace

PROJECT = "maker"
SHUTDOWN_S = 2.0
"""Longest wait for the last spans to leave; what has not left by then is dropped."""
EXPORT_TIMEOUT_S = 5.0
COMPLAIN_EVERY_S = 60.0

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
