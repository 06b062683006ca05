"""Keys, as they are written in a file, and whether a presented one is accepted."""

import os
from datetime import UTC, date, datetime

import pytest

from app.access.key_ring import CHECK_SECONDS, KeyRing
from app.access.keys import KeyFormatError, find_key, format_key, new_key, parse_keys
from app.access.loopback import is_loopback
from app.access.roles import required_role

SECRET = "rf_" + "a" * 40
OTHER = "rf_" + "b" * 40


def test_a_key_is_found_by_its_text_and_stored_as_a_digest():
    line = format_key("shop", ["write", "read"], SECRET)
    assert line.startswith("shop read,write sha256:")
    assert SECRET not in line
    (key,) = parse_keys([line])
    assert find_key([key], SECRET, 0.0) == key
    assert find_key([key], SECRET + "x", 0.0) is None
    assert find_key([key], "", 0.0) is None
    assert key.allows("read")
    assert key.allows("write")
    assert not key.allows("admin")


def test_an_admin_may_do_everything():
    (key,) = parse_keys([f"boss admin {SECRET}"])
    assert all(map(key.allows, ("read", "write", "admin")))


def test_a_key_is_valid_until_the_end_of_its_last_day():
    (key,) = parse_keys([format_key("shop", ["read"], SECRET, date(2026, 12, 31))])
    midnight = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    assert find_key([key], SECRET, midnight - 1)
    assert find_key([key], SECRET, midnight) is None


def test_comments_and_empty_lines_are_passed_over():
    lines = ["# of the shop", "", f"shop read {SECRET}", "   "]
    assert [key.name for key in parse_keys(lines)] == ["shop"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"shop reed {SECRET}", "the roles are read, write, admin"),
        ("shop read short", "a key has 20 to 256"),
        (f"shop {SECRET}", "a key is written as"),
        ("shop read sha256:12", "is not a SHA-256"),
        (f"shop read {SECRET} tomorrow", "is not a date: tomorrow"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_without_repeating_the_key(line, reason):
    with pytest.raises(KeyFormatError, match=reason) as refused:
        parse_keys(["", line])
    assert "line 2" in str(refused.value)
    assert SECRET not in str(refused.value)


def test_two_keys_with_one_name_are_refused():
    with pytest.raises(KeyFormatError, match="two keys with the name shop"):
        parse_keys([f"shop read {SECRET}", f"shop write {OTHER}"])


def test_new_keys_are_long_and_differ():
    assert len({new_key() for _ in range(10)}) == 10
    assert len(new_key()) > 40


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def write(file, text):
    file.write_text(text)
    file.chmod(0o600)
    moment = file.stat().st_mtime_ns + 1_000_000  # file systems may be coarse
    os.utime(file, ns=(moment, moment))


def test_a_changed_file_is_read_again_and_a_broken_one_changes_nothing(tmp_path, caplog):
    clock, file = Clock(), tmp_path / "keys"
    write(file, f"shop read {SECRET}")
    ring = KeyRing(file=file, clock=clock)
    assert ring.find(SECRET)
    write(file, f"shop read {OTHER}")
    assert ring.find(SECRET), "the file is looked at once a second"
    clock.now += CHECK_SECONDS
    assert ring.find(SECRET) is None
    assert ring.find(OTHER)
    write(file, "nonsense")
    clock.now += CHECK_SECONDS
    assert ring.find(OTHER)
    assert "the API keys stay as they are" in caplog.text


def test_the_last_keys_hold_while_the_file_is_missing_and_it_is_said_once(tmp_path, caplog):
    clock, file = Clock(), tmp_path / "keys"
    write(file, f"shop read {SECRET}")
    ring = KeyRing(file=file, clock=clock)
    assert not ring.alerts
    file.rename(tmp_path / "elsewhere")
    for _ in range(3):
        clock.now += CHECK_SECONDS
        assert ring.find(SECRET)
        assert not ring.find(OTHER)
    assert f"{file} cannot be read" in ring.alerts[0]
    assert "restore the file" in ring.alerts[0]
    assert caplog.text.count("cannot be read") == 1
    (tmp_path / "elsewhere").rename(file)
    clock.now += CHECK_SECONDS
    assert ring.find(SECRET)
    assert not ring.alerts
    file.unlink()
    clock.now += CHECK_SECONDS
    assert ring.find(SECRET)
    write(file, "# nobody")
    clock.now += CHECK_SECONDS
    assert not ring.find(SECRET)
    assert not ring.alerts


def test_a_file_that_is_empty_accepts_nobody(tmp_path):
    file = tmp_path / "keys"
    write(file, "")
    ring = KeyRing(file=file)
    assert ring.is_configured
    assert ring.find(SECRET) is None


def test_a_file_that_is_absent_is_named(tmp_path):
    with pytest.raises(KeyFormatError, match=r"keys\.txt cannot be read"):
        KeyRing(file=tmp_path / "keys.txt")


def test_a_file_that_others_can_read_is_warned_of(tmp_path, caplog):
    file = tmp_path / "keys"
    file.write_text(f"shop read {SECRET}")
    file.chmod(0o644)
    KeyRing(file=file)
    assert "chmod 600" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/recommend", "read"),
        ("POST", "/recommend", "read"),
        ("GET", "/items/5", "read"),
        ("GET", "/metrics", "read"),
        ("GET", "/docs", "read"),
        ("GET", "/nothing/here", "read"),
        ("POST", "/events", "write"),
        ("PUT", "/items/5", "write"),
        ("DELETE", "/items/5", "write"),
        ("GET", "/users/5", "write"),
        ("PUT", "/users/5/blocked", "write"),
        ("DELETE", "/users/5", "admin"),
        ("GET", "/erasures/5", "admin"),
        ("GET", "/erasures/5/", "admin"),
        ("GET", "/erasures/a/b", "admin"),
        ("POST", "/nothing/here", "admin"),
        ("DELETE", "/users/5/friends", "admin"),
    ],
)
def test_what_no_rule_names_needs_an_admin(method, path, role):
    assert required_role(method, path) == role


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.0.0.9", True), ("::1", True), ("localhost", True)]
    + [(host, False) for host in ("0.0.0.0", "::", "10.0.0.1", "shop.com", "")],  # noqa: S104
)
def test_addresses_of_this_machine_alone(host, expected):
    assert is_loopback(host) is expected
