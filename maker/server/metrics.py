"""Prometheus metrics of one orchestrator, fed by run events."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from maker.chat.types import Usage
from maker.pipeline.events import CallFinished, CallStarted, Event, RunFailed, RunFinished, RunStarted

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """Counters of one process; `listener` takes the events of any number of runs."""

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self._registry = CollectorRegistry()
        self._runs = Counter("maker_runs", "Runs by how they ended.", ["mode", "end"], registry=self._registry)
        self._calls = Counter(
            "maker_model_calls", "Model calls by role and how they ended.", ["role", "end"], registry=self._registry
        )
        self._tokens = Counter(
            "maker_tokens", "Tokens by role and kind (prompt, completion).", ["role", "kind"], registry=self._registry
        )
        self._overhead = Histogram(
            "maker_overhead_seconds",
            "Time of a run that was maker's own, not a model's.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
            registry=self._registry,
        )
        self._running = Gauge("maker_runs_in_progress", "Runs being worked on.", registry=self._registry)
        self._busy = Gauge("maker_calls_in_progress", "Model calls in progress.", registry=self._registry)

    async def listener(self, event: Event) -> None:
        """Count one event."""
        match event:
            case RunStarted():
                self._running.inc()
            case CallStarted():
                self._busy.inc()
            case CallFinished():
                self._busy.dec()
                self._count(event)
            case RunFinished():
                self._end("complete")
                self._overhead.observe(event.outcome.overhead_ms / 1000)
            case RunFailed():
                self._end(event.error)
            case _:
                pass

    def _count(self, event: CallFinished) -> None:
        self._calls.labels(event.role, event.error or "complete").inc()
        usage = event.completions[0].usage if event.completions else Usage()
        self._tokens.labels(event.role, "prompt").inc(usage.prompt_tokens)
        self._tokens.labels(event.role, "completion").inc(usage.completion_tokens)

    def _end(self, how: str) -> None:
        self._running.dec()
        self._runs.labels(self._mode, how).inc()

    def render(self) -> bytes:
        """The metrics in Prometheus's text format."""
        return generate_latest(self._registry)
