"""What long work shows while it lasts: a bar or a spinner at a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn


class Steps:
    """Prints sentences, and how far something is."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, sentence: str) -> None:
        """Print one sentence."""
        self._console.print(sentence, markup=False, soft_wrap=True)

    @contextmanager
    def busy(self, title: str) -> Iterator[None]:
        """Show at a terminal that something goes on that has no measure."""
        with self._console.status(title):
            yield

    @contextmanager
    def files(self, verb: str) -> Iterator[Callable[[str, int, int], None]]:
        """Show files as they are made: give `(name, done, total)` before each, in files."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        ) as progress:
            bar = progress.add_task(verb, total=None)

            def report(name: str, done: int, total: int) -> None:
                progress.update(bar, description=f"{verb} {name}", completed=done, total=total)
                if progress.disable and done < total:
                    self.say(f"{verb} {name} ({done + 1} of {total})")

            yield report
