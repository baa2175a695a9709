"""The HTTP transport to the model servers."""

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport


def aiohttp_transport() -> httpx.AsyncBaseTransport:
    """httpx over aiohttp: httpx's own pool costs several times the CPU when requests run side by side.

    No connection is used twice: llama.cpp's server promises to keep them, yet closes each one after a streamed answer,
    and a request that waits for a slot is sent in the very moment in which that has not been seen.
    """

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    # The session brings its own TLS settings, which verify; those of the transport go unused.
    return AiohttpTransport(client=session, verify=False, trust_env=False)
