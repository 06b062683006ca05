"""Channels that recall the neighbours of recently liked items from an item-item table in Redis.

One class serves every such table: Item-CF (Sarwar et al., 2001), EASE (Steck, 2019), RP3beta
(Paudel et al., 2017) and transitions between items.
"""

from dataclasses import dataclass

import numpy as np

from app.contracts import Proposal, Query
from app.recall.accumulate import accumulate, propose
from app.recall.channel import ChannelConfig, ChannelInputs, ChannelSpec
from app.stages import Tables


@dataclass(frozen=True, slots=True)
class ItemTableChannelConfig(ChannelConfig):
    """The settings of a channel over an item-item table."""

    n_events: int = 50  # newest liked events; the store reads one key for each
    decay: float = 0.98  # weight of each older event, relative to the next newer one


@dataclass(frozen=True, slots=True)
class ItemTableChannel:
    """Sums the rows of one table that belong to the user's history."""

    name: str
    tables: Tables
    table: str  # the table's name in the bundle
    n: int  # items in the catalogue
    config: ItemTableChannelConfig = ItemTableChannelConfig()

    async def recall(self, query: Query, limit: int) -> Proposal:
        """Sum the weights of all neighbours of liked items; newer likes count more."""
        liked = query.history.liked(self.config.n_events)
        neighbours = await self.tables.read(self.table, liked.rows)
        event_weights = np.maximum(liked.weights, 0.1) * self.config.decay ** np.arange(len(liked))
        weights = neighbours.weights * event_weights.take(neighbours.owner)
        rows, scores = accumulate(neighbours.rows, weights, self.n)
        return propose(query, rows, scores, limit)


def item_table_channel(
    name: str, meaning: str, table: str = ""
) -> ChannelSpec[ItemTableChannelConfig]:
    """Declare a channel over an item-item table of the bundle, by default that of its own name."""

    def build(config: ItemTableChannelConfig, inputs: ChannelInputs) -> ItemTableChannel:
        n = len(inputs.models.catalogue)
        return ItemTableChannel(name, inputs.tables, table or name, n, config)

    return ChannelSpec(name, meaning, "history", ItemTableChannelConfig(), build)
