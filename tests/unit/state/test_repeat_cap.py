"""One event of a user, item, type and hour counts, in training and in the service alike."""

import numpy as np
import pytest

from app.artifacts import Users
from app.catalogue.ids import IdIndex
from app.contracts import NO_TYPES
from app.event_weights import type_code
from app.state.repeat_cap import HOUR, RepeatCap, first_of_hour
from app.state.trained_events import TrainedEvents

KINDS = np.array([type_code(kind) for kind in ("view", "like", "purchase")], np.int32)


def random_events(seed, n=400):
    """Events of few users on few items within some hours, in order of time."""
    random = np.random.default_rng(seed)
    times = np.sort(random.random(n) * 6 * HOUR) + 1_000 * HOUR
    users, items = random.integers(0, 4, n), random.integers(0, 3, n)
    return users, items, KINDS[random.integers(0, 3, n)], times


def names(letter, rows):
    return [f"{letter}{row}" for row in rows]


def keep(cap, users, items, types, times, delay=1.0):
    return cap.keep_first(names("u", users), names("i", items), types, times, times + delay)


@pytest.mark.parametrize("seed", range(3))
def test_the_service_keeps_the_events_that_training_keeps(seed):
    events = random_events(seed)
    whole = first_of_hour(*events)
    cap = RepeatCap()
    batches = np.array_split(np.arange(len(whole)), 7)
    parts = [keep(cap, *(column[batch] for column in events)) for batch in batches]
    assert np.concatenate(parts).tolist() == whole.tolist()
    assert cap.capped == int((~whole).sum()) > 0


def test_the_first_of_each_user_item_type_and_hour_is_kept():
    users, items, types, times = random_events(5)
    seen, expected = set(), []
    for event in zip(users, items, types, times // HOUR, strict=True):
        expected.append(event not in seen)
        seen.add(event)
    assert first_of_hour(users, items, types, times).tolist() == expected


def test_without_types_all_events_are_of_one_type():
    users, items, _, times = random_events(6)
    one_type = np.full(len(users), KINDS[0])
    expected = first_of_hour(users, items, one_type, times)
    assert first_of_hour(users, items, NO_TYPES, times).tolist() == expected.tolist()


def test_an_event_in_the_hour_in_which_the_training_ended_counts_once():
    users, items, types, times = random_events(7)
    end = float(times[200])
    own = [np.flatnonzero(users[:200] == user)[::-1] for user in range(4)]
    order = np.concatenate(own)
    trained = TrainedEvents(
        Users(
            IdIndex.of(names("u", range(4))),
            np.concatenate([[0], np.cumsum([len(rows) for rows in own])]),
            *(items[order].astype(np.int32), np.ones(200, np.float32), np.ones(200, np.float32)),
            times[order],
            np.empty((4, 0), np.int32),
            types[order],
        ),
        IdIndex.of(names("i", range(3))),
        end,
    )
    later = tuple(column[200:] for column in (users, items, types, times))
    kept = keep(RepeatCap(trained), *later)
    assert kept.tolist() == first_of_hour(users, items, types, times)[200:].tolist()
    assert kept.sum() < keep(RepeatCap(), *later).sum()


def test_made_up_times_do_not_let_one_user_count_more_often():
    n = 500
    times, arrived = 1_000 * HOUR + HOUR * np.arange(n), np.full(n, 1_600 * HOUR)
    same = (["u"] * n, ["i"] * n, np.full(n, KINDS[0]))
    assert RepeatCap().keep_first(*same, times, arrived).sum() == 1
    assert RepeatCap().keep_first(*same, times, times + 1.0).sum() == n
