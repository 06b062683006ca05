"""The real funnel as of an earlier moment, and the requests that users would have made then."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.assemble import UNTRAINED, Indexes, Rankers, State, Wiring, assemble, flat_index
from app.contracts import NO_HISTORY, Request, Rows
from app.funnel import Funnel, Slate
from app.preferences import Preferences
from app.state.live import Live
from app.state.memory import MemoryHistories, MemoryTables
from offline.data.dataset import Log


@dataclass(frozen=True, slots=True, eq=False)
class Asker:
    """A user who was active after the moment, and what they then took that was new to them."""

    user: int  # row among the data set's users
    relevant: Rows  # (r,) unique, sorted: positive events of the window, not seen before it


def askers(log: Log, start: float, end: float) -> list[Asker]:
    """Find the users who took something new and liked it in ``[start, end)``, by user row."""
    window = log.between(start, end)
    before = log.before(start)
    liked = window.weights > 0
    wide = int(log.items.max(initial=0)) + 1
    seen = np.unique(before.users.astype(np.int64) * wide + before.items)
    taken = np.unique(window.users[liked].astype(np.int64) * wide + window.items[liked])
    taken = np.setdiff1d(taken, seen, assume_unique=True)
    users, first = np.unique(taken // wide, return_index=True)
    parts = np.split(taken % wide, first)[1:]
    return [Asker(int(u), part) for u, part in zip(users, parts, strict=True)]


def sample(found: list[Asker], limit: int, seed: int) -> list[Asker]:
    """Keep at most ``limit`` askers, in order, chosen by ``seed``."""
    if len(found) <= limit:
        return found
    chosen = np.sort(np.random.default_rng(seed).permutation(len(found))[:limit])
    return [found[i] for i in chosen]


def build(models: Models, wiring: Wiring, rankers: Rankers = UNTRAINED) -> Funnel:
    """Assemble the funnel over models in memory, as the service does over a bundle and Redis."""
    nothing_new = MemoryHistories(models.catalogue.ids, Preferences())
    return assemble(
        models,
        Indexes(flat_index(models.factors.items), flat_index(models.content.items)),
        rankers,
        State(Live(models.popularity), nothing_new, MemoryTables(models.tables)),
        wiring,
    )


async def ask(
    funnel: Funnel, names: list[str], k: int, seed: int, *, explore: bool
) -> AsyncIterator[Slate]:
    """Ask the funnel for each of these users in turn.

    Raises:
        RuntimeError: a stage did not answer; offline nothing is late, so that is a fault.
    """
    for name in names:
        request = Request(
            name,
            k,
            seed,
            arrived=0.0,
            inline=NO_HISTORY,
            exclude=np.empty(0, np.int64),
            explore=explore,
        )
        slate = await funnel.recommend(request)
        failed = [step for step in slate.steps if step.outcome != "ok"]
        if failed:
            raise RuntimeError(f"stage {failed[0].stage} is {failed[0].outcome} for user {name}")
        yield slate


def labels(rows: Rows, relevant: Rows) -> NDArray[np.bool_]:
    """Say which of ``rows`` are relevant; ``relevant`` is sorted."""
    return np.isin(rows, relevant)
