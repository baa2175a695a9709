"""The live stack on real model errors: recorded samples and tests are replayed as the coder's and the tester's replies.

    python -m benchmarks.replay --data problems.jsonl.gz --cache CACHE

The file is what `maker eval select` reads. For each problem N samples and N test-writing replies are drawn, and model
servers that have nothing else to say serve them to a real `maker serve orchestrator-low`, as the pipeline asks for
them: candidates in waves, the tests as one reply. `maker eval run` then measures what low mode answers. Next to it
stands what the rule of `maker eval select` chooses from the very same draws: what the stack loses is the difference.

The margin k is N, so that no vote is decided early: every draw is chosen from by score, as in `eval select`; where all
N do the same it is the first of them.
Ends with 1 where the two are more than `--bar` points apart.
"""

import asyncio
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import httpx
import numpy as np

from maker import config as configuration
from maker.config import Config, Home
from maker.eval.cache import Record
from maker.eval.execute import Job, execute, prepare
from maker.eval.measure import Sheet, choices, draw, drawn, generator, lay_out
from maker.eval.problems import Problem, load
from maker.sandbox.available import available
from maker.sandbox.sandbox import Sandbox
from maker.sandbox.values import Unavailable
from tests.fake_llama import FakeLlama
from tests.llama_wire import Behaviour, Reply, prompt_text
from tests.support import tail, write_toml

ROLES = ("preprocessor", "planner", "coder", "gpt-oss", "voter")
NAMED = re.compile(r"Problem (\S+), draw (\d+):")
ASK = "Problem {}, draw {}: write the Python function `{}` that was recorded under this name."
START_S = 60.0
SLOTS = 64


@dataclass(frozen=True)
class Draw:
    """One draw from one problem."""

    problem: Problem
    number: int
    samples: tuple[str, ...]
    """All of them, those that are drawn first: a run that needs more than N gets more."""
    calls: tuple[str, ...]
    checks: tuple[str, ...]
    """As often as they were written."""

    @property
    def id(self) -> str:
        """Names the draw as an exercise."""
        return f"{self.problem.task_id}#{self.number}"

    @cached_property
    def request(self) -> str:
        """What a user asks: names the draw, and gives none of the prompt's examples away."""
        return ASK.format(self.problem.task_id, self.number, self.problem.entry_point)

    def exercise(self) -> dict[str, str]:
        """The line of a suite."""
        problem = self.problem
        return {"id": self.id, "request": self.request, "entry_point": problem.entry_point, "test": problem.test}

    def code(self, number: int) -> str:
        """The coder's reply number `number`."""
        return f"```python\n{self.problem.prompt}{self.samples[number % len(self.samples)]}\n```\n"


def draws_of(job: Job, n: int, draws: int, seed: int) -> list[Draw]:
    """The draws of one problem, as `eval select` makes them."""
    rng = generator(job.problem.task_id, seed)
    return [_draw(job, n, number, rng) for number in range(draws)]


def _draw(job: Job, n: int, number: int, rng: np.random.Generator) -> Draw:
    rows, replies = drawn(len(job.problem.samples), len(job.replies), n, rng)
    first = set(map(int, rows))
    rest = [index for index in range(len(job.problem.samples)) if index not in first]
    written = [test for reply in replies for test in job.replies[reply]]
    inputs = sorted({call for test in written for call in job.calls[test]})
    return Draw(
        problem=job.problem,
        number=number,
        samples=tuple(job.problem.samples[index] for index in [*map(int, rows), *rest]),
        calls=tuple(job.inputs[call] for call in inputs),
        checks=tuple(job.tests[test] for test in written),
    )


class Replayer(FakeLlama):
    """A model server that answers from the draws, whichever role it plays."""

    def __init__(self, draws: Mapping[tuple[str, int], Draw], taken: Counter[str]) -> None:
        super().__init__(slots=SLOTS)
        self._draws, self._taken = draws, taken

    def _reply(self, body: Any, how: Behaviour) -> Reply:
        found = find(self._draws, prompt_text(body))
        form = ((body.get("response_format") or {}).get("json_schema") or {}).get("name", "")
        return Reply([{"content": self._said(found, form)}])

    def _said(self, found: Draw, form: str) -> str:
        match form:
            case "KindReply":
                return json.dumps({"kind": "code"})
            case "PlanReply":
                self._taken[found.id] = 0  # a run begins: it gets the draw from its start
                return json.dumps(
                    {"summary": "As recorded", "steps": [{"title": f"Write {found.problem.entry_point}"}]}
                )
            case "TestsReply":
                return json.dumps({"calls": found.calls, "checks": found.checks})
            case "BallotReply":
                return "(abstains)"  # the rule of `eval select` knows no voter
            case "ReflectionReply":
                return json.dumps({"accepted": True, "missing": []})
            case _:
                number, self._taken[found.id] = self._taken[found.id], self._taken[found.id] + 1
                return found.code(number)


