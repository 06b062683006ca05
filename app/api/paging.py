"""The page token: what earlier pages of a list had, so that the next one repeats nothing.

It holds public ids, not rows or an offset: whatever the user did meanwhile, and whichever bundle is
served by then, nothing is shown twice. It is not signed, because it can only leave items out, which
any caller may.
"""

import binascii
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

import orjson

MAX_ITEMS = 500  # items on all pages together
MAX_TOKEN_LENGTH = 200_000  # characters of a token; 500 ids of 256 bytes that do not compress fit
MAX_UNPACKED_BYTES = 500 * 260 * 6  # bytes when unpacked: ids may be escaped


class PageTokenError(ValueError):
    """A token that is not one of ours."""


def encode_page_token(shown: Sequence[str]) -> str | None:
    """Pack the ids of all pages so far; None where there can be no further page."""
    if not shown or len(shown) >= MAX_ITEMS:
        return None
    return urlsafe_b64encode(zlib.compress(orjson.dumps(list(shown)), 1)).rstrip(b"=").decode()


def decode_page_token(token: str) -> list[str]:
    """Unpack the ids of earlier pages.

    Raises:
        PageTokenError: this is no token, or one that was changed.
    """
    try:
        packed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        unpacker = zlib.decompressobj()
        found = orjson.loads(unpacker.decompress(packed, MAX_UNPACKED_BYTES))
    except (binascii.Error, ValueError, zlib.error):
        found = None
    if not isinstance(found, list) or len(found) > MAX_ITEMS or not all(map(_is_id, found)):
        raise PageTokenError(
            "the page token cannot be read: give the one of the answer before, unchanged, or none "
            "for the first page"
        )
    return found


def _is_id(value: object) -> bool:
    return isinstance(value, str)
