"""An item between Gorse's API and the catalogue: what a row sets, and how an item is shown.

The catalogue has what lists depend on: whether the item is hidden, categories, title, text, year
and attributes. The record beside it has what came: labels, comment, time, and the categories'
order.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from app.api.errors import RefusalError
from app.api.item_bodies import ItemBody
from app.catalogue.attributes import AttributeValue, column_kinds, convert_value
from app.catalogue.catalogue import MAX_DESCRIPTION_LENGTH, MAX_TITLE_LENGTH, Catalogue
from app.gorse_api.bodies import read_flag, read_names, read_text
from app.gorse_api.times import (
    NO_TIME,
    read_time,
    render_time,
    time_of_year,
    year_of,
)
from app.live_catalogue.live_items import ItemRecord
from app.state.gorse_feedback import MICROSECONDS
from app.state.gorse_records import GorseRecord

NEW_ITEM: GorseRecord = {
    "IsHidden": False,
    "Categories": None,
    "Timestamp": NO_TIME,
    "Labels": None,
    "Comment": "",
}


def read_item(row: Mapping[str, Any]) -> GorseRecord:
    """Return the record of a row, complete. Refuse what is not valid."""
    return {
        "IsHidden": read_flag(row, "IsHidden"),
        "Categories": read_names(row, "Categories"),
        "Timestamp": read_time(row.get("Timestamp"), "Timestamp"),
        "Labels": row.get("Labels"),
        "Comment": read_text(row, "Comment"),
    }


def seconds_of_record(record: GorseRecord) -> float | None:
    """Return the time of an item, unix seconds; None for no time."""
    at = record.get("Timestamp", NO_TIME)
    return None if at == NO_TIME else at / MICROSECONDS


def body_of(record: GorseRecord, fields: Mapping[str, Any], catalogue: Catalogue) -> ItemBody:
    """Return what to set in the catalogue when these ``fields`` of a record change. Refuse others.

    A label is an attribute if the bundle has a column of its name and it fits there.
    """
    changes: dict[str, Any] = {}
    if "IsHidden" in fields:
        changes["is_available"] = not record["IsHidden"]
    if "Categories" in fields:
        changes["categories"] = tuple(record["Categories"] or ())
    if "Timestamp" in fields:
        changes["released"] = year_of(record["Timestamp"])
    if "Comment" in fields:
        changes["title"] = record["Comment"][:MAX_TITLE_LENGTH] or None
    if "Labels" in fields:
        words = " ".join(words_of(record["Labels"]))
        changes["text"] = words[:MAX_DESCRIPTION_LENGTH] or None
        changes["attributes"] = attributes_of_labels(catalogue, record["Labels"])
    try:
        return ItemBody(**changes)
    except ValidationError as error:
        fault = error.errors()[0]
        raise RefusalError(400, f"{fault['loc'][0]}: {fault['msg']}") from None


def attributes_of_labels(catalogue: Catalogue, labels: Any) -> dict[str, AttributeValue | None]:
    """Return the value of each column of the bundle; None for those without a label that fits."""
    values: dict[str, AttributeValue | None] = {}
    for name, kind in column_kinds(catalogue.attributes):
        label = labels.get(name) if isinstance(labels, dict) else None
        values[name] = None
        if isinstance(label, str | int | float):
            try:
                values[name] = convert_value(name, kind, label)
            except ValueError:
                continue
    return values


def words_of(labels: Any) -> Iterator[str]:
    """Yield the texts among labels, however deep."""
    if isinstance(labels, str):
        yield labels
    for part in labels.values() if isinstance(labels, dict) else ():
        yield from words_of(part)
    for part in labels if isinstance(labels, list) else ():
        yield from words_of(part)


def render_item_row(item: ItemRecord, record: GorseRecord | None) -> dict[str, Any]:
    """Return an item as Gorse does.

    Args:
        item: as it is served.
        record: what Gorse's API stored; None for an item that came otherwise.
    """
    stored = NEW_ITEM | (record or _record_of(item))
    categories, own = list(item.categories or ()), stored["Categories"]
    if set(categories) == set(own or ()):
        categories = own  # in its order, and null where it was null
    return {
        "ItemId": item.item_id,
        "IsHidden": item.is_available is False,
        "Categories": categories,
        "Timestamp": render_time(stored["Timestamp"]),
        "Labels": stored["Labels"],
        "Comment": stored["Comment"],
    }


def _record_of(item: ItemRecord) -> GorseRecord:
    """Return a record for an item of the bundle or of ``PUT /items``."""
    attributes = {name: each for name, each in (item.attributes or {}).items() if each is not None}
    return {
        "Timestamp": NO_TIME if item.released is None else time_of_year(item.released),
        "Labels": attributes or None,
        "Comment": item.title or "",
    }
