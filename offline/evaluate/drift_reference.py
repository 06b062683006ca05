"""Build the reference of drift: the lists of the published funnel for users of the test window."""

import asyncio
from dataclasses import replace

import numpy as np

from app.artifacts import Models, Rankers
from app.contracts import Request, Slate
from app.cpu import Cpu
from app.funnel import Funnel
from app.observe.drift import DriftReference, describe_lists
from offline.evaluate.funnel_answers import user_ids
from offline.evaluate.holdout import Holdout
from offline.evaluate.metrics import K
from offline.training.past_requests import build_offline_funnel, recommend_once, sample_users

MAX_LISTS = 1_000


def build_drift_reference(models: Models, rankers: Rankers, holdout: Holdout) -> DriftReference:
    """Compute the lists that the published funnel makes for users of the test window.

    Users without a history at the cut are anonymous here, so that the share of cold users is the
    same as it was in the window.
    """
    cpu = Cpu(threads=1)
    try:
        config = replace(holdout.funnel_config, cpu=cpu)
        funnel = build_offline_funnel(models, config, rankers)
        return describe_lists(asyncio.run(_slates(funnel, holdout)))
    finally:
        cpu.close()


async def _slates(funnel: Funnel, holdout: Holdout) -> list[Slate]:
    users = sample_users(holdout.users, MAX_LISTS, holdout.seed)
    rows = np.array([user.user for user in users], np.int64)
    is_warm = (np.diff(holdout.models.users.indptr)[rows] > 0).tolist()
    anonymous = await _slate(funnel, "", holdout.seed)  # all anonymous users get the same
    return [
        await _slate(funnel, user_id, holdout.seed) if has_history else anonymous
        for user_id, has_history in zip(user_ids(holdout.dataset, users), is_warm, strict=True)
    ]


async def _slate(funnel: Funnel, user: str, seed: int) -> Slate:
    return (await recommend_once(funnel, Request(user, K, seed, arrived=0.0))).slate
