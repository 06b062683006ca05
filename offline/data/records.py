"""Reads files with types, JSON lines and Parquet, as tables of text."""

from pathlib import Path

import orjson
import polars as pl

from offline.data.errors import DataError
from offline.data.table import LINE, RAW, TextTable

LIST_SEPARATOR = "|"  # joins a list to one text, as in the MovieLens files


def load_json_lines(path: Path) -> TextTable:
    """Read one JSON object per line. Empty lines are skipped.

    Raises:
        DataError: The file is empty.
    """
    lines = [(n, line.strip()) for n, line in enumerate(path.read_bytes().split(b"\n"), start=1)]
    rows = [(n, line, _parse(line)) for n, line in lines if line]
    if not rows:
        raise DataError(f"{path} is empty.")
    keys = dict.fromkeys(key for _, _, row in rows if row is not None for key in row)
    frame = pl.DataFrame(
        {
            LINE: pl.Series([n for n, _, _ in rows], dtype=pl.Int64),
            RAW: [line.decode("utf-8", "replace") for _, line, _ in rows],
            "#parsed": [row is not None for _, _, row in rows],
            **{
                k: pl.Series([_text((r or {}).get(k)) for _, _, r in rows], dtype=pl.String)
                for k in keys
            },
        }
    )
    table = TextTable.of(
        path.name, frame, pl.when(~pl.col("#parsed")).then(pl.lit("not a JSON object"))
    )
    return TextTable(path.name, table.frame.drop("#parsed"), table.bad, table.lines)


def load_parquet(path: Path) -> TextTable:
    """Read a Parquet file, every column as text.

    Raises:
        DataError: The file is not Parquet, or has no rows.
    """
    try:
        typed = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} is not a Parquet file: {str(error).splitlines()[0]}.") from error
    if not len(typed):
        raise DataError(f"{path} is empty.")
    text = typed.select(_as_text(name, dtype) for name, dtype in typed.schema.items())
    raw = text.select(pl.struct(pl.all()).struct.json_encode().alias(RAW))
    rows = pl.concat([raw.with_row_index(LINE, offset=1), text], how="horizontal")
    return TextTable.of(path.name, rows.cast({LINE: pl.Int64}), pl.lit(None, pl.String))


def _parse(line: bytes) -> dict[str, object] | None:
    try:
        parsed = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, list):
        return LIST_SEPARATOR.join(_text(part) or "" for part in value)
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.List):
        column = column.cast(pl.List(pl.String)).list.join(LIST_SEPARATOR)
    elif isinstance(dtype, pl.Struct):
        column = column.struct.json_encode()
    elif isinstance(dtype, pl.Datetime):
        column = column.dt.epoch("us")
    return column.cast(pl.String, strict=False).replace("", None)
