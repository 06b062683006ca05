"""Measure the cost of the policies: rerank the same candidates with other policies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.rerank.policies import SceneSettings
from app.rerank.slate_builder import SlateBuilder
from offline.evaluate import metrics
from offline.evaluate.comparison import ItemBackground
from offline.evaluate.figures import Interval, PolicyPrice, TradeOff
from offline.evaluate.funnel_answers import FunnelAnswers, pad_lists, rerank_in_sequence
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import K, Lists

DIVERSITY_WEIGHTS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class PolicyLists:
    """The figures of lists of 10 by several policies, for the same users."""

    ndcg: Bootstrap  # one column of NDCG@10 for each policy
    diversity: list[float | None]
    coverage: list[float]


def policy_prices(answers: FunnelAnswers, background: ItemBackground) -> list[PolicyPrice]:
    """Switch each policy off in turn, then all. A reranker without policies has no prices."""
    builder = answers.funnel.reranker
    if not isinstance(builder, SlateBuilder):
        return []
    policies = _policies_switched_off(builder.default_scene)
    lists = _rerank(answers, builder, list(policies.values()), background)
    return [
        PolicyPrice(
            name=name,
            ndcg=lists.ndcg.mean(column),
            price=lists.ndcg.difference(column, 0),
            share=_price_share(lists.ndcg.ratio(0, column)),
            coverage=lists.coverage[column],
            diversity=lists.diversity[column],
        )
        for column, name in enumerate(policies)
    ]


def _policies_switched_off(policy: SceneSettings) -> dict[str, SceneSettings]:
    twice = replace(policy, explore_slots=2 * policy.explore_slots, explore_from=1)
    return {
        "as served": policy,
        "without diversity": replace(policy, diversity=0.0),
        "without freshness": replace(policy, freshness=0.0),
        "without exploration": replace(policy, explore_slots=0),
        "with twice the exploration": twice,
        "the ranking alone": replace(policy, diversity=0.0, freshness=0.0, explore_slots=0),
    }


def diversity_trade_off(answers: FunnelAnswers, background: ItemBackground) -> list[TradeOff]:
    """Raise the weight of diversity step by step. Without content there is no trade-off."""
    builder = answers.funnel.reranker
    if not isinstance(builder, SlateBuilder) or background.content is None:
        return []
    default = builder.default_scene.diversity
    weights = sorted({*DIVERSITY_WEIGHTS, default})
    policies = [replace(builder.default_scene, diversity=weight) for weight in weights]
    lists = _rerank(answers, builder, policies, background)
    return [
        TradeOff(
            weight=weight,
            default=weight == default,
            ndcg=lists.ndcg.mean(column),
            coverage=lists.coverage[column],
            diversity=lists.diversity[column],
        )
        for column, weight in enumerate(weights)
    ]


def _price_share(kept: Interval) -> Interval:
    """Turn the share that is kept into the share that is paid."""
    mean, low, high = (
        None if bound is None else 1.0 - bound
        for bound in (kept["mean"], kept["high"], kept["low"])
    )
    return Interval(mean=mean, low=low, high=high)


def _rerank(
    answers: FunnelAnswers,
    builder: SlateBuilder,
    policies: Sequence[SceneSettings],
    background: ItemBackground,
) -> PolicyLists:
    builders = [replace(builder, default_scene=policy) for policy in policies]
    lists = [pad_lists(rerank_in_sequence(one, answers.runs), K) for one in builders]
    relevant = answers.relevant
    columns = np.stack([metrics.user_ndcg(rows, relevant) for rows in lists], axis=1)
    return PolicyLists(
        Bootstrap.of(columns, answers.seed),
        [_mean_diversity(rows, background) for rows in lists],
        [metrics.coverage(rows, K, len(background.counts)) for rows in lists],
    )


def _mean_diversity(lists: Lists, background: ItemBackground) -> float | None:
    if background.content is None:
        return None
    diversity = metrics.diversity(lists, K, background.content)
    return float(np.nanmean(diversity)) if np.isfinite(diversity).any() else None
