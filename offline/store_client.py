"""The Redis client of commands: it blocks, and its errors are sentences."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from app.contracts import StageError
from app.state.redis_url import public_address

CONNECT_TIMEOUT = 10.0  # seconds


@contextmanager
def open_client(url: str) -> Iterator[redis.Redis]:
    """Yield a client of the server at ``url``.

    Raises:
        StageError: the server cannot be reached, or refuses a command.
    """
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=CONNECT_TIMEOUT) as client:
            yield client
    except redis.RedisError as error:
        raise StageError(
            f"Redis at {public_address(url)} cannot be used; check that it runs and that REDIS_URL "
            f"points at it: {error}"
        ) from error
