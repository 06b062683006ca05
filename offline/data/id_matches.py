"""Compare the ids of the log with those of the files that describe items and users."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import polars as pl

from app.trainings.data_diagnosis import DataFinding
from offline.data.table import TextTable

IdForm: TypeAlias = Callable[[pl.Series], pl.Series]

FEW_SHARE = 0.05  # with fewer of the log's ids in a file, the file is of no use
MOST_SHARE = 0.9  # with fewer, it is said
EXAMPLES = 3


def _without_zeros(ids: pl.Series) -> pl.Series:
    return ids.str.replace(r"^0+(.)", "$1")


def _lower_case(ids: pl.Series) -> pl.Series:
    return ids.str.to_lowercase()


def _composed(ids: pl.Series) -> pl.Series:
    return ids.str.normalize("NFC")


def _without_query(ids: pl.Series) -> pl.Series:
    return ids.str.replace(r"^([a-z]+://[^?#]*)[?#].*$", "$1")


FORMS: dict[str, IdForm] = {
    "leading zeros": _without_zeros,
    "upper and lower case": _lower_case,
    "the form of Unicode": _composed,
    "the query of an address": _without_query,
}


def match_ids(
    table: TextTable,
    columns: Iterable[str | None],
    log: TextTable,
    what: str,
    expected: float = MOST_SHARE,
) -> TextTable:
    """Return the table with its ids as the log writes them, if the difference is obvious.

    That is so if the ids of one of both files all occur in the other once leading zeros (or
    another difference of ``FORMS``) are ignored, and no two ids become equal. Else few matches are
    a finding.

    Args:
        table: The checked rows of the items, users or friends file.
        columns: Its columns of ids.
        log: The checked interactions, with a column that is named ``what``.
        what: "item" or "user".
        expected: With a smaller share of the log's ids in the file, it is said.
    """
    ids = log.frame[what].unique()
    for column in (c for c in columns if c):
        listed = table.frame[column].unique()
        both = int(ids.is_in(listed.implode()).sum())
        if both == len(ids):
            continue
        for label, form in FORMS.items():
            pairs = _pairs(ids, listed, form)
            if pairs is not None and len(pairs) > both:
                table = _rename(table, column, pairs, f"{label} aside, in {log.file}")
                both = len(pairs)
                break
        else:
            if both < expected * len(ids):
                table = _report(table, column, log, what, ids, listed, both)
    return table


def similar_ids(ids: pl.Series, what: str) -> Iterator[DataFinding]:
    """Yield findings about different ids of one column that look alike. ``ids`` are unique."""
    for label, form in FORMS.items():
        formed = form(ids)
        twice = ids.filter(formed.is_duplicated())
        if len(twice):
            first = ids.filter(formed == form(twice.head(1))[0]).sort()
            yield DataFinding(
                "limit",
                f"{len(twice):,} {what} ids differ from another in {label} only, such as "
                f"{first[0]!r} and {first[1]!r}; they count as different {what}s.",
            )


def _pairs(ids: pl.Series, listed: pl.Series, form: IdForm) -> pl.DataFrame | None:
    """Return the ids of both files that are equal in this form; None unless that is obvious."""
    one = pl.DataFrame({"log": ids, "form": form(ids)})
    other = pl.DataFrame({"file": listed, "form": form(listed)})
    if one["form"].is_duplicated().any() or other["form"].is_duplicated().any():
        return None
    pairs = one.join(other, on="form")
    return pairs if len(pairs) == min(len(one), len(other)) else None


def _rename(table: TextTable, column: str, pairs: pl.DataFrame, where: str) -> TextTable:
    changed = pairs.filter(pl.col("log") != pl.col("file")).sort("file")
    renamed = table.frame[column].replace(changed["file"], changed["log"])
    text = (
        f"{table.file}: {len(changed):,} ids of {column} occur, {where}, such as "
        f"{changed['file'][0]!r} and {changed['log'][0]!r}; they are read as the same."
    )
    return table.with_column(renamed).with_finding("limit", text)


def _report(  # noqa: PLR0913, PLR0917 - both sides of a comparison
    table: TextTable,
    column: str,
    log: TextTable,
    what: str,
    ids: pl.Series,
    listed: pl.Series,
    both: int,
) -> TextTable:
    missing = ids.filter(~ids.is_in(listed.implode()))
    text = (
        f"{both:,} of the {len(ids):,} {what}s of {log.file} are in {table.file} "
        f"({both / len(ids):.0%}). {log.file} has ids such as {_examples(missing)}, and {column} "
        f"of {table.file} such as {_examples(listed)}. If both mean the same {what}s, write the "
        f"ids alike, or name the right columns in the schema."
    )
    return table.with_finding("problem" if both < FEW_SHARE * len(ids) else "limit", text)


def _examples(ids: pl.Series) -> str:
    return ", ".join(map(repr, ids.sort().head(EXAMPLES).to_list()))
