"""A file as a table of text: its good rows by column, and its bad rows with the reason."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from app.catalogue.public_ids import CONTROL_CHARACTERS, MAX_ID_BYTES
from app.trainings.data_diagnosis import DataFinding, FindingLevel
from offline.data.errors import DataError

LINE = "#line"  # Int64: line of the file, or row of a Parquet file, from 1
JOINED = "#joined:"  # begins the name of a column with the texts of several rows
RAW = "#text"  # String: the whole line
FILE = "#file"  # String: the file of the row; only in a table of several files
BAD_COLUMNS = {"file": pl.String, "line": pl.Int64, "reason": pl.String, "text": pl.String}
MISSING_IDS = (  # texts that stand for no id, in lower case
    *("nan", "none", "null", "n/a", "na", "<na>", "nil", "undefined", "(null)", "(none)", "#n/a"),
    *("\\n", "nat"),
)


class EmptyFileError(DataError):
    """A file has no rows."""


@dataclass(frozen=True, slots=True, eq=False)
class TextTable:
    """The rows of one file. Every column but LINE is text; null if the field is empty."""

    file: str
    frame: pl.DataFrame
    bad: pl.DataFrame  # BAD_COLUMNS
    lines: int  # all rows: good, bad and duplicates
    findings: tuple[DataFinding, ...] = ()  # what was assumed or left out when it was read

    @classmethod
    def of(cls, file: str, frame: pl.DataFrame, reason: pl.Expr) -> "TextTable":
        """Build a table. Rows of ``frame`` with a ``reason`` are bad."""
        table = cls(file, frame, pl.DataFrame(schema=BAD_COLUMNS), len(frame))
        return table.reject(reason)

    @property
    def columns(self) -> list[str]:
        """The names of the columns of the file."""
        own = {LINE, RAW, FILE}
        return [c for c in self.frame.columns if c not in own and not c.startswith(JOINED)]

    def with_column(self, values: pl.Series) -> "TextTable":
        """Return the table with the values of one column replaced."""
        return replace(self, frame=self.frame.with_columns(values))

    def with_finding(self, level: FindingLevel, text: str) -> "TextTable":
        """Return the table with one finding more."""
        return replace(self, findings=(*self.findings, DataFinding(level, text)))

    def reject(self, reason: pl.Expr) -> "TextTable":
        """Return a table in which the rows with a ``reason`` are bad."""
        checked = self.frame.with_columns(reason.alias("#reason"))
        failed = checked.filter(pl.col("#reason").is_not_null()).select(
            self.file_of_row().alias("file"),
            pl.col(LINE).cast(pl.Int64).alias("line"),
            pl.col("#reason").cast(pl.String).alias("reason"),
            pl.col(RAW).alias("text"),
        )
        kept = checked.filter(pl.col("#reason").is_null()).drop("#reason")
        return replace(self, frame=kept, bad=pl.concat([self.bad, failed]))

    def file_of_row(self) -> pl.Expr:
        """Return the name of the file of each row."""
        return pl.col(FILE) if FILE in self.frame.columns else pl.lit(self.file)


def concat_tables(file: str, tables: Sequence[TextTable]) -> TextTable:
    """Return the rows of several files as one table named ``file``. Their columns may differ."""
    if len(tables) == 1:
        return tables[0]
    frames = [table.frame.with_columns(table.file_of_row().alias(FILE)) for table in tables]
    findings = tuple(dict.fromkeys(finding for table in tables for finding in table.findings))
    return TextTable(
        file,
        pl.concat(frames, how="diagonal"),
        pl.concat([table.bad for table in tables]),
        sum(table.lines for table in tables),
        findings,
    )


def plain_names(names: Iterable[str]) -> list[str]:
    """Return names of columns that no column of ours has: those begin with ``#``."""
    return [name.lstrip("# ") if name.startswith("#") else name for name in names]


def id_fault(column: str, what: str) -> pl.Expr:
    """Return the fault of the public ids of a column; null where there is none."""
    text = pl.col(column)
    return (
        pl.when(text.is_null() | (text.str.strip_chars() == ""))
        .then(pl.lit(f"empty {what} id"))
        .when(text.str.len_bytes() > MAX_ID_BYTES)
        .then(pl.lit(f"{what} id over {MAX_ID_BYTES} bytes"))
        .when(text.str.contains(CONTROL_CHARACTERS))
        .then(pl.lit(f"{what} id with a control character"))
        .when(text.str.to_lowercase().is_in(MISSING_IDS))
        .then(pl.format(f"no {what}: the id is {{}}", column))
    )
