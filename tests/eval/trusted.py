"""The command line, judging in this process: `python -m tests.eval.trusted eval run ...`, for code that tests wrote."""

import sys

from maker.cli import app, evaluate_run
from maker.config import Config
from tests.eval.recorded import TrustedSandbox


async def available(config: Config, *, parallel: int | None = None) -> TrustedSandbox:
    """No self-test: what is judged can be trusted."""
    return TrustedSandbox()


if __name__ == "__main__":
    evaluate_run.available = available  # type: ignore[assignment]
    sys.exit(app.run())
