"""Each event has its whole effect once, however often and in whatever order it is sent."""

import numpy as np
import orjson
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.event_weights import EventWeights
from app.state.event_codec import Event
from app.state.event_writer import (
    MARK_TTL,
    MAX_MARKS,
    AppendOutcome,
    KeyLifetimes,
    append_events,
    marks_keys,
)
from app.state.stream_consumer import StreamConsumer
from app.state.user_store import history_key
from tests.state import IDS, counters, store, url

__all__ = ["store", "url"]  # fixtures

MOMENT = 1_700_000_000.0
TIMES = st.sampled_from([MOMENT, MOMENT + 5.0, MOMENT - 3_600.0, 1.0])  # late ones, and ties


def event(name, user="u", item="a", timestamp=MOMENT, **known):
    return Event(str(name), user, item, known.pop("type", "like"), timestamp=timestamp, **known)


@st.composite
def batches(draw):
    """Events of unique ids, and three ways to send them: shuffled, and cut somewhere."""
    told = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["u", "v", "{w}"]),
                st.sampled_from(["a", "b", "c", "unknown"]),
                st.sampled_from(["like", "view", "dislike"]),
                TIMES,
            ),
            min_size=1,
            max_size=12,
        )
    )
    events = [event(n, u, i, t, type=kind) for n, (u, i, kind, t) in enumerate(told)]
    rounds = []
    for _ in range(3):
        shuffled = draw(st.permutations(events))
        cut = draw(st.integers(0, len(events)))
        rounds += [shuffled[:cut], shuffled[cut:]]
    return events, rounds


async def state(store, users, prefix):
    """All that is known after the events: histories, the stream's entries, a consumer's counts."""
    histories = [
        await store.command("ZRANGE", history_key(prefix, user), 0, -1, "WITHSCORES")
        for user in users
    ]
    entries = await store.command("XRANGE", f"{prefix}:events", "-", "+")
    consumer = StreamConsumer(store, prefix, counters(MOMENT), IDS, EventWeights())
    in_order = sorted(entries, key=lambda entry: entry[1][1])  # the first of an hour counts
    consumer.apply_entries("events", in_order)
    every, counted = np.arange(len(IDS)), consumer.counters
    trends = [counted.counts_at(MOMENT + 10, every), counted.liked_at(MOMENT + 10, every)]
    entries = sorted(fields[1] for _, fields in entries)
    return histories, entries, counted.positives.tolist(), np.round(trends, 9).tolist()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches_of_events=batches(), limit=st.sampled_from([3, 500]))
@example(batches_of_events=([event(1)], [[event(1)], [event(1)], [], [event(1)]]), limit=500)
async def test_a_batch_sent_three_times_in_any_order_and_parts_is_as_if_sent_once(
    store, batches_of_events, limit
):
    events, rounds = batches_of_events
    users = sorted({one.user for one in events})
    await store.command("FLUSHALL")
    await append_events(store, "once", events, limit)
    outcomes = [
        what for sent in rounds for what in await append_events(store, "thrice", sent, limit)
    ]
    once, thrice = await state(store, users, "once"), await state(store, users, "thrice")
    assert thrice == once
    assert len(once[1]) == len(events)
    assert outcomes.count(AppendOutcome.DUPLICATE) == 2 * len(events)


async def test_an_event_older_than_the_user_s_newest_is_told_and_lands_before_it(store):
    last = event(4, timestamp=MOMENT + 9)
    sent = [event(1, timestamp=MOMENT + 0.5), event(2), event(3, "v"), last]
    outcomes = [AppendOutcome.NEW, AppendOutcome.OUT_OF_ORDER, AppendOutcome.NEW, AppendOutcome.NEW]
    assert await append_events(store, "t", sent) == outcomes
    again = [event(5, timestamp=MOMENT + 8.999), event(2), event(6, timestamp=MOMENT + 9)]
    assert await append_events(store, "t", again) == [
        AppendOutcome.OUT_OF_ORDER,
        AppendOutcome.DUPLICATE,
        AppendOutcome.NEW,
    ]
    kept = await store.command("ZRANGE", history_key("t", "u"), 0, -1)
    assert [orjson.loads(member)[0] for member in kept] == ["2", "1", "5", "4", "6"]


async def test_the_first_of_two_events_of_one_id_and_user_stands(store):
    sent = [event(1, item="a"), event(1, item="b"), event(1, "v", "b")]
    assert await append_events(store, "t", sent) == [
        AppendOutcome.NEW,
        AppendOutcome.DUPLICATE,
        AppendOutcome.NEW,
    ]
    assert await store.command("ZCARD", history_key("t", "u")) == 1
    assert await store.command("ZCARD", history_key("t", "v")) == 1


async def test_a_whole_batch_of_one_user_is_known_again_whatever_came_before(store):
    await append_events(store, "t", [event(f"before {n}") for n in range(400)])
    batch = [event(n) for n in range(1_000)]
    assert set(await append_events(store, "t", batch)) <= {AppendOutcome.NEW, AppendOutcome.TOO_OLD}
    assert set(await append_events(store, "t", batch)) == {AppendOutcome.DUPLICATE}
    for key in marks_keys("t", "u"):
        assert await store.command("SCARD", key) <= MAX_MARKS
        assert await store.command("OBJECT", "ENCODING", key) == b"intset"
        assert 0 < await store.command("TTL", key) <= MARK_TTL


async def test_an_event_older_than_all_that_a_full_history_keeps_is_still_counted(store):
    await append_events(store, "t", [event(n, timestamp=MOMENT + n) for n in range(3)], limit=3)
    old = [event("old", timestamp=1.0), event("new", timestamp=MOMENT + 9)]
    assert await append_events(store, "t", old, limit=3) == [
        AppendOutcome.TOO_OLD,
        AppendOutcome.NEW,
    ]
    kept = await store.command("ZRANGE", history_key("t", "u"), 0, -1)
    assert [orjson.loads(member)[0] for member in kept] == ["1", "2", "new"]
    assert await store.command("XLEN", "t:events") == 5


async def test_all_keys_may_be_put_on_one_node_of_a_cluster():
    keys = [*marks_keys("{t}", "u{x}"), history_key("{t}", "u{x}"), "{t}:events"]
    assert {key.partition("}")[0] for key in keys} == {"{t"}


async def test_keys_of_a_user_without_new_events_expire_by_the_settings(store):
    lifetimes = KeyLifetimes.of_days(event_ids=2, history=7)
    await append_events(store, "t", [event(1)], lifetimes=lifetimes)
    assert 0 < await store.command("TTL", marks_keys("t", "u")[0]) <= 2 * 86_400
    assert 6 * 86_400 < await store.command("TTL", history_key("t", "u")) <= 7 * 86_400
    await append_events(store, "t", [event(2)])
    assert await store.command("TTL", history_key("t", "u")) == -1
