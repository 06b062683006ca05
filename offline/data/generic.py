"""Folders and files known by their names only: the HetRec sets, and everybody's own data."""

from pathlib import Path

from offline.data.errors import DataError
from offline.data.schema import DETECT_ENCODING, FriendsFile, InteractionsFile, ItemsFile, Schema

SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".txt", ".dat")
STEMS = {
    "interactions": (
        *("interactions", "events", "ratings", "log", "feedback", "clicks", "views", "plays"),
        *("purchases", "transactions"),
    ),
    "items": (
        *("items", "movies", "products", "articles", "artists", "tracks", "songs", "books"),
        *("videos", "games", "news"),
    ),
    "users": ("users", "customers", "members"),
    "friends": ("friends", "user_friends", "friendships", "follows", "followers", "social"),
}
HETREC_FRIENDS = "user_friends.dat"


def recognise_hetrec(folder: Path, main: str | None) -> Schema | None:
    """Describe a HetRec 2011 folder, ``user_artists.dat`` with ``artists.dat``; None otherwise."""
    for path in sorted(folder.glob("user_*.dat")):
        items = path.name.removeprefix("user_")
        if main in {None, path.name} and (folder / items).is_file():
            friends = HETREC_FRIENDS if (folder / HETREC_FRIENDS).is_file() else None
            return Schema(
                name=folder.name,
                layout="HetRec",
                interactions=InteractionsFile(file=path.name, separator="\t"),
                items=ItemsFile(file=items, separator="\t", encoding=DETECT_ENCODING),
                friends=FriendsFile(file=friends, separator="\t"),
            )
    return None


def locate_files(schema: Schema, folder: Path, main: str | None) -> Schema | None:
    """Find by name the files that ``schema`` does not name; None without an interactions file.

    A file asked for by name stands alone: its neighbours may be of another data set.
    """
    interactions = schema.interactions.file or main or _named(folder, "interactions")
    if interactions is None:
        return None
    files = {part: getattr(schema, part).file for part in ("items", "users", "friends")}
    for part, told in files.items():
        files[part] = told or (None if main else _named(folder, part))
    return schema.model_copy(
        update={
            "name": schema.name or (Path(main).stem if main else folder.name),
            "interactions": schema.interactions.model_copy(update={"file": interactions}),
            "items": schema.items.model_copy(update={"file": files["items"]}),
            "users": schema.users.model_copy(update={"file": files["users"]}),
            "friends": schema.friends.model_copy(update={"file": files["friends"]}),
        }
    )


def _named(folder: Path, part: str) -> str | None:
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    found = [p.name for p in files if p.stem.lower() in STEMS[part]]
    if len(found) > 1:
        raise DataError(
            f"{folder} has several files that look like the {part} ({', '.join(found)}); "
            f'name one in a schema file: [{part}] file = "{found[0]}".'
        )
    return found[0] if found else None
