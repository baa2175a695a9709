"""One trial as a process: the frames that go in, the frames that come out, and the clock that ends it."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

from maker.sandbox.inside.frames import Broken, parse, render
from maker.sandbox.joining import joined
from maker.sandbox.values import Call, Check, Evidence, Input, Kind, Observation, Trial, Unavailable
from maker.sandbox.watchdog import guard

GRACE_S = 3.0
"""How much longer than the trial's own time it may take from outside: starting, and telling the results."""

KINDS = frozenset(get_args(Kind))
MAX_RESULT = 1 << 20
MAX_COMPLAINT = 4096


@dataclass(frozen=True, slots=True)
class Command:
    """How to start the harness, and what to tell it first."""

    argv: Sequence[str]
    data: bytes
    """The frames that the harness reads."""
    pass_fds: Sequence[int] = ()
    work: Path | None = None
    """The trial's writable directory, where its size is not bounded by the system."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The whole environment, of the sandbox program too: nothing of maker's own goes in."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the harness must know of where it runs."""

    uid: int
    """Which user to become; 0 for none."""
    nproc: int
    """RLIMIT_NPROC."""
    own_path: str
    """Where maker's own part is imported from."""
    node: str = ""


def frames(trial: Trial, place: Place) -> bytes:
    """What the harness reads: the candidate first, what it is tried on second."""
    job = {
        "language": trial.language,
        "source": python_source(trial) if trial.language == "python" else trial.source,
        "earlier": list(trial.earlier),
        "entry": trial.entry,
        "limits": {**asdict(trial.limits), "nproc": place.nproc},
        "paths": [mount.target for mount in trial.mounts if mount.importable],
        "files": list(trial.files),
        **asdict(place),
    }
    return render(job) + render({"inputs": [_spelled(item) for item in trial.inputs]})


def python_source(trial: Trial) -> str:
    """The source behind the earlier ones, last what its tests need of the repository; what fails there is missing."""
    needed = [line for item in trial.inputs if isinstance(item, Check) for line in item.imports]
    tries = (f"try:\n    {line}\nexcept Exception:\n    pass\n" for line in dict.fromkeys(needed))
    return "\n".join([joined([*trial.earlier, trial.source]), *tries])


def _spelled(item: Input) -> dict[str, str]:
    return {"expression": item.expression} if isinstance(item, Call) else {"code": item.code}


class Progress:
    """What has come back so far."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._begun = time.monotonic()
        self._loaded: dict[str, Any] | None = None
        self._observations: list[Observation] = []

    @property
    def started(self) -> bool:
        """Whether the harness has said anything."""
        return self._loaded is not None

    @property
    def complete(self) -> bool:
        """Whether nothing more will come."""
        if self._loaded is None:
            return False
        return self._loaded.get("loads") is not True or len(self._observations) == len(self._trial.inputs)

    def add(self, frame: dict[str, Any]) -> None:
        """Take the next frame: how loading went, then one observation for each input."""
        if self._loaded is None:
            self._loaded = frame
        else:
            self._observations.append(observation(frame))

    def evidence(self, why: Observation) -> Evidence:
        """The evidence; inputs without a result get `why`."""
        loaded = self._loaded or {}
        loads = loaded.get("loads") is True
        missing = len(self._trial.inputs) - len(self._observations)
        error = "" if loads else str(loaded.get("error", why.text or why.kind))
        rest = (why if loads else Observation("crashed", "does not load"),) * missing
        seen = (*self._observations, *rest)
        return Evidence(loads, seen, error, sum(one.cpu_s for one in seen), time.monotonic() - self._begun)


def observation(frame: dict[str, Any]) -> Observation:
    """One result frame as a value; a frame that is none is a crash of the candidate."""
    kind = frame.get("kind")
    if kind not in KINDS:
        return Observation("crashed", "no reply")
    text, message, stdout = (str(frame.get(name, "")) for name in ("text", "message", "stdout"))
    cpu, wall = (float(value) if isinstance(value := frame.get(name), int | float) else 0.0 for name in ("cpu", "wall"))
    return Observation(cast(Kind, kind), text, message, stdout, cpu, wall)


async def run(command: Command, trial: Trial) -> Evidence | Unavailable:
    """Start the harness, feed it and read its results; cancelled or not, it ends with this call."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=command.pass_fds,
            env=command.environment,
            start_new_session=True,
        )
    except OSError as error:
        return Unavailable(f"the sandbox could not be started: {error}", "run `maker doctor`")
    progress = Progress(trial)
    try:
        why = await _converse(process, progress, trial, command)
        complaint = await _complaint(process) if not progress.started else ""
    finally:
        await _end(process)
    if complaint:
        return Unavailable(f"the sandbox could not be started: {complaint}", "run `maker doctor`")
    return progress.evidence(why)


async def _converse(
    process: asyncio.subprocess.Process, progress: Progress, trial: Trial, command: Command
) -> Observation:
    """Exchange frames until all is told; what the inputs that were not told of came to."""
    talk = asyncio.create_task(_talk(process, progress, command.data))
    watch = asyncio.create_task(guard(process.pid, trial.limits, command.work))
    try:
        limit = trial.limits.total_s + trial.limits.load_s + GRACE_S
        done, _ = await asyncio.wait({talk, watch}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (talk, watch):
            task.cancel()
        await asyncio.gather(talk, watch, return_exceptions=True)
    if watch in done and not progress.complete:
        return Observation("crashed", watch.result())
    return Observation("crashed", "the sandbox ended") if talk in done else Observation("timed out")


async def _talk(process: asyncio.subprocess.Process, progress: Progress, data: bytes) -> None:
    assert process.stdin is not None and process.stdout is not None
    with suppress(OSError):  # the harness may end before it has read everything
        process.stdin.write(data)
        await process.stdin.drain()  # and left open: its end is what tells the harness that nobody waits
    with suppress(asyncio.IncompleteReadError, Broken):
        while not progress.complete:
            length = int.from_bytes(await process.stdout.readexactly(4), "big")
            if length > MAX_RESULT:
                return
            progress.add(parse(await process.stdout.readexactly(length)))


async def _complaint(process: asyncio.subprocess.Process) -> str:
    """The last line that the sandbox program printed, if it ended without running anything."""
    assert process.stderr is not None
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            text = (await process.stderr.read(MAX_COMPLAINT)).decode("utf-8", "replace").strip()
            return text.splitlines()[-1] if text else ""
    return ""


async def _end(process: asyncio.subprocess.Process) -> None:
    """End what is left: with the harness, its first process, the kernel ends the whole namespace."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.stdin is not None
    process.stdin.close()  # the harness leaves when it notices
    await asyncio.shield(asyncio.create_task(process.communicate()))
