"""HTTP connections of which each belongs to one worker, to look at every worker by itself."""

import asyncio
import json
from contextlib import suppress

from loadtest.connection import HttpConnection, HttpReply
from loadtest.service import ServiceProcess, list_workers

MAX_CONNECTIONS = 400  # that are opened to reach every worker
PAUSE = 0.01  # seconds before a broken connection is opened again


class WorkerConnection:
    """One connection to one worker. The kernel chooses the worker; a broken connection reopens."""

    def __init__(self, service: ServiceProcess) -> None:
        self._port = int(service.url.rpartition(":")[2])
        self._connection: HttpConnection | None = None

    async def send(self, method: str, path: str, body: object = None) -> HttpReply:
        """Send a request; if the connection breaks, send it again on a new one."""
        text = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
        head += "Content-Type: application/json\r\n" if text else ""
        request = f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text
        while True:
            with suppress(OSError):
                connection = await self._open()
                return await connection.send(request)
            await asyncio.sleep(PAUSE)

    async def local_port(self) -> int:
        """Return the port of this end, which identifies the worker at the other end."""
        return (await self._open()).local_port

    def close(self) -> None:
        if self._connection and self._connection.is_open:
            self._connection.close()

    async def _open(self) -> HttpConnection:
        if self._connection is None or not self._connection.is_open:
            loop = asyncio.get_running_loop()
            _, self._connection = await loop.create_connection(
                HttpConnection, "127.0.0.1", self._port
            )
        return self._connection


async def connect_to_workers(
    service: ServiceProcess, each: int = 1
) -> dict[int, list[WorkerConnection]]:
    """Open connections until every worker has ``each``; return them by process id.

    Raises:
        RuntimeError: some worker accepts none.
    """
    connections: dict[int, list[WorkerConnection]] = {
        worker.pid: [] for worker in list_workers(service.process)
    }
    for _ in range(MAX_CONNECTIONS):
        connection = WorkerConnection(service)
        await connection.send("GET", "/healthz")  # only then has a worker accepted it
        of_worker = connections.get(_owner(service, await connection.local_port()))
        if of_worker is None or len(of_worker) >= each:
            connection.close()
        else:
            of_worker.append(connection)
        if all(len(opened) >= each for opened in connections.values()):
            return connections
    raise RuntimeError(
        f"{MAX_CONNECTIONS} connections did not reach each of {len(connections)} workers"
    )


def _owner(service: ServiceProcess, port: int) -> int:
    """Return the id of the worker at the other end of a connection from this port, or -1."""
    for worker in list_workers(service.process):
        if any(link.raddr and link.raddr.port == port for link in worker.net_connections("tcp")):
            return int(worker.pid)
    return -1