def find(draws: Mapping[tuple[str, int], Draw], prompt: str) -> Draw:
    """The draw that a prompt is about: by its name, or by the problem's own text."""
    if named := NAMED.search(prompt):
        return draws[named.group(1), int(named.group(2))]
    return next(one for one in draws.values() if one.problem.prompt.strip("\n") in prompt)


@asynccontextmanager
async def orchestrator(home: Home, replayers: Mapping[str, Replayer], n: int, max_inputs: int) -> AsyncIterator[None]:
    """A real low-mode orchestrator over the replayers."""
    roles = "".join(f'[roles.{role}]\nurls = ["{server.url}"]\n' for role, server in replayers.items())
    mode = f"[modes.low]\nk = {n}\nmax_candidates = {n}\nmax_rounds = 0\nmax_inputs = {max_inputs}\n"
    config = write_toml(home, f"{roles}{mode}[phoenix]\nenabled = false\n[redis]\nenabled = false\n")
    home.api_key.write_text("replay-replay-replay\n", encoding="ascii")
    home.run.mkdir(exist_ok=True)
    await trusted(config)  # before the orchestrator asks: what it serves meanwhile would not be run
    log = home.root / "orchestrator.log"
    environment = {**os.environ, "MAKER_HOME": str(home.root), "MAKER_MODE": "low"}
    with log.open("wb") as output:
        words = (_maker(), "serve", "orchestrator-low")
        process = await asyncio.create_subprocess_exec(*words, env=environment, stdout=output, stderr=output)
    try:
        await _answers(f"http://127.0.0.1:{config.port('orchestrator-low')}/ready", process, log)
        yield
    finally:
        process.terminate()
        await process.wait()


def _maker() -> str:
    return str(Path(sys.executable).with_name("maker"))


