"""Channels that recall the neighbours of recently liked items from an item-item table.

One class serves every such table: Item-CF (Sarwar et al., 2001), EASE (Steck, 2019), RP3beta
(Paudel et al., 2017) and transitions between items.
"""

from dataclasses import dataclass

from app.contracts import History, Proposal, Query, Rows
from app.kernels.reasons import weights_of_rows
from app.recall.accumulate import propose_sums
from app.recall.channel import ChannelConfig, ChannelInputs, ChannelSpec
from app.recall.contributions import Contributions
from app.recall.table_channel import RemoteTableChannel, TableChannel, table_channel
from app.stages import NeighbourSpans


@dataclass(frozen=True, slots=True)
class ItemTableChannelConfig(ChannelConfig):
    """The settings of a channel over an item-item table."""

    n_events: int = 50  # newest liked events; the store reads one key for each
    decay: float = 0.98  # weight of each older event, relative to the next newer one


@dataclass(frozen=True, slots=True)
class ItemTableRecall:
    """Sums the rows of one table that belong to the user's history."""

    name: str
    table: str  # the table's name in the bundle
    config: ItemTableChannelConfig = ItemTableChannelConfig()

    def events(self, query: Query) -> History:
        """Return the newest likes: the neighbours of their items are summed."""
        return query.history.liked(self.config.n_events)

    def sum(self, query: Query, liked: History, near: NeighbourSpans, limit: int) -> Proposal:
        """Sum the weights of all neighbours of liked items; newer likes count more."""
        return propose_sums(query, near, liked.discounted_weights(self.config.decay), limit)

    def contributions(
        self, _query: Query, liked: History, near: NeighbourSpans, rows: Rows
    ) -> Contributions:
        """Return the weight of each row among the neighbours of each liked item."""
        weights = weights_of_rows(near.starts, near.ends, near.rows, near.weights, rows)
        return Contributions(liked.rows, weights * liked.discounted_weights(self.config.decay))


def item_table_channel(
    name: str, meaning: str, table: str = ""
) -> ChannelSpec[ItemTableChannelConfig]:
    """Declare a channel over an item-item table of the bundle, by default that of its own name."""

    def build(
        config: ItemTableChannelConfig, inputs: ChannelInputs
    ) -> TableChannel | RemoteTableChannel:
        return table_channel(ItemTableRecall(name, table or name, config), inputs.tables)

    return ChannelSpec(name, meaning, "history", ItemTableChannelConfig(), build)
