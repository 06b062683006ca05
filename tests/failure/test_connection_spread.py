"""The connections of a client's pool are of all workers in equal parts, whatever becomes of one."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager

import psutil
import pytest

from benchmarks.worker_connections import WorkerConnection
from loadtest.service import ServiceProcess
from tests.conftest import ROOT
from tests.serving import free_port

pytestmark = pytest.mark.e2e
PATIENCE = 120.0  # seconds
PARENT = """
import sys
from app.process.workers import Supervision, run_workers
from tests.integration.process.tiny_app import bound, configure
patient = Supervision(hang=600.0, restart=0.02)
listens = lambda: print("listening", flush=True)
run_workers(configure, bound(int(sys.argv[1])), int(sys.argv[2]), listens, patient)
"""


@contextmanager
def serving(workers):
    """A tiny service that answers with the process id of the worker."""
    port = free_port()
    command = [sys.executable, "-c", PARENT, str(port), str(workers)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout.readline() == "listening\n"
            yield ServiceProcess(f"http://127.0.0.1:{port}", redis_url="", process=parent.pid)
        finally:
            for one in psutil.Process(parent.pid).children(recursive=True):
                one.kill()
            parent.kill()


class Pool:
    """Connections that are kept, and opened again when they end."""

    def __init__(self, service, size):
        self.connections = [WorkerConnection(service) for _ in range(size)]

    async def workers(self):
        """The number of connections by process id, after a request on each of them."""
        replies = await asyncio.gather(*(one.send("GET", "/") for one in self.connections))
        return Counter(int(reply.body) for reply in replies)

    async def become_even(self, workers):
        """Send requests until each of so many workers has its part of the connections."""
        counts = Counter()
        async with asyncio.timeout(PATIENCE):
            while len(counts) < workers or max(counts.values()) - min(counts.values()) > 1:
                counts = await self.workers()
        return counts

    def close(self):
        for one in self.connections:
            one.close()


@pytest.mark.parametrize(("workers", "size"), [(2, 4), (2, 9), (3, 16)])
async def test_a_pool_is_spread_evenly_also_after_a_worker_was_killed_or_stopped(workers, size):
    with serving(workers) as service:
        pool = Pool(service, size)
        killed, *others = await pool.become_even(workers)
        os.kill(killed, signal.SIGKILL)
        after = await pool.become_even(workers)
        assert killed not in after
        assert set(others) < set(after)
        stopped = psutil.Process(others[0])
        stopped.suspend()
        fresh = Pool(service, size)  # nobody waits for the stopped worker, which has the fewest
        for one in pool.connections[: size // 2]:
            one.close()
        assert others[0] not in await fresh.workers()
        stopped.resume()
        everything = Pool(service, 0)
        everything.connections = [*pool.connections, *fresh.connections]
        await everything.become_even(workers)
        everything.close()


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of others need Linux")
async def test_a_worker_that_may_open_no_more_files_leaves_connections_to_the_others():
    with serving(2) as service:
        pool = Pool(service, 4)
        full, other = await pool.become_even(2)
        before = resource.prlimit(full, resource.RLIMIT_NOFILE)
        resource.prlimit(full, resource.RLIMIT_NOFILE, (3, before[1]))
        more = Pool(service, 6)
        assert set(await more.workers()) == {other}
        resource.prlimit(full, resource.RLIMIT_NOFILE, before)
        more.connections += pool.connections
        await more.become_even(2)
        more.close()
