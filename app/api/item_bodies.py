"""Items in requests and answers: what a caller may set of an item, and how an item is shown."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from app.api.errors import RefusalError
from app.api.schemas import FieldName, PublicId, ScalarValue
from app.catalogue.attributes import (
    MAX_COLUMNS,
    AttributeValue,
    JsonScalar,
    column_kinds,
    convert_value,
    describe_kinds,
)
from app.catalogue.catalogue import MAX_DESCRIPTION_LENGTH, MAX_TITLE_LENGTH, Catalogue
from app.live_catalogue.live_items import ItemRecord
from app.service.deployment import Deployment

ItemUpdate: TypeAlias = Callable[[ItemRecord | None], ItemRecord]  # of the stored record


class ItemBody(BaseModel):
    """The fields to set for an item. An absent field stays; null restores the bundle's value."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "title": "Night City",
                    "text": "A detective walks the city at night.",
                    "categories": ["Drama", "Thriller"],
                    "released": 1998,
                }
            ]
        },
    )
    title: str | None = Field(None, max_length=MAX_TITLE_LENGTH)
    text: str | None = Field(
        None, max_length=MAX_DESCRIPTION_LENGTH, description="Any description."
    )
    categories: tuple[PublicId, ...] | None = Field(None, max_length=100)
    provider: PublicId | None = None
    released: float | None = Field(None, ge=-10_000, le=10_000, description="Year.")
    flags: tuple[PublicId, ...] | None = Field(None, max_length=100)
    is_available: bool | None = Field(None, description="Absent: as before, at first true.")
    attributes: dict[FieldName, ScalarValue | None] | None = Field(
        None,
        max_length=MAX_COLUMNS,
        description='Attributes of the bundle, such as `{"price": 12.5, "language": "en"}`.',
    )


class ItemView(BaseModel):
    """An item as it is served."""

    item_id: str
    title: str | None
    text: str | None = Field(description="As it was put; the bundle keeps none.")
    categories: list[str]
    provider: str | None
    released: float | None
    flags: list[str]
    is_available: bool
    attributes: dict[str, float | str | None] = Field(description="Null: unknown.")
    source: str = Field(description="`bundle`, or `live` for an item that is not in the bundle.")


def update_of(deployment: Deployment, item_id: str, body: ItemBody) -> ItemUpdate:
    """Return the function that sets the fields of a body in an item's record.

    Refuse attributes that the bundle does not have, and values of the wrong kind.
    """
    fields = {
        name: getattr(body, name) for name in body.model_fields_set & ItemBody.model_fields.keys()
    }
    attributes = check_attributes(deployment.live_items.base, body.attributes or {})

    def update(before: ItemRecord | None) -> ItemRecord:
        if before is None or before.is_deleted:
            before = ItemRecord(item_id, since=time.time())
        if body.attributes is not None:
            fields["attributes"] = {**(before.attributes or {}), **attributes}
        return replace(before, **fields)

    return update


def check_attributes(
    catalogue: Catalogue, attributes: Mapping[str, JsonScalar | None]
) -> dict[str, AttributeValue | None]:
    """Convert attributes to the form of their columns. Refuse unknown ones and wrong values."""
    kinds = column_kinds(catalogue.attributes)
    values: dict[str, AttributeValue | None] = {}
    for name, value in attributes.items():
        kind = dict(kinds).get(name)
        if kind is None:
            others = f"there are {describe_kinds(kinds)}" if kinds else "this bundle has none"
            raise RefusalError(
                422,
                f"there is no attribute {name}; {others}: name columns of the items file in its "
                "schema and train",
                f"attributes.{name}",
            )
        try:
            values[name] = None if value is None else convert_value(name, kind, value)
        except ValueError as error:
            raise RefusalError(422, str(error), f"attributes.{name}") from None
    return values


def render_item(deployment: Deployment, item: ItemRecord) -> dict[str, Any]:
    """Return an item as ``ItemView`` describes it. Refuse if it has no row yet."""
    completed = deployment.live_items.complete_record(item)
    if completed is None:
        raise RefusalError(503, f"the item {item.item_id} waits for a spare row", retry_after=1)
    fields = asdict(completed)
    is_in_bundle = deployment.live_items.base.ids.row(item.item_id) >= 0
    return {name: fields[name] for name in ItemView.model_fields if name in fields} | {
        "source": "bundle" if is_in_bundle else "live"
    }
