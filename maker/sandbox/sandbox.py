"""The interface behind which candidates are executed, and its one implementation over a system's confinement."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from maker.sandbox.node import Node, unsupported
from maker.sandbox.trial import Command, run
from maker.sandbox.values import Evidence, Language, Trial, Unavailable

Result = Evidence | Unavailable


class Sandbox(Protocol):
    """Runs untrusted code, confined; nothing it does is an exception here."""

    @property
    def parallel(self) -> int:
        """How many trials run at once; more wait their turn."""

    def supports(self, language: Language) -> Unavailable | None:
        """None where the language can be run, else why not. Starts nothing."""

    async def run(self, trial: Trial) -> Result:
        """Try one candidate on its inputs; `Unavailable` where the language or the sandbox itself does not work.

        Cancelling ends every process of the trial.
        """


class Confinement(Protocol):
    """How one system confines a trial."""

    @property
    def node(self) -> Node | None:
        """The node that candidates may be run by."""

    @property
    def facts(self) -> object:
        """What the self-test's verdict depends on: programs, versions, what is visible. Its repr is stable."""

    def prepared(self, trial: Trial) -> AbstractContextManager[Command]:
        """What to start; leaving the context removes what was made for the trial, and processes that outlived it."""


class ConfinedSandbox:
    """Runs trials, as many at once as there are cores unless told otherwise."""

    def __init__(self, confinement: Confinement, *, parallel: int) -> None:
        self._confinement = confinement
        self.parallel = parallel
        self._turn = asyncio.Semaphore(parallel)

    def supports(self, language: Language) -> Unavailable | None:
        """None where the language can be run, else why not."""
        return unsupported(language, self._confinement.node)

    async def run(self, trial: Trial) -> Result:
        """Try one candidate on its inputs."""
        if refusal := self.supports(trial.language):
            return refusal
        async with self._turn:
            with self._confinement.prepared(trial) as command:
                return await run(command, trial)


async def run_many(
    sandbox: Sandbox, trials: Sequence[Trial], *, on_done: Callable[[int, Result], None] = lambda index, result: None
) -> list[Result]:
    """Run the trials, as many at once as the sandbox takes; results in the order of the trials.

    `on_done(index, result)` is called as each one ends, for progress.
    """
    results: dict[int, Result] = {}
    remaining = iter(enumerate(trials))

    async def work() -> None:
        for index, trial in remaining:
            results[index] = result = await sandbox.run(trial)
            on_done(index, result)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(sandbox.parallel, len(trials))):
            group.create_task(work())
    return [results[index] for index in range(len(trials))]
