"""Which worker accepts the next connection, and which one closes some of its own."""

import pytest

from app.process.connection_share import FRESH_SECONDS, SLACK, ConnectionCounts, ConnectionShare


class Clock:
    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


def shares_with(*open_connections, clock=None):
    """Workers that accept, with so many connections each."""
    counts = ConnectionCounts([0.0] * 2 * len(open_connections), clock or Clock())
    shares = [ConnectionShare(counts, place) for place in range(len(open_connections))]
    for share, n in zip(shares, open_connections, strict=True):
        share.start()
        for _ in range(n):
            share.connections.add(object())
    return shares


@pytest.mark.parametrize(
    ("open_connections", "due"),
    [
        ((0, 0), [True, True]),
        ((1, 0), [False, True]),
        ((2, 2), [True, True]),
        ((3, 1, 2), [False, True, False]),
        ((SLACK, SLACK - 1), [False, True]),
        ((2 * SLACK + 2, 2 * SLACK), [True, True]),  # of many, few more do not matter
        ((2 * SLACK + 3, 2 * SLACK), [False, True]),
    ],
)
def test_the_worker_with_the_fewest_connections_accepts_the_next_one(open_connections, due):
    assert [share.is_due() for share in shares_with(*open_connections)] == due


def test_a_worker_without_others_accepts_everything():
    alone = ConnectionShare()
    alone.start()
    for _ in range(3):
        alone.connections.add(object())
        assert alone.is_due()
    alone.look()
    alone.look()
    assert alone.surplus == 0


def test_nobody_waits_for_a_worker_that_was_not_seen_lately():
    clock = Clock()
    busy, stopped = shares_with(2, 0, clock=clock)
    assert not busy.is_due()
    clock.now += FRESH_SECONDS + 0.1
    assert busy.is_due()
    stopped.look()
    assert not busy.is_due()


def test_nobody_waits_for_a_worker_that_has_not_begun_or_has_ended():
    counts = ConnectionCounts([0.0] * 4, Clock())
    first, second = ConnectionShare(counts, 0), ConnectionShare(counts, 1)
    first.start()
    first.connections.add(object())
    second.look()
    assert first.is_due()
    second.start()
    assert not first.is_due()
    second.stop()
    second.connections.add(object())  # the last ones that waited
    assert first.is_due()
    second.start()
    counts.clear(1)  # as the parent does when the worker has died
    assert first.is_due()


def test_a_connection_counts_once_from_its_acceptance_to_its_end():
    first, second = shares_with(0, 0)
    connection = object()
    first.begin_opening(connection)
    assert (first.count, first.is_due(), second.is_due()) == (1, False, True)
    first.connections.add(connection)
    assert first.count == 1
    first.end_opening(connection)
    assert first.count == 1
    first.connections.discard(connection)
    assert (first.count, first.is_due()) == (0, True)
    first.begin_opening(connection)
    first.end_opening(connection)  # it broke before it was made
    assert (first.count, first.is_due()) == (0, True)


@pytest.mark.parametrize(
    ("open_connections", "surplus"),
    [
        ((4, 0), [1, 0]),
        ((16, 0), [4, 0]),  # a quarter at a time
        ((3, 1), [1, 0]),
        ((2, 1), [0, 0]),
        ((6, 6, 4), [1, 1, 0]),
        ((6, 5, 5), [0, 0, 0]),
        ((2, 0, 0), [1, 0, 0]),
        ((9, 9, 0), [3, 3, 0]),
        ((2 * SLACK + 2, 2 * SLACK), [0, 0]),
    ],
)
def test_a_worker_closes_what_it_has_too_many_of_at_two_looks_in_a_row(open_connections, surplus):
    shares = shares_with(*open_connections)
    for share in shares:
        share.look()
    assert [share.surplus for share in shares] == [0] * len(shares)
    for share in shares:
        share.look()
    assert [share.surplus for share in shares] == surplus


def test_connections_that_are_uneven_for_a_moment_stay():
    first, second = shares_with(4, 0)
    first.look()
    for _ in range(4):
        second.connections.add(object())
    first.look()
    assert first.surplus == 0
