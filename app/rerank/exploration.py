"""Exploration: positions for items with little feedback, and the probability of each choice.

A propensity is the probability that the policy fills this position with this item, given those
above it. The product over a list is the probability of all its exploration slots.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.contracts import EXPLORE, ORGANIC, Rows, Scores
from app.rerank.caps import CappedList
from app.rerank.fixed_positions import pin_items, place_sponsored
from app.rerank.policy_settings import PolicySettings
from app.rerank.slate_draft import NO_POSITION, RerankContext, SlateDraft
from app.state.counters import PopularityCounters

PerItem: TypeAlias = NDArray[np.float64]  # (n,)

POSTERIOR_DRAWS = 128  # draws that estimate the propensities of Thompson sampling
MAX_SAMPLED = 32  # candidates that Thompson sampling draws for: those with the highest bound


def ucb(relevance: Scores, tried: PerItem, trials: float, beta: float) -> PerItem:
    """Compute upper confidence bounds, ``relevance + beta·sqrt(log(trials) / tried)``, (n,).

    UCB1 (Auer, Cesa-Bianchi, Fischer, 2002).

    Args:
        relevance: (n,) in [0, 1].
        tried: (n,) impressions or events of each item; less than 1 counts as 1.
        trials: those of all items.
        beta: weight of uncertainty.
    """
    uncertainty = np.sqrt(np.log(max(trials, np.e)) / np.maximum(tried, 1.0))
    bounds: PerItem = relevance + beta * uncertainty
    return bounds


@dataclass(frozen=True, slots=True, eq=False)
class ExplorationPool:
    """The candidates of the exploration slots."""

    rows: Rows  # (n,)
    relevance: Scores  # (n,) in [0, 1]
    slots: int  # at most n


@dataclass(frozen=True, slots=True)
class ExplorationChoice:
    """The items of the exploration slots, in their order."""

    chosen: NDArray[np.intp]  # (s,) positions in the ExplorationPool
    propensities: Scores  # (s,) each given those before it


def greedy(bounds: PerItem, slots: int) -> ExplorationChoice:
    """Choose the highest bounds. There is no chance in it, so each propensity is 1."""
    return ExplorationChoice(np.argsort(-bounds, kind="stable")[:slots], np.ones(slots, np.float32))


def thompson(
    offered: ExplorationPool, shown: PerItem, positives: PerItem, beta: float, seed: list[int]
) -> ExplorationChoice:
    """Choose the highest ``relevance + beta·θ``, θ from Beta(1 + successes, 1 + failures).

    Thompson, 1933; Chapelle and Li: An empirical evaluation of Thompson sampling, 2011. Every slot
    has a draw of its own. A propensity is a Monte Carlo estimate: the share of the
    ``POSTERIOR_DRAWS`` draws in which the item is the highest of the remaining ones. The draw that
    decides is among them, so it is never 0. Only the ``MAX_SAMPLED`` items with the highest mean
    plus two standard deviations are drawn; the others have no chance.

    Args:
        offered: n candidates.
        shown: (n,) impressions of each item.
        positives: (n,) positive events of each item; more than ``shown`` counts as ``shown``.
        beta: weight of a certain success against relevance.
        seed: of the draws.
    """
    alpha_, beta_ = 1.0 + np.minimum(positives, shown), 1.0 + np.maximum(shown - positives, 0.0)
    mean = alpha_ / (alpha_ + beta_)
    deviation = np.sqrt(mean * (1.0 - mean) / (alpha_ + beta_ + 1.0))
    bound = offered.relevance + beta * (mean + 2.0 * deviation)
    sampled = np.argsort(-bound, kind="stable")[: max(MAX_SAMPLED, offered.slots)]
    random = np.random.default_rng(seed)
    draws = random.beta(alpha_[sampled], beta_[sampled], (POSTERIOR_DRAWS, len(sampled)))
    values = offered.relevance[sampled] + beta * draws
    slots = min(offered.slots, len(sampled))
    chosen, propensities = np.empty(slots, np.intp), np.empty(slots, np.float32)
    for at in range(slots):
        highest = np.argmax(values, axis=1)
        chosen[at] = sampled[highest[at]]
        propensities[at] = np.mean(highest == highest[at])
        values[:, highest[at]] = -np.inf
    return ExplorationChoice(chosen, propensities)


def epsilon_greedy(offered: ExplorationPool, epsilon: float, seed: list[int]) -> ExplorationChoice:
    """Choose for each slot any item with probability ``epsilon``, otherwise the most relevant.

    Sutton and Barto: Reinforcement learning, 1998, 2.2. Propensities are exact: ``epsilon / m``,
    and ``1 - epsilon`` more for the most relevant of the m remaining items.
    """
    random = np.random.default_rng(seed)
    remaining = np.argsort(-offered.relevance, kind="stable")
    slots = min(offered.slots, len(remaining))
    chosen, propensities = np.empty(slots, np.intp), np.empty(slots, np.float32)
    for at in range(slots):
        is_uniform = random.random() < epsilon
        drawn = int(random.integers(len(remaining))) if is_uniform else 0
        propensities[at] = epsilon / len(remaining) + (1.0 - epsilon) * (drawn == 0)
        chosen[at] = remaining[drawn]
        remaining = np.delete(remaining, drawn)
    return ExplorationChoice(chosen, propensities)


def choose_explored(
    settings: PolicySettings,
    counters: PopularityCounters,
    offered: ExplorationPool,
    seed: list[int],
) -> ExplorationChoice:
    """Choose the items of the slots by the scene's exploration method."""
    if settings.explore == "epsilon_greedy":
        return epsilon_greedy(offered, settings.explore_epsilon, seed)
    beta = settings.explore_beta
    if settings.explore == "thompson":
        shown, positives = counters.exposures[offered.rows], counters.positives[offered.rows]
        return thompson(offered, shown, positives, beta, seed)
    tried = counters.trial_counts(offered.rows)
    bounds = ucb(offered.relevance, tried, counters.trials, beta)
    bounds[tried == 0] = np.inf  # UCB1 plays every arm once first: new items come next
    return greedy(bounds, offered.slots)


