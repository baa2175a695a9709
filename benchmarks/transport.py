"""What one model request costs over httpx's own transport and over aiohttp: `python -m benchmarks.transport`.

Both go through `LlamaModel` against the same fake server in another process, in turns within one run, so that noise
meets both alike. Printed are medians; CPU is this process's own (client side), the rest is wall time.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from maker.chat.types import ChatRequest, Sampling
from maker.models.endpoint import Endpoint
from maker.models.llama import LlamaModel
from maker.models.model import complete
from maker.models.transport import aiohttp_transport

TRANSPORTS: dict[str, Callable[[], httpx.AsyncBaseTransport]] = {
    "httpx": lambda: httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=None, keepalive_expiry=4)),
    "aiohttp": aiohttp_transport,
}


@dataclass(frozen=True)
class Case:
    """One load: how many requests at once, and how long their answers are."""

    name: str
    concurrency: int
    tokens: int


CASES = (Case("short answer, c=1", 1, 2), Case("short answer, c=32", 32, 2), Case("500 tokens, c=1", 1, 500))


async def batch(model: LlamaModel, case: Case, requests: int) -> tuple[float, float]:
    """Wall and CPU seconds per request of so many requests, `concurrency` of them at once."""
    left = iter(range(requests))
    request = ChatRequest(messages=({"role": "user", "content": "hello"},), sampling=Sampling(max_tokens=case.tokens))

    async def worker() -> None:
        for _ in left:
            await complete(model, request)

    wall, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(case.concurrency):
            group.create_task(worker())
    return (time.perf_counter() - wall) / requests, (time.process_time() - cpu) / requests


async def measure(port: int, rounds: int) -> None:
    """Run every case in turns and print the medians."""
    url = f"http://127.0.0.1:{port}"
    models = {name: LlamaModel("coder", [Endpoint(f"{url}/v1")], transport=make) for name, make in TRANSPORTS.items()}
    print(f"{'case':22}{'transport':>10}{'wall ms':>10}{'CPU us':>10}{'CPU us/token':>14}")
    for case in CASES:
        async with httpx.AsyncClient() as control:
            (await control.post(f"{url}/control", json={"tokens": case.tokens})).raise_for_status()
        results: dict[str, list[tuple[float, float]]] = {name: [] for name in models}
        requests = max(case.concurrency * 4, 4000 // (case.tokens + 18))
        for turn in range(rounds + 1):
            for name, model in models.items():
                async with model:
                    await batch(model, case, case.concurrency)
                    result = await batch(model, case, requests)
                if turn:
                    results[name].append(result)
        report(case, results)


def report(case: Case, results: dict[str, list[tuple[float, float]]]) -> None:
    """Print one case's medians and their ratio."""
    cpu = {name: statistics.median(each[1] for each in found) for name, found in results.items()}
    for name, found in results.items():
        wall = statistics.median(each[0] for each in found)
        per_token = f"{cpu[name] * 1e6 / case.tokens:14.1f}" if case.tokens > 100 else ""
        print(f"{case.name:22}{name:>10}{wall * 1e3:10.2f}{cpu[name] * 1e6:10.0f}{per_token}")
    print(f"{'':22}{'ratio':>10}{'':10}{cpu['httpx'] / cpu['aiohttp']:10.2f}")


def main() -> None:
    """Start the fake, measure, stop the fake."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    argv = [sys.executable, "-m", "tests.fake_llama", "--port", "0", "--slots", "64"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as fake:
        try:
            assert fake.stdout is not None
            asyncio.run(measure(int(fake.stdout.readline()), arguments.rounds))
        finally:
            fake.terminate()


if __name__ == "__main__":
    main()
