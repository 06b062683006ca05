"""Finds which column is which: by the schema, else by commonly used names."""

import re
from collections.abc import Sequence

from offline.data.errors import DataError
from offline.data.schema import (
    AnyFile,
    FileSchema,
    FriendsFile,
    InteractionsFile,
    ItemsFile,
    UsersFile,
)
from offline.data.table import TextTable


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


USER = _words(
    "userid user uid customerid customer memberid member visitorid visitor accountid reviewerid "
    "sessionid"
)
ITEM = _words(
    "itemid item iid movieid productid product articleid trackid songid bookid videoid newsid "
    "gameid artistid parentasin asin sku isbn"
)
RATING = _words("rating stars score overall")
AMOUNT = _words("weight plays playcount listens listencount count quantity")
TIME = _words(
    "timestamp ts time datetime date createdat occurredat eventtime unixtime unixreviewtime"
)
TYPE = _words("eventtype type event action behavior behaviour behaviortype interactiontype")
TITLE = _words("title movietitle itemtitle name itemname productname headline")
CATEGORIES = _words("categories category genres genre class tags topics topic maincategory")
RELEASED = _words(
    "releaseyear year released releasedate publicationyear createdat publishedat date"
)
AVAILABLE = _words("available isavailable instock active isactive")
PROVIDER = _words(
    "provider providername providerid brand brandname brandid seller sellername sellerid vendor "
    "merchant store manufacturer artist artistname artistid author authors authorname bookauthor "
    "studio publisher developer creator"
)
FRIEND = _words("friendid friend targetid followeeid followee followingid followedid")
FOLLOWER = (*USER, "sourceid", "followerid", "follower")

COLUMN_NAMES: dict[type[FileSchema], dict[str, tuple[str, ...]]] = {
    InteractionsFile: {
        "user": USER,
        "item": ITEM,
        "value": (*RATING, *AMOUNT, "value"),
        "type": TYPE,
        "timestamp": TIME,
    },
    ItemsFile: {
        "item": (*ITEM, "id"),
        "title": TITLE,
        "categories": CATEGORIES,
        "released": RELEASED,
        "available": AVAILABLE,
        "provider": PROVIDER,
    },
    UsersFile: {"user": (*USER, "id")},
    FriendsFile: {"user": FOLLOWER, "friend": FRIEND},
}
REQUIRED = frozenset({"user", "item", "friend"})


def normalise_name(name: str) -> str:
    """Return a name without case and punctuation: ``userID`` and ``user_id`` are equal."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def resolve_columns(part: AnyFile, table: TextTable) -> tuple[TextTable, AnyFile]:
    """Return ``part`` with the column of each field; None where the file has none.

    The table is returned with findings about the choice.

    Raises:
        DataError: A column that the schema names is missing, or a required column is not found.
    """
    columns, file = table.columns, table.file
    free = [c for c in columns if c not in _named_columns(part, columns, file)]
    columns_by_field: dict[str, str | None] = {}
    for field, names in COLUMN_NAMES[type(part)].items():
        name = getattr(part, field)
        column = _match(names, free) if name is None else name or None
        if column is None and field == "item":
            column = _only_id(free)
        if column is None and field in REQUIRED:
            raise DataError(_missing_column_text(field, columns, file))
        free = [c for c in free if c != column]
        columns_by_field[field] = column
    return table, part.model_copy(update=columns_by_field)


def _named_columns(part: FileSchema, columns: Sequence[str], file: str) -> list[str]:
    fields = (*COLUMN_NAMES[type(part)], "flags")
    single = [(f, getattr(part, f)) for f in fields if getattr(part, f, None)]
    lists = [(f, c) for f in ("attributes", "category_flags") for c in getattr(part, f, ()) or ()]
    for field, column in [*single, *lists]:
        if column not in columns:
            raise DataError(
                f"{file} has no column {column!r}, which the schema names as {field}; "
                f"its columns are {', '.join(columns)}."
            )
    return [column for _, column in single]


def _match(names: Sequence[str], columns: Sequence[str]) -> str | None:
    by_name = {normalise_name(column): column for column in reversed(columns)}
    return next((by_name[name] for name in names if name in by_name), None)


def _only_id(columns: Sequence[str]) -> str | None:
    """Return the only column that ends in "id", such as ``recipe_id``; None unless there is one."""
    ids = [
        c
        for c in columns
        if normalise_name(c).endswith("id") and normalise_name(c) not in {"id", "eventid"}
    ]
    return ids[0] if len(ids) == 1 else None


def _missing_column_text(field: str, columns: Sequence[str], file: str) -> str:
    return (
        f"{file} has no column that looks like the {field} id among {', '.join(columns)}; "
        f'name it in a schema file ({field} = "..."), or give the names with columns = [...] '
        f"if the file has no header."
    )
