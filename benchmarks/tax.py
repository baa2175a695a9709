"""What a run costs that is maker's own: `python -m benchmarks.tax [--runs N] [--json] [--profile]`.

A whole run (kind, plan, tests, three candidates, vote, review) over models that answer at once, token by token, and a
sandbox that knows the evidence beforehand; what is left is ours.

    in process   the pipeline and the encoding of its stream, nothing else: the bar is 50 ms at the median
    http         the same run through Quart, Hypercorn and HTTP clients, with a fake llama server per role in a process
                 of its own; the wall time has the fakes' work in it, `cpu` is that of this process (the client's too)
    one answer   over the same HTTP, what one direct answer of the coder takes, with no pipeline

Ends with 1 if the median in process is above the bar.
"""

import asyncio
import cProfile
import json
import pstats
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass

import click
import httpx

from maker.chat.encode import ChunkEncoder
from maker.chat.types import ChatRequest, Delta, Finish, TextDelta, Usage
from maker.config import Mode
from maker.models.model import ModelState
from maker.pipeline.events import Event
from maker.pipeline.run import run
from maker.pipeline.stream import stream_events
from maker.pipeline.values import Outcome, Task
from maker.pipeline.work import Tools
from maker.sandbox.values import Call, Evidence, Language, Observation, Trial, Unavailable
from maker.server.dialects import Stream
from maker.server.encode import EventEncoder
from tests.fake_llama import FakeLlama
from tests.server.orchestra import Orchestra, orchestra, question

BAR_MS = 50.0
MODE = Mode(k=3)
WARM_UP = 10
TASK = "Write a Python function roman(n) that returns the Roman numeral of an integer from 1 to 3999."
CODE = '''def roman(n):
    """Return the Roman numeral of n, an integer from 1 to 3999."""
    if not isinstance(n, int):
        raise TypeError("n must be an integer")
    if not 1 <= n <= 3999:
        raise ValueError("n must be between 1 and 3999")
    numerals = [
        (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"),
        (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
        (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
    ]
    result = []
    for value, numeral in numerals:
        count, n = divmod(n, value)
        result.append(numeral * count)
    return "".join(result)
'''
NUMERALS = {1: "I", 4: "IV", 9: "IX", 14: "XIV", 40: "XL", 90: "XC", 400: "CD", 1994: "MCMXCIV"}
STEP = {
    "title": "Write roman(n)",
    "detail": "Subtract the largest values first, the subtractive pairs among them.",
    "files": ["roman.py"],
    "acceptance": ["1994 gives MCMXCIV", "0 and 4000 raise ValueError"],
}
SAID = {
    "preprocessor": json.dumps({"kind": "code"}),
    "planner": json.dumps({"summary": "One function with a table of values", "steps": [STEP]}),
    "gpt-oss": json.dumps(
        {
            "calls": [f"roman({number})" for number in NUMERALS],
            "checks": [f"assert roman({number}) == {numeral!r}" for number, numeral in NUMERALS.items()],
        }
    ),
    "coder": f"A table of values, the largest first.\n\n```python\n{CODE}```\n",
    "reviewer": json.dumps({"accepted": True, "findings": []}),
}


class Instant:
    """A model that has its answer ready, token by token, for as many choices as are asked for."""

    def __init__(self, role: str) -> None:
        self.role = self.name = role
        self._tokens = [f"{word} " for word in SAID[role].split(" ")]

    async def state(self) -> ModelState:
        """Always ready."""
        return "ready"

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        """The answer."""
        yield self._deltas(request.sampling.n)

    async def _deltas(self, choices: int) -> AsyncIterator[Delta]:
        for token in self._tokens:
            for choice in range(choices):
                yield TextDelta(token, choice)
        for choice in range(choices):
            yield Finish("stop", choice)
        yield Usage(500, choices * len(self._tokens))


class Foreseen:
    """A sandbox that knows what the candidates do: what they should."""

    parallel = 1

    def supports(self, language: Language) -> Unavailable | None:
        """Everything."""
        return None

    async def run(self, trial: Trial) -> Evidence:
        """The evidence of a right candidate."""
        return Evidence(True, tuple(_observed(isinstance(item, Call)) for item in trial.inputs))


def _observed(is_call: bool) -> Observation:
    return Observation("returned", "'MCMXCIV'") if is_call else Observation("passed")


async def foreseen() -> Foreseen:
    """The sandbox."""
    return Foreseen()


@dataclass(frozen=True)
class Times:
    """Milliseconds of one way to run."""

    median_ms: float
    p95_ms: float
    cpu_ms: float
    """Of this process, per run."""
    reported_ms: float | None = None
    """What the run itself said of its overhead, at the median."""


