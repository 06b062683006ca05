"""What the last stage costs and brings: the same candidates, put in a list by other policies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.rerank.policies import Policy
from app.rerank.slate_builder import SlateBuilder
from offline.evaluate import metrics
from offline.evaluate.comparison import ItemBackground
from offline.evaluate.figures import Interval, PolicyPrice, TradeOff
from offline.evaluate.funnel_answers import (
    FunnelAnswers,
    K,
    pad_lists,
    rerank_in_sequence,
    user_ndcg,
)
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import Lists

WEIGHTS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)  # of diversity


@dataclass(frozen=True, slots=True, eq=False)
class PolicyLists:
    """Lists of 10 by several policies, for the same users."""

    sure: Bootstrap  # one column of NDCG@10 for each policy
    diversity: list[float | None]
    coverage: list[float]


def policy_prices(asked: FunnelAnswers, background: ItemBackground) -> list[PolicyPrice]:
    """Switch each policy off in turn, then all of them; nothing when the reranker has none."""
    maker = asked.funnel.reranker
    if not isinstance(maker, SlateBuilder):
        return []
    policies = _switched_off(maker.policy)
    made = _rerank(asked, maker, list(policies.values()), background)
    return [
        PolicyPrice(
            name=name,
            ndcg=made.sure.mean(at),
            price=made.sure.difference(at, 0),
            share=_share(made.sure.ratio(0, at)),
            coverage=made.coverage[at],
            diversity=made.diversity[at],
        )
        for at, name in enumerate(policies)
    ]


def _switched_off(policy: Policy) -> dict[str, Policy]:
    twice = replace(policy, explore_slots=2 * policy.explore_slots, explore_from=1)
    return {
        "as served": policy,
        "without diversity": replace(policy, diversity=0.0),
        "without freshness": replace(policy, freshness=0.0),
        "without exploration": replace(policy, explore_slots=0),
        "with twice the exploration": twice,
        "the ranking alone": replace(policy, diversity=0.0, freshness=0.0, explore_slots=0),
    }


def diversity_trade_off(asked: FunnelAnswers, background: ItemBackground) -> list[TradeOff]:
    """Turn the weight of diversity up; nothing when no content says how unlike items are."""
    maker = asked.funnel.reranker
    if not isinstance(maker, SlateBuilder) or background.content is None:
        return []
    default = maker.policy.diversity
    weights = sorted({*WEIGHTS, default})
    policies = [replace(maker.policy, diversity=weight) for weight in weights]
    made = _rerank(asked, maker, policies, background)
    return [
        TradeOff(
            weight=weight,
            default=weight == default,
            ndcg=made.sure.mean(at),
            coverage=made.coverage[at],
            diversity=made.diversity[at],
        )
        for at, weight in enumerate(weights)
    ]


def _share(kept: Interval) -> Interval:
    """Turn the share that is kept into the share that is paid."""
    paid = [None if at is None else 1.0 - at for at in (kept["mean"], kept["high"], kept["low"])]
    return Interval(mean=paid[0], low=paid[1], high=paid[2])


def _rerank(
    asked: FunnelAnswers,
    maker: SlateBuilder,
    policies: Sequence[Policy],
    background: ItemBackground,
) -> PolicyLists:
    relevant = asked.relevant
    lists = [_lists(asked, replace(maker, policy=policy)) for policy in policies]
    columns = np.stack([user_ndcg(rows, relevant) for rows in lists], axis=1)
    return PolicyLists(
        Bootstrap.of(columns, asked.seed),
        [_diversity(rows, background) for rows in lists],
        [metrics.coverage(rows, K, len(background.counts)) for rows in lists],
    )


def _lists(asked: FunnelAnswers, maker: SlateBuilder) -> Lists:
    return pad_lists(rerank_in_sequence(maker, asked.slates), K)


def _diversity(lists: Lists, background: ItemBackground) -> float | None:
    if background.content is None:
        return None
    unlike = metrics.diversity(lists, K, background.content)
    return float(np.nanmean(unlike)) if np.isfinite(unlike).any() else None
