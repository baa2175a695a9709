"""What MAKER_HOME/bin/maker is in these tests: `serve NAME` records its pid and answers on the service's port.

The listener and Redis are the real ones. Faults are read from faults/NAME.json at every request, so that a test can
switch them on and off: `exit` (a last word; the process fails at its start), `settings` (what its pid file says it was
started with), `health` and `completion` (HTTP statuses).
"""

import json
import os
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

HOME = Path(os.environ["MAKER_HOME"])
HEALTH = ("/health", "/ready", "/readyz")


def faults(name: str) -> dict[str, object]:
    try:
        values: dict[str, object] = json.loads((HOME / "faults" / f"{name}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return values


class Handler(BaseHTTPRequestHandler):
    name: str

    def do_GET(self) -> None:
        status = faults(self.name).get("health", 200) if self.path in HEALTH else 404
        self.answer(int(str(status)), {"status": "ok", "mode": os.environ.get("MAKER_MODE")})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        key = (HOME / "api.key").read_text(encoding="ascii").strip()
        with (HOME / "run" / f"{self.name}.trials").open("a", encoding="ascii") as trials:
            trials.write(".")
        if self.path != "/v1/completions" or self.headers["Authorization"] != f"Bearer {key}":
            self.answer(401, {"error": {"message": "no key"}})
        elif status := faults(self.name).get("completion"):
            self.answer(int(str(status)), {"error": {"message": "kaputt"}})
        else:
            self.answer(200, {"choices": [{"text": "x"}]})

    def answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def record(name: str) -> None:
    """As maker.process.record does, whose imports would take most of the time of these tests."""
    me = psutil.Process()
    (HOME / "run" / "pids").mkdir(exist_ok=True)
    values = {"pid": me.pid, "started": me.create_time(), "settings": faults(name).get("settings", "")}
    (HOME / "run" / "pids" / name).write_text(json.dumps(values), encoding="ascii")


def main(name: str) -> None:
    if name in {"readiness", "redis"}:
        os.execv(sys.executable, [sys.executable, "-m", "maker", "serve", name])
    record(name)
    if last_word := faults(name).get("exit"):
        sys.exit(str(last_word))
    port = tomllib.loads((HOME / "maker.toml").read_text(encoding="utf-8"))["ports"][name]
    print(f"{name} listens on {port}", flush=True)
    Handler.name = name
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[2])
