"""Entries of the streams are read as all releases wrote them."""

import pytest

from app.state.event_codec import (
    Event,
    EventEntry,
    Impression,
    decode_entries,
    decode_event,
    decode_history,
    decode_impression,
    encode_event,
    encode_impression,
    user_and_context,
)

EVENT = Event("e1", "u", "i", "rating", 4.5, 12.5, "r1", 3, {"device": "tv"})
STORED = b'["e1","u","i","rating",4.5,12.5,"r1",3,{"device":"tv"}]'
WITH_ATTRIBUTES = STORED[:-1] + b',{"age":"24"}]'


def read(text, decode=decode_event):
    (entry,) = decode_entries([text], decode)
    return entry


def test_an_event_is_stored_in_a_fixed_format():
    assert EVENT.stream_entry() == STORED
    assert EVENT.history_member() == b'["e1","rating","i",4.5]'


@pytest.mark.parametrize("stored", [STORED, WITH_ATTRIBUTES])
def test_an_event_is_written_as_it_was_read(stored):
    assert encode_event(read(stored)) == stored


def test_an_event_of_the_first_release_has_no_position_context_and_attributes():
    entry = read(b'["e1","u","i","like",null,12,null]')
    assert entry == EventEntry("e1", "u", "i", "like", None, 12, None)
    assert (entry.position, dict(entry.context), dict(entry.attributes)) == (None, {}, {})


@pytest.mark.parametrize(
    "foreign", [b"", b"{", b"1,2", b"7", b"[1,2]", b'["e",1,"a","like",1.0,2.0,null]']
)
def test_a_foreign_entry_is_none_and_does_not_disturb_the_others(foreign):
    assert decode_entries([STORED, foreign, STORED], decode_event) == [
        read(STORED),
        None,
        read(STORED),
    ]


@pytest.mark.parametrize(
    ("stored", "scene", "at"),
    [
        (b'["r1","u",["i1","i2"]]', "", None),
        (b'["r1","u",["i1","i2"],"home"]', "home", None),
        (b'["r1","u",["i1",7,"i2"],null,12.5]', "", 12.5),
    ],
)
def test_an_impression_of_any_release_is_read(stored, scene, at):
    assert read(stored, decode_impression) == Impression("r1", "u", ["i1", "i2"], scene, at)


def test_an_impression_is_stored_in_a_fixed_format():
    shown = Impression("r1", "u", ["i1"], "home", 12.5)
    assert encode_impression(shown) == b'["r1","u",["i1"],"home",12.5]'


@pytest.mark.parametrize(
    ("text", "user"), [(STORED, "u"), (b'["r","v",[]]', "v"), (b"?", None), (b"[1]", None)]
)
def test_the_user_of_an_entry_is_read_from_either_stream(text, user):
    assert user_and_context(text)[0] == user


def test_a_history_is_read_as_columns():
    assert decode_history([]) == ((), (), (), ())
    members = [EVENT.history_member(), b'["e2","like","j",1.0]']
    assert decode_history(members) == (("e1", "e2"), ("rating", "like"), ("i", "j"), (4.5, 1.0))
