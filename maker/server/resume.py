"""Which request goes on with an earlier run: by its Idempotency-Key, or by its body where the client says it retries.

An interrupted run is resumed after its last finished stage, also by an orchestrator that was started since. A run that
is complete answers its key again without generating. A run that its user cancelled is forgotten.
"""

import hashlib
import json
from weakref import WeakValueDictionary

from werkzeug.datastructures import Headers

from maker.chat.types import deltas_of
from maker.config import ModeName
from maker.errors import KeyInUse, RequestError
from maker.pipeline.checkpoint import Checkpoint, Checkpoints, Progress
from maker.pipeline.events import AnswerDelta, Emit, RunFinished, RunStarted
from maker.pipeline.values import Outcome, Task

LONGEST_KEY = 255


class Retries:
    """Gives every request the checkpoint of its run; one process serves a mode, so it knows the keys in use."""

    def __init__(self, mode: ModeName, checkpoints: Checkpoints) -> None:
        self._mode, self._checkpoints = mode, checkpoints
        # Weak: the key of a request that is given up before its run begins must not stay in use.
        self._in_use: WeakValueDictionary[str, Checkpoint] = WeakValueDictionary()

    async def checkpoint(self, headers: Headers, body: object) -> Checkpoint:
        """The checkpoint to start from; empty unless the request retries an interrupted or repeats a complete run.

        Raises:
            KeyInUse: a request with the same Idempotency-Key is being worked on.
            RequestError: the Idempotency-Key is too long, or belongs to another request.
        """
        digest = _digest(json.dumps(body, sort_keys=True))
        name = headers.get("Idempotency-Key", "").strip()
        if len(name) > LONGEST_KEY:
            raise RequestError(f"the Idempotency-Key is longer than {LONGEST_KEY} characters", param="Idempotency-Key")
        key = _digest(f"{self._mode} {'key' if name else 'body'} {name or digest}")
        checkpoint = Checkpoint(self._checkpoints, key, digest, answers=bool(name))
        if name:
            if key in self._in_use:
                raise KeyInUse(
                    "a request with this Idempotency-Key is being worked on; wait until it ends, or use another key",
                    param="Idempotency-Key",
                )
            self._in_use[key] = checkpoint
        if name or _is_retry(headers):
            before = await self._checkpoints.load(key)
            if before and before.body != digest:
                self.release(checkpoint)
                raise RequestError(
                    "this Idempotency-Key was used for another request; use a new key", param="Idempotency-Key"
                )
            if before:
                checkpoint.resume(before)
        return checkpoint

    def release(self, checkpoint: Checkpoint) -> None:
        """The run has ended: its key may be used again."""
        if self._in_use.get(checkpoint.key) is checkpoint:
            del self._in_use[checkpoint.key]


def _is_retry(headers: Headers) -> bool:
    count = headers.get("x-stainless-retry-count", "")
    return count.isdecimal() and int(count) > 0


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


async def replay(task: Task, progress: Progress, emit: Emit) -> Outcome:
    """Answer once more with what a complete run answered."""
    steps = tuple(progress.finished.values())
    outcome = Outcome(
        task, progress.answer or (), progress.usage, progress.overhead_ms, steps=steps, notes=progress.notes
    )
    await emit(RunStarted(task))
    for choice, completion in enumerate(outcome.completions):
        for delta in deltas_of(completion, choice):
            await emit(AnswerDelta(delta))
    await emit(RunFinished(outcome))
    return outcome
