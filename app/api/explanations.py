"""The explanations of an answer as JSON: rows become public ids here."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from app.bundle.bundle import Bundle
from app.catalogue.catalogue import Catalogue
from app.contracts import Candidates
from app.explain import MissingItem, attribute_exclusions, describe_channels
from app.features.views import FINE_VIEW, column_names
from app.funnel import Funnel, FunnelRun
from app.kernels.rerank import find_scores
from app.rank.scorer import compute_part_weights
from app.request_log.request_record import RequestedExclusions, RequestRecord
from app.rerank.policy_settings import PolicySettings
from app.stages import Scorer


class ItemExplanation(BaseModel):
    """The way of an item through the funnel. Each stage adds its own figures."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "user_id": "196",
                    "bundle": "20261124T000901Z-16d1d500",
                    "item_id": "50",
                    "stage": "coarse",
                    "reason": "coarse: the ranker put it at 412 of 587 with 0.0213; the best 300 "
                    "go on, from 0.0391",
                    "rank": 412,
                    "of": 587,
                    "score": 0.0213,
                    "threshold": 0.0391,
                }
            ]
        },
    )
    item_id: str
    stage: Literal["catalogue", "filter", "recall", "coarse", "fine", "rerank", "shown"]
    reason: str
    fields: dict[str, Any] | None = Field(
        None, description="Of the item, as `fields` of the request names; null: it is unknown."
    )


class StageReport(BaseModel):
    """The result of one stage; shown with ``explain=true``."""

    stage: str
    outcome: str
    entered: int
    left: int
    ms: float
    weights: dict[str, float] | None = Field(
        None, description="Weights of the fine ranker's parts for this user, or as trained."
    )


class PolicyStep(BaseModel):
    """The effect of one policy of the last stage; shown with ``explain=true``."""

    policy: str
    dropped: int | None = Field(None, description="Hard filters and caps: items taken out.")
    changed: int | None = Field(None, description="Others: items or positions it changed.")


def explain_missing_item(
    bundle: Bundle, record: RequestRecord, item_id: str, funnel: Funnel, run: FunnelRun
) -> dict[str, Any]:
    """Return where an item dropped out of a slate, and why."""
    ids = bundle.models.catalogue.ids
    verdict = MissingItem(funnel, run, ids.row(item_id), record.exclusions(bundle)).explain()

    def name_of(row: int | None) -> str | None:
        return None if row is None else ids.names(np.array([row]))[0]

    facts = {
        name.removesuffix("_row"): name_of(value) if name.endswith("_row") else value
        for name, value in verdict.facts.items()
    }
    winner = facts.get("lost_to")
    reason = verdict.reason + (f": {winner}" if winner else "")
    return {"item_id": item_id, "stage": verdict.stage, "reason": reason, **facts}


def explain_stages(run: FunnelRun, fine: Scorer) -> list[dict[str, Any]]:
    """Return what each stage did, in the order they ended, and how ``fine`` weighs its parts."""
    stages: list[dict[str, Any]] = [
        {
            "stage": done.stage,
            "outcome": done.outcome,
            "entered": done.n_in,
            "left": done.n_out,
            "ms": round(done.seconds * 1000, 3),
        }
        for done in run.results
    ]
    if not run.fine.features.shape[1]:
        return stages  # the slate was taken while the fine ranker was still at work
    weights = compute_part_weights(fine, run.query, run.fine)
    for stage in stages:
        if weights and (stage["stage"], stage["outcome"]) == ("fine", "ok"):
            stage["weights"] = weights
    return stages


def explain_policies(
    run: FunnelRun,
    catalogue: Catalogue,
    settings: PolicySettings,
    exclusions: RequestedExclusions,
) -> list[dict[str, Any]]:
    """Return what each policy did: hard filters first, then caps, then the others in their order.

    Items that are not available, and items that the query excludes, are counted over the whole
    catalogue, because channels do not propose them. An excluded item counts for the first name
    that excludes it. Each filter counts on its own, over what recall proposed. Its count is 0
    unless a channel ignores the filters or the funnel failed.
    """
    query = run.query
    dropped = {"availability": count_unavailable(catalogue)}
    masks = attribute_exclusions(query, settings, exclusions, query.excluded)
    dropped |= {name: int(np.count_nonzero(mask)) for name, mask in masks.items()}
    rows = np.unique(np.concatenate([proposal.rows for proposal in run.proposals]))
    dropped |= {one.name: int(np.count_nonzero(~one.allows(rows))) for one in query.filters}
    dropped |= run.slate.rejections()
    steps: list[dict[str, Any]] = [
        {"policy": name, "dropped": count} for name, count in dropped.items()
    ]
    return steps + [{"policy": name, "changed": count} for name, count in run.slate.trace()]


def count_unavailable(catalogue: Catalogue) -> int:
    """Count the items that must not be answered; spare rows without an item do not count."""
    rows = np.flatnonzero(~catalogue.available)
    published = int(np.searchsorted(rows, catalogue.published_count))
    return published + sum(map(bool, catalogue.ids.names(rows[published:])))


def explain_items(run: FunnelRun) -> list[dict[str, Any]]:
    """Return the channels of each item, its score after each stage, and its features."""
    pool = run.slate.pool
    columns = column_names(FINE_VIEW)
    ended = {done.stage for done in run.results if done.outcome == "ok"}
    pools: Mapping[str, Candidates] = {"coarse": run.coarse, "fine": run.fine}
    pools = {"merged": run.merged, **{name: pools[name] for name in pools if name in ended}}
    scores = {
        name: _finite(find_scores(kept.rows, kept.scores, pool.rows))
        for name, kept in pools.items()
    }
    return [
        {
            "channels": describe_channels(pool, n),
            "scores": {stage: values[n] for stage, values in scores.items()},
            "features": dict(zip(columns, _finite(pool.features[n]), strict=False)),
        }
        for n in range(len(pool))
    ]


def _finite(values: NDArray[np.floating]) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]
