"""Find the visits of users, and the moments at the start of a visit and within it.

A visit is a run of one user's events with no long pause between them. Most lists of a service are
requested during a visit, so the rankers learn from such moments.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.contracts import SESSION_LENGTH, NotNegative, Whole
from offline.data.dataset import Dataset, DataTraits, Log
from offline.training.past_requests import (
    ActiveUser,
    add_later_moments,
    advance_user,
    split_events_by_user,
)

RelevantItems: TypeAlias = Literal["later", "next"]
VISIT_EVENTS = (0, 1, 2, 5, 10, 20)  # events of the visit before a request
MINUTE = 60.0
PAUSES = tuple(MINUTE * minutes for minutes in (5, 10, 20, 30, 60, 120, 240, 480, 960))
MAX_RETURNING = 0.1  # share of users with a second visit; with fewer, a user is a session
LEAST_SHARE = 0.2  # of the events that continue a visit; with fewer, the data have no visits


@dataclass(frozen=True, slots=True)
class VisitConfig:
    """The visits that rankers learn from. The job chooses ``pause`` from the data."""

    pause: NotNegative = SESSION_LENGTH  # seconds without an event that end a visit; 0: no visits
    moments: Whole = 3  # of the visits of one user in one window, at most; 0: no visits
    # What is relevant after an event: all that the user likes later, or the next new item alone.
    # The job chooses "next" where hardly any user returns: the data are sessions.
    relevant: RelevantItems = "later"


def choose_pause(log: Log) -> float:
    """Return the pause that ends a visit, in seconds; 0: the data have no visits.

    The gaps between the events of a user are short within a visit and long between visits. The
    pause is where the fewest gaps lie, from half of it to twice it, with more of them above and
    enough below (Halfaker et al.: User session identification based on strong regularities in
    inter-activity time, 2015). Without such a pause it is ``SESSION_LENGTH``. Events of one time
    count as one.
    """
    gaps, least = _gaps(log), LEAST_SHARE * len(log)
    if not len(gaps) or _count(gaps, 0, PAUSES[-1]) < least:
        return 0.0
    around = {
        pause: _count(gaps, pause / 2, pause * 2)
        for pause in PAUSES
        if _count(gaps, 0, pause / 2) >= least
    }
    valleys = [one for one in around if around[one] < _count(gaps, one * 2, np.inf)]
    nearest_first = sorted(valleys, key=lambda pause: abs(np.log(pause / SESSION_LENGTH)))
    return min(nearest_first, key=around.__getitem__, default=SESSION_LENGTH)


def is_session_data(log: Log, pause: float) -> bool:
    """Return whether hardly any user comes a second time, and most visits have several events."""
    users, counts = np.unique(log.users, return_counts=True)
    order = np.lexsort((log.times, log.users))
    is_return = (np.diff(log.users[order]) == 0) & (np.diff(log.times[order]) > pause)
    returning = np.unique(log.users[order][1:][is_return])
    return bool(
        pause
        and len(users)
        and len(returning) < MAX_RETURNING * len(users)
        and (counts > 1).mean() > 1 / 2
    )


def _gaps(log: Log) -> NDArray[np.float64]:
    """Return the seconds between successive events of each user that are not at one time."""
    order = np.lexsort((log.times, log.users))
    gaps = np.diff(log.times[order])[np.diff(log.users[order]) == 0]
    return np.asarray(gaps[gaps > 0])


def _count(gaps: NDArray[np.float64], low: float, high: float) -> int:
    return int(np.count_nonzero((gaps >= low) & (gaps < high)))


def describe_visits(config: VisitConfig, traits: DataTraits) -> str:
    """Return what a visit is, and what the rankers learn from, as sentences for the report."""
    if not has_visits(config, traits):
        return (
            "The rankers learned from the start of each window and from one later moment of each "
            "user."
        )
    text = (
        f"A visit ends after {config.pause / MINUTE:g} minutes without an event. The rankers "
        f"learned from the start of each window and from up to {config.moments} moments of each "
        "user's visits."
    )
    if config.relevant == "next":
        text += " Hardly any user returns, so only the next item of a visit is relevant then."
    return text


def has_visits(config: VisitConfig, traits: DataTraits) -> bool:
    """Return whether rankers learn from moments of visits."""
    return bool(config.pause and config.moments and traits.has_times)


def training_moments(
    dataset: Dataset,
    users: list[ActiveUser],
    window: tuple[float, float],
    config: VisitConfig,
    seed: int,
) -> list[ActiveUser]:
    """Return the moments of one window that rankers learn from, in order of time.

    These are the window's start for each user, and moments of the user's visits. Without visits,
    or without times, each user has one later moment (``add_later_moments``).
    """
    if has_visits(config, dataset.traits):
        return add_visit_moments(dataset.log, users, window, config, seed)
    return add_later_moments(dataset.log, users, *window, seed)


def add_visit_moments(
    log: Log, users: list[ActiveUser], window: tuple[float, float], config: VisitConfig, seed: int
) -> list[ActiveUser]:
    """Return each user at the window's start and at some moments of visits in it, by time.

    A moment is just before an event of the user, after ``VISIT_EVENTS`` events of the visit. Only
    what the user likes from then on is relevant. At most ``config.moments`` of each user are drawn
    by ``seed``, so that users with many events do not outweigh the others.
    """
    random = np.random.default_rng(seed)
    moments, is_next = list(users), config.relevant == "next"
    events = split_events_by_user(log.between(*window), users)
    for own, user in zip(events, users, strict=True):
        drawn = random.permutation(find_moments(own, config.pause))[: config.moments]
        advanced = (advance_user(own, user, int(earlier)) for earlier in sorted(drawn))
        within = [one for one in advanced if one]
        moments += [keep_next(own, one) if is_next and len(one.since) else one for one in within]
    return sorted(moments, key=lambda user: user.at)


def keep_next(own: Log, user: ActiveUser) -> ActiveUser:
    """Return a user at a moment with the next liked item as the only relevant one.

    Items that are liked next at one time are all relevant.
    """
    later = own.take(np.flatnonzero((own.times >= user.at) & (own.weights > 0)))
    later = later.take(np.flatnonzero(np.isin(later.items, user.relevant)))
    following = later.items[later.times == later.times[0]]
    return replace(user, relevant=np.unique(following).astype(np.int64))


def find_moments(own: Log, pause: float, reached: Sequence[int] = VISIT_EVENTS) -> list[int]:
    """Return the numbers of earlier events of one user at the moments of visits, ascending.

    Events of one time are all later than the moment before them.

    Args:
        own: the user's events, oldest first.
        pause: seconds.
        reached: the numbers of events of a visit at its moments.
    """
    if not len(own):
        return []
    numbers = {
        int(np.searchsorted(own.times, own.times[start + events], side="left"))
        for start, end in pairwise(visit_starts(own, pause))
        for events in reached
        if start + events < end
    }
    return sorted(numbers)


def visit_starts(own: Log, pause: float) -> list[int]:
    """Return the number of events before each visit of one user, then the number of all events."""
    return [0, *(np.flatnonzero(np.diff(own.times) > pause) + 1).tolist(), len(own)]
