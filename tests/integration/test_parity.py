"""The service and the job compute the same ids, order and features, bit for bit."""

import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import redis

from app.artifacts import Indexes
from app.build import FunnelConfig, LiveState, build_funnel
from app.bundle.bundle import find_current_bundle, load_bundle
from app.contracts import Request
from app.deadline import NO_CHECKPOINTS
from app.features.user_segments import segment_rows_of_users
from app.features.views import COARSE_VIEW, FINE_VIEW, column_names
from app.funnel import Funnel
from app.recall.vectors import flat_index
from app.request_log.answer_record import request_of
from app.request_log.writer import request_log_key
from app.state.counters import PopularityCounters
from app.state.event_codec import Event
from app.state.event_interpreter import EventInterpreter
from app.state.histories import MemoryHistories
from app.state.table_readers import MappedTables
from offline.replay_log.stream_reader import StreamReader
from offline.training.past_requests import build_offline_funnel, recommend_each
from tests.integration.replay_log.test_replay import logged
from tests.serving import hosted, leisurely, until
from tests.world import USERS

SAMPLE = [f"u{n}" for n in range(0, USERS, 5)]  # 30 users
COLUMNS = column_names(FINE_VIEW)


@dataclass
class Offline:
    """The funnel of the job over models in memory, with the events that a test applies."""

    funnel: Funnel
    counters: PopularityCounters
    histories: MemoryHistories
    interpreter: EventInterpreter

    def segments(self, users):
        models = self.funnel.query_builder.models
        return segment_rows_of_users(models.users, models.segments, users, [{}] * len(users))

    async def apply(self, *events):
        """Apply events to the histories and counters of the job."""
        await self.histories.append(events)
        read, places = self.interpreter.read_with_positions(
            [event.item for event in events],
            [event.type for event in events],
            [event.value for event in events],
            np.array([event.timestamp for event in events]),
        )
        of = self.segments([events[at].user for at in places])
        self.counters.apply(read.rows, read.weights, read.times, of)
        self.counters.refresh()

    async def recommend(self, user, *, explore, inline=None):
        fields = {} if inline is None else {"inline": inline}
        return await self.funnel.recommend(
            Request(user, 10, zlib.crc32(b"any"), arrived=0.0, explore=explore, **fields)
        )


@pytest.fixture
def bundle_and_config(trained, cpu):
    bundle = load_bundle(find_current_bundle(trained))
    return bundle, FunnelConfig(cpu, NO_CHECKPOINTS, bundle.sizes, leisurely().policy)


@pytest.fixture
def offline(bundle_and_config):
    bundle, config = bundle_and_config
    manifest, models = bundle.manifest, bundle.models
    common = (models.catalogue.ids, manifest.event_weights(), manifest.time_shift)
    counters, histories = PopularityCounters.of(models), MemoryHistories(*common)
    state = LiveState(counters, histories, MappedTables(models.tables))
    indexes = Indexes(flat_index(models.factors.items), flat_index(models.content.items))
    funnel = build_funnel(models, indexes, bundle.rankers, state, config)
    return Offline(funnel, counters, histories, EventInterpreter(*common))


@pytest.fixture
def service(trained, redis_url):
    with hosted(leisurely(out=trained, redis_url=redis_url)) as fresh:
        yield fresh


def ids_of(service, run):
    return service.service.deployment.bundle.models.catalogue.ids.names(run.slate.pool.rows)


def assert_same(service, answer, run):
    """Fail unless ids, order and scores are equal and features are bit-equal."""
    shown = [item["item_id"] for item in answer["items"]]
    assert shown == ids_of(service, run)
    pool = run.slate.pool
    assert [np.float32(item["score"]) for item in answer["items"]] == pool.scores.tolist()
    served = np.array(
        [[item["explain"]["features"][name] for name in COLUMNS] for item in answer["items"]],
        np.float32,  # null becomes NaN
    )
    assert served.shape == pool.features.shape
    assert served.tobytes() == np.ascontiguousarray(pool.features).tobytes()


async def apply_to_both(service, offline, event):
    """Send an event to the service and apply it to the job."""
    service.tell(
        {
            "event_id": event.event_id,
            "user_id": event.user,
            "item_id": event.item,
            "type": event.type,
            "value": event.value,
            "timestamp": event.timestamp,
        }
    )
    await offline.apply(event)


