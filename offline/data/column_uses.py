"""List which column of which file is read as what."""

from collections.abc import Iterable, Iterator
from typing import Any

from app.trainings.data_diagnosis import ColumnUse
from offline.data.column_fields import COLUMN_NAMES
from offline.data.schema import FileSchema, UsersFile
from offline.data.table import TextTable

LISTS = frozenset(  # fields that name several columns
    ("type_flags", "category_flags", "available", "description", "flags", "attributes")
)


def list_column_uses(table: TextTable | None, part: FileSchema) -> Iterator[ColumnUse]:
    """Yield the columns of a file that are read. The schema names the column of each field."""
    if table is None:
        return
    if isinstance(part, UsersFile) and part.attributes is None:  # every other column is one
        others = tuple(column for column in table.columns if column != part.user)
        part = part.model_copy(update={"attributes": others})
    for field, value in part:
        if field in COLUMN_NAMES[type(part)] or field in LISTS:
            for column in texts_of(value):
                if column in table.columns and not column.startswith("#"):
                    yield ColumnUse(file=table.file, column=column, field=field)


def texts_of(value: Any) -> Iterable[str]:
    """Return the names of columns in the value of a field."""
    if isinstance(value, str):
        return (value,)
    return value if isinstance(value, list | tuple | dict) else ()
