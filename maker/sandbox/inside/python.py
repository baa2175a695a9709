"""Running a Python candidate: one process that has loaded it, forked for each input."""

import os
import select
import socket
import struct
import time
from typing import Any

from maker.sandbox.inside import candidate
from maker.sandbox.inside.frames import Broken, parse, read_frame, write_frame
from maker.sandbox.inside.processes import Others, fork
from maker.sandbox.inside.watch import PATIENCE, Seen, watch

CALL_KINDS = frozenset(("returned", "raised", "too long"))
CHECK_KINDS = frozenset(("passed", "failed", "crashed"))
GONE = "the candidate's process is gone"
ANSWER_S = 2
LINGER_S = 0.05
"""How long the candidate's process may take to say which process it forked, and how that ended."""


class Pipes:
    """What connects the harness with the processes of one input: a reply, and what they print."""

    def __init__(self) -> None:
        self.reply, self.replies = os.pipe()
        self.output, self.prints = os.pipe()

    def hand_over(self) -> None:
        """Close the ends that are the processes' own."""
        os.close(self.replies)
        os.close(self.prints)

    def close(self) -> None:
        """Close the ends that are the harness's own."""
        os.close(self.reply)
        os.close(self.output)


class PythonRunner:
    """Keeps the candidate's process; starts it again when it is gone."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job, self._limits = job, job["limits"]
        self._control: socket.socket | None = None
        self._tester: socket.socket | None = None
        self._others = Others()

    def load(self) -> dict[str, Any]:
        """Start the candidate's process and wait until it has loaded the source, or has not."""
        ours, theirs = socket.socketpair()
        output, prints = os.pipe()
        pid = fork()
        if pid == 0:
            candidate.live(theirs.fileno(), prints, self._job)
        theirs.close()
        os.close(prints)
        self._others.spared["candidate"] = pid
        seconds = self._limits["load_s"]
        until, most = time.monotonic() + PATIENCE * seconds, self._limits["output_bytes"]
        seen = watch(ours.fileno(), output, [pid], seconds=seconds, until=until, most=most)
        os.close(output)
        answer = loaded(seen)
        if answer["loads"]:
            patient(ours)
            self._control = ours
        else:
            ours.close()
            self._lose()
        return answer

    def observe(self, item: dict[str, Any], until: float) -> tuple[Seen, dict[str, Any]]:
        """Run one input in a fork of the candidate's process; a test in a fork of this one, linked to that."""
        kinds = CALL_KINDS if "expression" in item else CHECK_KINDS
        if self._control is None and not self.load()["loads"]:
            return Seen(), {"kinds": kinds, "status": "it did not load again"}
        pipes = Pipes()
        try:
            pids = self._call(item, pipes) if "expression" in item else self._check(item, pipes)
            self._others.known = pids
            seconds, most = self._limits["input_s"], self._limits["output_bytes"]
            seen = watch(pipes.reply, pipes.output, pids, seconds=seconds, until=until, most=most)
            if seen.body() is None:
                self._lose_tester()  # it may be what hangs
            if seen.verdict or not self._ends():
                self._others.end()
            return seen, {"kinds": kinds, **self._ending()}
        except (Broken, OSError):
            self._lose_tester()
            self._lose()
            return Seen(), {"kinds": kinds, "status": GONE}
        finally:
            pipes.close()
            self._others.end()

    def _call(self, item: dict[str, Any], pipes: Pipes) -> list[int]:
        try:
            return [self._ask({"expression": item["expression"]}, pipes.replies, pipes.prints)]
        finally:
            pipes.hand_over()

    def _check(self, item: dict[str, Any], pipes: Pipes) -> list[int]:
        ours, theirs = socket.socketpair()
        try:
            with ours, theirs:
                pid = self._ask({}, theirs.fileno(), pipes.prints)
                tests = self._tester or self._start_tester()
                socket.send_fds(tests, [b"."], [ours.fileno(), pipes.replies, pipes.prints])
                write_frame(tests.fileno(), {"code": item["code"]})
                return [pid, self._others.spared["tester"]]
        finally:
            pipes.hand_over()

    def _start_tester(self) -> socket.socket:
        # Imported only now: what the tests need would be in the candidate's memory, and make its forks slower.
        from maker.sandbox.inside import tester

        ours, theirs = socket.socketpair()
        pid = fork()
        if pid == 0:
            tester.live(theirs.fileno(), self._job)
        theirs.close()
        patient(ours)
        self._others.spared["tester"] = pid
        self._tester = ours
        return ours

    def _ask(self, request: dict[str, Any], channel: int, prints: int) -> int:
        """Have the candidate's process fork; the number of the new one.

        Raises:
            Broken: it does not answer.
        """
        if self._control is None:
            raise Broken
        try:
            socket.send_fds(self._control, [b"."], [channel, prints])
        except OSError:
            raise Broken from None
        write_frame(self._control.fileno(), {**request, "cpu_s": self._limits["input_s"]})
        pid = read_frame(self._control.fileno(), 1024).get("pid")
        if not isinstance(pid, int):
            raise Broken
        return pid

    def _ends(self) -> bool:
        """Whether the forked process ends by itself, as it does after its reply; ending it costs a millisecond more."""
        return self._control is None or bool(select.select([self._control], [], [], LINGER_S)[0])

    def _ending(self) -> dict[str, Any]:
        """How the forked process ended, and what it used; by the candidate's own account."""
        if self._control is None:
            raise Broken
        try:
            said = read_frame(self._control.fileno(), 1024)
            return {"status": said["status"], "cpu": float(said["cpu"])}
        except (Broken, KeyError, TypeError, ValueError):
            self._lose()
            return {"status": GONE}

    def _lose(self) -> None:
        """Give up the candidate's process; the next input starts it again."""
        if self._control is not None:
            self._control.close()
        self._control = None
        self._others.forget("candidate")
        self._others.end()

    def _lose_tester(self) -> None:
        """Give up the tests' process; the next test starts it again."""
        if self._tester is not None:
            self._tester.close()
        self._tester = None
        self._others.forget("tester")


def loaded(seen: Seen) -> dict[str, Any]:
    """What the candidate's process said of loading: {loads, error}."""
    if seen.verdict:
        return {
            "loads": False,
            "error": f"loading {'took too long' if seen.verdict == 'timed out' else 'printed too much'}",
        }
    try:
        said = parse(seen.body() or b"")
        return {"loads": said["loads"] is True, "error": str(said["error"])[:300]}
    except (Broken, KeyError):
        last = seen.output.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
        return {"loads": False, "error": "the process ended while it was loading" + (f": {last}" if last else "")}


def patient(link: socket.socket) -> None:
    """Wait for the other end, but not for ever."""
    patience = struct.pack("ll", ANSWER_S, 0)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
