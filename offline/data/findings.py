"""Findings about a data set: what the funnel can and cannot do with it."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from app.catalogue.attributes import column_kinds, describe_kinds
from app.catalogue.catalogue import Catalogue
from app.timestamps import FIRST_UNIX
from app.trainings.data_diagnosis import DataFinding, FindingLevel
from offline.data.dataset import Dataset
from offline.data.id_matches import similar_ids
from offline.data.readers import MAX_BAD_SHARE, FileCount, LoadedData
from offline.data.repeats import DUPLICATE, has_only_dates
from offline.data.schema import quote_text
from offline.models.segments import MAX_ATTRIBUTES, MAX_VALUES, MIN_VALUES, encode_segments

FEW_EVENTS = 10_000  # with fewer, a ranker learns little and intervals are wide
MIN_POSITIVE_SHARE = 0.05  # with less, positive events are too rare to learn from
MIN_SPAN = 1.0  # seconds from the first to the last event; less is one moment
FEW_USERS = 10  # with fewer, one user has a large share of the log anyway
USER_SHARE = 0.2  # of the events: no person has so many
ITEM_SHARE = 0.5
NOBODY = frozenset(  # ids that shops write for visitors without an account
    ("-1", "0", "anonymous", "anon", "guest", "unknown", "nobody", "visitor", "anonym", "gast")
)
MANY_USERS = 100  # of so many users, one has two events if the ids are those of users
NOBODY_RATIO = 5.0  # times the mean number of events of a user
FEW_EVENTS_PER_USER = 5.0  # of the median user: with fewer, most users are nearly cold


def list_findings(loaded: LoadedData, per_user: NDArray[np.int64]) -> Iterator[DataFinding]:
    """Yield all findings. ``per_user`` is the number of events of each user, (u,)."""
    yield from _rows(loaded)
    yield from loaded.findings
    yield from _events(loaded.dataset, per_user)
    yield from _concentration(loaded.dataset, per_user)
    yield from _similar_ids(loaded.dataset)
    yield from _attributes(loaded.dataset)
    yield from _filter_findings(loaded)


def _rows(loaded: LoadedData) -> Iterator[DataFinding]:
    for count in loaded.files:
        if count.bad:
            level: FindingLevel = "problem" if count.bad > MAX_BAD_SHARE * count.lines else "limit"
            yield DataFinding(level, f"{_bad_text(count)}{_reason_text(loaded.bad, count)}")
        if count.duplicates:
            text = f"{count.file}: {count.duplicates} exact duplicates were dropped."
            yield DataFinding("limit", text)
        if count.repeats:
            text = (
                f"{count.file}: {count.repeats} rows equal an earlier one. Each counts, because "
                "their times have no time of day, or there are none: the same action can be done "
                "twice on one day."
            )
            yield DataFinding("good", text)
    if not any(count.bad for count in loaded.files):
        yield DataFinding("good", "Every row could be read.")


def _bad_text(count: FileCount) -> str:
    share = count.bad / count.lines
    text = f"{count.file}: {count.bad} of {count.lines} rows are bad ({share:.1%})"
    if share > MAX_BAD_SHARE:
        return f"{text}; training accepts at most {MAX_BAD_SHARE:.0%} by default."
    return f"{text} and are left out."


def _reason_text(bad: pl.DataFrame, count: FileCount) -> str:
    """Return a sentence with the most frequent reason of the bad rows of a file."""
    is_bad = (pl.col("file") == count.file) & (pl.col("reason") != DUPLICATE)
    reasons = bad.filter(is_bad)["reason"].value_counts(sort=True, name="n")
    if reasons.is_empty():
        return ""
    reason, rows = reasons.row(0)
    return f" The most frequent reason, of {rows:,} rows: {reason}."


def _events(dataset: Dataset, per_user: NDArray[np.int64]) -> Iterator[DataFinding]:
    log, traits = dataset.log, dataset.traits
    if not len(log):
        text = (
            "No interactions: nothing can be trained. `recfunnel train` makes a starter bundle of "
            "the items, and the service learns from the events that it takes."
        )
        yield DataFinding("limit", text)
        return
    if len(log) < FEW_EVENTS:
        text = (
            f"Only {len(log)} interactions: lists will be close to popularity, with wide intervals."
        )
        yield DataFinding("limit", text)
    if np.median(per_user[per_user > 0]) < FEW_EVENTS_PER_USER:
        yield DataFinding(
            "limit", f"Half of the users have fewer than {FEW_EVENTS_PER_USER:.0f} events."
        )
    yield _time_finding(dataset)
    yield from _weight_findings(dataset)
    if traits.is_explicit and len(np.unique(log.values)) == 1:
        text = "All ratings are equal: they show which items were used, not which were liked."
        yield DataFinding("problem", text)


def _concentration(dataset: Dataset, per_user: NDArray[np.int64]) -> Iterator[DataFinding]:
    """Yield findings about a user or an item with most of the log, and ids of nobody."""
    total, n = int(per_user.sum()), len(per_user)
    if n >= MANY_USERS and per_user.max() == 1:
        text = (
            f"None of the {total:,} users with an event has a second one: nothing can be learned "
            "of them. Check that the column of the user id does not hold orders or events."
        )
        yield DataFinding("problem", text)
    top = int(per_user.argmax()) if n else 0
    names = dataset.users.names(np.arange(n)) if n else []
    nobody = [row for row, name in enumerate(names) if name.lower() in NOBODY]
    rows = [row for row in nobody if per_user[row] > NOBODY_RATIO * total / n]
    if n >= FEW_USERS and per_user[top] > USER_SHARE * total:
        rows.append(top)
    for row in dict.fromkeys(rows):
        text = (
            f"The user {names[row]!r} has {per_user[row] / total:.0%} of the events. If this id "
            "stands for visitors without an account, leave its rows out: write "
            f"no_user = [{quote_text(names[row])}] in [interactions] of the schema."
        )
        yield DataFinding("problem", text)
    per_item = np.bincount(dataset.log.items, minlength=len(dataset.catalogue))
    item = int(per_item.argmax())
    if total >= FEW_USERS and per_item[item] > ITEM_SHARE * total:
        (name,) = dataset.catalogue.ids.names(np.array([item]))
        text = f"The item {name!r} has {per_item[item] / total:.0%} of the events."
        yield DataFinding("problem", f"{text} Check that the column of the item id is right.")


def _similar_ids(dataset: Dataset) -> Iterator[DataFinding]:
    for index, what in ((dataset.users, "user"), (dataset.catalogue.ids, "item")):
        names = pl.Series("id", index.names(np.arange(len(index))), pl.String)
        yield from similar_ids(names, what)


def _time_finding(dataset: Dataset) -> DataFinding:
    if not dataset.traits.has_times:
        text = (
            "No timestamps: the split is random, and trends, freshness and "
            "sequences cannot be learnt."
        )
        return DataFinding("limit", text)
    times = dataset.log.times
    if times[-1] - times[0] < MIN_SPAN:
        return DataFinding("problem", "All timestamps are equal: no split by time is possible.")
    if times[-1] < FIRST_UNIX:
        text = (
            f"All times lie before 1973, the last is {times[-1]:g} seconds after 1970. If they are "
            'no unix times, set time_format = "..." in [interactions] of the schema, or '
            'timestamp = "" to train without times.'
        )
        return DataFinding("problem", text)
    if has_only_dates(pl.Series(times)):
        text = (
            "Timestamps have no time of day: split by time, trends and freshness work, but events "
            "of one day have no order, so that sequences and sessions tell little."
        )
        return DataFinding("limit", text)
    return DataFinding("good", "Timestamps: split by time, trends, freshness and recency work.")


def _weight_findings(dataset: Dataset) -> Iterator[DataFinding]:
    traits, positive = dataset.traits, float(np.mean(dataset.log.weights > 0))
    if traits.is_explicit:
        yield DataFinding("good", f"Ratings: {traits.positive_at:g} or more counts as positive.")
    else:
        text = "No ratings: the weight of an event comes from its type and amount."
        yield DataFinding("good", text)
    if positive < MIN_POSITIVE_SHARE:
        text = f"Only {positive:.1%} of the events are positive; check positive_at in the schema."
        yield DataFinding("problem", text)


def _attributes(dataset: Dataset) -> Iterator[DataFinding]:
    catalogue = dataset.catalogue
    yield from _category_findings(catalogue)
    if len(catalogue.provider_names):
        text = f"{len(catalogue.provider_names)} item providers (brands, artists) are listed."
        yield DataFinding("good", text)
    if catalogue.descriptions is not None:
        described = int(np.count_nonzero(np.diff(catalogue.descriptions.ends)))
        text = f"{described:,} items have a description: content recall learns from its words."
        yield DataFinding("good", text)
    if not catalogue.titles.ends[-1]:
        yield DataFinding("limit", "No item titles: lists show ids.")
    if not np.isfinite(catalogue.released).any():
        yield DataFinding(
            "limit", "No release dates: the age of an item is the time since its first event."
        )
    yield from _segment_findings(dataset)
    if len(dataset.friends):
        yield DataFinding("good", f"A friend graph with {len(dataset.friends) // 2} friendships.")


def _segment_findings(dataset: Dataset) -> Iterator[DataFinding]:
    """Yield which user attributes are segments, and which are not."""
    segments = encode_segments(dataset.attributes, len(dataset.users)).names
    if segments:
        text = f"User attributes ({', '.join(segments)}): popularity by segment works."
        yield DataFinding("good", text)
    if not dataset.attributes:
        text = "No user attributes: popularity is the same for every user without a history."
        yield DataFinding("limit", text)
    left = [name for name in dataset.attributes if name not in segments]
    if left:
        text = (
            f"User attributes that are no segments: {', '.join(left)}. A segment has "
            f"{MIN_VALUES} to {MAX_VALUES} values, and at most {MAX_ATTRIBUTES} attributes are "
            "used; write a text such as the decade of a birth date."
        )
        yield DataFinding("limit", text)


def _category_findings(catalogue: Catalogue) -> Iterator[DataFinding]:
    count = len(catalogue.category_lists.names)
    if not count:
        has_words = catalogue.titles.ends[-1] or catalogue.descriptions is not None
        recall = "can be found by title words only" if has_words else "are found by their age alone"
        yield DataFinding("limit", f"No item categories: new items {recall}.")
        return
    text = f"{count:,} item categories: filters, blocks and caps know each of them."
    yield DataFinding("good", f"{text} Content recall works.")
    yield from _similar_categories(catalogue)
    remark = frequent_categories_remark(catalogue)
    if remark:
        yield DataFinding("limit", remark)


def _similar_categories(catalogue: Catalogue) -> Iterator[DataFinding]:
    names = pl.Series(catalogue.category_lists.every_name(), dtype=pl.String)
    forms = names.str.to_lowercase().str.replace_all(r"[\s_-]+", " ").str.strip_chars()
    alike = names.filter(forms.is_duplicated())
    if len(alike):
        same = alike.filter(
            forms.filter(forms.is_duplicated()) == forms.filter(forms.is_duplicated())[0]
        )
        yield DataFinding(
            "limit",
            f"{len(alike):,} categories differ from another in case or blanks only, such as "
            f"{same[0]!r} and {same[1]!r}; filters, blocks and caps take them as different.",
        )


def frequent_categories_remark(catalogue: Catalogue) -> str:
    """Return that the models learn from a part of the categories; "" if they learn from all."""
    count, frequent = len(catalogue.category_lists.names), len(catalogue.category_names)
    if count <= frequent:
        return ""
    has_any = np.diff(catalogue.category_lists.indptr) > 0
    outside = int(np.sum(has_any & ~catalogue.categories.any(axis=1)))
    return (
        f"The models learn from the {frequent} most frequent of the {count:,} categories. "
        f"{outside:,} of the {int(has_any.sum()):,} items with a category have none of these: "
        "content recall and the features of categories know such an item by its title alone."
    )


def _filter_findings(loaded: LoadedData) -> Iterator[DataFinding]:
    attribute_kinds = column_kinds(loaded.dataset.catalogue.attributes)
    if attribute_kinds:
        names = describe_kinds(attribute_kinds)
        yield DataFinding("good", f"Item attributes that filters compare: {names}.")
