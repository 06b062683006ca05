"""Events that wait: which go next, and what becomes of those that are refused."""

import pytest
from recfunnel_client.answers import EventsAccepted, RefusedRecord
from recfunnel_client.errors import RecfunnelError, UnreachableError
from recfunnel_client.event_queue import EventQueue


class Drops(list):
    """What was dropped, as ``on_drop`` gets it."""

    def __call__(self, dropped):
        self.extend((one.event["item_id"], one.reason) for one in dropped)


@pytest.fixture
def drops():
    return Drops()


def queue_of(n, drops, size=4, capacity=10):
    queue = EventQueue(size, capacity, drops)
    for i in range(n):
        queue.add({"user_id": "u", "item_id": f"i{i}"})
    return queue


def ids(events):
    return [event["item_id"] for event in events]


def accepted(n, refused=()):
    return EventsAccepted(n, 0, 0, 0, 0, 0, [], [RefusedRecord(i, "type", "no") for i in refused])


def test_an_event_keeps_its_own_id_and_time_and_gets_those_that_it_lacks(drops):
    queue = queue_of(1, drops)
    queue.add({"user_id": "u", "item_id": "x", "event_id": "mine", "timestamp": 7.0})
    without, with_both = queue.batch()
    assert (with_both["event_id"], with_both["timestamp"]) == ("mine", 7.0)
    assert without["timestamp"] > 7.0
    assert queue.batch()[0]["event_id"] == without["event_id"]  # the same at each attempt


def test_batches_come_in_order_and_stay_until_they_are_accepted(drops):
    queue = queue_of(6, drops)
    assert ids(queue.batch()) == ids(queue.batch()) == ["i0", "i1", "i2", "i3"]
    queue.accept(queue.batch(), accepted(4))
    assert ids(queue.batch()) == ["i4", "i5"]
    assert (queue.n_sent, queue.n_dropped, drops) == (4, 0, [])


def test_a_full_queue_drops_the_new_event_and_says_so(drops):
    queue = queue_of(10, drops)
    assert queue.add({"user_id": "u", "item_id": "late"}) is False
    assert (len(queue), queue.n_dropped) == (10, 1)
    assert drops == [("late", "10 events wait already: raise capacity")]


def test_refused_events_of_an_accepted_batch_are_dropped_with_the_reason(drops):
    queue = queue_of(4, drops)
    queue.accept(queue.batch(), accepted(3, refused=[2]))
    assert drops == [("i2", "no")]
    assert (queue.n_sent, queue.n_dropped, len(queue)) == (3, 1, 0)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503, 507])
def test_events_wait_for_what_can_be_repaired(drops, status):
    queue = queue_of(4, drops)
    assert queue.refuse(queue.batch(), RecfunnelError("no", status=status)) is True
    assert queue.refuse(queue.batch(), UnreachableError("nobody there")) is True
    assert (len(queue), drops) == (4, [])


def test_a_batch_that_is_too_large_is_halved_down_to_one_event_which_is_dropped(drops):
    queue = queue_of(4, drops)
    too_large = RecfunnelError("too large", status=413)
    sizes = []
    while not drops:
        sizes.append(len(queue.batch()))
        assert queue.refuse(queue.batch(), too_large) is False
    assert sizes == [4, 2, 1]
    assert drops == [("i0", "too large")]
    queue.accept(queue.batch(), accepted(1))
    assert len(queue.batch()) == 2  # and it grows again


def test_a_batch_that_is_not_valid_is_dropped(drops):
    queue = queue_of(2, drops)
    assert queue.refuse(queue.batch(), RecfunnelError("not valid", status=422)) is False
    assert drops == [("i0", "not valid"), ("i1", "not valid")]


def test_an_event_that_is_no_json_is_refused_at_once(drops):
    queue = queue_of(0, drops)
    with pytest.raises(ValueError, match="JSON"):
        queue.add({"user_id": "u", "item_id": "i", "value": float("nan")})
    with pytest.raises(TypeError):
        queue.add({"user_id": "u", "item_id": {"a", "set"}})
    assert len(queue) == 0


def test_an_error_in_on_drop_is_logged_and_ends_nothing(caplog):
    def broken(dropped):
        raise RuntimeError("broken")

    queue = queue_of(11, broken)
    assert queue.n_dropped == 1
    assert "on_drop failed" in caplog.text


@pytest.mark.parametrize(("size", "capacity"), [(0, 10), (1001, 2000), (5, 4)])
def test_sizes_that_cannot_work_are_refused(size, capacity):
    with pytest.raises(ValueError, match="size must be"):
        EventQueue(size, capacity, None)
