"""Write the schema of a data set as it was found, as TOML with the alternatives in comments."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from offline.data.column_fields import COLUMN_NAMES
from offline.data.column_uses import texts_of
from offline.data.item_attributes import resolve_attributes
from offline.data.layouts import find_layout
from offline.data.loading import load_optional_file
from offline.data.logs import load_logs
from offline.data.schema import FileSchema, ItemsFile, Schema
from offline.data.table import TextTable

HEAD = """\
# The files of this data set, and which column is which. `recfunnel doctor` and `recfunnel train`
# read this file from the folder of the data. A line that is commented out is found by itself; the
# column "" is not read. docs/guides/own-data.md says what each line means.
"""
EXAMPLES = {  # of settings that nothing in the data decides
    "timezone": '"Europe/Berlin"  # of times without a zone; else they are UTC',
    "time_format": '"%d.%m.%Y %H:%M"  # of strptime, or a unit: s, ms, us, ns',
    "date_order": '"dmy"  # of 3/4/2023, or mdy',
    "default_type": '"purchase"  # of all events, without a column of types',
    "types": '{"buy" = "purchase"}  # from words of the file to event types',
    "positive_at": "4  # a rating from which on an item is liked",
    "no_user": '["guest"]  # ids of nobody',
    "category_separator": '"|"',
}


def describe_schema(folder: Path) -> str:
    """Return the text of a ``schema.toml`` that reads the folder as it is read without one.

    Raises:
        DataError: the folder holds no data of a known layout.
    """
    folder, layout = find_layout(folder, None)
    logs = load_logs(folder, layout.interactions)
    items, items_part, _ = load_optional_file(folder, layout.items)
    users, users_part, _ = load_optional_file(folder, layout.users)
    friends, friends_part, _ = load_optional_file(folder, layout.friends)
    if items:
        items_part = resolve_attributes(items, items_part)
    sections: list[tuple[str, FileSchema, TextTable | None]] = [
        ("interactions", *_join_logs(layout, logs)),
        ("items", items_part, items),
        ("users", users_part, users),
        ("friends", friends_part, friends),
    ]
    lines = [HEAD, f"name = {_value(layout.name or folder.name)}"]
    if layout.layout != Schema().layout:
        lines.append(f"layout = {_value(layout.layout)}")
    for name, part, table in sections:
        if part.file is not None:
            lines += ["", f"[{name}]", *_section(part, table.columns if table else ())]
    lines += ["", "# [type_weights]  # what an event of each type says about the item; 0: nothing"]
    lines += [f"# {kind} = {_value(weight)}" for kind, weight in layout.weights().items()]
    return "\n".join(lines) + "\n"


def _join_logs(
    layout: Schema, logs: Sequence[tuple[TextTable, FileSchema]]
) -> tuple[FileSchema, TextTable | None]:
    """Return the schema and the table of one log; of several, the columns of each are found."""
    if len(logs) == 1:
        return logs[0][1], logs[0][0]
    return layout.interactions, logs[0][0] if logs else None


def _section(part: FileSchema, columns: Sequence[str]) -> Iterator[str]:
    """Yield the lines of one file."""
    if columns:
        yield f"# its columns: {', '.join(json.dumps(c, ensure_ascii=False) for c in columns)}"
    taken = {text for value in part.model_dump().values() for text in texts_of(value)}
    free = [column for column in columns if column not in taken]
    for field, default in type(part)().model_dump().items():
        value = getattr(part, field)
        is_column = field in COLUMN_NAMES[type(part)] or (
            isinstance(part, ItemsFile) and field == "flags"
        )
        if isinstance(value, str) and value.startswith("#"):
            continue  # a column that was made when the file was read
        if value and value != default:
            others = f"  # or {', '.join(map(_value, free))}" if is_column and free else ""
            yield f"{field} = {_value(value)}{others}"
        elif is_column and free:
            others = f"  # or {', '.join(map(_value, free[1:]))}" if free[1:] else ""
            yield f"# {field} = {_value(free[0])}{others}"
        elif field in EXAMPLES:
            yield f"# {field} = {EXAMPLES[field]}"


def _value(value: Any) -> str:
    """Return a value in the form of TOML, on one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{json.dumps(k)} = {_value(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value)
