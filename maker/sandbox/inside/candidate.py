"""The candidate's process: loads the source once, then answers each input in a fork of that state.

Everything in here is in the candidate's hands once its source has been loaded, and nothing that this process says is
believed beyond what the candidate could say of itself anyway: what it returned, raised or printed.
"""

import os
import socket
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

from maker.sandbox.inside.canonical import TooLong, canonical, scrubbed
from maker.sandbox.inside.effects import Effects
from maker.sandbox.inside.frames import Broken, read_frame, write_frame
from maker.sandbox.inside.limits import confine, keep_only, limit_cpu
from maker.sandbox.inside.link import Link
from maker.sandbox.inside.remote import finish

Execute = Callable[[types.ModuleType, types.CodeType], None]
MODULE = "candidate"
CONTROL, OUTPUT, CHANNEL = 3, 4, 5


def live(control: int, output: int, job: dict[str, Any]) -> None:
    """Load and serve; returns never. `control` is a socket to the harness, `output` takes what is printed."""
    keep_only({CONTROL: control, OUTPUT: output})
    print_to(OUTPUT)
    os.close(OUTPUT)
    confine(job["limits"], address_space=True)
    execute = executor(modules(job["files"], job["paths"]))
    for name in [name for name in sys.modules if name.split(".")[0] == "maker"]:
        del sys.modules[name]
    sys.path[:] = [*job["paths"], *(path for path in sys.path if path != job["own_path"])]
    module, error = load(job["source"], job["entry"], execute)
    flush()
    write_frame(CONTROL, {"loads": not error, "error": error})
    link = socket.socket(fileno=CONTROL)
    try:
        while not error:
            _, fds, _, _ = socket.recv_fds(link, 1, 2)
            answer(read_frame(CONTROL), *fds, module=module)
    except (Broken, TypeError, OSError):
        pass
    os._exit(0)


def executor(names: Sequence[str]) -> Execute:
    """How the source is run: on its own, or as the modules of these dotted names."""
    if not names:
        return lambda module, code: exec(code, module.__dict__)
    # Imported only here: what it needs takes milliseconds, and a candidate without a repository does without.
    from maker.sandbox.inside.importing import imported

    return lambda module, code: imported(module, code, names)


def load(source: str, entry: str | None, execute: Execute) -> tuple[types.ModuleType, str]:
    """The module made from the source, and why it does not load, if it does not."""
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module
    try:
        execute(module, compile(source, "candidate.py", "exec", dont_inherit=True))
    except BaseException as error:  # noqa: BLE001 - whatever the source raises is why it does not load
        return module, described(error)
    if entry is not None and not hasattr(module, entry):
        return module, f"NameError: {entry} is not defined"
    return module, ""


def modules(files: Sequence[str], paths: Sequence[str]) -> list[str]:
    """The dotted names under which files below the first of the paths are imported; what has none is left out."""
    found = []
    for file in files:
        place = f"{paths[0]}/{file}" if paths else file
        above = max((path for path in paths if place.startswith(f"{path}/")), key=len, default="")
        parts = place.removeprefix(above).strip("/").removesuffix(".py").removesuffix("/__init__").split("/")
        # Nothing may stand in for the standard library: what is around the candidate here needs it too.
        if file.endswith(".py") and all(map(str.isidentifier, parts)) and parts[0] not in sys.stdlib_module_names:
            found.append(".".join(parts))
    return found


def answer(request: dict[str, Any], channel: int, output: int, *, module: types.ModuleType) -> None:
    """Fork for one input; report the process, and how it ended and what it used."""
    try:
        pid = os.fork()
    except OSError:
        pid = -1
    if pid == 0:
        keep_only({CHANNEL: channel, OUTPUT: output})
        print_to(OUTPUT)
        limit_cpu(request["cpu_s"])
        if numbers := sys.modules.get("random"):
            numbers.seed(0)
        respond(request, module)
        flush()
        os._exit(0)
    os.close(channel)
    os.close(output)
    write_frame(CONTROL, {"pid": pid})
    status, used = 0, 0.0
    if pid > 0:
        _, status, usage = os.wait4(pid, 0)
        used = usage.ru_utime + usage.ru_stime
    write_frame(CONTROL, {"status": os.waitstatus_to_exitcode(status), "cpu": used})


def respond(request: dict[str, Any], module: types.ModuleType) -> None:
    """Evaluate the expression and report its value; without one, serve the test."""
    if "expression" not in request:
        Link(CHANNEL, lambda *_: True, module.__dict__).serve()
        return
    try:
        report = observe(request["expression"], module)
        flush()
        write_frame(CHANNEL, report)
    except Broken:
        pass


def observe(expression: str, module: types.ModuleType) -> dict[str, str]:
    """What evaluating the expression did: the value, and to its arguments if it returned nothing."""
    effects = Effects(module.__name__)
    try:
        value = eval(effects.prepared(expression.strip()), module.__dict__)
        if isinstance(value, types.CoroutineType):
            value = finish(value)
        told = effects.told() if value is None else ""
        return {"kind": "returned", "text": canonical(value, own=module.__name__) + told}
    except TooLong:
        return {"kind": "too long"}
    except BaseException as error:  # noqa: BLE001 - what the candidate raises is its behaviour
        return {"kind": "raised", "text": type(error).__qualname__, "message": described(error)}


def described(error: BaseException) -> str:
    """`Type: message`, short and without addresses."""
    try:
        message = scrubbed(str(error))[:300]
    except BaseException:  # noqa: BLE001 - a candidate's exception may fail to describe itself
        message = ""
    return f"{type(error).__qualname__}: {message}" if message else type(error).__qualname__


def print_to(fd: int) -> None:
    """Send both standard streams there, and read from nothing."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(fd, 1)
    os.dup2(fd, 2)


def flush() -> None:
    """Write out what was printed."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:  # noqa: BLE001 - the candidate may have closed or replaced it
            continue
