"""Create the API keys and passwords of a composition, once, each as a file that one part reads."""

import secrets as random
from collections.abc import Callable
from pathlib import Path

from app.access.keys import format_key, new_key

OWNER_AND_GROUP = 0o640  # the other parts run as other users, which are members of the group
REDIS_HOST = "redis"


def make_secrets(folder: Path, redis_host: str = REDIS_HOST) -> list[Path]:
    """Write what is missing, and return what was written. Existing files are never changed.

    Args:
        folder: the folders ``app``, ``redis``, ``prometheus`` and ``grafana`` are made in it.
        redis_host: the name of the Redis server.
    """
    written: list[Path] = []

    def keep(name: str, make: Callable[[], str]) -> str:
        """Return the content of a file, which is made if there is none."""
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            partial = file.with_name(f"{file.name}.part")
            partial.touch(mode=OWNER_AND_GROUP)
            partial.write_text(f"{make()}\n")
            partial.rename(file)
            written.append(file)
        return file.read_text().strip()

    admin = keep("app/admin.key", new_key)
    monitor = keep("prometheus/read.key", new_key)
    keep(
        "app/api-keys",
        lambda: "\n".join(
            [format_key("admin", ["admin"], admin), format_key("prometheus", ["read"], monitor)]
        ),
    )
    configuration = keep("redis/redis.conf", lambda: f"requirepass {random.token_urlsafe(32)}")
    password = configuration.split()[-1]
    keep("app/redis-url", lambda: f"redis://:{password}@{redis_host}:6379/0")
    keep("grafana/password", lambda: random.token_urlsafe(24))
    return written
