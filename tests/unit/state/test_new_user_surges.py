"""Items and scenes that users whom the bundle does not have move alone are noticed."""

import logging

import numpy as np
import pytest

from app.artifacts import Users
from app.catalogue.ids import IdIndex
from app.state.new_user_surges import MIN_NEW, NewUserSurges
from app.state.trained_events import HOUR

KNOWN = [f"k{n}" for n in range(50)]
NOW = 1_000 * HOUR


def surges(known=KNOWN):
    nothing = np.empty(0, np.float32)
    users = Users(
        IdIndex.of(known),
        np.zeros(len(known) + 1, np.int64),
        *(
            np.empty(0, np.int32),
            nothing,
            nothing,
            np.empty(0),
            np.empty((len(known), 0), np.int32),
        ),
    )
    return NewUserSurges(users)


def invented(n):
    return [f"invented-{i}" for i in range(n)]


def usual(found, at=NOW):
    """Events of known users on other items."""
    found.record("item", [f"i{n % 7}" for n in range(300)], (KNOWN * 6)[:300], at)


@pytest.mark.parametrize("kind", ["item", "scene"])
def test_what_invented_users_move_alone_is_named_once(kind, caplog):
    found = surges()
    usual(found)
    with caplog.at_level(logging.WARNING):
        for user in invented(3 * MIN_NEW):
            found.record(kind, ["junk"], [user], NOW)
    assert found.noticed == {"item": 0, "scene": 0} | {kind: 1}
    assert "'junk'" in caplog.text
    assert len(caplog.records) == 1
    assert found.new_user_events == (3 * MIN_NEW if kind == "item" else 0)


def test_what_known_users_move_too_is_not_noticed():
    found = surges()
    for user in invented(2 * MIN_NEW):
        found.record("item", ["hit", "hit"], [user, KNOWN[0]], NOW)
    assert found.noticed["item"] == 0


def test_visitors_without_an_id_are_no_new_users():
    found = surges()
    found.record("scene", ["home"] * 300, (KNOWN * 6)[:300], NOW)
    found.record("scene", ["landing"] * 3 * MIN_NEW, [""] * 3 * MIN_NEW, NOW)
    assert found.noticed["scene"] == 0


def test_nothing_is_unusual_where_most_users_are_new():
    found = surges()
    for n, user in enumerate(invented(6 * MIN_NEW)):
        found.record("item", [f"i{n % 3}"], [user], NOW)
    assert found.noticed["item"] <= 1  # the first, before there are others to compare with
    starter = surges(known=[])
    for user in invented(2 * MIN_NEW):
        starter.record("item", ["junk"], [user], NOW)
    assert starter.noticed["item"] == 0


def test_counts_begin_anew_each_hour():
    found = surges()
    for n, user in enumerate(invented(3 * MIN_NEW)):
        found.record("item", ["junk"], [user], NOW + HOUR * (n // (MIN_NEW // 2)))
    assert found.noticed["item"] == 0
