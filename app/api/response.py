"""From a slate to the answer's JSON: rows become public ids here."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.bundle.bundle import Bundle
from app.catalogue.catalogue import Catalogue
from app.contracts import ABSENT, SLOTS, Candidates, Scorer
from app.explain.missing_item import attribute_exclusions, describe_channels
from app.features.views import FINE_VIEW, column_names
from app.funnel import Slate
from app.query_builder import QueryBuilder
from app.rank.scorer import compute_part_weights
from app.recall.registry import CHANNEL_SPECS, CHANNELS, PERSONAL_CHANNELS
from app.request_log.answer_record import scores_of
from app.request_log.request_record import RequestedExclusions

PERSONAL_COLUMNS = [CHANNELS.index(name) for name in PERSONAL_CHANNELS]
BY_HISTORY = np.array([spec.kind == "history" for spec in CHANNEL_SPECS])
REASONS = 2  # items of the history named as the reason


def without_unavailable(slate: Slate, available: NDArray[np.bool_]) -> Slate:
    """Leave out what was deleted while the list was made; the same slate where nothing was."""
    free = available.take(slate.selection.pool.rows)
    if free.all():
        return slate
    return replace(slate, selection=slate.selection.take(free.nonzero()[0]))


def items(bundle: Bundle, slate: Slate) -> list[dict[str, Any]]:
    """Give the answer's items, best first."""
    pool = slate.selection.pool
    catalogue = bundle.models.catalogue
    best = _best_channels(pool)
    because = _because(bundle, slate, BY_HISTORY[best])
    listed = zip(
        catalogue.ids.names(pool.rows),
        catalogue.titles.take(pool.rows),
        pool.scores.tolist(),
        best.tolist(),
        because,
        slate.selection.slots.tolist(),
        slate.selection.propensities.tolist(),
        strict=True,
    )
    return [
        {
            "item_id": item,
            "title": title,
            "score": score,
            "reason": {"channel": CHANNELS[channel], "because": reasons},
            "slot": SLOTS[slot],
            "propensity": propensity,
        }
        for item, title, score, channel, reasons, slot, propensity in listed
    ]


def degraded(slate: Slate) -> list[dict[str, str]]:
    """Name what is missing: stages that were late, down or buggy, and a list that is short."""
    named = [
        {"stage": step.stage, "outcome": step.outcome}
        for step in slate.results
        if step.outcome != "ok"
    ]
    if len(slate.selection) < slate.query.k:
        named.append({"stage": "slate", "outcome": "short"})
    return named


def stages(slate: Slate, fine: Scorer) -> list[dict[str, Any]]:
    """Give what each stage did, in the order they ended; and how ``fine`` weighed its parts."""
    told = [
        {
            "stage": step.stage,
            "outcome": step.outcome,
            "entered": step.n_in,
            "left": step.n_out,
            "ms": round(step.seconds * 1000, 3),
        }
        for step in slate.results
    ]
    if not slate.fine.features.shape[1]:
        return told  # the answer in hand was taken while fine was still at work
    weights = compute_part_weights(fine, slate.query, slate.fine)
    for stage in told:
        if weights and (stage["stage"], stage["outcome"]) == ("fine", "ok"):
            stage["weights"] = weights
    return told


def policies(
    slate: Slate, profiles: QueryBuilder, left_out: RequestedExclusions
) -> list[dict[str, Any]]:
    """Give what each policy did, hard filters first, then caps and the others in their order.

    What a query excludes is counted over the catalogue, its rules over what recall proposed: the
    channels do not propose what is excluded. An item counts for the first name that takes it out.
    """
    query = slate.query
    dropped = {"availability": unavailable(profiles.models.catalogue)}
    gone = np.flatnonzero(query.excluded)
    masks = attribute_exclusions(query, profiles.policy(query.scene), left_out, gone)
    dropped |= {name: int(np.count_nonzero(mask)) for name, mask in masks.items()}
    rows = np.unique(np.concatenate([proposal.rows for proposal in slate.proposals]))
    dropped |= {rule.name: int(np.count_nonzero(~rule.allows(rows))) for rule in query.filters}
    dropped |= slate.selection.rejections()
    told = [{"policy": name, "dropped": n} for name, n in dropped.items()]
    return told + [{"policy": name, "changed": n} for name, n in slate.selection.trace()]


def unavailable(catalogue: Catalogue) -> int:
    """Count the items that must not be answered; spare rows without an item are none."""
    gone = np.flatnonzero(~catalogue.available)
    published = int(np.searchsorted(gone, catalogue.published_count))
    return published + sum(map(bool, catalogue.ids.names(gone[published:])))


def explanations(slate: Slate) -> list[dict[str, Any]]:
    """Give for each item its channels, its score after each stage, and its features."""
    pool = slate.selection.pool
    columns = column_names(FINE_VIEW)
    ended = {step.stage for step in slate.results if step.outcome == "ok"}
    scores = {"merged": _finite(scores_of(slate.merged, pool))}
    scores |= {
        stage: _finite(scores_of(kept, pool))
        for stage, kept in (("coarse", slate.coarse), ("fine", slate.fine))
        if stage in ended
    }
    return [
        {
            "channels": describe_channels(pool, n),
            "scores": {stage: values[n] for stage, values in scores.items()},
            "features": dict(zip(columns, _finite(pool.features[n]), strict=False)),
        }
        for n in range(len(pool))
    ]


def _best_channels(pool: Candidates) -> NDArray[np.intp]:
    """Give for each item the channel that ranked it best; personal ones win ties.

    What no channel ranked comes from the popular items that are always at hand.
    """
    ranks = pool.ranks[:, : len(CHANNELS)].astype(np.float64)
    ranks[ranks == ABSENT] = np.inf
    ranks[:, PERSONAL_COLUMNS] -= 0.5
    best: NDArray[np.intp] = np.argmin(ranks, axis=1)
    return np.where(np.isfinite(ranks.min(axis=1)), best, CHANNELS.index("popular"))


def _because(bundle: Bundle, slate: Slate, personal: NDArray[np.bool_]) -> list[list[str]]:
    """Name the liked items of the history nearest to each item, by cosine of their factors."""
    liked = slate.query.history.liked(50)
    rows = slate.selection.pool.rows
    if not len(liked) or not personal.any():
        return [[] for _ in rows]
    history = bundle.models.factors.items[liked.rows]
    near = bundle.models.factors.items[rows] @ history.T
    near /= np.maximum(np.linalg.norm(history, axis=1), 1e-9)
    nearest = np.argsort(-near, axis=1, kind="stable")[:, :REASONS]
    named = bundle.models.catalogue.ids.names(liked.rows)
    return [
        list(dict.fromkeys(named[n] for n in near_by)) if is_personal else []
        for near_by, is_personal in zip(nearest.tolist(), personal.tolist(), strict=True)
    ]


def _finite(values: NDArray[np.floating]) -> list[float | None]:
    return [v if np.isfinite(v) else None for v in values.tolist()]


def fallback(slate: Slate) -> str | None:
    """Say on what the slate rests when not on personal channels; None when it does."""
    if any(step.stage == "funnel" for step in slate.results):
        return "popular"
    personal = any(len(slate.proposals[column]) for column in PERSONAL_COLUMNS)
    return None if personal else "impersonal"
