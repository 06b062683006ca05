"""The page token: what it carries, and what it is refused for."""

import zlib
from base64 import urlsafe_b64encode

import orjson
import pytest

from app.api.paging import (
    MAX_ITEMS,
    MAX_TOKEN_LENGTH,
    PageTokenError,
    decode_page_token,
    encode_page_token,
)


def test_pages_come_to_an_end():
    assert encode_page_token([f"i{n}" for n in range(MAX_ITEMS - 1)])
    assert encode_page_token([f"i{n}" for n in range(MAX_ITEMS)]) is None


def test_the_longest_token_is_one_that_may_be_sent():
    wide = [f"{n:03d}" + "".join(map(chr, range(0x4E00 + n, 0x4E00 + n + 84))) for n in range(499)]
    assert max(len(one.encode()) for one in wide) == 255
    assert len(encode_page_token(wide)) <= MAX_TOKEN_LENGTH


def token_of(value):
    return urlsafe_b64encode(zlib.compress(orjson.dumps(value))).decode()


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "nonsense",
        "ü",
        "AAAA",
        urlsafe_b64encode(zlib.compress(b"[")).decode(),
        token_of({"a": 1}),
        token_of([1]),
        token_of(["i"] * (MAX_ITEMS + 1)),
        urlsafe_b64encode(zlib.compress(b" " * 50_000_000)).decode(),
    ],
)
def test_what_is_no_token_is_refused(token):
    with pytest.raises(PageTokenError, match="none for the first page"):
        decode_page_token(token)
