"""One rate limit of each API key for all workers, in batches: no request waits for Redis.

Each worker takes tokens from a bucket of its own, and reports what it has taken several times a
second. Redis keeps one bucket a key. Its reply has the tokens that are left and the number of
workers that use the key, and each worker may take an equal share until the next report. While Redis
does not answer, each worker keeps its last share of the rate.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from app.contracts import StageError
from app.state.store import CommandPart, Store

log = logging.getLogger(__name__)

BURST_SECONDS = 2.0  # a key that has rested may send what it may send in this time, at once
REPORT_INTERVAL = 0.1  # seconds between two reports, while keys are in use
MEMORY_SECONDS = 2  # for which a worker counts among those that use a key
EXPIRY_SECONDS = 60  # of the keys in Redis, after the last use
# KEYS: for each API key, its bucket and the set of the workers that use it.
# ARGV: requests a second, size of a bucket, name of this worker, MEMORY_SECONDS, EXPIRY_SECONDS;
#   then, for each API key, the tokens that were taken.
# Returns, for each API key, the tokens that are left and the number of workers.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local rate, size = tonumber(ARGV[1]), tonumber(ARGV[2])
local left = {}
for n = 1, #KEYS / 2 do
  local bucket, workers = KEYS[2 * n - 1], KEYS[2 * n]
  local old = redis.call('HMGET', bucket, 'tokens', 'at')
  local tokens = tonumber(old[1]) or size
  local since = math.max(0, now - (tonumber(old[2]) or now))
  tokens = math.min(size, tokens + since * rate) - tonumber(ARGV[5 + n])
  tokens = math.max(tokens, -size)
  redis.call('HSET', bucket, 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
  redis.call('ZADD', workers, now, ARGV[3])
  redis.call('ZREMRANGEBYSCORE', workers, '-inf', now - ARGV[4])
  redis.call('EXPIRE', bucket, ARGV[5])
  redis.call('EXPIRE', workers, ARGV[5])
  left[2 * n - 1] = tostring(tokens)
  left[2 * n] = redis.call('ZCARD', workers)
end
return left
"""


@dataclass(slots=True)
class TokenBucket:
    """The requests of one key that this worker may still answer now."""

    tokens: float
    at: float  # seconds by the clock when ``tokens`` was computed
    share: float  # of the rate and of the burst, for this worker
    taken: int = 0  # tokens that were not reported yet
    is_used: bool = False  # a request came since the last report, even if refused

    def take_token(self, rate: float, now: float) -> float:
        """Take a token, and return 0; without one, return the seconds until there is one."""
        own_rate = rate * self.share
        self.is_used = True
        self.tokens = min(self._size(rate), self.tokens + (now - self.at) * own_rate)
        self.at = now
        if self.tokens < 1.0:
            return (1.0 - self.tokens) / own_rate
        self.tokens -= 1.0
        self.taken += 1
        return 0.0

    def divide(self, left: float, workers: int, rate: float) -> None:
        """Continue with this worker's part of the tokens that are left for all.

        A share at most doubles at each report, because other workers may not have reported yet.
        """
        self.share = min(1.0 / max(workers, 1), 2.0 * self.share)
        self.tokens = min(left * self.share, self._size(rate)) - self.taken

    def _size(self, rate: float) -> float:
        return max(1.0, rate * BURST_SECONDS * self.share)


class RateShares:
    """The buckets of one worker. ``run`` it as a task; without that, each worker has its share."""

    def __init__(
        self, rate: float, workers: int = 1, clock: Callable[[], float] = monotonic
    ) -> None:
        """Begin without a bucket.

        Args:
            rate: requests a second of each key; 0: no limit.
            workers: the number of worker processes of this service.
            clock: returns seconds, and never goes back.
        """
        self.rate = rate
        self._workers = max(workers, 1)  # of this service
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}  # by the name of a key; there are few
        self._in_use = asyncio.Event()

    def take_token(self, key: str) -> float:
        """Take a token of a key, and return 0; without one, return the seconds to wait."""
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(math.inf, now, 1.0 / self._workers)
        self._in_use.set()
        return bucket.take_token(self.rate, now)

    async def run(self, store: Store, prefix: str, worker: str) -> None:
        """Report what is taken until cancelled, and share what is left with the other workers."""
        while True:
            await self._in_use.wait()
            self._in_use.clear()
            with suppress(StageError):
                await self.report(store, prefix, worker)
            await asyncio.sleep(REPORT_INTERVAL)

    async def report(self, store: Store, prefix: str, worker: str) -> None:
        """Report the tokens taken, in one round trip.

        Raises:
            StageError: the store did not answer. The tokens are reported the next time.
        """
        used = {name: bucket for name, bucket in self._buckets.items() if bucket.is_used}
        if not used:
            return
        taken = {name: bucket.taken for name, bucket in used.items()}
        for bucket in used.values():
            bucket.is_used = False
        size = max(1.0, self.rate * BURST_SECONDS)
        keys = [
            f"{prefix}:{{rates}}:{part}:{name}" for name in taken for part in ("left", "workers")
        ]
        bounds: tuple[CommandPart, ...] = (self.rate, size, worker, MEMORY_SECONDS, EXPIRY_SECONDS)
        reply = await store.command("EVAL", SCRIPT, len(keys), *keys, *bounds, *taken.values())
        for name, left, workers in zip(taken, reply[::2], reply[1::2], strict=True):
            bucket = used[name]
            bucket.taken -= taken[name]
            bucket.divide(float(left), int(workers), self.rate)
