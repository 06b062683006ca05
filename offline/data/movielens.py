"""The MovieLens layouts without header lines. ``ratings.csv`` has one and needs no layout."""

from pathlib import Path

from offline.data.schema import DETECT_ENCODING, InteractionsFile, ItemsFile, Schema, UsersFile

EVENTS = ("user_id", "item_id", "rating", "timestamp")
# The genres in the order of the flags, as in u.genre, which may be missing.
GENRES = (
    "unknown",
    *("Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary"),
    *("Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi"),
    *("Thriller", "War", "Western"),
)
ML_1M_USERS = ("user_id", "gender", "age", "occupation", "zip_code")
LINKS = ("video_release_date", "imdb_url")


def recognise_movielens(folder: Path, main: str | None) -> Schema | None:
    """Return the schema of ``u.data`` or ``ratings.dat`` and the files beside it, or None."""
    if main in {None, "u.data"} and (folder / "u.data").is_file():
        return _flags_layout(folder)
    if main in {None, "ratings.dat"} and (folder / "ratings.dat").is_file():
        return _colons_layout(folder)
    return None


def _flags_layout(folder: Path) -> Schema:
    return Schema(
        name=folder.name,
        layout="MovieLens (u.data)",
        interactions=InteractionsFile(file="u.data", separator="\t", columns=EVENTS),
        items=ItemsFile(
            file=_existing_name(folder, "u.item"),
            separator="|",
            columns=("item_id", "title", "release_date", *LINKS, *GENRES),
            encoding=DETECT_ENCODING,
            category_flags=GENRES,
        ),
        users=UsersFile(
            file=_existing_name(folder, "u.user"),
            separator="|",
            columns=("user_id", "age", "gender", "occupation", "zip_code"),
            encoding=DETECT_ENCODING,
        ),
    )


def _colons_layout(folder: Path) -> Schema:
    return Schema(
        name=folder.name,
        layout="MovieLens (ratings.dat)",
        interactions=InteractionsFile(file="ratings.dat", separator="::", columns=EVENTS),
        items=ItemsFile(
            file=_existing_name(folder, "movies.dat"),
            separator="::",
            columns=("item_id", "title", "genres"),
            encoding=DETECT_ENCODING,
            category_separator="|",
        ),
        users=UsersFile(
            file=_existing_name(folder, "users.dat", fields=len(ML_1M_USERS)),
            separator="::",
            columns=ML_1M_USERS,
            encoding=DETECT_ENCODING,
        ),
    )


def _existing_name(folder: Path, name: str, fields: int = 0) -> str | None:
    """Return the name of a file that exists, with this many fields if not 0; else None."""
    path = folder / name
    if not path.is_file():
        return None
    with path.open("rb") as file:
        count = len(file.readline().split(b"::"))
    return name if fields in {0, count} else None
