"""Which users get a list: all that the bundle and the store have, or those of a file."""

from pathlib import Path

import numpy as np
import polars as pl

from app.artifacts import Users
from app.catalogue.public_ids import public_id_fault
from app.settings import Settings
from app.state.store import Store
from app.state.user_store import find_users
from offline.batch.store_watch import STORE_TIMEOUT
from offline.data.errors import DataError
from offline.run_async import run_async

COLUMN = "user_id"
KEYS_PER_SCAN = 10_000
SEPARATORS = {".csv": ",", ".tsv": "\t"}
PLAIN = {".txt", ""}  # one id a line
ID_TYPES = (pl.String, pl.Categorical, pl.Enum)  # and whole numbers


def read_users(file: Path) -> list[str]:
    """Return the ids of a file, each once, in their order.

    Args:
        file: one id a line (.txt, or no suffix), or a table (.csv, .tsv, .parquet) with the column
            ``user_id``. Text is UTF-8.

    Raises:
        DataError: the file does not exist, is of another kind or damaged, has no column
            ``user_id``, no user, or an id that cannot be one.
    """
    if not file.exists() or file.is_dir():
        raise DataError(f"{file} does not exist: name a file of users, or write --users all")
    suffix = file.suffix.lower()
    ids: list[str] | list[str | None]
    if suffix in PLAIN:
        ids = _text_of(file).split("\n")
    elif suffix == ".parquet" or suffix in SEPARATORS:
        ids = _read_column(file, suffix)
    else:
        raise DataError(
            f"{file} is not .txt, .csv, .tsv or .parquet: write one id a line into a .txt file, or "
            f"a table with the column {COLUMN}"
        )
    users = list(dict.fromkeys(user.strip() for user in ids if user and user.strip()))
    if not users:
        raise DataError(f"{file} has no users")
    _check_ids(file, users)
    return users


def find_every_user(settings: Settings, of_bundle: Users) -> list[str]:
    """Return the users of the bundle, then those of whom only the store has data.

    Raises:
        StageError: the store does not answer.
    """

    async def find_others() -> list[str]:
        others: set[str] = set()
        async with Store.connect(settings.redis_url or "", timeout=STORE_TIMEOUT) as store:
            cursor = 0
            while True:
                page = await find_users(store, settings.key_prefix, "", cursor, KEYS_PER_SCAN)
                others.update(page[0])
                cursor = page[1]
                if not cursor:
                    return sorted(others.difference(names))

    names = of_bundle.ids.names(np.arange(len(of_bundle.ids)))
    return [*names, *run_async(find_others())]


def _text_of(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")  # with or without a byte order mark
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file} is not UTF-8 (byte {error.start:,}): save the file as UTF-8"
        ) from None


def _read_column(file: Path, suffix: str) -> list[str | None]:
    """Return the ids of a table as texts; None where there is none."""
    try:
        if suffix == ".parquet":
            table = pl.scan_parquet(file, glob=False)
        else:
            content, separator = _text_of(file).encode(), SEPARATORS[suffix]
            table = pl.read_csv(content, separator=separator, infer_schema=False).lazy()
        schema = table.collect_schema()
        if COLUMN not in schema:
            raise DataError(f"{file} has no column {COLUMN}; it has {', '.join(schema.names())}")
        kind = schema[COLUMN]
        if not (kind.is_integer() or isinstance(kind, ID_TYPES)):
            raise DataError(
                f"{file} has {COLUMN} as {kind}: write the ids as texts or as whole numbers"
            )
        return table.select(pl.col(COLUMN).cast(pl.String)).collect()[COLUMN].to_list()
    except pl.exceptions.NoDataError:
        raise DataError(f"{file} has no users") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"{file} cannot be read as {suffix} ({reason}): write the file again"
        ) from None


def _check_ids(file: Path, users: list[str]) -> None:
    for user in users:
        if fault := public_id_fault(user):
            raise DataError(
                f"{file}: the user {user[:80]!r} {fault}; a .txt file has one id a line, a table "
                f"is .csv, .tsv or .parquet with the column {COLUMN}"
            )
