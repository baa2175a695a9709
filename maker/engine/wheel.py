"""Run llama.cpp's server out of the xllamacpp wheel: `python -I wheel.py --model FILE --port N ...`.

Executed by its path, never imported as a part of the package: six of these run at once, so it imports next to nothing.
The names of its arguments are llama-server's. The key comes from a file, so that it is in no list of arguments.

While the model loads the port answers 503, as llama-server's does. The wheel holds the interpreter's lock all that
time, so a signal's Python handler would wait: until the server is ready, SIGTERM keeps its default and kills at once.
"""

import os
import signal
import socket
import sys

import xllamacpp


def main() -> None:
    """Serve until SIGTERM or SIGINT; exit status 1 and one line on stderr if that is not possible."""
    given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    refuse_busy(given["--host"], int(given["--port"]))
    try:
        server = xllamacpp.Server(parameters(given))
    except RuntimeError:
        fail(f"{given['--model']}: llama.cpp cannot serve it; the lines above say why")
    # Streams that are open end without a final chunk, which every client must take for a failure anyway.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    sys.stderr.write(f"ready on {server.listening_address}\n")
    while True:
        signal.pause()


def refuse_busy(host: str, port: int) -> None:
    """Exit with one line if another program has the port; llama.cpp would not say so."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            fail(f"port {port} cannot be used: {error.strerror}; another program has it")


def parameters(given: dict[str, str]) -> "xllamacpp.CommonParams":
    """llama.cpp's parameters: what was given, and nothing that reaches files, tools or other origins."""
    params = xllamacpp.CommonParams()
    params.model.path = given["--model"]
    params.model_alias = {given["--alias"]}
    params.hostnames, params.port = [given["--host"]], int(given["--port"])
    params.n_parallel, params.n_ctx = int(given["--parallel"]), int(given["--ctx-size"])
    params.cache_ram_mib = int(given["--cache-ram"])
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(given["--threads"])
    params.n_gpu_layers = int(given["--n-gpu-layers"])
    params.sse_ping_interval = int(given["--sse-ping-interval"])
    params.fit_params = False
    params.use_jinja = params.offline = params.endpoint_metrics = params.endpoint_slots = True
    params.ui = params.ui_mcp_proxy = params.endpoint_props = params.cors_credentials = False
    params.cors_origins, params.cors_origins_explicit = f"http://{given['--host']}:{given['--port']}", True
    with open(given["--api-key-file"], encoding="ascii") as file:
        params.api_keys = [file.read().strip()]
    return params


def fail(reason: str) -> None:
    """Write the reason and exit with status 1."""
    sys.stderr.write(f"model server: {reason}\n")
    sys.stderr.flush()
    os._exit(1)


if __name__ == "__main__":
    main()
