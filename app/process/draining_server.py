"""A server that ends without dropping a request, and that reports regularly that it works.

uvicorn alone drops requests when it ends: it closes its socket together with the connections that
the kernel has accepted, and connections whose request is still on the way.
"""

import asyncio
import socket
from collections.abc import Callable

import uvicorn
from typing_extensions import override

from app.process.acceptor import Acceptor
from app.process.connection_share import ConnectionShare

LINGER_SECONDS = 0.2  # for a request that is on the way to arrive
BEAT_SECONDS = 0.5  # between two reports of a worker that its event loop runs
DRAINING = "is_draining"  # in the state of a request: the service ends soon

Beat = Callable[[bool], None]  # called with: does the server listen?


def beat_unheard(_is_listening: bool) -> None:  # noqa: FBT001 - the form of ``Beat``
    """Report to nobody."""


class DrainingServer(uvicorn.Server):
    """A server that ends after all connected clients have been answered and told to close."""

    def __init__(
        self,
        config: uvicorn.Config,
        beat: Beat = beat_unheard,
        drain_seconds: float = 0.0,
        share: ConnectionShare | None = None,
    ) -> None:
        """Prepare a server.

        Args:
            config: of uvicorn.
            beat: called every ``BEAT_SECONDS`` while the event loop runs.
            drain_seconds: how long requests are still taken after the signal to end.
            share: its connections beside those of other workers; None: there are no others.
        """
        super().__init__(config)
        self.server_state: ConnectionShare = share or ConnectionShare()
        self._beat = beat
        self._drain_seconds = drain_seconds
        self._is_ending = False
        self._beating: asyncio.Task[None] | None = None
        self._acceptors: list[Acceptor] = []

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start and listen. A signal to end that came meanwhile is obeyed in order."""
        self._beating = asyncio.create_task(self._beat_regularly())
        await super().startup([])  # uvicorn would accept every connection that it can
        for listener in sockets or []:
            self._acceptors.append(Acceptor(listener, self._protocol, self.server_state))
            self._acceptors[-1].start(self.config.backlog)
        self._beat(self.started)
        if self.should_exit and self.started:
            await self.shutdown(sockets)

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, answer requests on the way, accept waiting connections, then shut down."""
        if self._is_ending:
            return
        self._is_ending = True
        await self._drain()
        self.server_state.default_headers = [
            *self.server_state.default_headers,
            (b"connection", b"close"),
        ]
        await asyncio.sleep(LINGER_SECONDS)
        for acceptor in self._acceptors:
            acceptor.stop()  # others may go on to listen on its socket
        for listener in sockets or []:
            listener.close()
        await asyncio.sleep(LINGER_SECONDS)
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        """Go on answering, while ``/readyz`` tells load balancers to send no more requests."""
        self.lifespan.state[DRAINING] = True
        await asyncio.sleep(self._drain_seconds)

    async def _beat_regularly(self) -> None:
        while True:
            self._beat(self.started)
            self.server_state.look()
            await asyncio.sleep(BEAT_SECONDS)

    def _protocol(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol
