"""What each user did since the bundle was made, read from Redis in one round trip."""

from dataclasses import dataclass, field, replace

import numpy as np
import orjson

from app.catalogue import IdIndex
from app.contracts import NO_HISTORY, History
from app.preferences import Preferences
from app.state.blocked import blocked_key, unpacked
from app.state.events import HISTORY_LIMIT, Interpreter, history_key
from app.state.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class RedisHistories:
    """Reads live histories: a sorted set a user, by timestamp, written by ``events.append``."""

    store: Store
    prefix: str
    ids: IdIndex
    preferences: Preferences
    time_shift: float = 0.0  # seconds from the data's time to the wall clock
    limit: int = HISTORY_LIMIT
    _interpreter: Interpreter = field(init=False, repr=False)

    def __post_init__(self) -> None:
        interpreter = Interpreter(self.ids, self.preferences, self.time_shift)
        object.__setattr__(self, "_interpreter", interpreter)

    async def recent(self, user: str) -> History:
        """Give the user's live events, newest first, and blocked lists; unknown items are left out.

        Raises:
            StageError: the store cannot answer.
        """
        newest = (history_key(self.prefix, user), 0, self.limit - 1, "WITHSCORES")
        reply, kept = await self.store.pipeline(
            "history", [("ZREVRANGE", *newest), ("GET", blocked_key(self.prefix, user))]
        )
        blocked = unpacked(kept)
        if not reply:
            return replace(NO_HISTORY, blocked=blocked) if blocked else NO_HISTORY
        members = orjson.loads(b"[%b]" % b",".join(reply[::2]))
        _, types, items, values = zip(*members, strict=True)
        times = np.fromiter(map(float, reply[1::2]), np.float64, len(members))
        read = self._interpreter.read(items, types, values, times)
        return replace(read, blocked=blocked) if blocked else read
