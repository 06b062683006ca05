"""Follow the relevant items: which channels propose them, and which stages drop them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from offline.evaluate.figures import Attribution, ChannelShare, RecallCeiling, StageShare
from offline.evaluate.funnel_answers import FunnelAnswers, collect_answers
from offline.evaluate.metrics import grade_lists, ndcg
from offline.evaluate.rowsets import RowSets
from offline.training.past_requests import without_ranking

CANDIDATE_COUNTS = (100, 200, 300, 500, 1_000)
MAX_CEILING_USERS = 200


@dataclass(frozen=True, slots=True, eq=False)
class FunnelTrace:
    """The items in the funnel after each stage, for the same users everywhere."""

    channels: Mapping[str, RowSets]  # what each channel proposed
    merged: RowSets
    coarse: RowSets
    fine: RowSets
    final: RowSets  # the k shown


def attribute(trace: FunnelTrace, relevant: RowSets, k: int) -> Attribution:
    """Follow the relevant items through the stages. Users without any are left out.

    Raises:
        ValueError: the sets are not of the same users, or no user has a relevant item.
    """
    users = np.flatnonzero(relevant.sizes)
    if not len(users):
        raise ValueError("no user has a relevant item: is the test window empty?")
    wanted = relevant.take(users)
    stages = {
        "recall": trace.merged, "coarse": trace.coarse, "fine": trace.fine, "final": trace.final
    }  # fmt: skip
    if any(len(sets) != len(relevant) for sets in [*trace.channels.values(), *stages.values()]):
        raise ValueError(f"all stages must be traced for the same {len(relevant)} users")
    proposed = {name: sets.take(users) for name, sets in trace.channels.items()}
    return Attribution(
        k=k,
        room=_room(stages["fine"].take(users), wanted, k),
        channels=_channel_shares(proposed, wanted),
        cuts=[_stage_share(name, sets.take(users), wanted, k) for name, sets in stages.items()],
    )


def _channel_shares(proposed: Mapping[str, RowSets], wanted: RowSets) -> dict[str, ChannelShare]:
    alive = {name: sets.contains(wanted) for name, sets in proposed.items()}
    finders = np.sum(list(alive.values()), axis=0)
    return {
        name: ChannelShare(
            own=_share(hits, wanted),
            unique=_share(hits & (finders == 1), wanted),
            size=float(proposed[name].sizes.mean()),
        )
        for name, hits in alive.items()
    }


def _stage_share(stage: str, left: RowSets, wanted: RowSets, k: int) -> StageShare:
    alive = left.contains(wanted)
    perfect = grade_lists(_perfect_lists(wanted, alive, k), wanted)
    return StageShare(
        stage=stage,
        alive=_share(alive, wanted),
        oracle_ndcg=float(ndcg(perfect, k).mean()),
        size=float(left.sizes.mean()),
    )


def _share(alive: NDArray[np.bool_], wanted: RowSets) -> float:
    """Return the mean share of each user's wanted items that are alive."""
    hits = np.bincount(wanted.owners, weights=alive, minlength=len(wanted))
    return float((hits / wanted.sizes).mean())


def _room(left: RowSets, wanted: RowSets, k: int) -> float:
    """Return the mean share of each user's wanted items that k places can hold of ``left``."""
    hits = np.bincount(wanted.owners, weights=left.contains(wanted), minlength=len(wanted))
    return float((np.minimum(hits, k) / wanted.sizes).mean())


def _perfect_lists(wanted: RowSets, alive: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    """Return lists (u, k) of the wanted items that are left, padded with -1."""
    left = RowSets.of_pairs(wanted.owners[alive], wanted.rows[alive], len(wanted))
    place = np.arange(len(left.rows)) - left.indptr[left.owners]
    lists = np.full((len(wanted), k), -1, np.int64)
    lists[left.owners[place < k], place[place < k]] = left.rows[place < k]
    return lists


async def recall_ceiling(
    answers: FunnelAnswers,
    candidate_counts: Sequence[int] = CANDIDATE_COUNTS,
    max_users: int = MAX_CEILING_USERS,
) -> list[RecallCeiling]:
    """Widen every channel, and measure the recall of the best candidates by fused rank.

    It is the ceiling of all later stages.
    """
    sample = answers.sample(max_users)
    limit = max(candidate_counts) // 2  # the channels' lists overlap by more than half
    wide = replace(without_ranking(answers.funnel), recall_limit=limit)
    runs = (await collect_answers(wide, sample.dataset, sample.users, sample.seed)).runs
    users = np.flatnonzero(sample.relevant.sizes)
    wanted = sample.relevant.take(users)

    def recall(count: int) -> float:
        candidates = RowSets.of([runs[user].merged.top(count).rows for user in users])
        return _share(candidates.contains(wanted), wanted)

    return [RecallCeiling(candidates=count, recall=recall(count)) for count in candidate_counts]
