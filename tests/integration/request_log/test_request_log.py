"""The request log: every answer in full, written after it was sent, within bounds."""

import asyncio
import time
from contextlib import contextmanager
from types import SimpleNamespace
from uuid import uuid4

import numpy as np
import pytest
import redis

from app.contracts import SLOTS, Query, Slate
from app.features.views import FINE_VIEW, column_names
from app.funnel import FunnelRun
from app.recall.registry import CHANNELS
from app.request_log.answer_record import LogEntry, offsets_of, request_of
from app.request_log.writer import RequestLog, request_log_key
from app.rerank.policies import SceneSettings
from app.service.answering import AnswerLogger, SideEffect
from app.state.store import Store
from tests.integration.api.test_recommend import stranger
from tests.serving import hosted, leisurely, until
from tests.state import StoreThatFails, running


@contextmanager
def connected(service):
    with redis.Redis.from_url(service.service.settings.redis_url) as client:
        yield client


def logged(service, request_id):
    """The entry of one answer, once it is written."""

    def find():
        with connected(service) as client:
            entries = client.xrevrange(request_log_key(service.service.settings.key_prefix))
        matching = [fields for _, fields in entries if fields[b"r"].decode() == request_id]
        return matching and matching[0]

    return until(find)


def test_an_answer_is_logged_with_everything_that_produced_it(api):
    user = stranger()
    api.tell({"user_id": user, "item_id": "i7", "type": "like"})
    began = time.time()
    answer = api.recommend(user, k=5, exclude=["i3"], explain=True, scene="home")
    fields = logged(api, answer["request_id"])
    assert fields[b"u"].decode() == user
    entry = LogEntry.unpack(fields[b"e"])
    head, arrays = entry.head, entry.arrays
    assert head["bundle"] == answer["bundle"]
    assert head["variant"] == "control"
    assert began - 1 < head["at"] < time.time() + 1
    assert head["items"] == [item["item_id"] for item in answer["items"]]
    assert head["settings"] == {}
    request = request_of(entry)
    assert (request.user, request.k, request.exclude, request.candidate_share) == (
        user,
        5,
        ("i3",),
        1.0,
    )
    assert {stage for stage, *_ in head["steps"]} == {s["stage"] for s in answer["stages"]}
    assert [SLOTS[slot] for slot in arrays["slots"]] == [i["slot"] for i in answer["items"]]
    assert arrays["propensities"].tolist() == [i["propensity"] for i in answer["items"]]
    for n, item in enumerate(answer["items"]):
        scores = dict(zip(("merged", "coarse", "fine"), arrays["scores"][n].tolist(), strict=False))
        assert scores == item["explain"]["scores"]
        assert arrays["scores"][n, 3] == np.float32(item["score"])
        features = dict(zip(column_names(FINE_VIEW), arrays["features"][n].tolist(), strict=True))
        shown = {name: None if np.isnan(value) else value for name, value in features.items()}
        assert shown == item["explain"]["features"]
        channels = {
            channel: (int(arrays["ranks"][n, c]), arrays["signals"][n, c])
            for c, channel in enumerate(CHANNELS)
            if arrays["ranks"][n, c] >= 0
        }
        proposed = item["explain"]["channels"]
        assert channels == {name: (c["rank"], c["score"]) for name, c in proposed.items()}
    assert "events" in offsets_of(entry).applied
    assert b"i7" in str(entry.head["raw_reply"]).encode()


def test_a_history_in_the_request_is_logged_as_it_was_sent(api):
    sent = [{"item_id": "i1", "type": "like"}, {"item_id": "unknown", "type": "click"}]
    answer = api.client.post("/recommend", json={"history": sent}).json()
    request = request_of(LogEntry.unpack(logged(api, answer["request_id"])[b"e"]))
    assert [(item, kind) for item, kind, *_ in request.history] == [
        ("i1", "like"),
        ("unknown", "click"),
    ]
    assert request.history[0][3] == request.history[1][3] + 1


