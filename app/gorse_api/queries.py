"""Query strings of Gorse's API: numbers, categories and cursors."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from fastapi import Request, Response

from app.api.endpoint import json_response
from app.api.errors import RefusalError
from app.state.gorse_feedback import FeedbackKey

DEFAULT_N = 10
MAX_PAGE = 1_000  # rows of one answer; a cursor leads to the rest
MAX_LIST = 500  # items of one list; of a user's list there are at most ``k_max``
MAX_CURSOR = 3_000  # characters


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of a list is wanted."""

    n: int
    offset: int = 0
    longest: int = MAX_LIST  # whole list

    @property
    def end(self) -> int:
        """The number of items to compute."""
        return min(self.offset + self.n, self.longest)


def read_number(http: Request, name: str, default: int) -> int:
    """Return a whole number of the query string, or refuse it."""
    text = http.query_params.get(name) or str(default)
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(text) <= 18):  # noqa: PLR2004
        raise RefusalError(400, f"{name} is {text[:40]!r}: write a whole number", name)
    return int(text)


def read_page_size(http: Request) -> int:
    """Return how many rows are wanted, or refuse a negative number."""
    return min(_not_negative(http, "n", DEFAULT_N), MAX_PAGE)


def read_slice(http: Request, *, takes_negative: bool = False) -> Slice:
    """Return which part of a list is wanted; ``n`` of 0 means all of it.

    ``takes_negative`` has a negative ``n`` mean the same, else it is refused.
    """
    n = read_number(http, "n", DEFAULT_N)
    if n < 0 and not takes_negative:
        n = _not_negative(http, "n", DEFAULT_N)
    return Slice(n if 0 < n < MAX_LIST else MAX_LIST, _not_negative(http, "offset", 0))


def _not_negative(http: Request, name: str, default: int) -> int:
    number = read_number(http, name, default)
    if number < 0:
        raise RefusalError(400, f"{name} is {number}: it must be at least 0", name)
    return number


def read_categories(http: Request, category: str | None = None) -> list[str]:
    """Return the categories that an item must have, all of them."""
    named = [category] if category else []
    return [*named, *(one for one in http.query_params.getlist("category") if one)]


def filter_of(categories: Sequence[str]) -> str:
    """Return the filter of items that have all these categories, in our language of filters."""
    tests = (f"category == {json.dumps(one, ensure_ascii=False)}" for one in categories)
    return " and ".join(tests)


def encode_cursor(text: str) -> str:
    """Return the cursor of the page that begins with an id."""
    return base64.b64encode(text.encode()).decode()


def read_cursor(http: Request) -> str:
    """Return the id with which the page begins, "" for the first page. Refuse other cursors."""
    text = http.query_params.get("cursor", "")
    if len(text) > MAX_CURSOR:
        raise RefusalError(400, "send the cursor of the answer before, unchanged", "cursor")
    try:  # a plus sign that was not encoded arrives as a blank
        return base64.b64decode(text.replace(" ", "+"), validate=True).decode()
    except ValueError:  # also of a text that is not ASCII
        raise RefusalError(
            400, "send the cursor of the answer before, unchanged", "cursor"
        ) from None


def encode_feedback_cursor(key: FeedbackKey) -> str:
    """Return the cursor of the page that begins with a row of feedback."""
    names = ("FeedbackType", "UserId", "ItemId")
    return encode_cursor(orjson.dumps(dict(zip(names, key, strict=True))).decode())


def read_feedback_cursor(http: Request) -> FeedbackKey:
    """Return the row with which the page begins. Refuse what is no cursor."""
    text = read_cursor(http)
    if not text:
        return "", "", ""
    try:
        fields = orjson.loads(text)
        kind, user, item = (fields[name] for name in ("FeedbackType", "UserId", "ItemId"))
    except (orjson.JSONDecodeError, TypeError, KeyError):
        kind = user = item = None
    if not (isinstance(kind, str) and isinstance(user, str) and isinstance(item, str)):
        raise RefusalError(400, "send the cursor of the answer before, unchanged", "cursor")
    return kind, user, item


def affected(n: int) -> Response:
    """Build the answer that says how many rows were changed."""
    return json_response({"RowAffected": n})


def number_of(value: float) -> int | float:
    """Return a number as Gorse writes it: without a fraction where there is none."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
