"""A llama-server that is told how to misbehave: `python -m tests.fake_llama --port P [--slots N] [--key-file F]`.

It answers as llama.cpp's own server does (statuses, error objects, chunk shapes, slots, metrics) and echoes the last
user message, unless `POST /control` (or `FakeLlama.behave` in the same process) asks for something else.
`GET /control` tells what it saw. `/control` needs no key.
"""

import argparse
import asyncio
import itertools
import json
import re
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from tests.llama_wire import Answer, Behaviour, Reply, prompt_text, reply_to, sse

CLOCK = time.monotonic


@dataclass
class Generation:
    """One generation connection as the server saw it; times are monotonic seconds."""

    started: float
    closed: float | None = None
    complete: bool = False
    sent: int = 0


class FakeLlama:
    """One fake server in the running event loop: `async with FakeLlama() as fake:`; `port` 0 takes a free one."""

    def __init__(
        self,
        *,
        slots: int = 4,
        key: str | None = None,
        port: int = 0,
        model: str = "fake.gguf",
        models: tuple[str, ...] = (),
        **behaviour: Any,
    ) -> None:
        self.slots, self.key, self.port, self.model = slots, key, port, model
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.generations: list[Generation] = []
        self.models = models
        self.lists = 0
        self.health_checks = 0
        self.prompt_tokens_total = 0
        self.tokens_predicted_total = 0
        self.busy = 0
        self._free = asyncio.Condition()
        self._ids = itertools.count()
        self._last_prompt: list[str] = []
        self._released = asyncio.Event()
        self.behave(**behaviour)

    def behave(self, **changes: Any) -> None:
        """Forget the behaviour so far and take this one."""
        self.behaviour = Behaviour(**changes)
        self._loading_until = CLOCK() + self.behaviour.loading_s
        self._released.set()
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let stalled generations go on."""
        self._released.set()

    @property
    def open(self) -> int:
        """Generation connections that are open now, waiting for a slot included."""
        return sum(generation.closed is None for generation in self.generations)

    @property
    def requests(self) -> int:
        """Generation requests seen."""
        return len(self.bodies)

    @property
    def loading(self) -> bool:
        return CLOCK() < self._loading_until

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def until(self, what: Callable[[], object], within_s: float = 5) -> None:
        """Wait until `what` is true; fail after `within_s` seconds."""
        async with asyncio.timeout(within_s):
            while not what():  # noqa: ASYNC110 (what is waited for includes sockets, which set no event)
                await asyncio.sleep(0.002)

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._check_key], client_max_size=64 << 20)
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/health", self._health)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/slots", self._slots)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/props", self._props)
        app.router.add_get("/control", self._control_state)
        app.router.add_post("/control", self._control)
        app.router.add_post("/v1/chat/completions", self._generate)
        app.router.add_post("/v1/completions", self._generate)
        app.router.add_post("/infill", self._generate)
        app.router.add_post("/apply-template", self._template)
        app.router.add_post("/tokenize", self._tokenize)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.05, access_log=None)
        await self._runner.setup()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        await web.SockSite(self._runner, listener).start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _check_key(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        public = request.path in {"/health", "/v1/health", "/v1/models", "/models", "/control"}
        if self.key and not public and request.headers.get("Authorization") != f"Bearer {self.key}":
            return _error(401, "Invalid API Key", "authentication_error")
        if self.loading and request.path != "/control":
            self.health_checks += request.path.endswith("/health")
            return _error(503, "Loading model", "unavailable_error")
        return await handler(request)

    async def _health(self, request: web.Request) -> web.Response:
        self.health_checks += 1
        if self.behaviour.no_health:
            raise web.HTTPNotFound
        return web.json_response({"status": "ok"})

    async def _models(self, request: web.Request) -> web.Response:
        self.lists += 1
        entry = {"object": "model", "created": 1, "owned_by": "llamacpp"}
        return web.json_response(
            {"object": "list", "data": [{"id": id, **entry} for id in self.models or [self.model]]}
        )

    async def _slots(self, request: web.Request) -> web.Response:
        return web.json_response(
            [{"id": n, "n_ctx": 4096, "speculative": False, "is_processing": n < self.busy} for n in range(self.slots)]
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        values = {
            "prompt_tokens_total": self.prompt_tokens_total,
            "tokens_predicted_total": self.tokens_predicted_total,
            "requests_processing": self.busy,
            "requests_deferred": self.open - sum(g.sent > 0 for g in self.generations if g.closed is None),
        }
        kinds = {name: "counter" if name.endswith("_total") else "gauge" for name in values}
        text = "".join(
            f"# HELP llamacpp:{name} {name}.\n# TYPE llamacpp:{name} {kinds[name]}\nllamacpp:{name} {value}\n"
            for name, value in values.items()
        )
        return web.Response(text=text, content_type="text/plain")

    async def _props(self, request: web.Request) -> web.Response:
        settings = {"n_ctx": self.behaviour.context or 4096}
        return web.json_response(
            {
                "default_generation_settings": settings,
                "total_slots": self.slots,
                "model_path": self.model,
                "modalities": {"vision": self.behaviour.vision, "audio": False},
            }
        )

    async def _template(self, request: web.Request) -> web.Response:
        return web.json_response({"prompt": prompt_text(await request.json())})

    async def _tokenize(self, request: web.Request) -> web.Response:
        text = (await request.json())["content"]
        tokens = text.split()
        if len(tokens) == 1 and text not in self.behaviour.markers:
            tokens = re.findall(r"\w+|\W", text)
        return web.json_response({"tokens": list(range(len(tokens)))})

    async def _control(self, request: web.Request) -> web.Response:
        changes = await request.json()
        if changes.pop("release", False):
            self.release()
        unknown = set(changes) - {item.name for item in fields(Behaviour)}
        if unknown:
            return _error(400, f"unknown behaviour: {sorted(unknown)}", "invalid_request_error")
        self.behave(**changes)
        return await self._control_state(request)

    async def _control_state(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "behaviour": asdict(self.behaviour),
                "requests": self.requests,
                "open": self.open,
                "busy": self.busy,
                "bodies": self.bodies,
                "generations": [asdict(generation) for generation in self.generations],
                "now": CLOCK(),
            }
        )

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        body, chat = await request.json(), "chat" in request.path
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        # Together, before anything is awaited: what releases this generation may come before it stalls.
        how, released = self._take_behaviour(), self._released
        generation = Generation(CLOCK())
        self.generations.append(generation)
        try:
            if how.status or how.broken:
                return _error(how.status or 500, how.refusal, "server_error")
            if "infill" in request.path and not how.fim:
                return _error(501, "Infill is not supported by this model", "not_supported_error")
            prompt = prompt_text(body).split()
            if how.context is not None and len(prompt) > how.context:
                return _exceeds(len(prompt), how.context)
            # A client's tools may well be about images.
            if not how.vision and '"image_url"' in json.dumps(body.get("messages", [])):
                return _error(500, "image input is not supported - hint: you may need the mmproj", "server_error")
            count = body.get("n") or 1
            if not 1 <= count <= self.slots:
                message = f"Value must be between 1 <= value <= {self.slots}"
                return _error(400, message, "invalid_request_error")
            if how.reset_first_byte:
                return _reset(request)
            async with self._slots_taken(count):
                return await self._answer(request, body, how, released, generation, prompt, chat)
        finally:
            generation.closed = CLOCK()

    def _take_behaviour(self) -> Behaviour:
        how = self.behaviour
        if how.times is not None:
            how.times -= 1
            if how.times <= 0:
                self.behaviour = Behaviour()
        return how

    @asynccontextmanager
    async def _slots_taken(self, count: int) -> AsyncIterator[None]:
        async with self._free:
            await self._free.wait_for(lambda: self.slots - self.busy >= count)
            self.busy += count
        try:
            yield
        finally:
            self.busy -= count
            # Shielded: a cancelled generation must still wake who waits for its slot.
            await asyncio.shield(asyncio.ensure_future(self._wake()))

    async def _wake(self) -> None:
        async with self._free:
            self._free.notify_all()

    async def _answer(
        self,
        request: web.Request,
        body: Any,
        how: Behaviour,
        released: asyncio.Event,
        generation: Generation,
        prompt: list[str],
        chat: bool,
    ) -> web.StreamResponse:
        number, cached = next(self._ids), self._count_prompt(prompt)
        answer = Answer(
            body,
            chat=chat,
            number=number,
            model=self.model,
            prompt=len(prompt),
            cached=cached,
            infill="infill" in request.path,
        )
        replies = [self._reply(body, how) for _ in range(body.get("n") or 1)]
        await asyncio.sleep(how.first_byte_delay_s)
        if how.stall_first_byte:
            await released.wait()
        if not body.get("stream"):
            await asyncio.sleep(how.token_delay_s * max(len(reply.pieces) for reply in replies))
            generation.complete = True
            self.tokens_predicted_total += sum(len(reply.pieces) for reply in replies)
            return web.json_response(answer.whole(replies))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if await self._stream(request, response, answer, replies, how, released, generation):
            await response.write_eof()
            generation.complete = True
        return response

    async def _stream(
        self,
        request: web.Request,
        response: web.StreamResponse,
        answer: Answer,
        replies: list[Reply],
        how: Behaviour,
        released: asyncio.Event,
        generation: Generation,
    ) -> bool:
        """Send the pieces, the choices taking turns; false if the connection was broken off on purpose."""
        await response.write(answer.opening())
        for number in range(max(len(reply.pieces) for reply in replies)):
            await asyncio.sleep(how.token_delay_s)
            if number == how.stall_at:
                await self._stall(response, released, how.ping_s)
            if number == how.reset_at:
                _reset(request)
                return False
            if number == how.cut_at:
                _close(request)
                return False
            if number == how.end_at:
                return True
            if number == how.error_at:
                await response.write(sse({"error": {"code": 500, "message": "it broke", "type": "server_error"}}))
                return True
            if number == how.malformed_at:
                await response.write(b'data: {"choices": [{"ind\n\n')
                return True
            for choice, reply in enumerate(replies):
                if number < len(reply.pieces):
                    self.tokens_predicted_total += 1
                    await response.write(answer.piece(choice, reply.pieces[number]))
            generation.sent += 1
        for choice, reply in enumerate(replies):
            for data in answer.ending(choice, reply):
                await response.write(data)
        if how.done and "infill" not in request.path:
            await response.write(b"data: [DONE]\n\n")
        if how.stall_end:
            await released.wait()
        return True

    async def _stall(self, response: web.StreamResponse, released: asyncio.Event, ping_s: float | None) -> None:
        while not released.is_set():
            try:
                async with asyncio.timeout(ping_s):
                    await released.wait()
            except TimeoutError:
                await response.write(b":\n\n")

    def _reply(self, body: Any, how: Behaviour) -> Reply:
        scripted = how.replies.pop(0) if how.replies else None
        return reply_to(body, scripted, tokens=how.tokens, reasoning=how.reasoning)

    def _count_prompt(self, prompt: list[str]) -> int:
        """Add to the counters; return how many tokens of the prompt were cached."""
        pairs = zip(prompt, self._last_prompt, strict=False)
        common = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        cached = min(common, max(len(prompt) - 1, 0))
        self._last_prompt = prompt
        self.prompt_tokens_total += len(prompt) - cached
        return cached


def _error(status: int, message: str, kind: str, **more: Any) -> web.Response:
    return web.json_response({"error": {"code": status, "message": message, "type": kind, **more}}, status=status)


def _exceeds(tokens: int, context: int) -> web.Response:
    message = f"request ({tokens} tokens) exceeds the available context size ({context} tokens), try increasing it"
    return _error(400, message, "exceed_context_size_error", n_prompt_tokens=tokens, n_ctx=context)


def _reset(request: web.Request) -> web.Response:
    assert request.transport is not None
    # Closing with a linger time of zero sends RST in place of FIN.
    linger = struct.pack("ii", 1, 0)
    request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    request.transport.abort()
    return web.Response()


def _close(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.close()


async def _serve(arguments: argparse.Namespace) -> None:
    key = arguments.key_file.read_text(encoding="ascii").strip() if arguments.key_file else None
    async with FakeLlama(slots=arguments.slots, key=key, port=arguments.port, loading_s=arguments.loading) as fake:
        print(fake.port, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="A llama-server that is told how to misbehave.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one and prints it")
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--key-file", type=Path)
    parser.add_argument("--loading", type=float, default=0, help="seconds of 503 after the start")
    try:
        asyncio.run(_serve(parser.parse_args()))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
