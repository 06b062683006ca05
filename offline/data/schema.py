"""Which file holds what, and which of its columns: found by itself, or told by a TOML file.

A layout that is recognised (MovieLens, RecBole ...) becomes a ``Schema`` too, so that all input
goes one way. A column mapped to the empty string is not read.
"""

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from app.catalogue.attributes import MAX_COLUMNS, ColumnKind
from app.event_weights import TYPE_WEIGHTS
from app.expressions.event_weight_formula import parse_formula
from offline.data.errors import DataError

DETECT_ENCODING = "detect"  # encoding: UTF-8, or Latin-1 where the file is not UTF-8


def _known_encoding(name: str) -> str:
    """Accept encodings that leave line ends alone, since lines are told apart as bytes."""
    try:
        plain = name == DETECT_ENCODING or b"\n".decode(name) == "\n"
    except (LookupError, UnicodeDecodeError):
        plain = False
    if not plain:
        raise ValueError(f"{name} is not an encoding that we can read; convert the file to UTF-8")
    return name


TypeName = Annotated[str, Field(max_length=64, pattern=r"^[\w.:-]+$")]
Weight = (
    Annotated[float, Field(allow_inf_nan=False)] | str
)  # a number, or a formula, see app.expressions


class FileSchema(BaseModel):
    """One file. Separators, headers and quotes are for delimited text only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str | None = None  # relative to the data folder; None: found by its name
    separator: str | None = Field(None, min_length=1)  # None: found in the first line
    columns: tuple[str, ...] | None = None  # names, for a file that has no header line
    encoding: Annotated[str, AfterValidator(_known_encoding)] = "utf-8"
    quoted: bool | None = None  # None: quotes mean something in comma and semicolon files


class InteractionsFile(FileSchema):
    """Who did what with which item, when."""

    user: str | None = None
    item: str | None = None
    value: str | None = None  # stars, plays, seconds
    type: str | None = None
    timestamp: str | None = None  # unix time in s, ms or finer, or ISO 8601
    default_type: str | None = None  # of all events, where there is no type column
    types: dict[str, str] = {}  # the file's words for our event types: {"buy" = "purchase"}
    positive_at: float | None = None  # None: 0.8 of the largest rating


class ItemsFile(FileSchema):
    """What is known of the items."""

    item: str | None = None
    title: str | None = None
    categories: str | None = None
    category_separator: str | None = Field(None, min_length=1)  # None: the first of | ; ,
    category_flags: tuple[str, ...] = ()  # columns named as a category, holding 1 where it is one
    released: str | None = None  # a year, a date or a unix time
    available: str | None = None
    flags: str | None = None  # policy flags, such as adult|alcohol; separated as categories are
    provider: str | None = None  # who makes or sells it: a brand, an artist, a studio
    # Columns that filters compare, and what each holds; None for a kind: found by its values, for
    # all: what else there is of numbers and of few short texts.
    attributes: dict[str, ColumnKind | None] | None = None

    @field_validator("attributes", mode="before")
    @classmethod
    def _by_column(cls, told: object) -> object:
        """Take a list of columns too."""
        return dict.fromkeys(told) if isinstance(told, list) else told

    @field_validator("attributes")
    @classmethod
    def _few(cls, told: dict[str, ColumnKind | None] | None) -> dict[str, ColumnKind | None] | None:
        if told and len(told) > MAX_COLUMNS:
            raise ValueError(f"{len(told)} attributes are named, at most {MAX_COLUMNS} are held")
        return told


class UsersFile(FileSchema):
    """What is known of the users."""

    user: str | None = None
    attributes: tuple[str, ...] | None = None  # None: every other column


class FriendsFile(FileSchema):
    """Who knows whom. Edges count both ways."""

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
    type_weights: dict[TypeName, Weight] = {}  # besides, or instead of, the usual weights

    @field_validator("type_weights")
    @classmethod
    def _readable(cls, told: dict[str, float | str]) -> dict[str, float | str]:
        for kind, weight in told.items():
            if isinstance(weight, str):
                parse_formula(weight, kind)
        return told

    def weights(self) -> dict[str, float | str]:
        """Give the preference weight of each accepted event type."""
        return {**TYPE_WEIGHTS, **self.type_weights}


def load_schema(path: Path) -> Schema:
    """Read a schema from a TOML file.

    Raises:
        DataError: the file is absent, is not TOML, or names something we do not know.
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
