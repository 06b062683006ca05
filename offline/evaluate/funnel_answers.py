"""The funnel's answers to some users, beside what each of them went on to choose."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.contracts import Rows
from app.funnel import Funnel, FunnelRun
from app.recall.registry import CHANNELS
from app.rerank.slate_builder import SlateBuilder
from app.stages import Reranker
from offline.data.dataset import Dataset
from offline.evaluate.baselines import baseline_lists
from offline.evaluate.metrics import MAX_K, K, Lists
from offline.evaluate.rowsets import RowSets
from offline.training.past_requests import ActiveUser, recommend_each


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FunnelAnswers:
    """Answers of one funnel as of the moment of its models, (u,) everywhere.

    It has no ``repr``: asyncio writes one for every task that ends, which would take seconds.
    """

    funnel: Funnel
    dataset: Dataset
    users: list[ActiveUser]
    runs: list[FunnelRun]
    seed: int

    def __len__(self) -> int:
        return len(self.users)

    @property
    def relevant(self) -> RowSets:
        """The items that each user chose after the request."""
        return RowSets.of([user.relevant for user in self.users])

    @property
    def seen(self) -> RowSets:
        """The items that each user had acted on before the request."""
        return seen_items(self.runs)

    @property
    def events(self) -> NDArray[np.int64]:
        """The number of events in each user's history."""
        return np.array([len(run.query.history) for run in self.runs], np.int64)

    def take(self, positions: NDArray[np.intp]) -> "FunnelAnswers":
        users, runs = ([values[i] for i in positions] for values in (self.users, self.runs))
        return replace(self, users=users, runs=runs)

    def sample(self, limit: int) -> "FunnelAnswers":
        """Select at most ``limit`` users, in order, drawn by the seed."""
        if len(self) <= limit:
            return self
        drawn = np.random.default_rng(self.seed).permutation(len(self))
        return self.take(np.sort(drawn[:limit]))


async def collect_answers(
    funnel: Funnel, dataset: Dataset, users: list[ActiveUser], seed: int
) -> FunnelAnswers:
    """Compute the funnel's list for each user, as of the moment of its models."""
    ids = user_ids(dataset, users)
    runs = [run async for run in recommend_each(funnel, ids, MAX_K, seed, explore=True)]
    return FunnelAnswers(funnel, dataset, users, runs, seed)


def user_ids(dataset: Dataset, users: list[ActiveUser]) -> list[str]:
    """Return the public ids of the users."""
    return dataset.users.names(np.array([user.user for user in users], np.int64))


def seen_items(runs: list[FunnelRun]) -> RowSets:
    """Return what the user of each slate had acted on before."""
    return RowSets.of([run.query.excluded for run in runs])


def evaluated_lists(funnel: Funnel, runs: list[FunnelRun]) -> list[Rows]:
    """Return the list of 10 that each user is shown, and then what a list of 20 adds to it.

    The last place of a list is for exploration, so the first 10 of 20 are not the list of 10.
    """
    tens = rerank_in_sequence(funnel.reranker, runs)
    twenties = [run.slate.pool.rows for run in runs]
    return [
        np.concatenate([ten, twenty[~np.isin(twenty, ten)]])
        for ten, twenty in zip(tens, twenties, strict=True)
    ]


def ranked_lists(funnel: Funnel, runs: list[FunnelRun], k: int) -> list[Rows]:
    """Return the lists of k without exploration and without the bonus of new items.

    Only these can be compared with lists that explore nothing either. A reranker without policies
    has only one kind of list.
    """
    reranker = funnel.reranker
    if isinstance(reranker, SlateBuilder):
        scene = replace(reranker.default_scene, explore_slots=0, freshness=0.0)
        reranker = replace(reranker, default_scene=scene)
    return [reranker.rerank(replace(run.query, k=k), run.fine).pool.rows for run in runs]


def rerank_in_sequence(reranker: Reranker, runs: list[FunnelRun]) -> list[Rows]:
    """Build the lists of 10 one after another: as in service, each counts as shown to the next."""
    lists = []
    if isinstance(reranker, SlateBuilder):
        reranker = replace(reranker, counters=reranker.counters.without_exposures())
    for run in runs:
        lists.append(reranker.rerank(replace(run.query, k=K), run.fine).pool.rows)
        if isinstance(reranker, SlateBuilder):
            reranker.counters.count_impressions(lists[-1])
    return lists


def method_lists(
    runs: list[FunnelRun], funnel_lists: list[Rows], models: Models, k: int
) -> dict[str, Lists]:
    """Return the lists (u, k) of the funnel, of each baseline and of each channel alone.

    None has an item that is not available: the funnel may not show it, so that lists with it could
    not be compared.
    """
    lists: dict[str, Lists] = {"funnel": pad_lists(funnel_lists, k)}
    lists |= baseline_lists(models, seen_items(runs), k)
    available = models.catalogue.available
    for column, channel in enumerate(CHANNELS):
        proposed = (run.proposals[column].rows for run in runs)
        lists[channel] = pad_lists([rows[available[rows]] for rows in proposed], k)
    return lists


def pad_lists(lists: list[Rows], width: int = MAX_K) -> Lists:
    """Cut or fill every list to one width, (u, width)."""
    padded = np.full((len(lists), width), -1, np.int64)
    for user, rows in enumerate(lists):
        padded[user, : min(width, len(rows))] = rows[:width]
    return padded