def explore(draft: SlateDraft, context: RerankContext) -> SlateDraft:
    """Fill the last positions with items that have little feedback."""
    slots = context.count_explore_slots(len(draft.pool))
    if not slots:
        return draft
    query, settings = context.query, context.settings
    if len(draft.listed) > query.k - slots:
        is_organic = draft.slots == ORGANIC
        room = max(query.k - slots - int((~is_organic).sum()), 0)
        draft = draft.take(np.flatnonzero(~is_organic | (np.cumsum(is_organic) <= room)))
    positions = _explorable(draft, context)
    slots = min(slots, len(positions))
    if not slots:
        return draft
    seed = [query.seed, query.user_row + 1]  # offline the seed is the same for all users
    offered = ExplorationPool(draft.pool.rows[positions], draft.utility[positions], slots)
    choice = choose_explored(settings, context.counters, offered, seed)
    return draft.append(positions[choice.chosen], EXPLORE, choice.propensities)


def _explorable(draft: SlateDraft, context: RerankContext) -> NDArray[np.intp]:
    """Return the positions (n,) that a slot may choose from, highest utility first.

    Items that a later policy puts at a fixed position are left out. Under caps only the items are
    offered that the caps allow beside the list and beside one another. So a chosen item stays in
    the list, and its propensity is that of what is shown.
    """
    settings, later = context.settings, draft
    for name, apply in (("sponsored", place_sponsored), ("pinned", pin_items)):
        later = apply(later, context) if name in context.order else later
    offered = later.unlisted[: settings.explore_among]
    if not settings.provider_cap and not settings.category_cap:
        return offered
    rows = later.pool.rows[np.concatenate([later.listed, offered])]
    listed = np.arange(len(later.listed))
    is_placed = later.positions != NO_POSITION
    capped = CappedList(context, rows, len(rows))
    capped.add(listed[is_placed].tolist())
    capped.add(listed[~is_placed].tolist())
    capped.add(range(len(listed), len(rows)))
    fitting = capped.accepted[capped.accepted >= len(listed)]
    return offered[fitting - len(listed)]
