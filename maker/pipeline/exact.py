"""Keeps a streamed edit exact: no fence, no prose and no repetition around the code that was asked for; pure.

An editor writes what comes straight into a file. What the model puts around the code is left out while it streams: a
thought before it, a sentence and a fence it opens, the beginning it was given and repeats, the closing fence and what
follows. Text that only might be one of these waits until that is known; all else passes at once.
"""

import re

FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})\s*([\w+#.:/ -]*)\s*$")
PROSE = re.compile(
    r"^\s*(sure|certainly|of course|okay|ok|here|below|the (following|updated|complete|modified|full|rewritten))\b.*",
    re.IGNORECASE,
)
PROSE_LINES = 3
"""So many lines, blank ones included, may stand before an added fence."""


class Exact:
    """Feed it the pieces of one answer; what comes out is the code.

    `begun` is what the answer was given to go on with, `stop` a line that ends it, and with `fences` the code itself
    has lines that are fences.
    """

    def __init__(self, begun: str = "", *, stop: str = "", fences: bool = False) -> None:
        self._given = begun.splitlines()
        self._stop, self._fences = stop, fences
        self._inside = _is_open(self._given)
        self._line = ""
        self._begun_line = False
        self._head: list[str] | None = []
        self._repeated: list[str] = []
        self._held: list[str] = []
        self._block = False
        self.done = False
        """Whether the code is over: nothing that still comes belongs to it."""

    def feed(self, piece: str) -> str:
        """What of the text so far can be passed on."""
        said: list[str] = []
        self._line += piece
        while not self.done and "\n" in self._line:
            line, _, self._line = self._line.partition("\n")
            said += self._take(f"{line}\n")
        if not self.done and self._line and self._passes(self._line):
            said += [*self._let(), self._line]
            self._line, self._begun_line = "", True
        return "".join(said)

    def end(self) -> str:
        """What remains once no more comes."""
        said = self._take(self._line) if self._line and not self.done else []
        head, self._head = self._head or [], None
        # A fence that is still held back closed the answer.
        held = [] if self._inside else self._held
        self.done = True
        return "".join([*head, *said, *held])

    def _take(self, line: str) -> list[str]:
        """What a whole line lets out."""
        if self._begun_line:
            self._begun_line = False
            return [line]
        if self._head is not None:
            return self._take_head(line, self._head)
        if self._repeated and line.rstrip("\r\n") == self._repeated.pop(0):
            return []
        self._repeated = []
        if self._stop and line.strip() == self._stop:
            self.done = True
            return []
        if not line.strip() and self._held:
            self._held.append(line)
            return []
        return self._take_code(line)

    def _take_head(self, line: str, head: list[str]) -> list[str]:
        own = self._fences and self._inside and not head
        if _fence(line) is not None and not own:
            # Opened again, or for the first time: what was given may be repeated behind it.
            self._head, self._inside = None, True
            self._repeated = _within(self._given)
            return []
        if len(head) < PROSE_LINES and (not line.strip() or PROSE.match(line)):
            head.append(line)
            return []
        self._head = None
        return [*head, *self._take(line)]

    def _take_code(self, line: str) -> list[str]:
        let, info = self._let(), _fence(line)
        if info is None or not self._inside:
            return [*let, line]
        if not self._fences and not info:
            self.done = True
            return let
        if info or self._block:
            self._block = bool(info)
            return [*let, line]
        # It opens a block of the code or closes the answer; which one shows by what comes.
        self._held = [line]
        return let

    def _let(self) -> list[str]:
        """What was held back, now that more comes: the fence opened a block."""
        let, self._held = self._held, []
        self._block = self._block or bool(let)
        return let

    def _passes(self, begun: str) -> bool:
        """Whether the beginning of a line can be passed on before its end is there."""
        if self._begun_line:
            return True
        if self._head is not None or self._repeated:
            return False
        word = begun.strip()
        might_stop = bool(self._stop) and (self._stop.startswith(word) or word.startswith(self._stop))
        return bool(word) and not word.startswith(("`", "~")) and not might_stop


class Thoughtless:
    """Leaves out the thought that a model's answer begins with, where its server did not take it out."""

    OPEN, CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._text: str | None = ""

    def feed(self, piece: str) -> str:
        """What of the text so far can be passed on."""
        if self._text is None:
            return piece
        self._text += piece
        begun = self._text.lstrip()
        if begun.startswith(self.OPEN):
            _, closed, rest = begun.partition(self.CLOSE)
            return self._all(rest.lstrip()) if closed and rest.strip() else ""
        return "" if self.OPEN.startswith(begun) else self._all(self._text)

    def end(self) -> str:
        """What remains once no more comes; a thought without an end is left out."""
        rest = self._text or ""
        return "" if rest.lstrip().startswith(self.OPEN) else rest

    def _all(self, text: str) -> str:
        self._text = None
        return text


def _fence(line: str) -> str | None:
    """The info string of a line that is a fence; None of one that is not."""
    found = FENCE.match(line.rstrip("\r\n"))
    return found[2] if found else None


def _is_open(lines: list[str]) -> bool:
    """Whether the text ends within a fence."""
    return sum(_fence(line) is not None for line in lines) % 2 == 1


def _within(lines: list[str]) -> list[str]:
    """The lines behind the fence that is open at the end."""
    last = max((number for number, line in enumerate(lines) if _fence(line) is not None), default=len(lines))
    return lines[last + 1 :]
