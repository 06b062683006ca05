"""The attributes of items that an answer can carry, by name, as columns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from app.catalogue.catalogue import Catalogue
from app.contracts import Rows

FieldReader: TypeAlias = Callable[[Catalogue, Rows], list[Any]]


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


def field_names(catalogue: Catalogue) -> list[str]:
    """Return the names of all fields of the items."""
    return [*READERS, *catalogue.attributes]


def read_fields(catalogue: Catalogue, rows: Rows, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the values of each of ``rows`` by name; null where a value is unknown."""
    columns = [_read(catalogue, rows, name) for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _read(catalogue: Catalogue, rows: Rows, name: str) -> list[Any]:
    if name in READERS:
        return READERS[name](catalogue, rows)
    column = catalogue.attributes[name]
    return [column.at(row) for row in rows.tolist()]
