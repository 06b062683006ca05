"""The schema of a data set: its files and which column is which, from a TOML file or a layout.

A recognised layout (MovieLens, RecBole) becomes a ``Schema`` too, so that all data are read in the
same way. A column with the empty string as its name is not read.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from app.catalogue.attributes import MAX_COLUMNS, ColumnKind
from app.event_weights import TYPE_WEIGHTS, parse_formula
from app.timestamps import DateOrder
from offline.data.errors import DataError

TIME_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}  # of numbers, in seconds
SPREADSHEET_DAYS = "excel"  # days since the end of 1899, with the time as a fraction
DETECT_ENCODING = "detect"  # encoding: UTF-8, or Latin-1 where the file is not UTF-8


def _check_encoding(name: str) -> str:
    """Return the name of an encoding of text."""
    try:
        is_text = name == DETECT_ENCODING or "\n".encode(name).decode(name) == "\n"
    except (LookupError, UnicodeError, ValueError):
        is_text = False
    if not is_text:
        raise ValueError(f"{name} is not a supported encoding; convert the file to UTF-8")
    return name


def _check_zone(name: str | None) -> str | None:
    """Return an IANA name of a zone."""
    try:
        if name:
            ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"{name} is not a time zone; write one such as Europe/Berlin") from None
    return name


def _check_time_format(form: str | None) -> str | None:
    """Return a format of ``strptime``, or a unit."""
    units = (*TIME_UNITS, SPREADSHEET_DAYS)
    if form and "%" not in form and form not in units:
        raise ValueError(
            f"{form} is not a time format; write one such as %d/%m/%Y %H:%M, or a unit of numbers: "
            f"{', '.join(units)}"
        )
    return form


TypeName = Annotated[str, Field(max_length=64, pattern=r"^[\w.:-]+$")]
Weight = (
    Annotated[float, Field(allow_inf_nan=False)] | str
)  # a number, or a formula, see app.expressions


class FileSchema(BaseModel):
    """One file. Separators, headers and quotes are for delimited text only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Relative to the data folder: a file, a folder of part files, a member such as data.zip/a.csv,
    # or several of them. None: found by name.
    file: str | tuple[str, ...] | None = None
    separator: str | None = Field(None, min_length=1)  # None: found in the first line
    columns: tuple[str, ...] | None = None  # names, for a file that has no header line
    encoding: Annotated[str, AfterValidator(_check_encoding)] = "utf-8"
    quoted: bool | None = None  # None: only comma and semicolon files have quotes
    decimal: Literal[".", ","] | None = None  # None: decided by the numbers

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files, () for none."""
        return (self.file,) if isinstance(self.file, str) else self.file or ()


AnyFile = TypeVar("AnyFile", bound=FileSchema)


class InteractionsFile(FileSchema):
    """The interactions file: who did what with which item, and when."""

    user: str | None = None
    item: str | None = None
    value: str | None = None  # stars, plays, seconds, money
    type: str | None = None
    timestamp: str | None = None  # unix time in s, ms or finer, ISO 8601, or a log file's notation
    timezone: Annotated[str | None, AfterValidator(_check_zone)] = None  # of times without a zone
    time_format: Annotated[str | None, AfterValidator(_check_time_format)] = None  # of strptime
    date_order: DateOrder | None = None  # of 3/4/2023; None: decided by the column
    default_type: str | None = None  # type of all events, if there is no type column
    type_flags: tuple[str, ...] = ()  # columns of true and false, one for each event type
    types: dict[str, str] = {}  # from the words of the file to event types: {"buy" = "purchase"}
    positive_at: float | None = None  # None: 0.8 of the largest rating
    no_rating: float | None = None  # this rating means that the item was used but not rated
    no_user: tuple[str, ...] = ()  # ids of nobody, such as -1 or guest; their rows are left out


class ItemsFile(FileSchema):
    """The items file: the attributes of items."""

    item: str | None = None
    title: str | None = None
    categories: str | None = None
    category_separator: str | None = Field(None, min_length=1)  # None: the first of | ; ,
    category_flags: tuple[str, ...] = ()  # columns named as a category, 1 if the item has it
    released: str | None = None  # a year, a date or a unix time
    # Columns that say whether an item can be shown. Names such as is_hidden mean the opposite.
    available: tuple[str, ...] | None = None
    description: tuple[str, ...] | None = None  # columns of prose; models learn from their words
    flags: str | None = None  # policy flags, such as adult|alcohol, separated like categories
    provider: str | None = None  # who makes or sells the item: a brand, an artist, a studio
    # Columns that filters compare, with their kind. A kind of None is found by the values. If this
    # is None, they are the other columns of numbers and of few short texts.
    attributes: dict[str, ColumnKind | None] | None = None

    @field_validator("available", "description", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        """Accept one column too; the empty string means none."""
        return ((value,) if value else ()) if isinstance(value, str) else value

    @field_validator("attributes", mode="before")
    @classmethod
    def _by_column(cls, value: object) -> object:
        """Accept a list of columns too."""
        return dict.fromkeys(value) if isinstance(value, list) else value

    @field_validator("attributes")
    @classmethod
    def _few(
        cls, value: dict[str, ColumnKind | None] | None
    ) -> dict[str, ColumnKind | None] | None:
        if value and len(value) > MAX_COLUMNS:
            raise ValueError(
                f"{len(value)} attributes are named, but at most {MAX_COLUMNS} are allowed"
            )
        return value


class UsersFile(FileSchema):
    """The users file: the attributes of users."""

    user: str | None = None
    attributes: tuple[str, ...] | None = None  # None: every other column


class FriendsFile(FileSchema):
    """The friends file. Each edge counts in both directions."""

    user: str | None = None
    friend: str | None = None


class Schema(BaseModel):
    """All files of one data set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = None
    layout: str = "generic"
    interactions: InteractionsFile = InteractionsFile()
    items: ItemsFile = ItemsFile()
    users: UsersFile = UsersFile()
    friends: FriendsFile = FriendsFile()
    type_weights: dict[TypeName, Weight] = {}  # they replace or extend the default weights

    @field_validator("type_weights")
    @classmethod
    def _readable(cls, value: dict[str, float | str]) -> dict[str, float | str]:
        for kind, weight in value.items():
            if isinstance(weight, str):
                parse_formula(weight, kind)
        return value

    def weights(self) -> dict[str, float | str]:
        """Return the weight of each accepted event type."""
        return {**TYPE_WEIGHTS, **self.type_weights}


def section_of(part: FileSchema) -> str:
    """Return the section of a schema file that describes a file: ``[items]``."""
    return f"[{type(part).__name__.removesuffix('File').lower()}]"


def quote_text(text: str) -> str:
    """Return a text as TOML has it, for lines that a user can paste."""
    return orjson.dumps(text).decode().replace("\x7f", "\\u007f")


def load_schema(path: Path) -> Schema:
    """Read a schema from a TOML file.

    Raises:
        DataError: The file is missing, is not TOML, or has an unknown or wrong entry.
    """
    try:
        return Schema.model_validate(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise DataError(f"There is no schema file {path}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"The schema file {path} is not TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"The schema file {path} is wrong at {where}: {first['msg']}.") from error
