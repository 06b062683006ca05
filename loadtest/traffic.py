"""The mix of requests that every load test sends."""

import json
import random
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

# Shares of the requests. The rest is anonymous and carries its session.
TRAINED_SHARE, NEW_SHARE = 0.7, 0.1
REACTION_SHARE = 0.3  # share of the lists after which the user acts on an item
MAX_SESSION_LENGTH = 8  # items in an anonymous session
REACTIONS = ("click", "click", "click", "like", "view")


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One HTTP request. ``kind`` is its name in tables."""

    kind: str
    method: str
    path: str
    body: bytes = b""
    user: str = ""  # empty: anonymous

    @property
    def is_event(self) -> bool:
        """Whether the request sends an event instead of asking for a list."""
        return self.kind == "events"


class Traffic:
    """A seeded stream of calls. Ids are those of MovieLens 100K: 1 to 943, and 1 to 1682."""

    def __init__(self, seed: int = 1, users: int = 943, items: int = 1682) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a load, not a secret
        self._users = users
        self._items = items

    def next_request(self) -> HttpCall:
        """Return the next random request for a list."""
        kind = self._random.random()
        if kind < TRAINED_SHARE:
            return self.next_trained_user()
        if kind < TRAINED_SHARE + NEW_SHARE:
            return _list_request("new", f"new-{self._random.getrandbits(40):x}")
        return self._anonymous()

    def next_trained_user(self) -> HttpCall:
        """Return a request for a random user of the training log."""
        return _list_request("trained", str(self._random.randint(1, self._users)))

    def next_event(self, call: HttpCall, answer: dict[str, Any]) -> HttpCall | None:
        """Return a random event after this answer, or None."""
        if not call.user or not answer["items"] or self._random.random() >= REACTION_SHARE:
            return None
        event = {
            "user_id": call.user,
            "item_id": self._random.choice(answer["items"])["item_id"],
            "type": self._random.choice(REACTIONS),
            "request_id": answer["request_id"],
        }
        return HttpCall("events", "POST", "/events", json.dumps(event).encode(), call.user)

    def _anonymous(self) -> HttpCall:
        seen = self._random.sample(
            range(1, self._items + 1), self._random.randint(1, MAX_SESSION_LENGTH)
        )
        history = [{"item_id": str(item), "type": "click"} for item in seen]
        body = json.dumps({"k": 10, "history": history}).encode()
        return HttpCall("anonymous", "POST", "/recommend", body)


def _list_request(kind: str, user: str) -> HttpCall:
    return HttpCall(kind, "GET", f"/recommend?user_id={quote(user)}&k=10", b"", user)
