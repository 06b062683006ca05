"""Columns of flags such as ``liked`` or ``is_click``: they name the event types of the rows."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from app.event_types import find_event_type
from app.event_weights import TYPE_WEIGHTS
from offline.data.column_content import FALSE_TEXTS, TRUE_TEXTS, is_flag
from offline.data.column_fields import could_be
from offline.data.column_names import FLAG_TYPES, OPINIONS, normalise_name
from offline.data.errors import DataError
from offline.data.schema import InteractionsFile
from offline.data.table import JOINED, TextTable

TYPE_COLUMN = f"{JOINED}type"  # the event types of rows with several flags
# The first one counts of a row that has several.
STRENGTH = ("dislike", "purchase", "add_to_cart", "like", "play", "skip", "click", "view")
SEVERAL = 2


def flag_types(column: str) -> tuple[str, str] | None:
    """Return the event types of true and false in a column of flags, by its name; None: neither."""
    return FLAG_TYPES.get(normalise_name(column))


def read_event_flags(
    table: TextTable, part: InteractionsFile, free: Sequence[str]
) -> tuple[TextTable, InteractionsFile]:
    """Return the schema in which flags are the event type; nothing beside a type or a rating.

    A single column of flags has a type for true and one for false. Of several, the strongest flag
    that is true is the type of a row. A row without any is an impression if clicks or views are
    flagged, else a view. The table then has a finding, and ``TYPE_COLUMN`` instead of the flags.

    Raises:
        DataError: ``type_flags`` names a column that stands for no known event type.
    """
    if part.type_flags:
        return _join_flags(table, part, part.type_flags)
    if part.type is not None or part.default_type is not None or could_be("rating", part.value):
        return table, part
    flags = [c for c in free if flag_types(c) and is_flag(table.frame[c])]
    flags.sort(key=lambda column: list(FLAG_TYPES).index(normalise_name(column)))
    if not flags:
        return table, part
    if len(flags) >= SEVERAL and not any(normalise_name(flag) in OPINIONS for flag in flags):
        return _join_flags(table, part, flags)
    of = table.frame[flags[0]]
    if (
        of.null_count()
        and of.drop_nulls().str.strip_chars().str.to_lowercase().is_in(sorted(TRUE_TEXTS)).all()
    ):
        table = table.with_column(of.fill_null("0"))  # only what is true is written
    true, false = flag_types(flags[0]) or ("like", "dislike")
    words = {**dict.fromkeys(TRUE_TEXTS, true), **dict.fromkeys(FALSE_TEXTS, false)}
    return table, part.model_copy(update={"type": flags[0], "types": {**words, **part.types}})


def _join_flags(
    table: TextTable, part: InteractionsFile, flags: Sequence[str]
) -> tuple[TextTable, InteractionsFile]:
    kinds = {flag: _kind(table.file, flag, part) for flag in flags}
    ordered = sorted(flags, key=lambda flag: _strength(kinds[flag]))
    none = "impression" if {"click", "view"} & set(kinds.values()) else "view"
    kind = pl.coalesce(
        *(pl.when(_is_true(flag)).then(pl.lit(kinds[flag])) for flag in ordered), pl.lit(none)
    )
    frame = table.frame.with_columns(kind.alias(TYPE_COLUMN)).drop(flags)
    shown = ", ".join(f"{flag} ({kinds[flag]})" for flag in ordered)
    text = (
        f"{table.file}: the event type of a row is its first flag that is true of {shown}; a row "
        f"without any is {none}. To read fewer columns, set type_flags = [...] in [interactions] "
        "of the schema."
    )
    update = {"type": TYPE_COLUMN, "type_flags": tuple(flags)}
    joined = replace(table, frame=frame).with_finding("limit", text)
    return joined, part.model_copy(update=update)


def _kind(file: str, flag: str, part: InteractionsFile) -> str:
    named = part.types.get(flag) or (flag_types(flag) or ("", ""))[0]
    kind = named or find_event_type(flag.lower().removeprefix("is_"), TYPE_WEIGHTS)
    if not kind:
        raise DataError(
            f"{file}: type_flags has the column {flag!r}, whose event type is not known; add "
            f'types = {{ "{flag}" = "like" }} with the right type to [interactions] of the schema.'
        )
    return kind


def _strength(kind: str) -> int:
    return STRENGTH.index(kind) if kind in STRENGTH else len(STRENGTH)


def _is_true(flag: str) -> pl.Expr:
    return pl.col(flag).str.strip_chars().str.to_lowercase().is_in(sorted(TRUE_TEXTS))