async def _answers(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(START_S), httpx.AsyncClient(trust_env=False) as client:
        while process.returncode is None:
            try:
                if (await client.get(url)).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise SystemExit(f"the orchestrator ended:\n{tail(log)}")


async def evaluated(home: Home, data: Path, jobs: int) -> dict[str, Any]:
    """What `maker eval run` prints of low mode on the file."""
    words = ("eval", "run", "--data", str(data), "--modes", "low", "--jobs", str(jobs), "--json")
    environment = {**os.environ, "MAKER_HOME": str(home.root)}
    process = await asyncio.create_subprocess_exec(_maker(), *words, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
    if process.returncode != 0:
        raise SystemExit("maker eval run failed; see above")
    found: dict[str, Any] = json.loads(output.decode().splitlines()[-1])
    return found


def answers(home: Home) -> dict[str, bool]:
    """Whether the answer to each exercise was right, from the results that `maker eval run` keeps."""
    [kept] = (home.root / "eval" / "runs").rglob("low-*.jsonl")
    results = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()[1:]]
    return {result["id"]: result["right"] for result in results}


def selected(sheets: Sequence[Sheet], n: int, draws: int, seed: int) -> dict[str, dict[str, float]]:
    """For each draw and each rule of `eval select`, the probability that what it chooses is right."""
    found = {}
    for sheet in sheets:
        rng = generator(sheet.task_id, seed)
        for number in range(draws):
            found[f"{sheet.task_id}#{number}"] = choices(*draw(sheet, n, rng))
    return found


async def trusted(config: Config) -> Sandbox:
    """The sandbox of this machine, as a bundle with this MAKER_HOME has it."""
    sandbox = await available(config)
    if isinstance(sandbox, Unavailable):
        raise SystemExit(f"{sandbox.reason}; {sandbox.fix}")
    return sandbox


async def sheets_of(jobs: Sequence[Job], cache: Path) -> list[Sheet]:
    """What every sample does when run, from the cache where it was run before."""
    sandbox = await trusted(configuration.load())

    def report(done: int, total: int) -> None:
        if done == total or done % 500 == 0:
            click.echo(f"samples run: {done} of {total}", err=True)

    records: list[list[Record]] = await execute(jobs, sandbox, cache, report)
    return [lay_out(*pair) for pair in zip(jobs, records, strict=True)]


async def replayed(home: Home, draws: Sequence[Draw], data: Path, n: int, max_inputs: int, jobs: int) -> dict[str, Any]:
    """What the live stack makes of the draws."""
    async with AsyncExitStack() as stack:
        by_name = {(one.problem.task_id, one.number): one for one in draws}
        taken: Counter[str] = Counter()
        servers = {role: await stack.enter_async_context(Replayer(by_name, taken)) for role in ROLES}
        await stack.enter_async_context(orchestrator(home, servers, n, max_inputs))
        return await evaluated(home, data, jobs)


def compared(live: Mapping[str, bool], rules: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Both numbers, in percent, and the draws on which they differ."""
    shares = {rule: 100 * float(np.mean([rules[one][rule] for one in live])) for rule in ("maker", "codet", "oracle")}
    right = 100 * float(np.mean(list(live.values())))
    differ = {
        one: [ok, round(rules[one]["maker"], 2)] for one, ok in live.items() if abs(ok - rules[one]["maker"]) > 0.5
    }
    return {"draws": len(live), "live": right, "select": shares, "live_minus_select": right - shares["maker"]} | {
        "differ": differ
    }


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Recorded samples (.jsonl or .jsonl.gz).")
@click.option("--cache", type=click.Path(path_type=Path), help="What eval select keeps; MAKER_HOME/eval by default.")
@click.option("--n", type=click.IntRange(1, 20), default=5, show_default=True, help="Candidates, and tests' replies.")
@click.option("--draws", type=click.IntRange(1), default=1, show_default=True, help="Draws from each problem.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the draws.")
@click.option("--limit", type=click.IntRange(1), help="Problems at most, the first ones.")
@click.option("--max-inputs", type=click.IntRange(0, 64), default=64, show_default=True, help="As in maker.toml.")
@click.option("--prompts", is_flag=True, help="Ask with the problems' own prompts, which have examples; one draw.")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Requests at once.")
@click.option("--bar", type=float, default=1.5, show_default=True, help="Points that the two may differ by.")
def main(
    *,
    data: Path,
    cache: Path | None,
    n: int,
    draws: int,
    seed: int,
    limit: int | None,
    max_inputs: int,
    prompts: bool,
    jobs: int,
    bar: float,
) -> None:
    """Measure what the live stack chooses from recorded samples, next to what the rule chooses."""
    draws = 1 if prompts else draws
    problems = [prepare(problem) for problem in load(data)][:limit]
    made = [one for job in problems for one in draws_of(job, n, draws, seed)]
    sheets = asyncio.run(sheets_of(problems, cache or configuration.home().root / "eval"))
    with tempfile.TemporaryDirectory(prefix="maker-replay-", dir="/tmp") as folder:
        home = Home(Path(folder))
        suite = home.root / "replay.jsonl"
        lines = (_recorded(one) if prompts else one.exercise() for one in made)
        suite.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        measured = asyncio.run(replayed(home, made, suite, n, max_inputs, jobs))
        live = answers(home)
    result = compared(live, selected(sheets, n, draws, seed))
    mode = measured["modes"][0]
    click.echo(json.dumps({"n": n, "max_inputs": max_inputs, **result, "mode": mode}))
    for note, count in mode["notes"].items():
        click.echo(f"{count} of {len(live)} runs: {note}", err=True)
    chosen = result["select"]["maker"]
    click.echo(
        f"live low mode {result['live']:.1f} %, eval select {chosen:.1f} % on the same {result['draws']} draws",
        err=True,
    )
    sys.exit(0 if abs(result["live_minus_select"]) <= bar else 1)


def _recorded(one: Draw) -> dict[str, str]:
    problem = one.problem
    return {"task_id": one.id, "prompt": problem.prompt, "entry_point": problem.entry_point, "test": problem.test}


if __name__ == "__main__":
    main()
