"""Channels over a similarity table, which is in memory or in Redis."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from app.contracts import NO_PROPOSAL, History, Proposal, Query, Rows
from app.recall.contributions import NO_CONTRIBUTIONS, Contributions
from app.stages import NeighbourSpans, RemoteTables, Tables

# A recall from a table may have such a method ``contributions``, to name reasons.
TableContributions: TypeAlias = Callable[[Query, History, NeighbourSpans, Rows], Contributions]


class TableRecall(Protocol):
    """What a channel computes from the rows of a table."""

    @property
    def name(self) -> str: ...
    @property
    def table(self) -> str:
        """The table's name in the bundle."""
        ...

    def events(self, query: Query) -> History:
        """Return the events whose items' rows of the table are needed."""
        ...

    def sum(self, query: Query, events: History, near: NeighbourSpans, limit: int) -> Proposal:
        """Propose at most ``limit`` items from these rows."""
        ...


@dataclass(frozen=True, slots=True)
class TableChannel:
    """Proposes from a table in memory. A user without events gets no proposals."""

    source: TableRecall
    tables: Tables

    @property
    def name(self) -> str:
        """The name of the channel."""
        return self.source.name

    def recall(self, query: Query, limit: int) -> Proposal:
        """Read the rows of the user's events, and propose from them."""
        events = self.source.events(query)
        if not len(events):
            return NO_PROPOSAL
        near = self.tables.spans(self.source.table, events.rows)
        return self.source.sum(query, events, near, limit)

    def contributions(self, query: Query, rows: Rows) -> Contributions:
        """Return how much each event contributed to the scores of ``rows``."""
        events, source = self.source.events(query), self.source
        compute: TableContributions | None = getattr(source, "contributions", None)
        if not len(events) or compute is None:
            return NO_CONTRIBUTIONS
        return compute(query, events, self.tables.spans(source.table, events.rows), rows)


@dataclass(frozen=True, slots=True)
class RemoteTableChannel:
    """Proposes from a table in Redis. A user without events gets no proposals."""

    source: TableRecall
    tables: RemoteTables

    @property
    def name(self) -> str:
        """The name of the channel."""
        return self.source.name

    def has_work(self, query: Query) -> bool:
        """Return whether the user has events whose rows can be read."""
        return len(self.source.events(query)) > 0

    async def recall(self, query: Query, limit: int) -> Proposal:
        """Read the rows of the user's events, and propose from them."""
        events = self.source.events(query)
        if not len(events):
            return NO_PROPOSAL
        near = await self.tables.read(self.source.table, events.rows)
        return self.source.sum(query, events, near, limit)


def table_channel(
    source: TableRecall, tables: Tables | RemoteTables
) -> TableChannel | RemoteTableChannel:
    """Return the channel that fits where the tables are."""
    if isinstance(tables, Tables):
        return TableChannel(source, tables)
    return RemoteTableChannel(source, tables)