def test_boosts_and_pins_are_logged_as_they_were_sent(api):
    wishes = {"boost": ["1 if year > 1990"], "pin": ["2:i9", "1:i8"]}
    answer = api.recommend(stranger(), **wishes)
    request = request_of(LogEntry.unpack(logged(api, answer["request_id"])[b"e"]))
    assert request.boosts == ("1 if year > 1990",)
    assert request.pins == ((2, "i9"), (1, "i8"))
    plain = api.recommend(stranger())
    entry = LogEntry.unpack(logged(api, plain["request_id"])[b"e"])
    assert not {"boosts", "pins"} & set(entry.head["request"])  # earlier releases can read it


def test_a_queued_answer_holds_no_array_as_long_as_the_catalogue(api):
    service, seen = api.service, []
    effects = service.after_answer
    service.after_answer = (SideEffect("keep", seen.append),)
    answer = api.recommend("u4", filter='category != "war"')
    until(lambda: seen)  # the effects follow the answer
    service.after_answer = effects
    queued = SimpleNamespace(is_sampled=lambda _: True, add_answer=seen.append)
    AnswerLogger(queued, service.item_store, service.settings)(seen.pop())
    (waiting,) = seen
    assert len(waiting.run.shown) == len(answer["items"])
    assert not {type(part) for part in waiting.run} & {Query, Slate, FunnelRun}
    assert waiting.log_entry().head["items"] == [item["item_id"] for item in answer["items"]]


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_only_the_configured_share_is_logged_with_the_settings_that_are_not_the_default(
    trained, redis_url, share
):
    policy = SceneSettings(diversity=0.3)
    settings = leisurely(out=trained, redis_url=redis_url, served_log=share, policy=policy)
    with hosted(settings) as service:
        for n in range(20):
            service.recommend(f"u{n}")
        time.sleep(0.15)
    with redis.Redis.from_url(redis_url) as client:
        entries = client.xrange(request_log_key(settings.key_prefix))
    assert (not entries) if share == 0 else (0 < len(entries) < 20)
    for _, fields in entries:
        head = LogEntry.unpack(fields[b"e"]).head
        assert head["settings"] == {"policy": {"diversity": 0.3}}
        assert head["request"]["seed"] < 2**31


class Answer:
    """Stands for an answer that waits."""

    def __init__(self):
        self.request_id, self.request, self.user = uuid4().hex, self, "u"

    def log_entry(self):
        return LogEntry({}, {})


async def test_a_full_queue_drops_and_counts(redis_url):
    async with Store.connect(redis_url) as store:
        log = RequestLog(store, uuid4().hex, 1.0, 100)
        log.capacity = 2
        for _ in range(5):
            log.add_answer(Answer())
        assert (len(log), log.dropped) == (2, 3)
        await log.close()
        assert (len(log), log.dropped) == (0, 3)


async def test_what_the_server_does_not_accept_waits_within_bounds_and_is_written_once(redis_url):
    prefix = uuid4().hex
    async with Store.connect(redis_url) as store:
        failing = StoreThatFails(store)
        log = RequestLog(failing, prefix, 1.0, 100)
        log.packed.pause, log.packed.gather_time, log.packed.capacity = 0.02, 0.01, 3
        async with running(log):
            for _ in range(5):
                log.add_answer(Answer())
            await asyncio.sleep(0.1)
            assert (len(log), log.dropped) == (3, 2)
            failing.is_away = False
            for _ in range(100):
                await asyncio.sleep(0.01)
        assert await store.command("XLEN", request_log_key(prefix)) == 3


async def test_the_stream_is_trimmed_while_no_archiver_is_in_use(redis_url):
    async with Store.connect(redis_url) as store:
        log = RequestLog(store, uuid4().hex, 1.0, 100)
        for _ in range(3):
            for _ in range(200):
                log.add_answer(Answer())
            await log.close()
        assert await store.command("XLEN", log.key) < 400


async def test_closing_without_a_server_counts_the_lost_entries(caplog):
    async with Store.connect("unix:///nowhere.sock") as store:
        log = RequestLog(store, "t", 1.0, 100)
        log.add_answer(Answer())
        await log.close()
    assert (log.dropped, len(log)) == (1, 0)
    assert "1 entries of the request log are lost" in caplog.text
