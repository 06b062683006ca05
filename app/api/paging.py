"""The page token: the items of the earlier pages of a list, so that the next page repeats none.

It holds public ids, not rows or an offset: nothing is shown twice, whatever the user does meanwhile
and whichever bundle is served by then. It is not signed, because it can only leave items out, which
any caller may do.
"""

import binascii
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

import orjson

MAX_ITEMS = 500  # on all pages together
SMALL_MEMORY = 4  # of zlib; the default, 8, clears 128 KB and takes ten times as long for 10 ids
MAX_TOKEN_LENGTH = 200_000  # characters; 500 ids of 256 bytes that do not compress fit
MAX_UNPACKED_BYTES = 500 * 260 * 6  # ids may be escaped


class PageTokenError(ValueError):
    """A text that is not a page token."""


def encode_page_token(item_ids: Sequence[str]) -> str | None:
    """Pack the ids of all pages so far; return None when there can be no further page."""
    if not item_ids or len(item_ids) >= MAX_ITEMS:
        return None
    packer = zlib.compressobj(1, memLevel=SMALL_MEMORY)
    packed = packer.compress(orjson.dumps(list(item_ids))) + packer.flush()
    return urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_page_token(token: str) -> list[str]:
    """Unpack the ids of the earlier pages.

    Raises:
        PageTokenError: this is not a page token, or one that was changed.
    """
    try:
        packed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        item_ids = orjson.loads(zlib.decompressobj().decompress(packed, MAX_UNPACKED_BYTES))
    except (binascii.Error, ValueError, zlib.error):
        item_ids = None
    if (
        not isinstance(item_ids, list)
        or len(item_ids) > MAX_ITEMS
        or not all(isinstance(item_id, str) for item_id in item_ids)
    ):
        raise PageTokenError(
            "the page token cannot be read: send the one of the answer before, unchanged, or none "
            "for the first page"
        )
    return item_ids
