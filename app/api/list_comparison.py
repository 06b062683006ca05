"""Compare lists before and after a change of the rules, without a trace in what was shown.

Each list is one request through the funnel in service. Both lists of a user rest on the same
counters, the same history and the same seed, so only the rules differ.
"""

import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic

import numpy as np

from app.build import with_policies
from app.bundle.bundle import Bundle
from app.contracts import NO_HISTORY, NO_ROWS, History
from app.deadline import NO_CHECKPOINTS, StageRunner
from app.explain import MissingItem
from app.funnel import Funnel, FunnelRun
from app.request_log.request_record import RequestedExclusions, RequestRecord
from app.rerank.rules import ScenePolicies
from app.service.deployment import Deployment

PREVIEW_USERS = 20  # whose lists are compared
MAX_SECONDS = 10.0  # for one list
NOTHING_EXCLUDED = RequestedExclusions(NO_ROWS, NO_ROWS)


@dataclass(frozen=True, slots=True)
class ReadHistory:
    """Returns the history that another run has read."""

    history: History

    async def recent(self, _user: str) -> History:
        return self.history

    def last_known(self, _user: str) -> History:
        return self.history


@dataclass(frozen=True, slots=True, eq=False)
class ListComparison:
    """The lists of one user before and after, and why an item is in one of them only."""

    before: FunnelRun
    after: FunnelRun
    reasons: dict[int, str]  # by item row

    @property
    def degraded(self) -> list[str]:
        """The stages that failed: the lists may differ for that reason too."""
        results = (*self.before.results, *self.after.results)
        return sorted({done.stage for done in results if done.outcome != "ok"})


def choose_users(bundle: Bundle, n: int = PREVIEW_USERS) -> list[str]:
    """Return up to ``n`` users of the bundle, evenly spread; the same ones at each call."""
    ids = bundle.models.users.ids
    if not len(ids):
        return []
    rows = np.unique(np.linspace(0, len(ids) - 1, n, dtype=np.int64))
    return list(ids.names(rows))


async def compare_lists(
    deployment: Deployment,
    record: RequestRecord,
    policies: ScenePolicies,
    wait_for_turn: Callable[[], Awaitable[None]],
) -> ListComparison:
    """Return the lists that a request gets now and would get with other policies.

    No stage is skipped for lack of time, as it could be in one of the lists only. The event loop is
    left to requests for lists before each step: ``wait_for_turn`` waits until it is free.
    """
    with deployment.state.reading() as replica:
        funnel = _without_checkpoints(replica.reader)
        await wait_for_turn()
        runner, before = await _run(funnel, record, deployment.bundle)
        await wait_for_turn()
        histories = ReadHistory(runner.recent or NO_HISTORY)
        changed = replace(with_policies(funnel, policies), histories=histories)
        _, after = await _run(changed, record, deployment.bundle)
        await wait_for_turn()
        reasons = await deployment.cpu(_explain, (funnel, before), (changed, after))
    return ListComparison(before, after, reasons)


def record_of(user: str, scene: str, k: int) -> RequestRecord:
    """Return the request of a user whose lists are compared. Its seed is the same each time."""
    return RequestRecord(user=user, k=k, seed=zlib.crc32(user.encode()), scene=scene)


def _without_checkpoints(funnel: Funnel) -> Funnel:
    coarse, fine = (replace(stage, by=np.inf) for stage in (funnel.coarse, funnel.fine))
    return replace(funnel, by=NO_CHECKPOINTS, coarse=coarse, fine=fine)


async def _run(
    funnel: Funnel, record: RequestRecord, bundle: Bundle
) -> tuple[StageRunner, FunnelRun]:
    arrived = monotonic()
    runner = StageRunner(arrived)
    request = record.to_request(bundle, arrived)
    run = await runner.run_async(
        "funnel", MAX_SECONDS, partial(funnel.recommend, request, runner), None
    )
    return runner, run or funnel.recommend_fallback(request, runner)


def _explain(one: tuple[Funnel, FunnelRun], other: tuple[Funnel, FunnelRun]) -> dict[int, str]:
    """Return why each item that is in one list only is not in the other, by row."""
    reasons: dict[int, str] = {}
    for (_, having), (funnel, lacking) in ((one, other), (other, one)):
        for row in rows_of(having):
            if row not in rows_of(lacking):
                missing = MissingItem(funnel, lacking, row, NOTHING_EXCLUDED)
                reasons[row] = missing.explain().reason
    return reasons


def rows_of(run: FunnelRun) -> list[int]:
    """Return the rows of the list, best first."""
    rows: list[int] = run.slate.pool.rows.tolist()
    return rows
