"""Bodies of Gorse's API: users, items and feedback, checked by hand.

A body may hold thousands of rows with vectors among the labels, so no row becomes a model object.
Unknown fields are ignored. An absent field, and null, is the empty value of its type.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from fastapi import Request

from app.api.errors import RefusalError
from app.api.schemas import MAX_EVENT_VALUE
from app.catalogue.public_ids import public_id_fault
from app.gorse_api.times import read_time
from app.state.gorse_feedback import FeedbackRow

MAX_ROWS = 10_000  # of one body
SLICE = 50  # rows that are read at a time; other requests compute in between
MAX_COMMENT = 100_000  # characters
JSON_TYPES = ("application/json", "*/*")


async def read_json(http: Request) -> Any:
    """Return the content of the body. Refuse what is not JSON."""
    media_type = http.headers.get("content-type", JSON_TYPES[0]).partition(";")[0].strip().lower()
    if media_type not in JSON_TYPES:
        raise RefusalError(415, f"the body is {media_type}: send application/json")
    try:
        return orjson.loads(await http.body())
    except orjson.JSONDecodeError as error:
        raise RefusalError(400, f"the body is not JSON: {error}") from None


async def read_rows(http: Request) -> list[Mapping[str, Any]]:
    """Return the objects of a body that is a list of them. Refuse other bodies."""
    content = await read_json(http)
    if not isinstance(content, list):
        raise RefusalError(400, "the body must be a list of objects")
    if len(content) > MAX_ROWS:
        raise RefusalError(413, f"the body has {len(content)} rows: send at most {MAX_ROWS:,}")
    return [require_object(row, f"row {n}") for n, row in enumerate(content)]


async def read_object(http: Request) -> Mapping[str, Any]:
    """Return the object that a body is. Refuse other bodies."""
    return require_object(await read_json(http), "the body")


def require_object(content: Any, name: str) -> Mapping[str, Any]:
    """Return an object, or refuse what is none."""
    if not isinstance(content, dict):
        raise RefusalError(400, f"{name} must be an object")
    return content


def read_id(row: Mapping[str, Any], field: str) -> str:
    """Return the id in a field, or refuse it."""
    value = read_text(row, field)
    fault = public_id_fault(value)
    if fault:
        raise RefusalError(400, f"{field} {fault}")
    return value


def read_text(row: Mapping[str, Any], field: str) -> str:
    """Return the text in a field, or refuse it."""
    value = row.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RefusalError(400, f"{field} must be a text")
    if len(value) > MAX_COMMENT:
        raise RefusalError(400, f"{field} has {len(value)} characters, at most {MAX_COMMENT:,}")
    return value


def read_flag(row: Mapping[str, Any], field: str) -> bool:
    """Return the truth value in a field, or refuse it."""
    value = row.get(field)
    if value is not None and not isinstance(value, bool):
        raise RefusalError(400, f"{field} must be true or false")
    return bool(value)


def read_names(row: Mapping[str, Any], field: str) -> list[str] | None:
    """Return the list of names in a field, None for null, or refuse it."""
    value = row.get(field)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise RefusalError(400, f"{field} must be a list of texts")
    faults = [fault for each in value if (fault := public_id_fault(each))]
    if faults:
        raise RefusalError(400, f"a name in {field} {faults[0]}")
    return value


def read_feedback(row: Mapping[str, Any]) -> FeedbackRow:
    """Return one row of feedback, or refuse it."""
    value = row.get("Value")
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise RefusalError(400, "Value must be a number")
    if abs(value or 0.0) > MAX_EVENT_VALUE:
        raise RefusalError(400, f"Value {value} is too large: at most {MAX_EVENT_VALUE:g}")
    at = read_time(row.get("Timestamp"), "Timestamp")
    kind, user, item = (read_id(row, name) for name in ("FeedbackType", "UserId", "ItemId"))
    comment = read_text(row, "Comment")
    return FeedbackRow(kind, user, item, float(value or 0.0), at, at, comment)


async def read_feedback_rows(rows: Sequence[Mapping[str, Any]]) -> list[FeedbackRow]:
    """Return rows of feedback; of rows with the same type, user and item, the first counts."""
    first: dict[tuple[str, str, str], FeedbackRow] = {}
    for n, row in enumerate(rows):
        with naming_row(n, len(rows)):
            feedback = read_feedback(row)
        if n % SLICE == 0:
            await asyncio.sleep(0)  # lists go first
        first.setdefault(feedback.key, feedback)
    return list(first.values())


@contextmanager
def naming_row(n: int, count: int) -> Iterator[None]:
    """Name the row in the refusal of a body with several rows."""
    try:
        yield
    except RefusalError as refusal:
        if count == 1:
            raise
        raise RefusalError(refusal.status, f"row {n}: {refusal}") from None