async def in_process() -> float:
    """One run, its stream encoded; its own account of its overhead in ms."""
    models = {role: Instant(role) for role in SAID}
    task = Task("run-1", "high", ChatRequest(({"role": "user", "content": TASK},), stream=True))
    chunks = ChunkEncoder(id="chatcmpl-1", created=1, model="maker-high", include_usage=True)
    encoder = EventEncoder(Stream(chunks))
    outcomes: list[Outcome] = []

    async def work(emit: Callable[[Event], Awaitable[None]]) -> None:
        outcomes.append(await run(task, tools=Tools(models, MODE, foreseen), emit=emit))

    async with stream_events(work) as events:
        body = b"".join([encoder.encode(event) async for event in events])
    [outcome] = outcomes
    assert body.endswith(b"[DONE]\n\n") and len(outcome.steps[0].candidates) == 3
    return outcome.overhead_ms


async def timed(once: Callable[[], Awaitable[float | None]], runs: int) -> Times:
    """So many runs, one after the other, after a few that do not count."""
    for _ in range(WARM_UP):
        await once()
    walls, reported, cpu = [], [], time.process_time()
    for _ in range(runs):
        begun = time.perf_counter()
        reported.append(await once())
        walls.append((time.perf_counter() - begun) * 1000)
    cpu_ms = (time.process_time() - cpu) * 1000 / runs
    p95 = statistics.quantiles(walls, n=20)[-1] if runs > 1 else walls[0]
    said = [value for value in reported if value is not None]
    return Times(
        round(statistics.median(walls), 2),
        round(p95, 2),
        round(cpu_ms, 2),
        round(statistics.median(said), 2) if said else None,
    )


@contextmanager
def servers(runs: int) -> Iterator[Mapping[str, FakeLlama]]:
    """A fake llama server for each role, in processes of their own, with what they say in so many runs."""
    with ExitStack() as stack:
        ports: dict[str, int] = {}
        for role in [*SAID, "voter"]:
            argv = [sys.executable, "-m", "tests.fake_llama", "--port", "0"]
            process = stack.enter_context(subprocess.Popen(argv, stdout=subprocess.PIPE))
            stack.callback(process.terminate)
            assert process.stdout is not None
            ports[role] = int(process.stdout.readline())
        for role, said in SAID.items():
            replies = [said] * (runs * (MODE.k if role == "coder" else 1))
            url = f"http://127.0.0.1:{ports[role]}/control"
            httpx.post(url, json={"replies": replies}, trust_env=False, timeout=10).raise_for_status()
        yield {role: FakeLlama(port=port) for role, port in ports.items()}


async def over_http(runs: int) -> tuple[Times, Times]:
    """The same run through the whole server, and one direct answer through it."""
    with servers(2 * (runs + WARM_UP)) as fakes:
        async with orchestra("high", fakes=fakes, answering=MODE, sandbox=foreseen) as running:
            return await timed(lambda: _task(running), runs), await timed(lambda: _answer(running), runs)


async def _task(running: Orchestra) -> float:
    reply = await running.code(text=TASK)
    assert len(reply.json()["maker"]["steps"]) == 1, reply.text
    return float(reply.headers["x-maker-overhead-ms"])


async def _answer(running: Orchestra) -> float:
    reply = await running.client.post("/v1/chat/completions", json=question(TASK))
    assert reply.json()["choices"][0]["message"]["content"] == SAID["coder"], reply.text
    return float(reply.headers["x-maker-overhead-ms"])


def profiled(runs: int) -> None:
    """Print where the time in process goes."""
    profile = cProfile.Profile()
    profile.runcall(asyncio.run, timed(in_process, runs))
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


@click.command()
@click.option("--runs", type=click.IntRange(1), default=300, show_default=True, help="Runs that count.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--profile", is_flag=True, help="Print where the time in process goes, and nothing else.")
def main(runs: int, as_json: bool, profile: bool) -> None:
    """Measure what the pipeline itself costs."""
    if profile:
        profiled(runs)
        return
    own = asyncio.run(timed(in_process, runs))
    served, direct = asyncio.run(over_http(runs))
    found = {"in process": own, "http": served, "one answer": direct}
    ratio = round(served.median_ms / own.median_ms, 1)
    if as_json:
        ways = {name.replace(" ", "_"): asdict(times) for name, times in found.items()}
        click.echo(json.dumps({"runs": runs, "bar_ms": BAR_MS, **ways, "http_to_in_process": ratio}))
    else:
        click.echo(f"{runs} runs{'median ms':>16}{'p95 ms':>10}{'cpu ms':>10}{'reported ms':>13}")
        for name, times in found.items():
            reported = "" if times.reported_ms is None else f"{times.reported_ms:.2f}"
            click.echo(f"{name:12}{times.median_ms:12.2f}{times.p95_ms:10.2f}{times.cpu_ms:10.2f}{reported:>13}")
        click.echo(f"http / in process: {ratio}; bar in process: {BAR_MS:g} ms at the median")
    sys.exit(0 if own.median_ms <= BAR_MS else 1)


if __name__ == "__main__":
    main()
