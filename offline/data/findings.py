"""What the funnel can and cannot do with a data set, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.catalogue.attributes import column_kinds, describe_kinds
from offline.data.dataset import Dataset
from offline.data.readers import MAX_BAD_SHARE, FileCount, LoadedData

FindingLevel: TypeAlias = Literal["good", "limit", "problem"]
FEW_EVENTS = 10_000  # below this a ranker has little to learn from, and intervals are wide
MIN_POSITIVE_SHARE = 0.05  # share; below this the positive events are too rare to learn from
FEW_EVENTS_PER_USER = 5.0  # events of the median user; below this most users are nearly cold


@dataclass(frozen=True, slots=True)
class DataFinding:
    """One thing to know about the data, in words."""

    level: FindingLevel
    text: str


def list_findings(reading: LoadedData, per_user: NDArray[np.int64]) -> Iterator[DataFinding]:
    """Say what there is to know; ``per_user`` counts the events of each user, (u,)."""
    yield from _rows(reading)
    yield from _events(reading.dataset, per_user)
    yield from _attributes(reading.dataset)
    yield from _for_filters(reading)


def _rows(reading: LoadedData) -> Iterator[DataFinding]:
    for count in reading.files:
        if count.bad:
            level: FindingLevel = "problem" if count.bad > MAX_BAD_SHARE * count.lines else "limit"
            yield DataFinding(level, _bad_text(count))
        if count.duplicates:
            text = f"{count.file}: {count.duplicates} exact duplicates were dropped."
            yield DataFinding("limit", text)
    if not any(count.bad for count in reading.files):
        yield DataFinding("good", "Every row could be read.")


def _bad_text(count: FileCount) -> str:
    share = count.bad / count.lines
    text = f"{count.file}: {count.bad} of {count.lines} rows are bad ({share:.1%})"
    if share > MAX_BAD_SHARE:
        return f"{text}; training refuses more than {MAX_BAD_SHARE:.0%} until told otherwise."
    return f"{text} and are left out."


def _events(dataset: Dataset, per_user: NDArray[np.int64]) -> Iterator[DataFinding]:
    log, traits = dataset.log, dataset.traits
    if len(log) < FEW_EVENTS:
        text = f"Only {len(log)} interactions: expect little more than popularity, wide intervals."
        yield DataFinding("limit", text)
    if np.median(per_user[per_user > 0]) < FEW_EVENTS_PER_USER:
        yield DataFinding(
            "limit", f"Half of the users have fewer than {FEW_EVENTS_PER_USER:.0f} events."
        )
    yield _time_finding(dataset)
    yield from _taste_findings(dataset)
    if traits.is_explicit and len(np.unique(log.values)) == 1:
        text = "All ratings are equal: they say who met what, not who liked it."
        yield DataFinding("problem", text)


def _time_finding(dataset: Dataset) -> DataFinding:
    if not dataset.traits.has_times:
        text = (
            "No timestamps: the split is random, and what is trending, fresh or "
            "next in a sequence cannot be learnt."
        )
        return DataFinding("limit", text)
    if len(np.unique(dataset.log.times)) == 1:
        return DataFinding("problem", "All timestamps are equal: no split by time is possible.")
    return DataFinding("good", "Timestamps: split by time, trends, freshness and recency work.")


def _taste_findings(dataset: Dataset) -> Iterator[DataFinding]:
    traits, positive = dataset.traits, float(np.mean(dataset.log.weights > 0))
    if traits.is_explicit:
        yield DataFinding("good", f"Ratings: {traits.positive_at:g} or more counts as positive.")
    else:
        text = "Implicit: an event's weight comes from its type and amount; there are no ratings."
        yield DataFinding("good", text)
    if positive < MIN_POSITIVE_SHARE:
        text = f"Only {positive:.1%} of the events are positive; check positive_at in the schema."
        yield DataFinding("problem", text)


def _attributes(dataset: Dataset) -> Iterator[DataFinding]:
    catalogue = dataset.catalogue
    names = ", ".join(dataset.attributes)
    yield (
        DataFinding(
            "good", f"{len(catalogue.category_names)} item categories: content recall works."
        )
        if catalogue.category_names
        else DataFinding("limit", "No item categories: new items can be found by title words only.")
    )
    if len(catalogue.provider_names):
        text = f"{len(catalogue.provider_names)} item providers (brands, artists ...) are known."
        yield DataFinding("good", text)
    if not catalogue.titles.ends[-1]:
        yield DataFinding("limit", "No item titles: lists show ids.")
    if not np.isfinite(catalogue.released).any():
        yield DataFinding(
            "limit", "No release dates: an item's age is the time since its first event."
        )
    yield (
        DataFinding("good", f"User attributes ({names}): popularity by segment works.")
        if dataset.attributes
        else DataFinding("limit", "No user attributes: popularity is the same for every stranger.")
    )
    if len(dataset.friends):
        yield DataFinding("good", f"A friend graph of {len(dataset.friends) // 2} friendships.")


def _for_filters(reading: LoadedData) -> Iterator[DataFinding]:
    known = column_kinds(reading.dataset.catalogue.attributes)
    if known:
        yield DataFinding("good", f"Item attributes that filters compare: {describe_kinds(known)}.")
    if reading.unused_columns and reading.layout == "generic":
        text = (
            f"Columns of the items that nothing uses: {', '.join(reading.unused_columns)}; filters "
            "compare those that attributes = [...] in [items] of the schema names."
        )
        yield DataFinding("limit", text)
