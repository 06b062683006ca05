"""Find which column is which: by the schema, else by its name and by what it holds."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import polars as pl

from offline.data.category_levels import join_category_levels
from offline.data.column_content import TRUE_TEXTS, is_empty, is_flag, is_numeric
from offline.data.column_fields import COLUMN_NAMES, could_be, find_candidates
from offline.data.column_names import split_name
from offline.data.errors import DataError
from offline.data.event_flags import flag_types, read_event_flags
from offline.data.id_forms import tidy_ids
from offline.data.schema import (
    AnyFile,
    FileSchema,
    FriendsFile,
    InteractionsFile,
    ItemsFile,
    UsersFile,
    quote_text,
)
from offline.data.split_times import join_time_columns
from offline.data.table import TextTable

REQUIRED = frozenset({"user", "item", "friend"})
LABELS = {"user": "user id", "item": "item id", "friend": "friend id", "categories": "category"}
SECTIONS: Mapping[type[FileSchema], str] = {
    InteractionsFile: "interactions",
    ItemsFile: "items",
    UsersFile: "users",
    FriendsFile: "friends",
}
UNDONE = frozenset(  # states of an order that is no purchase
    (
        *("cancelled", "canceled", "refunded", "returned", "failed", "declined", "void", "voided"),
        *("chargeback", "rejected", "storniert", "annulé", "cancelado", "refund", "return"),
    )
)
MAX_LISTED = 12  # columns in an error
IMPORTED = frozenset({"event_id", "request_id", "position", "context"})  # ``events import`` reads


def resolve_columns(part: AnyFile, table: TextTable) -> tuple[TextTable, AnyFile]:
    """Return ``part`` with the column of each field; None where the file has none.

    The table is returned with findings about the choice.

    Raises:
        DataError: A column that the schema names is missing, or a required column is not found.
    """
    columns, file = table.columns, table.file
    free = [c for c in columns if c not in _named_columns(part, columns, file)]
    chosen: dict[str, str | None] = {}
    others: dict[str, list[str]] = {}
    for field in COLUMN_NAMES[type(part)]:
        name = getattr(part, field)
        candidates = (
            find_candidates(type(part), field, table, free) if name is None else [name or None]
        )
        column = candidates[0] if candidates else None
        if column is None and field in REQUIRED:
            raise DataError(_missing_column_text(field, columns, file))
        free = [c for c in free if c != column]
        chosen[field], others[field] = column, [c for c in candidates[1:] if c]
    resolved = part.model_copy(update=chosen)
    if isinstance(resolved, InteractionsFile):
        unread = {field for field in ("type", "timestamp") if getattr(part, field) == ""}
        table, update = _join_columns(table, resolved, free, unread)
        resolved = resolved.model_copy(update=update)
        free = [c for c in free if c in table.columns]
    if isinstance(resolved, ItemsFile) and getattr(part, "categories", None) != "":
        table, update = _join_levels(table, resolved, free)
        resolved = resolved.model_copy(update=update)
    for field, candidates in others.items():
        rest = [c for c in candidates if c in free and c != getattr(resolved, field)]
        if rest:
            table = table.with_finding(
                "limit", _choice_text(part, field, chosen[field], rest, file)
            )
    ids = (getattr(resolved, field, None) for field in ("user", "item", "friend"))
    return tidy_ids(table, ids), resolved


def _join_columns(
    table: TextTable, part: InteractionsFile, free: Sequence[str], unread: Collection[str]
) -> tuple[TextTable, dict[str, object]]:
    """Join several columns of one meaning; return the fields that read the joined ones.

    The fields of ``unread`` stay empty, because the schema says that no column is read for them.
    """
    joined = part
    if "type" not in unread:
        table, joined = read_event_flags(table, joined, free)
    left = [c for c in free if c in table.columns]
    if "timestamp" not in unread:
        table, joined = join_time_columns(table, joined, left)
    changed = ("type", "types", "type_flags", "timestamp")
    return table, {field: getattr(joined, field) for field in changed}


def _join_levels(
    table: TextTable, part: ItemsFile, free: Sequence[str]
) -> tuple[TextTable, dict[str, object]]:
    table, joined = join_category_levels(table, part, free)
    return table, {"categories": joined.categories}


def interaction_findings(table: TextTable, part: InteractionsFile) -> Iterator[str]:
    """Yield sentences about the columns of the interactions file that nothing reads."""
    used = {part.user, part.item, part.value, part.type, part.timestamp}
    unused = [c for c in table.columns if c not in used | IMPORTED]
    unused = [c for c in unused if not is_empty(table.frame[c])]
    for column in unused:
        of = table.frame[column]
        if text := _status_text(table.file, column, of):
            yield text
        is_money = could_be("money", column) and not could_be("money", part.value)
        if is_money and is_numeric(of):
            yield (
                f"{table.file}: the column {column} holds amounts or money, and nothing reads it; "
                f'to read it, write value = "{column}" in [interactions] of the schema.'
            )
        elif flag_types(column) and is_flag(of):
            yield (
                f"{table.file}: the column {column} holds true and false, and nothing reads it; "
                f'to read it, write type = "{column}" and types = {{ {_types(column, of)} }} in '
                "[interactions] of the schema."
            )
    if unused:
        yield (
            f"{table.file}: columns that nothing uses: {', '.join(unused)}. If one of them is the "
            "value, type or time of the events, name it in [interactions] of the schema."
        )


def _status_text(file: str, column: str, of: pl.Series) -> str:
    """Return the question whether orders that were cancelled count; "" for other columns."""
    if split_name(column)[-1:] not in (["status"], ["state"]):
        return ""
    words = of.drop_nulls().str.strip_chars().unique().sort().to_list()[:MAX_LISTED]
    kinds = {word: "refund" if word.lower() in UNDONE else "purchase" for word in words}
    if "refund" not in kinds.values():
        return ""
    types = ", ".join(f'{quote_text(word)} = "{kind}"' for word, kind in kinds.items())
    return (
        f"{file}: the column {column} has words such as {_example(kinds)!r}, and nothing reads it: "
        f"such rows count as all others. To read it, write type = "
        f'"{column}" and types = {{ {types} }} in [interactions] of the schema.'
    )


def _example(kinds: Mapping[str, str]) -> str:
    return next(word for word, kind in kinds.items() if kind == "refund")


def _types(column: str, of: pl.Series) -> str:
    true, false = flag_types(column) or ("like", "dislike")
    words = sorted(of.drop_nulls().str.strip_chars().unique().to_list())
    kinds = [(w, true if w.lower() in TRUE_TEXTS else false) for w in words[:4]]
    return ", ".join(f'{quote_text(word)} = "{kind}"' for word, kind in kinds)


def _named_columns(part: FileSchema, columns: Sequence[str], file: str) -> list[str]:
    """Return the columns that the schema names for one use."""
    fields = (*COLUMN_NAMES[type(part)], "flags")
    single = [(f, getattr(part, f)) for f in fields if getattr(part, f, None)]
    single += [(f, c) for f in ("available", "description") for c in getattr(part, f, ()) or ()]
    lists = [
        (f, c)
        for f in ("attributes", "category_flags", "type_flags")
        for c in getattr(part, f, ()) or ()
    ]
    for field, column in [*single, *lists]:
        if column not in columns:
            raise DataError(
                f"{file} has no column {column!r}, which the schema names as {field}; "
                f"its columns are {', '.join(columns)}."
            )
    return [column for _, column in single]


def _choice_text(
    part: FileSchema, field: str, column: str | None, others: Sequence[str], file: str
) -> str:
    return (
        f"{file}: the {LABELS.get(field, field)} is read from {column}, not from "
        f'{" or ".join(others)}; if that is wrong, write {field} = "{others[0]}" in '
        f"[{SECTIONS[type(part)]}] of the schema."
    )


def _listed(columns: Sequence[str]) -> str:
    more = f" and {len(columns) - MAX_LISTED} more" if len(columns) > MAX_LISTED else ""
    return ", ".join(columns[:MAX_LISTED]) + more


def _missing_column_text(field: str, columns: Sequence[str], file: str) -> str:
    return (
        f"{file} has no column that looks like the {field} id among {_listed(columns)}; "
        f'name it in a schema file ({field} = "..."), or give the names with columns = [...] '
        f"if the file has no header."
    )
