"""How each client is started: what keeps it to this machine, what lets it work unasked, and which mode it talks to.

Every one of them finds maker by the configuration that `maker connect` or `maker init` wrote.
"""

from pathlib import Path

from tests.clients_real.client import Command, installed, native, node


def continue_high(prompt: str, *words: str) -> Command:
    """Continue's command line takes the first model of the user's configuration, which is high mode."""
    quiet = {
        "CONTINUE_METRICS_ENABLED": "0",
        "CONTINUE_CLI_ENABLE_TELEMETRY": "0",
        "CONTINUE_CLI_AUTO_UPDATED": "1",
    }
    return Command((installed("node_modules/.bin/cn"), "-p", prompt, *words), quiet)


def continue_low(prompt: str, home: Path, *words: str) -> Command:
    """For low mode there is a file of its own in MAKER_HOME."""
    return continue_high(prompt, "--config", str(home / "continue-low.yaml"), *words)


def opencode(mode: str, prompt: str) -> Command:
    program = installed(f"{native('opencode')}/bin/opencode")
    quiet = ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS")
    return Command(
        (program, "run", "-m", f"maker-{mode}/maker-{mode}", prompt),
        {f"OPENCODE_DISABLE_{name}": "1" for name in quiet},
    )


def codex(mode: str, prompt: str) -> Command:
    # Its own sandbox needs rights that not every machine gives; the commands it runs here are the tests' own.
    unasked = ("--skip-git-repo-check", "--sandbox", "danger-full-access")
    quiet = ("--config", "check_for_update_on_startup=false", "--config", "analytics.enabled=false")
    return Command(
        (installed("node_modules/.bin/codex"), "exec", "--profile", f"maker-{mode}", *unasked, *quiet, prompt)
    )


def claude_code(prompt: str, *words: str, **environment: str) -> Command:
    program = installed(f"{native('@anthropic-ai/claude-code')}/claude")
    quiet = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
    return Command((program, "-p", prompt, *words), {**quiet, **environment})


def aider(prompt: str, *words: str) -> Command:
    unasked = ("--yes-always", "--no-git")
    quiet = ("--no-check-update", "--analytics-disable", "--no-show-release-notes")
    program = installed("aider-chat/bin/aider")
    return Command((program, "--message", prompt, *unasked, *quiet, *words), {"LITELLM_LOCAL_MODEL_COST_MAP": "True"})


def openai_sdk(script: Path, url: str, mode: str) -> Command:
    """A script for node; it alone is told the address, as every program that uses an SDK is."""
    return Command((node(), str(script), installed("node_modules/openai"), url, f"maker-{mode}"))
