"""The process that runs within the sandbox first, and the only one that reports to the outside.

It reads the job (source and limits), starts the candidate's process, and only then reads the inputs, so that no test is
ever in the candidate's memory. Each result is written as soon as it is known: what a candidate breaks later, the end of
this very process included, cannot take it back.
"""

import os
import signal
import time
from typing import Any, Protocol

from maker.sandbox.inside.canonical import scrubbed, shortened
from maker.sandbox.inside.frames import Broken, parse, read_frame, write_frame
from maker.sandbox.inside.limits import die_with_parent, drop_to, few_files, hide
from maker.sandbox.inside.watch import LIFELINE, Seen


class Runner(Protocol):
    """One language's way to run a candidate."""

    def load(self) -> dict[str, Any]:
        """Start the candidate's process and load the source: {loads, error}."""

    def observe(self, item: dict[str, Any], until: float) -> tuple[Seen, dict[str, Any]]:
        """Run one input; what was seen, and what else is known (status, cpu)."""


def main() -> None:
    """Run the job whose frames come from standard input; write the results to standard output."""
    results = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    few_files()
    first = read_frame(LIFELINE)
    if first["uid"]:
        drop_to(first["uid"])
    hide()
    die_with_parent()
    try:
        report(first, results)
    except Broken:  # nobody waits for the results any more
        os._exit(1)
    os._exit(0)


def report(first: dict[str, Any], results: int) -> None:
    """Load the candidate, then write one result for each input."""
    end = time.monotonic() + first["limits"]["total_s"]
    runner = runner_for(first)
    loaded = runner.load()
    write_frame(results, loaded)
    if not loaded["loads"]:
        return
    for item in read_frame(LIFELINE)["inputs"]:
        write_frame(results, observation(runner, item, end))


def runner_for(first: dict[str, Any]) -> Runner:
    """The runner of the job's language."""
    if first["language"] == "python":
        from maker.sandbox.inside.python import PythonRunner

        return PythonRunner(first)
    from maker.sandbox.inside.node import NodeRunner

    return NodeRunner(first)


def observation(runner: Runner, item: dict[str, Any], end: float) -> dict[str, Any]:
    """What one input came to."""
    begun = time.monotonic()
    if begun >= end:
        return {"kind": "timed out", "message": "the time for all inputs was used up"}
    seen, known = runner.observe(item, end)
    said = {"kind": seen.verdict} if seen.verdict else understood(seen, known)
    printed = scrubbed(seen.output.decode("utf-8", "replace"))
    times = {"cpu": known.get("cpu", 0.0), "wall": time.monotonic() - begun}
    return {**said, **times, "stdout": shortened(printed) if said["kind"] != "too long" else ""}


def understood(seen: Seen, known: dict[str, Any]) -> dict[str, str]:
    """The reply, if it is one; what the candidate's process sends is checked word by word."""
    status = known.get("status", 0)
    if (body := seen.body()) is None:
        # SIGXCPU is the kernel's own count of the CPU time.
        return {"kind": "timed out"} if status == -24 else {"kind": "crashed", "text": ended(status)}
    try:
        said = parse(body)
    except Broken:
        return {"kind": "crashed", "text": "no reply"}
    words = {name: word if isinstance(word := said.get(name), str) else "" for name in ("kind", "text", "message")}
    if words["kind"] not in known["kinds"]:
        return {"kind": "crashed", "text": "no reply"}
    return {**words, "text": ended(status)} if words["kind"] == "crashed" else words


def ended(status: object) -> str:
    """How a process ended, in words."""
    if isinstance(status, str):
        return status[:100]
    if not isinstance(status, int) or not -64 <= status <= 255:
        return "no reply"
    return signal.strsignal(-status) or f"signal {-status}" if status < 0 else f"exit {status}"
