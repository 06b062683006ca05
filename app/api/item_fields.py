"""The parameter ``fields``: attributes of the items that an answer carries beside their ids."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import numpy as np
from pydantic import BeforeValidator, Field

from app.api.errors import Fault, unknown_name
from app.catalogue.catalogue import Catalogue
from app.contracts import Rows

MAX_FIELDS = 50
FieldReader: TypeAlias = Callable[[Catalogue, Rows], list[Any]]


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


def _providers(catalogue: Catalogue, rows: Rows) -> list[str | None]:
    codes = catalogue.providers[rows].astype(np.int64)
    names = iter(catalogue.provider_names.take(codes[codes >= 0]))
    return [next(names) if code >= 0 else None for code in codes.tolist()]


def _years(catalogue: Catalogue, rows: Rows) -> list[float | None]:
    return [year if np.isfinite(year) else None for year in catalogue.released[rows].tolist()]


# By name, as in a filter. Attributes of the bundle follow.
READERS: Mapping[str, FieldReader] = {
    "title": lambda catalogue, rows: catalogue.titles.take(rows),
    "category": lambda catalogue, rows: [
        list(catalogue.category_lists.names_of(row)) for row in rows.tolist()
    ],
    "provider": _providers,
    "year": _years,
    "flag": lambda catalogue, rows: [list(catalogue.flags.names_of(row)) for row in rows.tolist()],
}


def field_faults(catalogue: Catalogue, names: Sequence[str]) -> list[Fault]:
    """Return a sentence for each name that is no field of the items, with those that are."""
    existing = [*READERS, *catalogue.attributes]
    return [Fault(unknown_name(name, existing), "fields") for name in names if name not in existing]


def read_fields(catalogue: Catalogue, rows: Rows, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the values of each of ``rows`` by name; null where a value is unknown."""
    columns = [_read(catalogue, rows, name) for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def add_fields(
    items: Sequence[dict[str, Any]], catalogue: Catalogue, rows: Rows, names: Sequence[str]
) -> None:
    """Add the values of these names, if there are any, to the items of an answer, in its order."""
    if names:
        for item, values in zip(items, read_fields(catalogue, rows, names), strict=True):
            item["fields"] = values


def _read(catalogue: Catalogue, rows: Rows, name: str) -> list[Any]:
    if name in READERS:
        return READERS[name](catalogue, rows)
    column = catalogue.attributes[name]
    return [column.at(row) for row in rows.tolist()]
