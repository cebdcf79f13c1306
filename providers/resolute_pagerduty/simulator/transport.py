"""Asking the simulator in one process, without a socket."""

import asyncio

import httpx

from resolute.testing.simulating import BrokenConnectionError

from .app import App


class InProcess(httpx.AsyncBaseTransport):
    """An httpx transport in front of the application; faults look to a client as they do on a network."""

    def __init__(self, app: App) -> None:
        self._inner = httpx.ASGITransport(app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request.

        Raises:
            httpx.ReadTimeout: If a fault lets the simulator say nothing for longer than the client waits.
            httpx.ReadError: If a fault breaks the connection.
        """
        seconds = request.extensions.get("timeout", {}).get("read")
        try:
            async with asyncio.timeout(seconds):
                return await self._inner.handle_async_request(request)
        except TimeoutError as error:
            raise httpx.ReadTimeout("the simulator did not answer in time", request=request) from error
        except BrokenConnectionError as error:
            raise httpx.ReadError(str(error), request=request) from error
