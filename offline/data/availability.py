"""Find the columns that say whether an item can be shown, and read their words."""

import re
from collections.abc import Sequence

import polars as pl

from offline.data.column_names import AVAILABLE, ends_in, normalise_name, split_name
from offline.data.date_columns import parse_seconds
from offline.data.numbers import is_missing, parse_numbers
from offline.data.schema import ItemsFile
from offline.data.table import TextTable


def _phrases(text: str) -> frozenset[str]:
    return frozenset(re.sub(r"[\W_]+", "", phrase) for phrase in text.split(","))


SHOWN = _phrases(
    "true, yes, y, t, on, available, in stock, active, enabled, published, publish, public, live, "
    "visible, listed, open, online, current, for sale, on sale, limited availability, low stock, "
    "limited, few left, last items, preorder, pre order, backorder, back order, backordered, "
    "available on backorder, available for order, in store only, online only, new, released, "
    "approved, ready, normal, ok, instock online, presale, shown, ja, oui, si, sí, sì, sim, tak, "
    "да, 是, 有, 有货, 在售, はい, 예, auf lager, lieferbar, verfügbar, en stock, disponible, "
    "disponibile, disponível, в наличии, есть"
)
NOT_SHOWN = _phrases(
    "false, no, n, f, off, out of stock, sold out, unavailable, not available, discontinued, "
    "inactive, disabled, draft, archived, archive, hidden, private, deleted, removed, trashed, "
    "trash, unpublished, unlisted, delisted, closed, permanently closed, temporarily closed, "
    "expired, ended, suspended, blocked, banned, pending, rejected, offline, obsolete, retired, "
    "sold, end of life, eol, not in stock, oos, cancelled, canceled, nein, non, nee, não, nie, "
    "нет, 否, 无, 无货, 缺货, 下架, いいえ, 아니요, ausverkauft, "
    "nicht verfuegbar, nicht verfügbar, nicht lieferbar, agotado, no disponible, rupture, "
    "rupture de stock, épuisé, inactif, "
    "indisponible, esaurito, non disponibile, esgotado, indisponível, нет в наличии"
)
POSITIVE_NAMES = frozenset((
    *AVAILABLE, "availability", "isinstock", "instockflag", "stock", "stockquantity", "stockqty",
    "stocklevel", "stockstatus", "qtyinstock", "quantityinstock", "inventory", "inventoryquantity",
    "inventoryqty", "onhand", "status", "productstatus", "itemstatus", "state", "isopen", "open",
    "enabled", "isenabled", "published", "ispublished", "visible", "isvisible", "visibility",
    "live", "islive", "islisted", "listed", "buyable", "isbuyable", "purchasable", "sellable",
    "use", "display",
    "itemavailability", "availabilitystatus", "productavailability", "isavailableforsale",
    "availableforsale", "forsale",
))  # fmt: skip
NEGATIVE_NAMES = frozenset((
    "del", "delete",
    "ishidden", "hidden", "isdeleted", "deleted", "deletedat", "discontinued", "isdiscontinued",
    "discontinuedat", "archived", "isarchived", "archivedat", "removed", "isremoved", "removedat",
    "soldout", "issoldout", "outofstock", "isoutofstock", "unavailable", "isunavailable",
    "inactive", "isinactive", "disabled", "isdisabled", "blocked", "isblocked", "banned",
    "isbanned", "expired", "isexpired", "isclosed", "closed", "permanentlyclosed", "closedat",
    "issold", "sold", "isdraft", "draft", "unlisted", "isunlisted", "isprivate", "private",
    "suspended", "issuspended", "deletedon", "deleteddate", "ispermanentlyclosed", "unpublished",
))  # fmt: skip
WEAK_NAMES = frozenset(  # of other things too: read only if most words are of availability
    (
        "use",
        "display",
        "del",
        "delete",
        "status",
        "state",
        "visibility",
        "open",
        "live",
        "stock",
        "sold",
        "closed",
        "released",
    )
)
FLAG_ENDS = ("yn", "flag", "flg", "ind")  # of names of columns with Y and N
NEVER_DATES = ("0", "0000-00-00", "0000-00-00 00:00:00", "false", "no", "1970-01-01")
SHOWN_WORDS = 6  # unknown words in a finding


