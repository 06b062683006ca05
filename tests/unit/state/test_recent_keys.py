"""The keys by which repeats are recognised: bounded, in memory that does not grow."""

import random

from app.state.recent_keys import HashTable, RecentKeys


def test_keys_are_remembered_up_to_a_bound():
    recent = RecentKeys(limit=10)
    assert all(recent.add(str(n)) for n in range(1_000))
    assert not any(recent.add(str(n)) for n in range(990, 1_000))
    assert recent.add("5")
    assert len(recent) <= 20


def test_the_text_of_a_key_is_known_as_long_as_the_key():
    recent = RecentKeys(limit=4)
    texts = ["home", "", "mail", "home", "", "mail", "search"]
    for n, text in enumerate(texts):
        assert recent.add(("list", n), text)
    assert [recent.text_of(("list", n)) for n in range(7)] == texts
    assert recent.text_of(("list", 7)) is None
    for n in range(7, 10):
        recent.add(("list", n), "later")
    assert recent.text_of(("list", 0)) is None
    assert recent.text_of(("list", 6)) == "search"
    assert not recent.add(("list", 6), "again")
    assert recent.text_of(("list", 6)) == "search"


def test_it_agrees_with_a_set_whatever_the_hashes_are():
    draw = random.Random(3)
    table, seen = HashTable(300), set()
    for _ in range(2_000):
        # Few different low bits, so that most keys do not find their first slot empty.
        mark = draw.choice((1, 2**64 - 1, draw.randrange(40) << 57 | 7, draw.randrange(1, 200)))
        assert table.has(mark) == (mark in seen)
        if mark not in seen and table.n < 300:
            table.add(mark, "")
            seen.add(mark)
    assert table.n == len(seen)
    assert all(map(table.has, seen))


def test_a_key_whose_hash_is_zero_is_remembered_too():
    recent = RecentKeys(limit=4)
    assert hash(0) == 0
    assert recent.add(0, "home")
    assert not recent.add(0)
    assert recent.text_of(0) == "home"
