"""Running a JavaScript candidate: one node for the candidate, and one for the tests if there are any.

Node cannot be forked, so each input gets a fresh context instead; what hangs or ends the process costs a new start.
There is no /proc in this sandbox: the tests' node could be looked into through it.
"""

import os
import select
import socket
import time
from typing import Any

from maker.sandbox.inside.candidate import print_to
from maker.sandbox.inside.frames import Broken, write_frame
from maker.sandbox.inside.limits import confine, keep_only
from maker.sandbox.inside.processes import end_all, fork, kill
from maker.sandbox.inside.python import CALL_KINDS, CHECK_KINDS, loaded, patient
from maker.sandbox.inside.watch import PATIENCE, Seen, cpu_s, watch

HERE = os.path.dirname(os.path.abspath(__file__))
HARNESS, LINK, OUTPUT = 3, 4, 5
SERVED_S = 1.0
"""How long the candidate's node may take to notice that a test is over."""


class Program:
    """A running node and the socket to it."""

    def __init__(self, script: str, job: dict[str, Any], link: socket.socket, prints: int) -> None:
        self.control, theirs = socket.socketpair()
        patient(self.control)
        self.pid = fork()
        if self.pid == 0:
            keep_only({HARNESS: theirs.fileno(), LINK: link.fileno(), OUTPUT: prints})
            print_to(OUTPUT)
            os.close(OUTPUT)
            confine(job["limits"], address_space=False)
            for fd in (HARNESS, LINK):
                os.set_inheritable(fd, True)
            heap = f"--max-old-space-size={job['limits']['memory_mib'] // 2}"
            os.execv(job["node"], [job["node"], "--v8-pool-size=0", heap, "--no-warnings", f"{HERE}/{script}"])
        theirs.close()
        link.close()
        where = f"{job['paths'][0]}/{job['files'][0]}" if job["paths"] and job["files"] else ""
        self.ask({name: job[name] for name in ("source", "earlier", "language", "entry")} | {"where": where})

    def ask(self, request: dict[str, Any]) -> None:
        """Send a request.

        Raises:
            Broken: it does not read.
        """
        write_frame(self.control.fileno(), request)

    def end(self, *, patience_s: float = 0) -> int | None:
        """Make sure that it has ended; how it did, if that was by itself."""
        self.control.close()
        until = time.monotonic() + patience_s
        while not (ended := os.waitpid(self.pid, os.WNOHANG))[0] and time.monotonic() < until:
            time.sleep(0.002)
        if ended[0]:
            return os.waitstatus_to_exitcode(ended[1])
        kill(self.pid)
        os.waitpid(self.pid, 0)
        return None


class NodeRunner:
    """Keeps both programs; starts them again when one is gone."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job, self._limits = job, job["limits"]
        self._output, self._prints = os.pipe()
        self._candidate: Program | None = None
        self._tests: Program | None = None
        self._links: tuple[socket.socket, ...] = ()

    def load(self) -> dict[str, Any]:
        """Start the candidate's node and wait until it has loaded the source, or has not."""
        self._links = socket.socketpair()
        self._candidate = Program("candidate.js", self._job, self._links[0], self._prints)
        seconds = self._limits["load_s"]
        seen = self._watch(self._candidate, [self._candidate.pid], seconds, time.monotonic() + PATIENCE * seconds)
        answer = loaded(seen)
        if not answer["loads"]:
            self._lose()
        return answer

    def observe(self, item: dict[str, Any], until: float) -> tuple[Seen, dict[str, Any]]:
        """Run one input in a fresh context of the candidate's node."""
        is_call = "expression" in item
        kinds = CALL_KINDS if is_call else CHECK_KINDS
        try:
            if self._candidate is None and not self.load()["loads"]:
                return Seen(), {"kinds": kinds, "status": "it did not load again"}
            seen, used = self._call(item, until) if is_call else self._check(item, until)
        except Broken:
            return Seen(), {"kinds": kinds, "status": self._lose(patience_s=SERVED_S)}
        known: dict[str, Any] = {"kinds": kinds, "cpu": used}
        if seen.verdict or (body := seen.body()) is None or b'"crashed"' in body[:20]:
            known["status"] = self._lose(patience_s=0 if seen.verdict else SERVED_S)
        return seen, known

    def _call(self, item: dict[str, Any], until: float) -> tuple[Seen, float]:
        assert self._candidate is not None
        self._candidate.ask(item)
        return self._timed(self._candidate, [self._candidate.pid], until)

    def _check(self, item: dict[str, Any], until: float) -> tuple[Seen, float]:
        assert self._candidate is not None
        if self._tests is None:
            self._tests = Program("tester.js", self._job, self._links[1], self._prints)
        self._candidate.ask({"link": True})
        self._tests.ask({"code": item["code"]})
        answer = self._timed(self._tests, [self._candidate.pid, self._tests.pid], until)
        # The candidate's node says so when the test is over; one that does not is not used again.
        control = self._candidate.control
        if answer[0].verdict:
            return answer
        if not select.select([control], [], [], SERVED_S)[0] or not control.recv(65536):
            self._lose()
        return answer

    def _timed(self, program: Program, pids: list[int], until: float) -> tuple[Seen, float]:
        before = cpu_s(pids)
        seen = self._watch(program, pids, self._limits["input_s"], until)
        return seen, max(0.0, cpu_s(pids) - before)

    def _watch(self, program: Program, pids: list[int], seconds: float, until: float) -> Seen:
        most = self._limits["output_bytes"]
        return watch(program.control.fileno(), self._output, pids, seconds=seconds, until=until, most=most)

    def _lose(self, *, patience_s: float = 0) -> int | str:
        """End both programs and what they started; how the candidate's ended, if it did by itself."""
        status = self._candidate.end(patience_s=patience_s) if self._candidate else None
        if self._tests:
            self._tests.end()
        for link in self._links:
            link.close()
        self._candidate = self._tests = None
        end_all()
        return "the candidate's process is gone" if status is None else status