def find_availability(table: TextTable, free: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of ``free`` whose names and words say whether an item can be shown."""
    return tuple(column for column in free if _is_availability(column, table.frame[column]))


def is_negative(column: str) -> bool:
    """Return whether true in a column means that the item cannot be shown: ``is_hidden``."""
    return _name(column) in NEGATIVE_NAMES


def _name(column: str) -> str:
    """Return a name without the end that says that it holds Y and N: ``AVAILABLE_YN``."""
    name = normalise_name(column)
    return next((name[: -len(end)] for end in FLAG_ENDS if name.endswith(end)), name)


def read_availability(of: pl.Series) -> pl.Series:
    """Return whether each item can be shown, Boolean; null where the text is unknown.

    A number is the amount in stock. In a column such as ``deleted_at`` a date means true.
    """
    text = of.str.strip_chars().str.to_lowercase()
    words = text.str.replace_all(r"^.*schema\.org/", "").str.replace_all(r"[\W_]+", "")
    numbers = parse_numbers(of)
    negative = is_negative(of.name)
    frame = pl.DataFrame([text.alias("text"), words.alias("word"), numbers.alias("number")])
    shown = pl.col("word").is_in(NOT_SHOWN if negative else SHOWN)
    withheld = pl.col("word").is_in(SHOWN if negative else NOT_SHOWN)
    dated = pl.lit(value=False)
    if negative:
        never = pl.col("text").is_in(NEVER_DATES)
        dated = ~never & parse_seconds("text").is_not_null() & pl.col("number").is_null()
    number = pl.col("number") > 0
    return frame.select(
        pl.when(shown)
        .then(True)  # noqa: FBT003
        .when(withheld | dated)
        .then(False)  # noqa: FBT003
        .when(is_missing(pl.col("text")))
        .then(None)
        .when(pl.col("text").is_in(NEVER_DATES))
        .then(pl.lit(negative))
        .when(pl.col("number").is_not_null())
        .then(~number if negative else number)
        .alias(of.name)
    ).to_series()


def combine_availability(frame: pl.DataFrame, part: ItemsFile) -> pl.Series:
    """Return whether each item can be shown by all columns, (rows,).

    An unknown text does not hide an item.
    """
    shown = pl.Series([True]).new_from_index(0, len(frame))
    for column in part.available or ():
        shown &= read_availability(frame[column]).fill_null(value=True)
    return shown


def availability_findings(table: TextTable, part: ItemsFile) -> TextTable:
    """Return the table with findings: how many items are hidden by a column, and unknown words."""
    for column in part.available or ():
        of = table.frame[column]
        shown = read_availability(of)
        hidden = int((~shown).sum())
        unknown = of.filter(shown.is_null() & of.is_not_null())
        unknown = unknown.filter(~unknown.to_frame("x").select(is_missing(pl.col("x"))).to_series())
        if hidden:
            table = table.with_finding(
                "good" if hidden < len(of) else "problem",
                f"{table.file}: {hidden:,} of {len(of):,} items are not available by {column}.",
            )
        if len(unknown):
            words = unknown.value_counts(sort=True).head(SHOWN_WORDS).rows()
            shown_words = ", ".join(f"{word!r} ({count:,} items)" for word, count in words)
            table = table.with_finding(
                "limit",
                f"{table.file}: {column} has words whose meaning is unknown: {shown_words}. "
                "These items count as available. Write true or false instead, or leave the column "
                'out with available = "" in [items] of the schema.',
            )
    return table


def _is_availability(column: str, of: pl.Series) -> bool:
    name = _name(column)
    is_listed = name in POSITIVE_NAMES | NEGATIVE_NAMES or split_name(column) == ["available"]
    quantity = "stock" in split_name(column) and ends_in(
        column, frozenset({"quantity", "qty", "level", "count", "status", "available"})
    )
    if not is_listed and not quantity:
        return False
    texts = of.drop_nulls()
    if texts.is_empty():
        return False
    if name in AVAILABLE or split_name(column) == ["available"]:
        return True
    read = read_availability(texts.rename(column).head(2_000))
    share = float(read.is_not_null().mean() or 0.0)  # type: ignore[arg-type]
    return share >= (0.5 if name in WEAK_NAMES else 0.1)
