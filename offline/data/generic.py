"""Layouts that are recognised by file names: HetRec folders, and any other data."""

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
    """Return the schema of a HetRec 2011 folder (``user_X.dat`` with ``X.dat``), or None."""
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
    """Find by name the files that ``schema`` does not name; None without interactions or items.

    A single file is used alone, because the files beside it may be of another data set.
    """
    interactions = schema.interactions.file or main or _find_by_name(folder, "interactions")
    files = {part: getattr(schema, part).file for part in ("items", "users", "friends")}
    for part, named in files.items():
        files[part] = named or (None if main else _find_by_name(folder, part))
    if interactions is None and files["items"] is None:
        return None
    return schema.model_copy(
        update={
            "name": schema.name or (Path(main).stem if main else folder.name),
            "interactions": schema.interactions.model_copy(update={"file": interactions}),
            "items": schema.items.model_copy(update={"file": files["items"]}),
            "users": schema.users.model_copy(update={"file": files["users"]}),
            "friends": schema.friends.model_copy(update={"file": files["friends"]}),
        }
    )


def _find_by_name(folder: Path, part: str) -> str | None:
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    names = [p.name for p in files if p.stem.lower() in STEMS[part]]
    if len(names) > 1:
        raise DataError(
            f"{folder} has several files that look like the {part} ({', '.join(names)}); "
            f'name one in a schema file: [{part}] file = "{names[0]}".'
        )
    return names[0] if names else None
