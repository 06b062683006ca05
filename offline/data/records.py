"""Read files with types, JSON, Parquet, Arrow and spreadsheets, as tables of text."""

from collections.abc import Callable

import polars as pl

from offline.data.errors import DataError
from offline.data.formats.encodings import decode
from offline.data.formats.json_rows import flatten_objects, parse_rows, text_of
from offline.data.formats.typed_columns import columns_as_text
from offline.data.formats.typed_process import typed_process
from offline.data.schema import FileSchema
from offline.data.table import LINE, RAW, EmptyFileError, TextTable, plain_names

PARSED = "#parsed"
PARQUET = b"PAR1"  # the first and the last bytes
MAX_SHOWN = 80  # characters of a line in a message


def load_json(file: str, raw: bytes, part: FileSchema) -> TextTable:
    """Read JSON: one object a line, or one array of objects. Empty lines are skipped.

    Raises:
        DataError: The file is empty, or has no object at all.
    """
    decoded = decode(raw, part.encoding)
    content = raw if decoded.encoding == "utf-8" else decoded.text.encode()
    rows = flatten_objects(parse_rows(content.removeprefix(b"\xef\xbb\xbf")))
    if not rows:
        raise EmptyFileError(f"{file} is empty.")
    keys = list(dict.fromkeys(key for _, _, row in rows if row is not None for key in row))
    if not keys:
        first = rows[0][1][:MAX_SHOWN].decode("utf-8", "replace")
        raise DataError(
            f"{file} has no JSON objects: it begins with {first!r}. Write one object a line, such "
            f'as {{"user_id": "1", "item_id": "2"}}.'
        )
    columns = {
        name: pl.Series([text_of((r or {}).get(key)) for _, _, r in rows], dtype=pl.String)
        for key, name in _named(file, keys).items()
    }
    frame = pl.DataFrame(
        {
            LINE: pl.Series([n for n, _, _ in rows], dtype=pl.Int64),
            RAW: [line.decode("utf-8", "replace") for _, line, _ in rows],
            PARSED: [row is not None for _, _, row in rows],
            **columns,
        }
    )
    table = TextTable.of(file, frame, pl.when(~pl.col(PARSED)).then(pl.lit("not a JSON object")))
    return TextTable(file, table.frame.drop(PARSED), table.bad, table.lines)


def load_parquet(file: str, raw: bytes) -> TextTable:
    """Read a Parquet file, every column as text.

    Raises:
        DataError: The file is not Parquet, or has no rows.
    """
    size = int.from_bytes(raw[-8:-4], "little")  # of the description, which is at the end
    if not (raw.startswith(PARQUET) and raw.endswith(PARQUET) and size + 12 <= len(raw)):
        raise DataError(f"{file} is not a Parquet file, or it is cut off: copy it again.")
    return _load_typed(file, "a Parquet file", lambda: typed_process().read_parquet(raw))


def load_arrow(file: str, raw: bytes) -> TextTable:
    """Read an Arrow file, also known as Feather, every column as text.

    Raises:
        DataError: The file is not Arrow, or has no rows.
    """
    return _load_typed(file, "an Arrow file", lambda: typed_process().read_arrow(raw))


def table_of_texts(file: str, text: pl.DataFrame) -> TextTable:
    """Build a table of columns of texts, whose rows are numbered from 1."""
    named = text.rename(_named(file, text.columns))
    raw = named.select(pl.struct(pl.all()).struct.json_encode().alias(RAW))
    rows = pl.concat([raw.with_row_index(LINE, offset=1), named], how="horizontal")
    return TextTable.of(file, rows.cast({LINE: pl.Int64}), pl.lit(None, pl.String))


def _load_typed(file: str, what: str, read: Callable[[], pl.DataFrame]) -> TextTable:
    try:
        typed = read()
        text, unread = columns_as_text(typed)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        reason = (str(error).splitlines() or ["damaged"])[0]
        raise DataError(f"{file} cannot be read as {what}: {reason}.") from error
    if not len(typed) or not text.width:
        raise EmptyFileError(f"{file} is empty.")
    table = table_of_texts(file, text)
    if unread:
        text_of_names = ", ".join(unread)
        return table.with_finding(
            "limit", f"{file}: columns of bytes are not read: {text_of_names}."
        )
    return table


def _named(file: str, keys: list[str]) -> dict[str, str]:
    """Return the name of each column: its own, or one that is none of ours."""
    names = plain_names(keys)
    if len(set(names)) < len(names):
        raise DataError(f"{file} has columns whose names differ only by a leading #; rename one.")
    return dict(zip(keys, names, strict=True))
