"""A file as text: its rows by column, each with its line; the rows that failed kept beside them."""

from dataclasses import dataclass, replace

import polars as pl

LINE = "#line"  # Int64: line of the file, or row of a Parquet file, from 1
RAW = "#text"  # String: the whole line as it stood
BAD_COLUMNS = {"file": pl.String, "line": pl.Int64, "reason": pl.String, "text": pl.String}
MAX_ID_BYTES = 256  # bytes; the same bound as the HTTP edge


@dataclass(frozen=True, slots=True, eq=False)
class TextTable:
    """The rows of one file. Every column but LINE is text, null where the field is empty."""

    file: str
    frame: pl.DataFrame
    bad: pl.DataFrame  # BAD_COLUMNS
    lines: int  # all of the rows: of frame, of bad, and duplicates among them

    @classmethod
    def of(cls, file: str, frame: pl.DataFrame, reason: pl.Expr) -> "TextTable":
        """Keep the rows of ``frame`` for which ``reason`` is null; the rest are bad."""
        whole = cls(file, frame, pl.DataFrame(schema=BAD_COLUMNS), len(frame))
        return whole.reject(reason)

    @property
    def columns(self) -> list[str]:
        """Give the names of the file's own columns."""
        return [c for c in self.frame.columns if c not in {LINE, RAW}]

    def reject(self, reason: pl.Expr) -> "TextTable":
        """Move the rows for which ``reason`` is not null to the bad ones."""
        judged = self.frame.with_columns(reason.alias("#reason"))
        failed = judged.filter(pl.col("#reason").is_not_null()).select(
            pl.lit(self.file).alias("file"),
            pl.col(LINE).cast(pl.Int64).alias("line"),
            pl.col("#reason").cast(pl.String).alias("reason"),
            pl.col(RAW).alias("text"),
        )
        kept = judged.filter(pl.col("#reason").is_null()).drop("#reason")
        return replace(self, frame=kept, bad=pl.concat([self.bad, failed]))


def id_fault(column: str, what: str) -> pl.Expr:
    """Say what is wrong with the public ids of a column, null where nothing is."""
    text = pl.col(column)
    return (
        pl.when(text.is_null() | (text.str.strip_chars() == ""))
        .then(pl.lit(f"empty {what} id"))
        .when(text.str.len_bytes() > MAX_ID_BYTES)
        .then(pl.lit(f"{what} id over {MAX_ID_BYTES} bytes"))
        .when(text.str.contains("\0", literal=True))
        .then(pl.lit(f"{what} id with NUL"))
    )
