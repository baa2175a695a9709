"""The command lines of the three engines, as pure functions of a plan.

What is covered: loopback only, a key on everything but /health, no web UI, no tools, no slot files, no other origin.
What is not covered: a flag that a later llama-server switches on by default; the flags are checked against 0.5.0.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from maker.catalog.profiles import MIB, RolePlan

HOST = "127.0.0.1"
PING_S = 10
"""Seconds of silence after which a server sends a comment on a stream."""

DANGEROUS = (
    "--tools", "--agent", "-ag", "--mcp", "--ui", "--webui", "--slot-save-path", "--media-path", "--path", "--props",
    "--rpc", "--reuse-port", "--api-key", "--models-", "--model-url", "-mu", "--hf-", "-hf", "--lora", "--log-prompts",
)  # fmt: skip
"""Beginnings of flags that give a model server files, tools, the network or more than one model; --api-key itself
would show the key to every user of the machine."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where one server listens and which file holds its key."""

    port: int
    key_file: Path


def llama_server(program: Path, plan: RolePlan, address: Address, known: Collection[str]) -> tuple[str, ...]:
    """llama-server's argv; `known` are the flags its --help lists, so that what a version lacks is left out."""
    origin = f"http://{HOST}:{address.port}"
    optional = (
        ("--no-ui",) if "--no-ui" in known else ("--no-webui",),
        ("--offline",),
        ("--slots",),
        ("--no-cors-credentials",),
        ("--cors-origins", origin),
        ("--fit", "off"),
        ("--sse-ping-interval", str(PING_S)),
    )
    return (
        str(program),
        *_common(plan, address),
        *("--threads-batch", str(plan.threads), "--metrics", "--jinja"),
        *(word for words in optional if words[0] in known for word in words),
    )


def wheel(python: Path, plan: RolePlan, address: Address) -> tuple[str, ...]:
    """The argv of the server inside the xllamacpp wheel; -I keeps the user's PYTHON* settings out of it."""
    runner = Path(__file__).with_name("wheel.py")
    return (str(python), "-I", str(runner), *_common(plan, address), "--sse-ping-interval", str(PING_S))


def llama_cpp_python(python: Path, settings: Path) -> tuple[str, ...]:
    """The argv of llama-cpp-python's server, which takes the rest from a settings file."""
    return (str(python), "-I", "-m", "llama_cpp.server", "--config_file", str(settings))


def llama_cpp_python_settings(plan: RolePlan, port: int, key: str) -> str:
    """The settings file of llama-cpp-python's server (JSON); it holds the key.

    `interrupt_requests` is off because the second request would otherwise end the first one's stream as if complete.
    """
    return json.dumps(
        {
            "host": HOST,
            "port": port,
            "api_key": key,
            "ssl_keyfile": None,
            "ssl_certfile": None,
            "interrupt_requests": False,
            "models": [
                {
                    "model": str(plan.model),
                    "model_alias": plan.role,
                    "n_ctx": plan.context,
                    "n_threads": plan.threads,
                    "n_threads_batch": plan.threads,
                    "n_gpu_layers": plan.gpu_layers,
                    "cache": plan.cache_ram_mib > 0,
                    "cache_type": "ram",
                    "cache_size": plan.cache_ram_mib * MIB,
                    "verbose": False,
                }
            ],
        }
    )


def _common(plan: RolePlan, address: Address) -> tuple[str, ...]:
    return (
        *("--model", str(plan.model), "--alias", plan.role),
        *("--host", HOST, "--port", str(address.port), "--api-key-file", str(address.key_file)),
        # The total is split between the slots; llama.cpp's own default is the model's maximum, tens of GB.
        *("--parallel", str(plan.slots), "--ctx-size", str(plan.slots * plan.context)),
        # llama.cpp's own default is 8 GiB for each server.
        *("--cache-ram", str(plan.cache_ram_mib), "--threads", str(plan.threads)),
        *("--n-gpu-layers", str(plan.gpu_layers)),
    )
