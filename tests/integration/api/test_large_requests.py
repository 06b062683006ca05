"""Large and strange bodies are refused in one sentence, and others are answered meanwhile."""

import threading
import time

import orjson
import pytest

from app.api.errors import MAX_FAULTS
from app.api.event_bodies import MAX_CONTEXT, MAX_EVENTS

MANY = 200_000
STALL = 2.0  # seconds; without bounds, describing the faults took 2 to 11 s on an idle machine
FIELDS = {f"k{n}": n for n in range(MANY)}
EVENT = {"user_id": "u1", "item_id": "i1"}
TWENTY = {f"k{n}": None for n in range(MAX_CONTEXT)}
ATTACKS = {
    "context": ("POST", "/events", EVENT | {"context": FIELDS}, 413),
    "unknown fields of an event": ("POST", "/events", EVENT | FIELDS, 413),
    "events": ("POST", "/events", [1] * MANY, 413),
    "attributes of a user": ("PUT", "/users/u1", {"attributes": FIELDS}, 413),
    "attributes of an item": ("PUT", "/items/i1", {"attributes": FIELDS}, 413),
    "unknown fields of a list": ("POST", "/recommend", FIELDS, 413),
    "history": ("POST", "/recommend", {"history": [{}] * MANY}, 413),
    "friends": ("PUT", "/users/u1/friends", {"friends": [[]] * MANY}, 413),
    "one large context": (
        "POST",
        "/events",
        EVENT | {"context": dict.fromkeys(range(30_000))},
        422,
    ),
    "one wide event": ("POST", "/events", dict.fromkeys(range(30_000)), 422),
    "wrong events": ("POST", "/events", [{"context": TWENTY}] * MAX_EVENTS, 422),
    "users": ("POST", "/users", [1] * MANY, 413),
    "wrong items": ("POST", "/items", [TWENTY] * 1_000, 422),
    "tags of an item": ("POST", "/items", {"item_id": "a", "categories": [1] * 60_000}, 422),
    "wrong history": ("POST", "/recommend", {"history": [{"a": 1}] * 2_000}, 422),
    "depth": ("POST", "/events", b"[" * 1_000, 422),
    "empty lines": ("POST", "/events", b"\n" * 4_000_000, 422),
}


def body_of(content):
    is_bytes = isinstance(content, bytes)
    return content if is_bytes else orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)


class Pulse:
    """Another client, that asks whether the service is alive, and keeps the longest time."""

    def __init__(self, client):
        self.longest = 0.0
        self.client = client
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    def ask(self):
        while not self.done.wait(0.005):
            began = time.monotonic()
            assert self.client.get("/healthz").status_code == 200
            self.longest = max(self.longest, time.monotonic() - began)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_large_body_is_refused_and_stalls_nobody(api, attack):
    method, path, content, status = ATTACKS[attack]
    type_ = "application/x-ndjson" if attack == "empty lines" else "application/json"
    body = body_of(content)
    with Pulse(api.client) as pulse:
        for _ in range(2):
            answer = api.client.request(method, path, content=body, headers={"content-type": type_})
            assert answer.status_code == status, answer.text[:500]
    error = answer.json()["error"]
    assert len(answer.content) < 10_000
    assert len(error.get("faults", ())) <= MAX_FAULTS
    assert pulse.longest < STALL


def test_of_many_wrong_events_each_is_named_with_partial_and_the_others_are_stored(api):
    wrong = EVENT | {f"k{n}": n for n in range(25)}
    answer = api.client.post("/events?partial=true", json=[wrong] * 60 + [EVENT])
    assert answer.status_code == 202
    told = answer.json()
    assert told["accepted"] == 1
    assert [one["index"] for one in told["refused"]] == list(range(60))
    assert all(one["message"].count("Extra inputs") < 6 for one in told["refused"])
