"""The parameter ``fields``: attributes of the items that an answer carries beside their ids."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from app.api.errors import Fault, unknown_name
from app.catalogue.catalogue import Catalogue
from app.catalogue.item_fields import field_names, read_fields
from app.contracts import Rows

MAX_FIELDS = 50


def _split_names(value: Any) -> Any:
    """Return the names of ``title,price``, or of a list of such texts."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return value
    names = (name.strip() for text in texts for name in text.split(","))
    return list(dict.fromkeys(name for name in names if name))


ItemFields = Annotated[
    list[str],
    BeforeValidator(_split_names),
    Field(
        max_length=MAX_FIELDS,
        description="What each item carries in `fields`: title, category, provider, year, flag, "
        "and the attributes of your items, such as price; a list, or with commas.",
    ),
]


def field_faults(catalogue: Catalogue, names: Sequence[str]) -> list[Fault]:
    """Return a sentence for each name that is no field of the items, with those that are."""
    existing = field_names(catalogue)
    return [Fault(unknown_name(name, existing), "fields") for name in names if name not in existing]


def add_fields(
    items: Sequence[dict[str, Any]], catalogue: Catalogue, rows: Rows, names: Sequence[str]
) -> None:
    """Add the values of these names, if there are any, to the items of an answer, in its order."""
    if names:
        for item, values in zip(items, read_fields(catalogue, rows, names), strict=True):
            item["fields"] = values
