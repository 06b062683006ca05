"""What the published funnel shows the users of the test window: live traffic is held against it."""

import asyncio
from dataclasses import replace

import numpy as np

from app.artifacts import Models, Rankers
from app.contracts import Request, Selection
from app.cpu import Cpu
from app.funnel import Funnel
from app.observe.drift import DriftReference, describe_lists
from offline.evaluate.funnel_answers import user_ids
from offline.evaluate.holdout import Holdout
from offline.training.replay import build_offline_funnel, recommend_once, sample_users

MAX_LISTS = 1_000  # at most
K = 10


def build_drift_reference(models: Models, rankers: Rankers, exam: Holdout) -> DriftReference:
    """Ask the funnel as it is published for users of the test window.

    Those who came to the window without a history are asked for as strangers, so that these are as
    many here as they were then.
    """
    cpu = Cpu(threads=1)
    try:
        funnel = build_offline_funnel(models, replace(exam.wiring, cpu=cpu), rankers)
        return describe_lists(asyncio.run(_asked(funnel, exam)))
    finally:
        cpu.close()


async def _asked(funnel: Funnel, exam: Holdout) -> list[Selection]:
    users = sample_users(exam.users, MAX_LISTS, exam.seed)
    rows = np.array([user.user for user in users], np.int64)
    warm = (np.diff(exam.models.users.indptr)[rows] > 0).tolist()
    stranger = await _list(funnel, "", exam.seed)  # all strangers get the same
    return [
        await _list(funnel, name, exam.seed) if known else stranger
        for name, known in zip(user_ids(exam.dataset, users), warm, strict=True)
    ]


async def _list(funnel: Funnel, user: str, seed: int) -> Selection:
    return (await recommend_once(funnel, Request(user, K, seed, arrived=0.0))).selection
