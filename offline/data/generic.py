"""Layouts that are recognised by file names: HetRec folders, and any other data."""

from pathlib import Path

from offline.data.errors import DataError
from offline.data.foreign_names import english_stem
from offline.data.formats.sources import SUFFIXES, list_data_files, read_sources, stem_of
from offline.data.logs import IMPLIED_TYPES, LOG_STEMS, base_stem, is_named_as_log
from offline.data.schema import (
    DETECT_ENCODING,
    FileSchema,
    FriendsFile,
    InteractionsFile,
    ItemsFile,
    Schema,
)

STEMS = {
    "interactions": LOG_STEMS,
    "items": (
        *("items", "movies", "products", "articles", "artists", "tracks", "songs", "books"),
        *("videos", "games", "news", "catalog", "catalogue"),
    ),
    "users": ("users", "customers", "members"),
    "friends": ("friends", "user_friends", "friendships", "follows", "followers", "social"),
}
HETREC_FRIENDS = "user_friends.dat"
SHOWN_SUFFIXES = " ".join(SUFFIXES)


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
    """Find by name the files that ``schema`` does not name; None if they cannot be told apart.

    Items without interactions are enough where there is no other file. The only file of a folder is
    the interactions, whatever its name. A single file is used alone, because the files beside it
    may be of another data set. A zip file of several files is used as a folder.
    """
    names = list_data_files(folder)
    inside = [name for name in names if main and name.startswith(f"{main}/")]
    names, main = (inside, None) if inside else (names, main)
    interactions = schema.interactions.file or main or _find_logs(folder, names)
    files = {part: getattr(schema, part).file for part in ("items", "users", "friends")}
    for part, named in files.items():
        files[part] = named or (None if main else _find_one(folder, names, part))
    if not interactions and not any(files.values()):
        interactions = _only_table(names)
    if not interactions and (not files["items"] or set(names) - set(files.values())):
        return None  # there is a file that may hold the interactions
    updates = {"interactions": interactions, **files}
    parts: dict[str, FileSchema] = {
        part: getattr(schema, part).model_copy(update={"file": file})
        for part, file in updates.items()
    }
    name = schema.name or (stem_of(main) if main else folder.name)
    return schema.model_copy(update={"name": name, **parts})


def _find_logs(folder: Path, names: list[str]) -> str | tuple[str, ...] | None:
    """Return the log, or all of several logs: those of several periods or event types.

    Raises:
        DataError: Two files may be the same log.
    """
    logs = [name for name in names if is_named_as_log(name)]
    logs = logs or [name for name in names if base_stem(name) in LOG_STEMS]
    stems = [stem_of(name) for name in logs]
    untyped = {base_stem(name) for name in logs} - set(IMPLIED_TYPES)
    if len(set(stems)) < len(stems) or len(untyped) > 1:
        raise DataError(_several_text(folder, "interactions", logs))
    return logs[0] if len(logs) == 1 else tuple(logs) or _as_parts(folder)


def _only_table(names: list[str]) -> str | None:
    """Return the only file that is no plain text, which may be a description."""
    tables = [name for name in names if not name.lower().endswith(".txt")]
    return tables[0] if len(tables) == 1 else None


def _as_parts(folder: Path) -> str | None:
    """Return the folder itself if it holds the part files of one table and nothing else."""
    files = [path.name for path in folder.iterdir() if path.is_file()]
    visible = [name for name in files if not name.startswith((".", "_"))]
    is_parts = bool(visible) and all(name.startswith("part-") for name in visible)
    return "." if is_parts and read_sources(folder, ".") else None


def _find_one(folder: Path, names: list[str], part: str) -> str | None:
    candidates = [name for name in names if english_stem(stem_of(name)) in STEMS[part]]
    if len(candidates) > 1:
        raise DataError(_several_text(folder, part, candidates))
    return candidates[0] if candidates else None


def _several_text(folder: Path, part: str, names: list[str]) -> str:
    return (
        f"{folder} has several files that look like the {part} ({', '.join(names)}); "
        f'name one in a schema file: [{part}] file = "{names[0]}".'
    )
