"""The last stage: filters, freshness, diversity and exploration make the list of k."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.catalogue import Catalogue
from app.contracts import Candidates, Matrix, Query, Scores, Selection
from app.rerank.exploration import ucb
from app.rerank.freshness import freshness
from app.rerank.mmr import mmr
from app.rerank.policies import permitted
from app.state.live import Live


@dataclass(frozen=True, slots=True)
class Policy:
    """How the last stage weighs one thing against another."""

    diversity: float = 0.05  # MMR: weight of unlikeness against relevance
    freshness: float = 0.02  # bonus of a brand-new item, on the scale of relevance
    explore_slots: int = 1  # places of the list given to exploration, the last ones
    explore_from: int = 5  # places of a list for each exploration slot; a shorter one has none
    explore_beta: float = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class SlateMaker:
    """Orders what the fine ranker let through. Never shows what a filter forbids."""

    catalogue: Catalogue
    content: Matrix  # (n, e) unit vectors
    live: Live
    policy: Policy

    def rerank(self, query: Query, pool: Candidates) -> Selection:
        """Choose ``query.k`` items; the reserve behind them fills every gap."""
        free = permitted(query, pool.rows, self.catalogue.available)
        pool = pool.take(free.nonzero()[0]).top(len(pool))
        relevance = self._relevance(query, pool)
        slots = self._explore_slots(query, len(pool))
        chosen = mmr(
            relevance, self.content.take(pool.rows, axis=0), query.k - slots, self.policy.diversity
        )
        explored = self._explore(pool, relevance, chosen, slots)
        best = pool.take(np.concatenate([chosen, explored]))
        flags = np.arange(len(best)) >= len(chosen)
        return Selection(best, flags)

    def _relevance(self, query: Query, pool: Candidates) -> Scores:
        """Map the fine scores to [0, 1] within the pool and add the bonus of the new."""
        known = pool.scores[np.isfinite(pool.scores)]
        low, high = (known.min(), known.max()) if len(known) else (0.0, 0.0)
        scaled = (np.clip(pool.scores, low, high) - low) / max(float(high - low), 1e-9)
        bonus = freshness(query.now, self.live.first_seen[pool.rows])
        return (scaled + self.policy.freshness * bonus).astype(np.float32)

    def _explore_slots(self, query: Query, n: int) -> int:
        wanted = query.explore and n > query.k
        return min(self.policy.explore_slots, query.k // self.policy.explore_from) if wanted else 0

    def _explore(
        self, pool: Candidates, relevance: Scores, chosen: NDArray[np.intp], slots: int
    ) -> NDArray[np.intp]:
        """Choose the items of which too little is known for how good they may be."""
        if not slots:
            return np.empty(0, np.intp)
        tried = self.live.exposures[pool.rows] + 1.0
        bounds = ucb(relevance, tried, self.live.trials, self.policy.explore_beta)
        bounds[chosen] = -np.inf
        return np.argsort(-bounds, kind="stable")[:slots]
