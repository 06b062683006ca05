"""The contribution of each feature to the score of each item of an answer."""

from typing import Any

from app.api.errors import RefusalError
from app.cpu import BusyError, SingleThread
from app.features.views import FINE_VIEW, column_names
from app.rank.scorer import compute_contributions
from app.service.answering import Answer

CONSTANT = "constant"  # what every item has, whatever its features are
NO_FEATURES = "no contributions: the fine ranker did not run"
BUSY = (
    "the contributions of other requests are being computed, one at a time, and too many wait: "
    "try again in a few seconds, or leave contributions out"
)
RETRY_AFTER = 5  # seconds
NO_SUM = "no contributions: the score of this kind of ranker is no sum over its features"


async def add_contributions(body: dict[str, Any], answer: Answer, run_alone: SingleThread) -> None:
    """Add the contributions to the explanation of each item, or a note that says why not.

    They are computed one request at a time, because the trees of a bundle are read at the first
    one. A request is refused when too many wait.
    """
    pool = answer.run.slate.pool
    names = (*column_names(FINE_VIEW), CONSTANT)
    if pool.features.shape[1] != len(names) - 1:
        body.setdefault("notes", []).append(NO_FEATURES)
        return
    scorer = answer.deployment.funnel.fine.scorer
    try:
        parts = await run_alone(compute_contributions, scorer, pool.features)
    except BusyError:
        raise RefusalError(503, BUSY, retry_after=RETRY_AFTER) from None
    if parts is None:
        body.setdefault("notes", []).append(NO_SUM)
        return
    for item, values in zip(body["items"], parts.tolist(), strict=True):
        item["explain"]["contributions"] = dict(zip(names, values, strict=True))
