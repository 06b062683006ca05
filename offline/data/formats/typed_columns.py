"""Turn typed columns, of Parquet and Arrow files, into texts."""

import polars as pl

from offline.data.formats.json_rows import (
    KEPT_WHOLE,
    LIST_SEPARATOR,
    MAX_INNER_FIELDS,
    MAX_NESTING,
    text_of,
)


def columns_as_text(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Return the columns as texts, and the names of those of bytes, which are left out."""
    columns, unread = [], []
    for column in _without_structs(frame).get_columns():
        text = _as_text(column)
        if text is None:
            unread.append(column.name)
        else:
            columns.append(text.replace("", None).alias(column.name))
    return pl.DataFrame(columns), unread


def _without_structs(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the fields of structs as columns, as ``flatten_objects`` does for JSON."""
    for _ in range(MAX_NESTING):
        structs = [
            name
            for name, kind in frame.schema.items()
            if isinstance(kind, pl.Struct)
            and name not in KEPT_WHOLE
            and 0 < len(kind.fields) <= MAX_INNER_FIELDS
        ]
        for name in structs:
            inner = frame[name].struct.unnest()
            inner.columns = [f"{name}.{field}" for field in inner.columns]
            frame = pl.concat([frame.drop(name), inner], how="horizontal")
    return frame


def _as_text(column: pl.Series) -> pl.Series | None:
    """Return a column as texts; None if it has bytes that are no text."""
    match column.dtype:
        case pl.Binary():
            text = _decoded(column)
        case pl.Datetime():
            text = _time_as_text(column)
        case pl.Duration():
            text = (column.dt.total_microseconds() / 1e6).cast(pl.String)
        case pl.Float32() | pl.Float64():
            text = column.fill_nan(None).cast(pl.String)
        case pl.Struct():
            text = column.struct.json_encode()
        case pl.Array():
            text = _as_text(column.arr.to_list())
        case pl.List():
            text = _list_as_text(column, column.dtype)
        case _:
            text = column.cast(pl.String, strict=False)
    return text


def _time_as_text(column: pl.Series) -> pl.Series:
    """Return times as unix microseconds; without a zone as ISO 8601, so that the schema's holds."""
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is None:
        return column.dt.to_string("%Y-%m-%d %H:%M:%S%.6f")
    return column.dt.epoch("us").cast(pl.String)


def _list_as_text(column: pl.Series, kind: pl.List) -> pl.Series:
    if not isinstance(kind.inner, pl.List | pl.Array | pl.Struct | pl.Binary | pl.Object):
        return column.cast(pl.List(pl.String)).list.join(LIST_SEPARATOR, ignore_nulls=True)
    return pl.Series([text_of(_plain(value)) for value in column.to_list()], dtype=pl.String)


def _plain(value: object) -> object:
    """Return a nested value with texts in place of bytes."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _decoded(column: pl.Series) -> pl.Series | None:
    try:
        return column.cast(pl.String)
    except pl.exceptions.PolarsError:
        return None
