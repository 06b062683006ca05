"""How many connections stay open, and which one gives way."""

import logging

from app.process.connection_limits import OpenConnections


class Connection:
    """A connection that records whether it was closed."""

    def __init__(self):
        self.is_closed = False

    def close_idle(self):
        self.is_closed = True


def test_a_new_connection_takes_the_place_of_the_longest_idle_one():
    known = OpenConnections(2, 10)
    first, second, third = (Connection() for _ in range(3))
    assert known.add(first, "10.0.0.1")
    assert known.add(second, "10.0.0.2")
    known.set_busy(first)
    known.set_idle(first)  # it was in use, so the second one is idle for longer
    assert known.add(third, "10.0.0.3")
    assert (first.is_closed, second.is_closed, len(known)) == (False, True, 2)


def test_a_connection_is_refused_while_all_others_are_busy():
    known = OpenConnections(1, 10)
    first = Connection()
    assert known.add(first, "10.0.0.1")
    known.set_busy(first)
    assert not known.add(Connection(), "10.0.0.2")
    known.discard(first)
    assert known.add(Connection(), "10.0.0.2")


def test_an_address_has_its_share_and_the_loopback_has_all():
    known = OpenConnections(100, 2)
    opened = [Connection() for _ in range(2)]
    assert all(known.add(one, "10.0.0.1") for one in opened)
    assert not known.add(Connection(), "10.0.0.1")
    assert known.add(Connection(), "10.0.0.2")
    assert all(known.add(Connection(), address) for address in ["127.0.0.1", "::1", None] * 3)
    known.discard(opened[0])
    known.discard(opened[0])
    assert known.add(Connection(), "10.0.0.1")
    assert not known.add(Connection(), "10.0.0.1")


def test_a_refused_connection_that_ends_changes_nothing():
    known = OpenConnections(1, 1)
    known.discard(Connection())
    known.set_idle(Connection())
    assert len(known) == 0
    assert known.add(Connection(), "10.0.0.1")


def test_many_closed_connections_are_one_line_of_the_log(caplog):
    known = OpenConnections(1, 1)
    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            known.count("431")
    assert len(caplog.records) == 1
    assert "1 431" in caplog.text


def test_each_closed_connection_is_reported_with_its_reason():
    known, reasons = OpenConnections(1, 1), []
    known.on_closed = reasons.append
    assert known.add(Connection(), "10.0.0.1")
    assert known.add(Connection(), "10.0.0.2")
    known.count("408")
    assert reasons == ["idle, for others", "408"]
