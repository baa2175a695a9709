"""Keeps a streamed edit exact: no fence, no prose and no repetition around the code that was asked for; pure.

An editor writes what comes straight into a file. What the model puts around the code is left out while it streams: a
thought before it, a sentence and a fence it opens, the beginning it was given and repeats, the closing fence and what
follows. Text that only might be one of these waits until that is known; all else passes at once.
"""

import re
from collections.abc import Sequence

FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})\s*([\w+#.:/{-][^`~]*)?$")
"""A line that opens a block or closes one, and what it says of the block; of a line without the space at its end."""
CLOSING = re.compile(r"^\s{0,3}(`{3,}|~{3,})\W*$")
"""A line that closes a block within the code: behind the fence the quotes of a string may end."""
PROSE = re.compile(
    r"^\s*(sure|certainly|of course|okay|ok|here|below|the (following|updated|complete|modified|full|rewritten))\b.*",
    re.IGNORECASE,
)
PROSE_LINES = 3
"""So many lines, blank ones included, may stand before an added fence."""


class Exact:
    """Feed it the pieces of one answer; what comes out is the code.

    `begun` is what the answer was given to go on with, `stop` a line that ends it, and with `fences` the code itself
    has lines that are fences. The code is made from the `original` texts: their lines are no prose, and a fence at the
    beginning of one is the code's.
    """

    def __init__(self, begun: str = "", *, stop: str = "", fences: bool = False, original: Sequence[str] = ()) -> None:
        self._stop, self._fences = stop, fences
        self._marks, self._given = _opened(begun)
        self._original = {line.strip() for text in original for line in text.split("\n")}
        self._first = {line for text in original for line in _beginning(text)}
        self._line = ""
        self._begun_line = False
        self._head: list[str] | None = []
        self._left_out: list[str] = []
        self._repeated: list[str] = []
        self._held: list[str] = []
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
        # A fence behind which nothing came closed the answer: what stood before it is the code.
        head, self._head = self._head or self._left_out, None
        self.done = True
        return "".join([*head, *said])

    def _take(self, line: str) -> list[str]:
        """What a whole line lets out."""
        if self._begun_line:
            self._begun_line = False
            return [line]
        if self._head is not None:
            return self._take_head(line, self._head)
        if self._repeated and line.rstrip("\r\n") == self._repeated.pop(0):
            _step(self._marks, line)
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
        fence = _fence(line)
        if fence is not None and not self._is_own(line, head):
            # Opened again, or for the first time: what was given may be repeated behind it.
            self._left_out = head if self._marks else []
            self._head, self._marks = None, [fence[0]]
            self._repeated = self._given[1:]
            return []
        if len(head) < PROSE_LINES and self._might_be_prose(line):
            head.append(line)
            return []
        self._head = None
        return [*head, *self._take(line)]

    def _is_own(self, fence: str, head: list[str]) -> bool:
        """Whether a fence before any code is part of the code, not one around it."""
        found, given = fence.strip(), self._given[0].strip() if self._given else ""
        if found == given and given.strip("`~"):
            return False
        return found in self._first or (self._fences and bool(self._marks) and not "".join(head).strip())

    def _might_be_prose(self, line: str) -> bool:
        return not line.strip() or bool(PROSE.match(line) and line.strip() not in self._original)

    def _take_code(self, line: str) -> list[str]:
        let = self._let()
        if not self._might_close(line):
            if self._marks:
                _step(self._marks, line)
            return [*let, line]
        if self._fences:
            self._held = [line]
        else:
            self.done = True
        return let

    def _might_close(self, line: str) -> bool:
        """Whether it can be the fence that ends the answer; of a code with fences it may open a block as well."""
        fence = _fence(line)
        return fence is not None and not fence[1] and len(self._marks) == 1 and fence[0].startswith(self._marks[0])

    def _let(self) -> list[str]:
        """What was held back, now that more comes: the fence opened a block."""
        self._left_out = []
        let, self._held = self._held, []
        self._marks += [line.strip() for line in let[:1]]
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


def has_fence(text: str) -> bool:
    """Whether a line of the text is a fence."""
    return any(_fence(line) is not None for line in text.split("\n"))


def is_open(text: str) -> bool:
    """Whether the text ends within a fence."""
    return bool(_opened(text)[0])


def unfenced(text: str) -> str:
    """What stands between the first fence of the text and its last; the whole text where there are no two."""
    lines = text.split("\n")
    fences = [number for number, line in enumerate(lines) if _fence(line) is not None]
    return "\n".join(lines[fences[0] + 1 : fences[-1]]) if len(fences) > 1 else text


def _fence(line: str) -> tuple[str, str] | None:
    """The mark and the info string of a line that is a fence; None of one that is not."""
    found = FENCE.match(line.rstrip())
    return (found[1], found[2] or "") if found else None


def _step(marks: list[str], line: str) -> None:
    """Brings the marks of the open fences, outermost first, behind the line."""
    fence = _fence(line)
    if fence is not None and (fence[1] or not marks):
        marks.append(fence[0])
    elif marks and (closing := CLOSING.match(line)) and closing[1].startswith(marks[-1]):
        # What stands behind a fence keeps it from closing the answer, but not a block in the answer's code.
        if fence is not None or len(marks) > 1:
            marks.pop()


def _beginning(text: str) -> set[str]:
    """The line that the text begins with, and the fences soon after it that no answer opens with by chance."""
    first, *more = text.strip().split("\n")[: PROSE_LINES + 1]
    return {first.strip(), *(line.strip() for line in more if (fence := _fence(line)) and fence[1])}


def _opened(text: str) -> tuple[list[str], list[str]]:
    """The marks of the fences that are open at the end, outermost first, and the lines from the outermost on."""
    marks: list[str] = []
    lines: list[str] = []
    for line in text.splitlines():
        _step(marks, line)
        if marks:
            lines.append(line)
        else:
            lines.clear()
    return marks, lines
