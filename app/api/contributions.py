"""The contribution of each feature to the score of each item of an answer."""

from typing import Any

from app.features.views import FINE_VIEW, column_names
from app.rank.scorer import compute_contributions
from app.service.answering import Answer

CONSTANT = "constant"  # what every item has, whatever its features are
NO_FEATURES = "no contributions: the fine ranker did not run"
NO_SUM = "no contributions: the score of this kind of ranker is no sum over its features"


async def add_contributions(body: dict[str, Any], answer: Answer) -> None:
    """Add the contributions to the explanation of each item, or a note that says why not.

    They are computed in a thread of the worker, because the trees of a bundle are read at the
    first request.
    """
    pool, deployment = answer.run.slate.pool, answer.deployment
    names = (*column_names(FINE_VIEW), CONSTANT)
    if pool.features.shape[1] != len(names) - 1:
        body.setdefault("notes", []).append(NO_FEATURES)
        return
    scorer = deployment.funnel.fine.scorer
    parts = await deployment.cpu(compute_contributions, scorer, pool.features)
    if parts is None:
        body.setdefault("notes", []).append(NO_SUM)
        return
    for item, values in zip(body["items"], parts.tolist(), strict=True):
        item["explain"]["contributions"] = dict(zip(names, values, strict=True))
