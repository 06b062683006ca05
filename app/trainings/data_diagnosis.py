"""What a data set holds and what is wrong with it, as ``recfunnel doctor`` finds."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)
MAX_BAD_ROWS = 20  # rows that a diagnosis shows; a file of bad rows has all
FindingLevel: TypeAlias = Literal["good", "limit", "problem"]


class FrozenModel(BaseModel):
    """A part of a diagnosis."""

    model_config = ConfigDict(frozen=True)


class FileRows(FrozenModel):
    """The numbers of rows of one file."""

    file: str
    rows: int = Field(description="Without the header and empty lines.")
    good: int = Field(description="Rows that are used.")
    bad: int
    duplicates: int = Field(description="Exact duplicates of an earlier row, which are left out.")


class ColumnUse(FrozenModel):
    """A column of a file, and the field that it is read as."""

    file: str
    column: str
    field: str = Field(description="As in the schema: user, timestamp, attributes …")


class BadRow(FrozenModel):
    """A row that cannot be used."""

    file: str
    line: int
    reason: str = Field(description="What is wrong, and what to do.")
    text: str


@dataclass(frozen=True, slots=True)
class DataFinding:
    """One statement about the data: what works, what is limited, or what to correct."""

    level: FindingLevel
    text: str


class DataDiagnosis(FrozenModel):
    """What is in a data set. Times are unix seconds, null if the data have none."""

    name: str
    layout: str
    users: int
    items: int
    interactions: int
    first: float | None = Field(description="Time of the first interaction.")
    last: float | None
    density: float = Field(description="Share of all pairs of user and item with an interaction.")
    positive: float = Field(description="Share of the interactions.")
    negative: float
    events_per_user: list[float] = Field(
        description="Of the users with events: least, 25 %, 50 %, 75 %, 95 %, most; or empty.",
    )
    idle_users: int = Field(description="Listed in a file, without interaction.")
    idle_items: int
    files: list[FileRows]
    columns: list[ColumnUse] = Field(description="Which column is read as what.")
    bad_rows: list[BadRow] = Field(description=f"The first {MAX_BAD_ROWS}.")
    findings: list[DataFinding]

    @property
    def bad(self) -> int:
        """The number of bad rows of all files."""
        return sum(count.bad for count in self.files)
