"""Which column is which: by the schema where it says so, else by the names people commonly use."""

import re
from collections.abc import Sequence
from typing import TypeVar

from offline.data.errors import DataError
from offline.data.schema import FileSchema, FriendsFile, InteractionsFile, ItemsFile, UsersFile


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
Part = TypeVar("Part", bound=FileSchema)


def normalise_name(name: str) -> str:
    """Give a column's name without case and punctuation: ``userID`` and ``user_id`` are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def resolve_columns(part: Part, columns: Sequence[str], file: str) -> Part:
    """Say for each field of ``part`` which column holds it; None where there is none.

    Raises:
        DataError: a column that the schema names is not there, or a required one is not found.
    """
    free = [c for c in columns if c not in _told(part, columns, file)]
    found: dict[str, str | None] = {}
    for field, names in COLUMN_NAMES[type(part)].items():
        told = getattr(part, field)
        column = _match(names, free) if told is None else told or None
        if column is None and field == "item":
            column = _only_id(free)
        if column is None and field in REQUIRED:
            raise DataError(_not_found(field, columns, file))
        free = [c for c in free if c != column]
        found[field] = column
    return part.model_copy(update=found)


def _told(part: FileSchema, columns: Sequence[str], file: str) -> list[str]:
    fields = (*COLUMN_NAMES[type(part)], "flags")
    told = [(f, getattr(part, f)) for f in fields if getattr(part, f, None)]
    several = [(f, c) for f in ("attributes", "category_flags") for c in getattr(part, f, ()) or ()]
    for field, column in [*told, *several]:
        if column not in columns:
            raise DataError(
                f"{file} has no column {column!r}, which the schema gives as {field}; "
                f"its columns are {', '.join(columns)}."
            )
    return [column for _, column in told]


def _match(names: Sequence[str], columns: Sequence[str]) -> str | None:
    by_name = {normalise_name(column): column for column in reversed(columns)}
    return next((by_name[name] for name in names if name in by_name), None)


def _only_id(columns: Sequence[str]) -> str | None:
    """Take ``recipe_id`` for the item where no other column is an id."""
    ids = [
        c
        for c in columns
        if normalise_name(c).endswith("id") and normalise_name(c) not in {"id", "eventid"}
    ]
    return ids[0] if len(ids) == 1 else None


def _not_found(field: str, columns: Sequence[str], file: str) -> str:
    return (
        f"{file} has no column that looks like the {field} id among {', '.join(columns)}; "
        f'name it in a schema file ({field} = "..."), or give the names with columns = [...] '
        f"if the file has no header."
    )
