"""Workers that listen on one socket accept connections in equal shares."""

import asyncio
import os
import resource
import socket
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from app.process.acceptor import Acceptor
from app.process.connection_share import ConnectionCounts, ConnectionShare

LONG = 60.0  # seconds


class Connection(asyncio.Protocol):
    """A connection that is counted as uvicorn counts it, and answers one byte with its worker."""

    def __init__(self, share, name):
        self.share, self.name = share, name

    def connection_made(self, transport):
        self.transport = transport
        self.share.connections.add(self)

    def connection_lost(self, _):
        self.share.connections.discard(self)

    def data_received(self, _):
        self.transport.write(self.name)


@dataclass
class Group:
    """Workers in one process that listen on one socket, and the clients of a test."""

    listener: socket.socket
    clients: ExitStack
    patience: float
    shares: list[ConnectionShare] = field(default_factory=list)
    acceptors: list[Acceptor] = field(default_factory=list)

    def start(self, workers):
        counts = ConnectionCounts([0.0] * 2 * workers, lambda: 0.0)  # nobody is missed
        for place in range(workers):
            share, name = ConnectionShare(counts, place), str(place).encode()
            build = lambda share=share, name=name: Connection(share, name)  # noqa: E731
            listener = self.clients.enter_context(self.listener.dup())
            self.shares.append(share)
            self.acceptors.append(Acceptor(listener, build, share, self.patience))
            self.acceptors[-1].start(64)

    def stop(self):
        for acceptor, share in zip(self.acceptors, self.shares, strict=True):
            acceptor.stop()
            for connection in list(share.connections):
                connection.transport.close()

    async def connect(self):
        """A connection, and the number of the worker at its other end."""
        loop, client = asyncio.get_running_loop(), self.clients.enter_context(socket.socket())
        client.setblocking(False)
        async with asyncio.timeout(LONG):
            await loop.sock_connect(client, self.listener.getsockname())
            await loop.sock_sendall(client, b"?")
            return client, int(await loop.sock_recv(client, 1))

    @property
    def counts(self):
        return [share.count for share in self.shares]


@contextmanager
def listening(workers, patience=LONG):
    with ExitStack() as clients:
        listener = clients.enter_context(socket.create_server(("127.0.0.1", 0)))
        group = Group(listener, clients, patience)
        group.start(workers)
        yield group
        group.stop()


async def until(is_so):
    while not is_so():  # noqa: ASYNC110 - nothing tells when it is
        await asyncio.sleep(0.001)


@pytest.mark.parametrize(("workers", "connections"), [(2, 4), (2, 9), (3, 16)])
async def test_connections_that_come_at_once_are_spread_evenly(workers, connections):
    with listening(workers) as group:
        await asyncio.gather(*(group.connect() for _ in range(connections)))
        assert sum(group.counts) == connections
        assert max(group.counts) - min(group.counts) <= 1


async def test_a_worker_that_has_lost_connections_gets_the_next_ones():
    with listening(2) as group:
        for client, worker in [await group.connect() for _ in range(8)]:
            if worker == 1:
                client.close()
        await until(lambda: group.counts == [4, 0])
        assert {worker for _, worker in [await group.connect() for _ in range(4)]} == {1}


async def test_a_worker_that_does_not_accept_what_is_left_to_it_is_passed_over():
    with listening(2, patience=0.0) as group:
        group.acceptors[1].stop()
        group.shares[1].start()  # as a stopped process that is not missed
        assert {worker for _, worker in [await group.connect() for _ in range(6)]} == {0}


async def test_a_worker_that_ends_takes_the_connections_that_wait():
    with listening(2) as group:
        group.acceptors[1].stop()
        group.shares[1].start()  # so that the first one leaves the second connection to it
        assert (await group.connect())[1] == 0
        waiting = asyncio.create_task(group.connect())
        for _ in range(20):
            await asyncio.sleep(0)
        assert group.counts == [1, 0]
        group.acceptors[0].stop()
        assert (await waiting)[1] == 0


async def test_a_process_that_may_open_no_more_files_accepts_again_when_it_may(caplog):
    with listening(1) as group, socket.socket() as client:
        os.close(free := os.dup(client.fileno()))
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
        try:
            client.connect(group.listener.getsockname())
            await until(lambda: "no connection can be accepted for now" in caplog.text)
            assert group.counts == [0]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        await until(lambda: group.counts == [1])
