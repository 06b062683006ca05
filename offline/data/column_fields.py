"""The columns that can be a field of a file: by whole names, then by how names end and content."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import polars as pl

from offline.data import column_names as names
from offline.data.column_content import (
    MANY,
    has_many,
    is_duration,
    is_empty,
    is_identifier,
    is_numeric,
    is_prose,
    is_rating,
    is_time,
    is_type,
    is_word_flag,
)
from offline.data.column_names import ends_in, ends_in_id, normalise_name, split_name
from offline.data.date_columns import parse_years
from offline.data.numbers import parse_numbers
from offline.data.schema import FileSchema, FriendsFile, InteractionsFile, ItemsFile, UsersFile
from offline.data.table import TextTable

ColumnRule: TypeAlias = Callable[[str, pl.Series], bool]  # (name, column) -> it can be the field

# Whole names, the preferred ones first. In the order in which the fields take columns.
COLUMN_NAMES: Mapping[type[FileSchema], Mapping[str, tuple[str, ...]]] = {
    InteractionsFile: {
        "user": names.USER,
        "item": names.ITEM,
        "value": names.RATING,
        "type": names.TYPE,
        "timestamp": names.TIME,
    },
    ItemsFile: {
        "item": (*names.ITEM, "id"),
        "title": names.TITLE,
        "categories": names.CATEGORIES,
        "released": names.RELEASED,
        "provider": names.PROVIDER,
    },
    UsersFile: {"user": (*names.USER, "id")},
    FriendsFile: {"user": names.FOLLOWER, "friend": names.FRIEND},
}
GROUP_WORDS = frozenset({"type", "group", "category", "department", "section", "genre"})
FEW_ITEMS = 5  # a catalogue can be small; a column of fewer texts is a kind of item
NAMED = frozenset({"name"})


def find_candidates(
    kind: type[FileSchema], field: str, table: TextTable, columns: Sequence[str]
) -> list[str]:
    """Return the columns that can be ``field``, the best one first."""
    full = [c for c in columns if not is_empty(table.frame[c])]
    listed = COLUMN_NAMES[kind][field]
    ranks = {name: rank for rank, name in enumerate(listed)}
    exact = sorted(
        (c for c in full if normalise_name(c) in ranks), key=lambda c: ranks[normalise_name(c)]
    )
    fits = PREFERRED.get(field, _is_anything)
    groups = [[c for c in exact if fits(c, table.frame[c])]]
    ordered = sorted(full, key=lambda c: _rank(field, c, table.frame[c]))
    groups += [[c for c in ordered if rule(c, table.frame[c])] for rule in RULES.get(field, ())]
    groups.append([] if field == "value" else exact)
    if field == "item":
        groups.append(_only_id(full))
        groups.append([c for c in full if _is_named(c, names.ITEM_NOUNS)])
    if field == "user" and not any(groups):
        groups.append([c for c in full if _is_named(c, names.USER_NOUNS)])
        groups.append([c for c in full if ends_in(c, names.USER_FALLBACKS)])
    best = next((group for group in groups if group), [])
    later = [c for group in groups[:2] for c in group]
    empty = [c for c in columns if normalise_name(c) in ranks and c not in full]
    return list(dict.fromkeys([*best, *later])) or empty


def could_be(what: str, column: str | None) -> bool:
    """Return whether the name of a value column means a rating, an amount of use, or money."""
    if column is None:
        return False
    name, words = normalise_name(column), split_name(column)
    if what == "rating":
        listed, endings, unless = names.RATING, names.RATING_ENDINGS, names.NOT_A_RATING
        return name in listed or ends_in(column, endings, unless)
    if what == "amount":
        counted = len(words) > 1 and words[-2] in names.COUNTED
        return (
            name in names.AMOUNT
            or ends_in(column, names.AMOUNT_ENDINGS)
            or (bool(names.UNITS_OF_USE & set(words)) and "played" in words)
            or (counted and words[-1] in {"count", "time", "times"})
        )
    return ends_in(column, names.MONEY_ENDINGS, names.NOT_MONEY)


def _rank(field: str, name: str, of: pl.Series) -> int:
    """Return the rank of a column among those that a rule fits; lower ones come first.

    A timestamp comes before a date. A quantity comes after money, or first if it has returns.
    """
    if field == "timestamp":
        last = split_name(name)[-1:]
        return 0 if last == ["timestamp"] else 2 if last in (["date"], ["day"]) else 1
    if field != "value" or not names.QUANTITIES & set(split_name(name)):
        return 0
    return -1 if bool((parse_numbers(of) < 0).any()) else 1


def _is_user(name: str, of: pl.Series) -> bool:
    return ends_in_id(name, names.USER_NOUNS) and not is_prose(of)


def _is_user_noun(name: str, of: pl.Series) -> bool:
    least = FEW_ITEMS if split_name(name) in (["user"], ["customer"]) else MANY
    return ends_in(name, frozenset(names.USER_NOUNS)) and has_many(of, least)


def _is_item(name: str, of: pl.Series) -> bool:
    return ends_in_id(name, names.ITEM_NOUNS) and is_identifier(of)


def _is_item_noun(name: str, of: pl.Series) -> bool:
    return ends_in(name, frozenset(names.ITEM_NOUNS)) and has_many(of, FEW_ITEMS)


def _is_friend(name: str, of: pl.Series) -> bool:
    words = split_name(name)
    return bool({"friend", "followee", "followed", "target", "trustee"} & set(words)) and (
        is_identifier(of)
    )


def _is_named(name: str, nouns: Sequence[str]) -> bool:
    return ends_in_id(name, nouns, names.NAME_ENDINGS)


def _is_rating(name: str, of: pl.Series) -> bool:
    endings, unless = names.RATING_ENDINGS, names.NOT_A_RATING
    return ends_in(name, endings, unless) and is_rating(of)


def _is_amount(what: str, name: str, of: pl.Series) -> bool:
    return could_be(what, name) and (is_numeric(of) or (what == "amount" and is_duration(of)))


def _is_value(name: str, of: pl.Series) -> bool:
    return split_name(name)[-1:] == ["value"] and not is_word_flag(of)


def _is_event_time(name: str, of: pl.Series) -> bool:
    words = split_name(name)
    words = words[:-1] if len(words) > 1 and words[-1] in names.TIME_UNITS else words
    last = words[-1] if words else ""
    ends = last in names.TIME_ENDINGS or last.endswith(("stamp", "time", "date"))
    ends |= words[:1] in (["date"], ["timestamp"], ["datetime"])
    return ends and not names.OTHER_TIMES & set(words) and is_time(of)


def _is_event_type(name: str, of: pl.Series) -> bool:
    return ends_in(name, names.TYPE_ENDINGS) and is_type(of)


def _is_title(name: str, of: pl.Series) -> bool:
    words = split_name(name)
    name = " ".join(words[:-1]) if words[-1:] and words[-1] in names.LANGUAGES else name
    return ends_in(name, names.TITLE_ENDINGS, names.NOT_THE_ITEM | GROUP_WORDS) and not is_numeric(
        of
    )


def _is_category(name: str, of: pl.Series) -> bool:
    words = set(split_name(name))
    grouped = ends_in(name, NAMED) and bool(words & GROUP_WORDS)
    coded = "category" in words and ends_in(name, frozenset({"code", "id", "path", "tree"}))
    return (grouped or coded or ends_in(name, names.CATEGORY_ENDINGS)) and not is_prose(of)


def _is_release(name: str, of: pl.Series) -> bool:
    words = set(split_name(name))
    named = "year" in words or bool(words and ends_in(name, names.YEAR_ENDINGS))
    other = (names.OTHER_TIMES - {"release", "released"}) | {
        "birth",
        "scraped",
        "crawled",
        "end",
        "ends",
        "until",
    }
    if not named or other & words:
        return False
    years = of.drop_nulls().to_frame("text").select(parse_years("text")).to_series()
    return 2 * years.count() >= len(years) > 0


def _is_provider(name: str, of: pl.Series) -> bool:
    words = split_name(name)
    named = words[-1:] == ["name"] and bool(names.PROVIDER_ENDINGS & set(words[-2:-1]))
    return (named or ends_in(name, names.PROVIDER_ENDINGS)) and not is_prose(of)


def _is_anything(_name: str, _of: pl.Series) -> bool:
    return True


def _is_no_word_flag(_name: str, of: pl.Series) -> bool:
    return not is_word_flag(of)


def _holds_types(_name: str, of: pl.Series) -> bool:
    return is_type(of)


def _holds_times(_name: str, of: pl.Series) -> bool:
    return is_time(of)


# What a column with a listed name must hold to be preferred.
PREFERRED: Mapping[str, ColumnRule] = {
    "value": _is_no_word_flag,
    "type": _holds_types,
    "timestamp": _holds_times,
}
# Rules for names that are not listed, the preferred ones first.
RULES: Mapping[str, tuple[ColumnRule, ...]] = {
    "user": (_is_user, _is_user_noun),
    "item": (_is_item, _is_item_noun),
    "friend": (_is_friend,),
    "value": (
        _is_rating,
        partial(_is_amount, "amount"),
        _is_value,
        partial(_is_amount, "money"),
    ),
    "type": (_is_event_type,),
    "timestamp": (_is_event_time,),
    "title": (_is_title,),
    "categories": (_is_category,),
    "released": (_is_release,),
    "provider": (_is_provider,),
}


def _only_id(columns: Sequence[str]) -> list[str]:
    """Return the only column that ends in "id", such as ``recipe_id``, or nothing.

    Ids of users and events are not those of items.
    """
    ids = [
        c
        for c in columns
        if normalise_name(c).endswith("id")
        and normalise_name(c) not in {"id", "eventid"}
        and not ends_in_id(c, names.USER_NOUNS)
    ]
    return ids if len(ids) == 1 else []
