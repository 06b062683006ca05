"""Exploration: which item the crowd has told us too little about, and how likely it was chosen.

A propensity is the probability with which the policy fills this place with this item, given the
places above it; the product over a list is the probability of all its exploration slots.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.contracts import EXPLORE, ORGANIC, Rows, Scores
from app.rerank.caps import CappedList
from app.rerank.fixed_positions import pin_items, place_sponsored
from app.rerank.policy import Policy
from app.rerank.slate_draft import UNPLACED, RerankContext, SlateDraft
from app.state.counters import PopularityCounters

POSTERIOR_DRAWS = 128  # of Thompson sampling's posterior, to estimate its propensities
MAX_SAMPLED = 32  # candidates that Thompson sampling draws for: those that can hope most

Floats = NDArray[np.float64]


def ucb(relevance: Scores, tried: Floats, trials: float, beta: float) -> Floats:
    """Give upper confidence bounds, ``relevance + beta·sqrt(log(trials) / tried)``, (n,).

    UCB1 (Auer, Cesa-Bianchi, Fischer, 2002).

    Args:
        relevance: (n,) in [0, 1].
        tried: (n,) how often each item was shown or acted on; less than 1 counts as 1.
        trials: how often any item was.
        beta: how much doubt is worth.
    """
    doubt = np.sqrt(np.log(max(trials, np.e)) / np.maximum(tried, 1.0))
    bounds: Floats = relevance + beta * doubt
    return bounds


@dataclass(frozen=True, slots=True, eq=False)
class ExplorationPool:
    """What the slots may be filled with."""

    rows: Rows  # (n,)
    relevance: Scores  # (n,) in [0, 1]
    slots: int  # at most n


@dataclass(frozen=True, slots=True)
class ExplorationChoice:
    """What fills the exploration slots, in their order."""

    chosen: NDArray[np.intp]  # (s,) among the candidates that were offered
    propensities: Scores  # (s,) each given those before it


def greedy(bounds: Floats, slots: int) -> ExplorationChoice:
    """Take the highest; there is no chance in it."""
    return ExplorationChoice(np.argsort(-bounds, kind="stable")[:slots], np.ones(slots, np.float32))


def thompson(
    offer: ExplorationPool, tried: Floats, taken: Floats, beta: float, seed: list[int]
) -> ExplorationChoice:
    """Take the highest of ``relevance + beta·θ``, θ drawn from Beta(1 + taken, 1 + left).

    Thompson, 1933; Chapelle and Li: An empirical evaluation of Thompson sampling, 2011. Every slot
    has a draw of its own. A propensity is the share of ``DRAWS`` draws, the one that decided among
    them, in which the item is the highest of those that are left: a Monte Carlo estimate, never 0.
    Drawn are the ``FEW`` with the highest mean and two standard deviations; others have no chance.

    Args:
        offer: n candidates.
        tried: (n,) how often each item was shown.
        taken: (n,) how often it was acted on; more than ``tried`` counts as ``tried``.
        beta: how much a sure success is worth against relevance.
        seed: gives the draws.
    """
    won, lost = 1.0 + np.minimum(taken, tried), 1.0 + np.maximum(tried - taken, 0.0)
    mean = won / (won + lost)
    hope = offer.relevance + beta * (mean + 2.0 * np.sqrt(mean * (1.0 - mean) / (won + lost + 1.0)))
    few = np.argsort(-hope, kind="stable")[: max(MAX_SAMPLED, offer.slots)]
    draws = np.random.default_rng(seed).beta(won[few], lost[few], (POSTERIOR_DRAWS, len(few)))
    values = offer.relevance[few] + beta * draws
    slots = min(offer.slots, len(few))
    chosen, propensities = np.empty(slots, np.intp), np.empty(slots, np.float32)
    for at in range(slots):
        highest = np.argmax(values, axis=1)
        chosen[at] = few[highest[at]]
        propensities[at] = np.mean(highest == highest[at])
        values[:, highest[at]] = -np.inf
    return ExplorationChoice(chosen, propensities)


def epsilon_greedy(offer: ExplorationPool, epsilon: float, seed: list[int]) -> ExplorationChoice:
    """Take for each slot any item with probability ``epsilon``, or else the most relevant.

    Sutton and Barto: Reinforcement learning, 1998, 2.2. Propensities are exact:
    ``epsilon / m``, and ``1 - epsilon`` more for the most relevant of the m that are left.
    """
    random = np.random.default_rng(seed)
    left = np.argsort(-offer.relevance, kind="stable")
    slots = min(offer.slots, len(left))
    chosen, propensities = np.empty(slots, np.intp), np.empty(slots, np.float32)
    for at in range(slots):
        blind = random.random() < epsilon
        drawn = int(random.integers(len(left))) if blind else 0
        propensities[at] = epsilon / len(left) + (1.0 - epsilon) * (drawn == 0)
        chosen[at] = left[drawn]
        left = np.delete(left, drawn)
    return ExplorationChoice(chosen, propensities)


def choose_explored(
    policy: Policy, counters: PopularityCounters, offered: ExplorationPool, seed: list[int]
) -> ExplorationChoice:
    """Fill the slots by the policy's way of exploring."""
    if policy.explore == "epsilon_greedy":
        return epsilon_greedy(offered, policy.explore_epsilon, seed)
    beta = policy.explore_beta
    if policy.explore == "thompson":
        taken = counters.clicks[offered.rows]
        return thompson(offered, counters.exposures[offered.rows], taken, beta, seed)
    tried = counters.trial_counts(offered.rows)
    bounds = ucb(offered.relevance, tried, counters.trials, beta)
    bounds[tried == 0] = np.inf  # UCB1 begins by playing every arm once: what came later is next
    return greedy(bounds, offered.slots)


