"""`maker eval select`, but for the command line: from a file of recorded samples to what each rule is worth."""

from collections.abc import Callable, Sequence
from pathlib import Path

from maker.errors import RequestError, ServiceError
from maker.eval.execute import execute, prepare
from maker.eval.measure import Drawing, Measured, lay_out, measure
from maker.eval.problems import Problem
from maker.sandbox.sandbox import Sandbox
from maker.sandbox.values import Unavailable

Report = Callable[[str, int, int], None]
"""Called with what is going on, and how much of how much of it is done."""


def check(problems: Sequence[Problem], n: int) -> None:
    """Refuse to draw more samples than there are.

    Raises:
        RequestError: names the first problem that has too few.
    """
    for problem in problems:
        if len(problem.samples) < n:
            raise RequestError(
                f"{problem.task_id} has {len(problem.samples)} samples, so {n} cannot be drawn; give a smaller number",
                param="n",
            )


async def compare(
    problems: Sequence[Problem], sandbox: Sandbox, drawing: Drawing, *, cache: Path, report: Report
) -> Measured:
    """Run what was not run before, then draw and choose.

    Raises:
        ServiceError: the sandbox cannot run Python, or stopped working.
        OSError: the cache cannot be written.
    """
    if isinstance(refusal := sandbox.supports("python"), Unavailable):
        raise ServiceError(f"{refusal.reason}; {refusal.fix}")
    jobs = [prepare(problem) for problem in problems]
    records = await execute(jobs, sandbox, cache, lambda done, total: report("running samples", done, total))
    sheets = [lay_out(*pair) for pair in zip(jobs, records, strict=True)]
    return measure(sheets, drawing, lambda done, total: report("drawing", done, total))
