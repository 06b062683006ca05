"""The load during the faults: lists and events from a thread of its own, and their answers."""

import asyncio
import json
import random
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import orjson

from loadtest.connection import HttpClient, HttpReply
from loadtest.traffic import HttpCall

OK, ACCEPTED, UNAVAILABLE = 200, 202, 503
TIMEOUT = 5.0  # seconds for an answer
LISTS_A_SECOND = 20
EVENTS_A_SECOND = 10
RETRY_PAUSE = 0.2  # seconds before events that were not acknowledged are sent again


@dataclass(slots=True)
class FaultTally:
    """What clients saw during one fault, until the service was whole again."""

    lists: int = 0  # answered with 200
    degraded: int = 0  # of these
    refused: int = 0  # with 503 and a reason
    failed: dict[str, int] = field(default_factory=dict)  # any other answer, or none, by kind
    forbidden: int = 0  # items in lists that were deleted, or blocked by the user
    acknowledged: set[str] = field(default_factory=set)  # ids of events

    def count_failure(self, kind: str) -> None:
        self.failed[kind] = self.failed.get(kind, 0) + 1


class ChaosLoad:
    """Sends lists and events until it is stopped. The tally can be replaced while it runs."""

    def __init__(
        self,
        url: str,
        users: Sequence[str],
        items: Sequence[str],
        deleted: frozenset[str],
        blocked: Mapping[str, frozenset[str]],
    ) -> None:
        """Prepare the load.

        Args:
            url: of the service.
            users: who ask for lists.
            items: that events are about.
            deleted: items that nobody may see.
            blocked: items that a user may not see, by user.
        """
        self.tally = FaultTally()
        self.name = "start"  # of the fault; event ids begin with it
        self._url, self._users, self._items = url, users, items
        self._deleted, self._blocked = deleted, blocked
        self._random = random.Random(1)  # noqa: S311 - a load, not a secret
        self._sent = 0  # events
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop, once every event is acknowledged or has been given up."""
        self._is_over.set()
        self._thread.join(60.0)

    def begin(self, name: str) -> FaultTally:
        """Count into a new tally from now on, and return it."""
        self.name, self.tally = name, FaultTally()
        return self.tally

    async def _run(self) -> None:
        client = HttpClient(self._url, timeout=TIMEOUT)
        tasks: set[asyncio.Task[None]] = set()
        n = 0
        while not self._is_over.is_set():
            tasks.add(asyncio.create_task(self._request_list(client)))
            if n % (LISTS_A_SECOND // EVENTS_A_SECOND) == 0:
                tasks.add(asyncio.create_task(self._send_event(client)))
            n += 1
            tasks = {task for task in tasks if not task.done()}
            await asyncio.sleep(1 / LISTS_A_SECOND)
        if tasks:
            await asyncio.wait(tasks, timeout=30.0)
        client.close()

    async def _request_list(self, client: HttpClient) -> None:
        tally, user = self.tally, self._random.choice(self._users)
        reply = await self._send(client, HttpCall("list", "GET", f"/recommend?user_id={user}&k=20"))
        if isinstance(reply, str):
            tally.count_failure(reply)
        elif reply.status == OK:
            answer = orjson.loads(reply.body)
            shown = {item["item_id"] for item in answer["items"]}
            tally.lists += 1
            tally.degraded += bool(answer["degraded"])
            tally.forbidden += len(shown & (self._deleted | self._blocked.get(user, frozenset())))
        elif reply.status == UNAVAILABLE and b'"message"' in reply.body:
            tally.refused += 1
        else:
            tally.count_failure(str(reply.status))

    async def _send_event(self, client: HttpClient) -> None:
        """Send an event, with the same id each time, until it is acknowledged."""
        tally, event_id = self.tally, f"{self.name}.{self._sent}"
        self._sent += 1
        event = {
            "event_id": event_id,
            "user_id": f"chaos-{self._random.randrange(500)}",
            "item_id": self._random.choice(self._items),
            "type": "click",
        }
        call = HttpCall("events", "POST", "/events", json.dumps(event).encode())
        while True:
            reply = await self._send(client, call)
            if not isinstance(reply, str) and reply.status == ACCEPTED:
                tally.acknowledged.add(event_id)
                return
            if not isinstance(reply, str) and reply.status != UNAVAILABLE:
                tally.count_failure(f"events: {reply.status}")
            if self._is_over.is_set():
                return
            await asyncio.sleep(RETRY_PAUSE)

    async def _send(self, client: HttpClient, call: HttpCall) -> HttpReply | str:
        """Return the answer, or the kind of its absence."""
        with suppress(TimeoutError):
            try:
                return await client.send(call)
            except OSError as error:
                if not isinstance(error, TimeoutError):
                    return "no connection"
        return "no answer"
