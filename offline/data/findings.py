"""What the funnel can and cannot do with a data set, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.catalogue.attributes import column_kinds, describe_kinds
from offline.data.dataset import Dataset
from offline.data.readers import MAX_BAD_SHARE, FileCount, Reading

Level: TypeAlias = Literal["good", "limit", "problem"]
FEW_EVENTS = 10_000  # below this a ranker has little to learn from, and intervals are wide
LEAST_POSITIVE = 0.05  # share; below this the positive events are too rare to learn from
FEW_PER_USER = 5.0  # events of the median user; below this most users are nearly cold


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about the data, in words."""

    level: Level
    text: str


def judge(reading: Reading, per_user: NDArray[np.int64]) -> Iterator[Finding]:
    """Say what there is to know; ``per_user`` counts the events of each user, (u,)."""
    yield from _rows(reading)
    yield from _events(reading.dataset, per_user)
    yield from _attributes(reading.dataset)
    yield from _for_filters(reading)


def _rows(reading: Reading) -> Iterator[Finding]:
    for count in reading.files:
        if count.bad:
            level: Level = "problem" if count.bad > MAX_BAD_SHARE * count.lines else "limit"
            yield Finding(level, _bad_text(count))
        if count.duplicates:
            text = f"{count.file}: {count.duplicates} exact duplicates were dropped."
            yield Finding("limit", text)
    if not any(count.bad for count in reading.files):
        yield Finding("good", "Every row could be read.")


def _bad_text(count: FileCount) -> str:
    share = count.bad / count.lines
    text = f"{count.file}: {count.bad} of {count.lines} rows are bad ({share:.1%})"
    if share > MAX_BAD_SHARE:
        return f"{text}; training refuses more than {MAX_BAD_SHARE:.0%} until told otherwise."
    return f"{text} and are left out."


def _events(dataset: Dataset, per_user: NDArray[np.int64]) -> Iterator[Finding]:
    log, traits = dataset.log, dataset.traits
    if len(log) < FEW_EVENTS:
        text = f"Only {len(log)} interactions: expect little more than popularity, wide intervals."
        yield Finding("limit", text)
    if np.median(per_user[per_user > 0]) < FEW_PER_USER:
        yield Finding("limit", f"Half of the users have fewer than {FEW_PER_USER:.0f} events.")
    yield _time_finding(dataset)
    yield from _taste_findings(dataset)
    if traits.explicit and len(np.unique(log.values)) == 1:
        text = "All ratings are equal: they say who met what, not who liked it."
        yield Finding("problem", text)


def _time_finding(dataset: Dataset) -> Finding:
    if not dataset.traits.timed:
        text = (
            "No timestamps: the split is random, and what is trending, fresh or "
            "next in a sequence cannot be learnt."
        )
        return Finding("limit", text)
    if len(np.unique(dataset.log.times)) == 1:
        return Finding("problem", "All timestamps are equal: no split by time is possible.")
    return Finding("good", "Timestamps: split by time, trends, freshness and recency work.")


def _taste_findings(dataset: Dataset) -> Iterator[Finding]:
    traits, positive = dataset.traits, float(np.mean(dataset.log.weights > 0))
    if traits.explicit:
        yield Finding("good", f"Ratings: {traits.positive_at:g} or more counts as positive.")
    else:
        text = "Implicit: an event's weight comes from its type and amount; there are no ratings."
        yield Finding("good", text)
    if positive < LEAST_POSITIVE:
        text = f"Only {positive:.1%} of the events are positive; check positive_at in the schema."
        yield Finding("problem", text)


def _attributes(dataset: Dataset) -> Iterator[Finding]:
    catalogue = dataset.catalogue
    names = ", ".join(dataset.attributes)
    yield (
        Finding("good", f"{len(catalogue.category_names)} item categories: content recall works.")
        if catalogue.category_names
        else Finding("limit", "No item categories: new items can be found by title words only.")
    )
    if len(catalogue.provider_names):
        text = f"{len(catalogue.provider_names)} item providers (brands, artists ...) are known."
        yield Finding("good", text)
    if not catalogue.titles.ends[-1]:
        yield Finding("limit", "No item titles: lists show ids.")
    if not np.isfinite(catalogue.released).any():
        yield Finding("limit", "No release dates: an item's age is the time since its first event.")
    yield (
        Finding("good", f"User attributes ({names}): popularity by segment works.")
        if dataset.attributes
        else Finding("limit", "No user attributes: popularity is the same for every stranger.")
    )
    if len(dataset.friends):
        yield Finding("good", f"A friend graph of {len(dataset.friends) // 2} friendships.")


def _for_filters(reading: Reading) -> Iterator[Finding]:
    known = column_kinds(reading.dataset.catalogue.attributes)
    if known:
        yield Finding("good", f"Item attributes that filters compare: {describe_kinds(known)}.")
    if reading.unread and reading.layout == "generic":
        text = (
            f"Columns of the items that nothing uses: {', '.join(reading.unread)}; filters "
            "compare those that attributes = [...] in [items] of the schema names."
        )
        yield Finding("limit", text)
