"""RecBole's atomic files: ``name.inter``, ``.item``, ``.user``, ``.net``, with typed headers."""

from pathlib import Path

from offline.data.column_names import CATEGORIES, ITEM, USER, normalise_name
from offline.data.delimited import read_first_line
from offline.data.errors import DataError
from offline.data.schema import (
    DETECT_ENCODING,
    AnyFile,
    FriendsFile,
    InteractionsFile,
    ItemsFile,
    Schema,
    UsersFile,
)


def recognise_recbole(folder: Path, main: str | None) -> Schema | None:
    """Return the schema of the atomic files of one data set; None without an ``.inter`` file.

    Raises:
        DataError: There are several, and the path names none of them.
    """
    files = sorted(p.name for p in folder.glob("*.inter") if main in {None, p.name})
    if not files:
        return None
    if len(files) > 1:
        raise DataError(
            f"{folder} holds several interaction files ({', '.join(files)}); "
            f"give the path of one of them."
        )
    stem = folder / files[0].removesuffix(".inter")
    return Schema(
        name=stem.name,
        layout="RecBole",
        interactions=_interactions(folder / files[0]),
        items=_items(stem.with_name(f"{stem.name}.item")),
        users=_part(UsersFile, stem.with_name(f"{stem.name}.user")),
        friends=_part(FriendsFile, stem.with_name(f"{stem.name}.net")),
    )


def _part(kind: type[AnyFile], path: Path) -> AnyFile:
    return kind(
        file=path.name if path.is_file() else None, separator="\t", encoding=DETECT_ENCODING
    )


def _interactions(path: Path) -> InteractionsFile:
    """Return the file. The first two token columns are user and item if no name matches."""
    tokens = [name for name, kind in _header(path).items() if kind == "token"]
    names = {normalise_name(name) for name in tokens}
    part = _part(InteractionsFile, path)
    if len(tokens) < 2 or (names & set(USER) and names & set(ITEM)):  # noqa: PLR2004
        return part
    return part.model_copy(update={"user": tokens[0], "item": tokens[1]})


def _items(path: Path) -> ItemsFile:
    """Return the file. The first column is the item, and lists are separated by blanks."""
    part = _part(ItemsFile, path)
    if part.file is None:
        return part
    header = _header(path)
    lists = {normalise_name(name) for name, kind in header.items() if kind == "token_seq"}
    separator = " " if lists & set(CATEGORIES) else None
    return part.model_copy(update={"item": next(iter(header)), "category_separator": separator})


def _header(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        text = read_first_line(file.readline(), DETECT_ENCODING)
    parts = (field.strip().partition(":") for field in text.split("\t"))
    return {name: kind for name, _, kind in parts}
