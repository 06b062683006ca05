"""Page tokens carry what was shown, whatever it was."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from app.api.paging import PageTokenError, decode_page_token, encode_page_token

ids = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=30)


@given(ids)
def test_a_token_tells_what_was_shown(shown):
    token = encode_page_token(shown)
    assert (token is None) == (not shown)
    assert token is None or decode_page_token(token) == shown


@given(st.text(max_size=40))
def test_whatever_is_sent_is_a_token_or_refused(token):
    with contextlib.suppress(PageTokenError):
        assert isinstance(decode_page_token(token), list)
