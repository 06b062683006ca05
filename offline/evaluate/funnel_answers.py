"""What the funnel answered to some users, beside what each of them went on to choose."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.contracts import Reranker, Rows
from app.funnel import Funnel, Slate
from app.rerank.slate_builder import SlateBuilder
from offline.data.dataset import Dataset
from offline.evaluate import metrics
from offline.evaluate.metrics import Lists, PerUser
from offline.evaluate.rowsets import RowSets
from offline.training.replay import ReplayUser, recommend_each

K = 10  # the list that is served, and the headline's cut
MAX_K = 20  # the longest list that is judged


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FunnelAnswers:
    """Answers of one funnel as of its models' moment, (u,) everywhere.

    Has no ``repr``: asyncio writes one of every task that it ends, and this would take seconds.
    """

    funnel: Funnel
    dataset: Dataset
    users: list[ReplayUser]
    slates: list[Slate]
    seed: int

    def __len__(self) -> int:
        return len(self.users)

    @property
    def relevant(self) -> RowSets:
        """Give what each user went on to choose."""
        return RowSets.of([user.relevant for user in self.users])

    @property
    def seen(self) -> RowSets:
        """Give what each user had acted on before."""
        return RowSets.of([np.flatnonzero(slate.query.excluded) for slate in self.slates])

    @property
    def events(self) -> NDArray[np.int64]:
        """Count the events known of each user."""
        return np.array([len(slate.query.history) for slate in self.slates], np.int64)

    def take(self, chosen: NDArray[np.intp]) -> "FunnelAnswers":
        """Keep these users, in this order."""
        users, slates = ([these[at] for at in chosen] for these in (self.users, self.slates))
        return replace(self, users=users, slates=slates)

    def sample(self, limit: int) -> "FunnelAnswers":
        """Keep at most ``limit`` users, in order, chosen by the seed."""
        if len(self) <= limit:
            return self
        drawn = np.random.default_rng(self.seed).permutation(len(self))
        return self.take(np.sort(drawn[:limit]))


async def collect_answers(
    funnel: Funnel, dataset: Dataset, users: list[ReplayUser], seed: int
) -> FunnelAnswers:
    """Ask the funnel for each user, as of the moment of its models."""
    slates = [
        slate
        async for slate in recommend_each(
            funnel, user_ids(dataset, users), MAX_K, seed, explore=True
        )
    ]
    return FunnelAnswers(funnel, dataset, users, slates, seed)


def user_ids(dataset: Dataset, users: list[ReplayUser]) -> list[str]:
    """Give the public ids of the askers."""
    return dataset.users.names(np.array([user.user for user in users], np.int64))


def evaluated_lists(funnel: Funnel, slates: list[Slate]) -> list[Rows]:
    """Give the list of 10 that each would be shown, then what a list of 20 would add to it.

    The last place of a list is for exploration, so the first 10 of 20 are not the list of 10.
    """
    firsts = rerank_in_sequence(funnel.reranker, slates)
    mores = [slate.selection.pool.rows for slate in slates]
    return [
        np.concatenate([first, more[~np.isin(more, first)]])
        for first, more in zip(firsts, mores, strict=True)
    ]


def rerank_in_sequence(reranker: Reranker, slates: list[Slate]) -> list[Rows]:
    """Make the lists of 10 one after another: as in service, each counts as shown to the next."""
    answers = []
    if isinstance(reranker, SlateBuilder):
        reranker = replace(reranker, counters=reranker.counters.without_exposures())
    for slate in slates:
        answers.append(reranker.rerank(replace(slate.query, k=K), slate.fine).pool.rows)
        if isinstance(reranker, SlateBuilder):
            reranker.counters.count_impressions(answers[-1])
    return answers


def pad_lists(answers: list[Rows], width: int = MAX_K) -> Lists:
    """Cut or fill every answer to one width, (u, width)."""
    lists = np.full((len(answers), width), -1, np.int64)
    for user, rows in enumerate(answers):
        lists[user, : min(width, len(rows))] = rows[:width]
    return lists


def user_ndcg(lists: Lists, relevant: RowSets) -> PerUser:
    """Give NDCG@10 of each user, (u,)."""
    return metrics.ndcg(metrics.grade_lists(lists, relevant), K)
