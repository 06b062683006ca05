"""Readers of strangers' bytes accept them or refuse them with their own error, and never break."""

import json
from itertools import pairwise

import numpy as np
import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from app.api.batch_bodies import JSON, LINES
from app.api.errors import RefusalError
from app.api.event_bodies import check_events, parse_body
from app.api.paging import PageTokenError, decode_page_token, encode_page_token
from app.event_weights import EventWeights
from app.kernels.json_scan import DEEPEST, STATE_SIZE, VALUES, scan_json
from app.state.event_codec import (
    EventEntry,
    Impression,
    decode_entries,
    decode_event,
    decode_impression,
    encode_event,
    encode_impression,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
fields = st.sampled_from(
    ["user_id", "item_id", "type", "value", "timestamp", "context", "event_id"]
)
event_like = st.dictionaries(fields, json_values, max_size=7)
NOW = 1_800_000_000.0


def count(content):
    """The list entries and fields of a value, and how deep it is."""
    if not isinstance(content, (list, dict)):
        return 0, 0
    inner = content.values() if isinstance(content, dict) else content
    counts = [count(one) for one in inner]
    values = len(content) + sum(n for n, _ in counts)
    return values, 1 + max((depth for _, depth in counts), default=0)


@given(json_values, st.booleans(), st.lists(st.integers(0, 400), max_size=3))
def test_the_scan_of_a_text_finds_its_depth_and_all_of_its_values(content, is_ascii, cuts):
    text = json.dumps(content, ensure_ascii=is_ascii).encode()
    ends = sorted({0, *(min(cut, len(text)) for cut in cuts), len(text)})
    values, depth = count(content)
    empty = text.count(b"[]") + text.count(b"{}")
    for scan in (scan_json, scan_json.python):
        state = np.zeros(STATE_SIZE, np.int64)
        for start, end in pairwise(ends):
            scan(np.frombuffer(text[start:end], np.uint8), state)
        assert state[DEEPEST] == depth
        most = values + 1 + empty  # the outermost one, and what is empty
        assert values <= state[VALUES] <= most


@given(st.binary(max_size=300), st.sampled_from([JSON, LINES]))
@example(b"[" * 2_000, JSON)
@example(b"\xff", LINES)
@example(b'{"user_id":"1","item_id":"2","value":' + b"9" * 5_000 + b"}", JSON)
def test_any_bytes_are_events_or_are_refused(body, media_type):
    try:
        batch = parse_body(body, media_type)
    except RefusalError:
        return
    checked = check_events(batch, EventWeights(), NOW)
    assert sorted([*checked.valid, *checked.invalid]) == list(range(len(batch.records)))


@given(st.lists(event_like | json_values, min_size=1, max_size=5))
def test_each_event_of_a_batch_is_valid_or_has_a_sentence(events):
    batch = parse_body(orjson.dumps(events), JSON)
    checked = check_events(batch, EventWeights(), NOW)
    assert sorted([*checked.valid, *checked.invalid]) == list(range(len(events)))
    assert all(fault.message for fault in checked.invalid.values())


@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda data: data.hex()))
@example("eJyLVkpUio0FAAWzAZU")
@example("\x00\ud800")
def test_any_text_is_a_page_token_or_is_refused(token):
    try:
        ids = decode_page_token(token)
    except PageTokenError:
        return
    assert all(isinstance(one, str) for one in ids)


@given(st.lists(texts.filter(bool), min_size=1, max_size=30))
def test_a_page_token_holds_its_items(ids):
    assert decode_page_token(encode_page_token(ids)) == ids


@given(st.lists(st.binary(max_size=50) | json_values.map(orjson.dumps), max_size=5))
def test_damaged_entries_of_the_streams_are_none(entries):
    for decode in (decode_event, decode_impression):
        assert len(decode_entries(entries, decode)) == len(entries)


optional_texts = st.none() | texts
event_entries = st.builds(
    EventEntry,
    texts,
    texts,
    texts,
    texts,
    st.none() | numbers,
    numbers,
    optional_texts,
    st.none() | st.integers(0, 10_000),
    st.dictionaries(texts, json_values, max_size=3),
    st.dictionaries(texts, texts, max_size=3),
)
impressions = st.builds(
    Impression, texts, texts, st.lists(texts, max_size=5), texts, st.none() | numbers
)


@given(event_entries)
def test_an_event_is_read_from_the_stream_as_it_was_written(entry):
    assert decode_entries([encode_event(entry)], decode_event) == [entry]


@given(impressions)
def test_an_impression_is_read_from_the_stream_as_it_was_written(entry):
    assert decode_entries([encode_impression(entry)], decode_impression) == [entry]