async def test_lists_over_http_are_those_of_the_funnel_of_the_job(service, bundle_and_config):
    bundle, config = bundle_and_config
    funnel = build_offline_funnel(bundle.models, config, bundle.rankers)
    runs = [s async for s in recommend_each(funnel, SAMPLE, 10, 7, explore=False)]
    lists = [service.ids(user, explore=False) for user in SAMPLE]
    assert lists == [ids_of(service, run) for run in runs]
    assert len({tuple(ids) for ids in lists}) == len(SAMPLE)


async def test_features_of_served_requests_are_those_of_the_job(service, offline):
    for user in SAMPLE:
        answer = service.recommend(user, explore=False, explain=True)
        run = await offline.recommend(user, explore=False)
        assert_same(service, answer, run)
        recomputed = offline.funnel.fine.features.build(run.query, run.merged)
        at = [run.merged.rows.tolist().index(row) for row in run.slate.pool.rows]
        assert recomputed[at].tobytes() == run.slate.pool.features.tobytes()


async def test_exploration_is_the_same_after_the_same_impressions(service, offline):
    counters = service.service.deployment.counters
    for n, user in enumerate(SAMPLE[:12], 1):
        answer = service.recommend(user, explain=True)
        run = await offline.recommend(user, explore=True)
        assert_same(service, answer, run)
        assert answer["items"][-1]["slot"] == "explore"
        offline.counters.count_impressions(run.slate.pool.rows)
        until(lambda shown=10 * n: counters.exposures.sum() == shown)
        exposures = counters.exposures[: len(offline.counters)]  # behind it are spare rows
        assert exposures.tolist() == offline.counters.exposures.tolist()


async def test_service_and_job_compute_the_same_after_events(service, offline):
    now = time.time()
    users = [*SAMPLE[:8], "newcomer"]
    for n, user in enumerate(users):
        event = Event(
            event_id=f"e{n}",
            user=user,
            item=service.ids(user, explore=False)[n % 3],
            type=("like", "click", "purchase", "dislike", "watch", "rating")[n % 6],
            value=float(n),
            timestamp=now - 100.0 + n,
        )
        await apply_to_both(service, offline, event)
    for user in [*users, *SAMPLE[-5:], "stranger"]:
        answer = service.recommend(user, explore=False, explain=True)
        assert_same(service, answer, await offline.recommend(user, explore=False))


async def test_an_inline_history_is_read_as_the_job_reads_it(service, offline):
    moment = time.time() - 50
    sent = [{"item_id": f"i{n}", "type": "like", "timestamp": moment - n} for n in (0, 5, 10, 15)]
    body = {"history": sent, "explore": False, "explain": True}
    answer = service.client.post("/recommend", json=body).json()
    inline = offline.interpreter.read(
        [event["item_id"] for event in sent],
        ["like"] * 4,
        [1.0] * 4,
        np.array([event["timestamp"] for event in sent]),
    )
    assert_same(service, answer, await offline.recommend("", explore=False, inline=inline))


async def test_the_job_computes_the_features_in_the_request_log(service, offline, redis_url):
    bundle, prefix = service.service.deployment.bundle, service.service.settings.key_prefix
    now = time.time()
    for n, user in enumerate([*SAMPLE[:6], "newcomer"]):
        kind = ("like", "click", "purchase", "dislike", "watch", "rating")[n % 6]
        event = Event(f"e{n}", user, f"i{7 * n}", kind, float(n), now - 100.0 + n)
        await apply_to_both(service, offline, event)
    n_requests = 0
    for user in [*SAMPLE[:10], "newcomer", "stranger"]:
        wishes = {"boost": "0.4 if year > 1980", "pin": "2:i9"} if n_requests % 2 else {}
        k = (3, 10, 30)[n_requests % 3]
        service.recommend(user, explore=False, k=k, filter="year > 1965", **wishes)
        n_requests += 1
    with redis.Redis.from_url(redis_url) as link:
        until(lambda: link.xlen(request_log_key(prefix)) == n_requests)
        entries = logged(StreamReader(link, prefix, Path("no archive")))
    for entry in entries:
        run = await offline.funnel.recommend(request_of(entry).to_request(bundle, arrived=0.0))
        pool = run.slate.pool
        assert ids_of(service, run) == entry.head["items"]
        at = [run.merged.rows.tolist().index(row) for row in pool.rows]
        computed = offline.funnel.fine.features.build(run.query, run.merged)[at]
        assert entry.arrays["features"].shape == computed.shape
        assert entry.arrays["features"].tobytes() == computed.tobytes()
    assert (
        len({entry.arrays["features"].tobytes() for entry in entries}) == len(entries) == n_requests
    )


def test_the_coarse_view_is_the_head_of_the_fine_view():
    assert COLUMNS[: len(column_names(COARSE_VIEW))] == column_names(COARSE_VIEW)
