"""What goes into the sandbox and what comes back: plain values, equal when the behaviour was equal."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Language = Literal["python", "javascript", "typescript"]

Kind = Literal["returned", "raised", "passed", "failed", "timed out", "crashed", "too long"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one trial may use. Times are seconds; an input's is CPU time, with thrice as much on the clock."""

    input_s: float = 2.0
    load_s: float = 5.0
    """For the candidate's own top level: its imports, tables it builds."""
    total_s: float = 30.0
    """On the clock, for all of it; inputs that are not reached by then have timed out."""
    memory_mib: int = 512
    """Address space of each process (Python), heap and data (JavaScript), and resident memory of all of them."""
    processes: int = 32
    """Processes and threads at once, the sandbox's own three or four among them."""
    file_mib: int = 16
    """Longest file; all files together, in the private temporary directory, may have twice as much."""
    open_files: int = 64
    output_bytes: int = 64 * 1024
    """Longest output and longest value of one input; more is the observation `too long`."""


@dataclass(frozen=True, slots=True)
class Call:
    """An input: one expression over the candidate's names (`solve([1, 2], k=3)`); its value is observed."""

    expression: str


@dataclass(frozen=True, slots=True)
class Check:
    """An input: a test (assert statements, with whatever leads up to them); whether it passes is observed.

    It is evaluated in a process in which none of the candidate's code runs, so a candidate cannot make it pass by
    anything but the right values.
    """

    code: str
    imports: tuple[str, ...] = ()
    """What the test needs of the repository: Python import statements, run in the candidate's process."""


Input = Call | Check


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory or file of this machine that the candidate may read, at `target` in the sandbox.

    With `importable`, modules are found there. Leaving secrets out is the caller's part.
    """

    source: Path
    target: str
    importable: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate and everything it is to be tried on; one start of the sandbox."""

    language: Language
    source: str
    inputs: tuple[Input, ...]
    entry: str | None = None
    """The name that must exist once the source is loaded; a candidate without it does not load."""
    limits: Limits = Limits()
    mounts: tuple[Mount, ...] = ()
    files: tuple[str, ...] = ()
    """Where the source belongs, as paths below the first importable mount: whoever imports one of them gets the source.

    The first is what the source is loaded as: its relative imports are relative to that.
    """
    earlier: tuple[str, ...] = ()
    """Sources of the same language that run before it; what they declare is there, and may be declared anew."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What the candidate did on one input; equal when it did the same, however long it took.

    `text` is the canonical value (returned), the exception's type (raised), the first line of the reason (failed: an
    `AssertionError` or what else the test raised) or the signal or exit status (crashed). Of a call that returned
    nothing and changed an argument it is `None; arguments afterwards: [3, 2, 1]`.
    """

    kind: Kind
    text: str = ""
    message: str = field(default="", compare=False)
    """The exception's message, for people and for the coder's next attempt; not part of the behaviour."""
    stdout: str = ""
    """The beginning of what was printed, stderr included."""
    cpu_s: float = field(default=0.0, compare=False)
    wall_s: float = field(default=0.0, compare=False)

    @property
    def signature(self) -> str:
        """What voting compares: kind and text, and the output of a candidate that prints instead of returning."""
        nothing = self.kind == "returned" and self.text.partition(";")[0] in {"None", "undefined"}
        printed = self.stdout if nothing else ""
        return f"{self.kind}:{self.text}" + (f":{printed}" if printed else "")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a candidate did when run: whether it loads, and one observation for each input, in their order."""

    loads: bool
    observations: tuple[Observation, ...]
    load_error: str = ""
    """Why it does not load, in one line: `SyntaxError: ...`; the observations are then `crashed`."""
    cpu_s: float = field(default=0.0, compare=False)
    wall_s: float = field(default=0.0, compare=False)

    @property
    def signatures(self) -> tuple[str, ...]:
        """The behaviour per input."""
        return tuple(seen.signature for seen in self.observations)

    @property
    def signature(self) -> str:
        """The behaviour as a whole: equal for candidates that did the same on every input."""
        text = "\0".join(("loads" if self.loads else "does not load", *self.signatures))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def passed(self) -> int:
        """How many checks passed."""
        return sum(seen.kind == "passed" for seen in self.observations)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Execution is off (for a language, or altogether): one sentence each for why and what to do."""

    reason: str
    fix: str
