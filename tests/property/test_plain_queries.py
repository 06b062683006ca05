"""The reader of plain query strings and the general one agree."""

import pytest
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from hypothesis import example, given
from hypothesis import strategies as st

from app.api.endpoint import read_query_string
from app.api.recommend import read_plain_query
from app.api.schemas import RecommendQuery

NAMES = st.sampled_from(["user_id", "k", "scene", "exclude", "explain", "explore", "filter", "kk"])
VALUES = st.one_of(
    st.sampled_from(["u1", "10", "0", "007", "true", "1", "false", "%FF", "a+b", "%C3%A9", "%00"]),
    st.text(st.characters(max_codepoint=255), max_size=70),
)
PAIRS = st.builds("{}{}{}".format, NAMES, st.sampled_from(["=", "=", "=", "", "=="]), VALUES)
QUERIES = st.builds("user_id=u1{}".format, st.lists(PAIRS.map("&{}".format)).map("".join))


def general(query: bytes) -> RecommendQuery | None:
    scope = {"type": "http", "query_string": query, "headers": []}
    try:
        return read_query_string(Request(scope), RecommendQuery)
    except RequestValidationError:
        return None


@given(QUERIES)
@example("user_id=a&user_id=b&k=3&k=4")
@example("user_id=u1&scene=")
@example("user_id=" + "%F0%9F%8D%BF" * 64)
def test_what_the_plain_reader_accepts_it_reads_as_the_general_one(query):
    encoded = query.encode("latin-1")
    plain = read_plain_query(encoded)
    if plain is not None:
        assert plain == general(encoded)


@pytest.mark.parametrize(
    "query",
    [
        "user_id=196",
        "user_id=196&k=10",
        "user_id=na%C3%AFve+user%2F1&k=100&scene=home&explain=true&explore=false",
        "user_id=1&exclude=50&exclude=172",
    ],
)
def test_usual_query_strings_are_plain(query):
    assert read_plain_query(query.encode()) == general(query.encode())


@pytest.mark.parametrize(
    "query",
    [
        *("", "k=10", "user_id=", "user_id=u&k=0", "user_id=u&k=1000", "user_id=u&kk=1", "user_id"),
        *("user_id=u&&k=1", "user_id=u&explain=maybe", "user_id=u&page_token=x", "user_id=%00"),
        *("user_id=u&scene=" + "s" * 65, "user_id=" + "u" * 300, "user_id=u&exclude="),
        "user_id=u" + "&exclude=i" * 1_001,
    ],
)
def test_other_query_strings_are_left_to_the_general_reader(query):
    assert read_plain_query(query.encode()) is None