def explore(draft: SlateDraft, occasion: RerankContext) -> SlateDraft:
    """Give the last places to items of which too little is known for how good they may be."""
    slots = occasion.count_explore_slots(len(draft.pool))
    if not slots:
        return draft
    query, policy = occasion.query, occasion.policy
    if len(draft.listed) > query.k - slots:
        organic = draft.slots == ORGANIC
        room = max(query.k - slots - int((~organic).sum()), 0)
        draft = draft.take(np.flatnonzero(~organic | (np.cumsum(organic) <= room)))
    offered = _offered(draft, occasion)
    slots = min(slots, len(offered))
    if not slots:
        return draft
    seed = [query.seed, query.user_row + 1]  # offline the seed is the same for all users
    offer = ExplorationPool(draft.pool.rows[offered], draft.worth[offered], slots)
    found = choose_explored(policy, occasion.counters, offer, seed)
    return draft.append(offered[found.chosen], EXPLORE, found.propensities)


def _offered(draft: SlateDraft, occasion: RerankContext) -> NDArray[np.intp]:
    """Give the positions (n,) to choose of, most worth first.

    Not what is placed by hand later. Under caps only what they allow beside the list and beside one
    another: whatever is drawn stays, so that its propensity is that of what is shown.
    """
    policy = occasion.policy
    later = draft
    for name, place in (("sponsored", place_sponsored), ("pinned", pin_items)):
        later = place(later, occasion) if name in policy.order else later
    offered = later.unlisted[: policy.explore_among]
    if not policy.provider_cap and not policy.category_cap:
        return offered
    rows = later.pool.rows[np.concatenate([later.listed, offered])]
    listed = np.arange(len(later.listed))
    placed = later.places != UNPLACED
    seats = CappedList(occasion, rows, len(rows))
    seats.add(listed[placed].tolist())
    seats.add(listed[~placed].tolist())
    seats.add(range(len(listed), len(rows)))
    fit = seats.accepted[seats.accepted >= len(listed)]
    return offered[fit - len(listed)]
